"""A client of TensorFlow Serving, and of the local server, for image files.

    options = QueryOptions(("a.png", "folder"), server="localhost:8501", model="digits")
    with Query(options) as query:
        for result in query.results():
            ...

Nothing here imports TensorFlow: asking a server should not take longer than being answered.
"""

from robust_tf.serving.client.options import QueryOptions
from robust_tf.serving.client.query import Query

__all__ = ["Query", "QueryOptions"]
