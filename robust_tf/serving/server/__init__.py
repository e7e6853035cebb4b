"""A local server of SavedModels that speaks TensorFlow Serving's REST and gRPC.

serve(ServeOptions(model_dir="exports/digits"))  # until SIGTERM
"""

from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.server import serve

__all__ = ["ServeOptions", "serve"]
