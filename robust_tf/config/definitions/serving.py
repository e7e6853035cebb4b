"""Flags of the local server."""

from robust_tf.config import kinds

kinds.name("model_dir", None, "folder of numbered versions, or one SavedModel, to serve")
kinds.name("name", None, "the served model's name in URLs and requests (its folder's)")
kinds.name("host", "127.0.0.1", "address to listen at; 0.0.0.0 is all of this machine's")
kinds.count("rest_port", 8501, "port of REST; 0 takes a free one", high=65535)
kinds.count(
    "grpc_port", 8500, "port of gRPC; 0 takes a free one, none is without", high=65535, none=True
)
kinds.count("max_batch", 64, "images of several requests joined to one call of the model", low=1)
kinds.number("batch_timeout", 2.0, "milliseconds that the first of a batch waits for others")
kinds.count("max_body", 16 * 2**20, "bytes of a request", low=1)
kinds.count("max_request_batch", 64, "images of a request", low=1)
kinds.count("max_queued", 1024, "images that wait for the model; more are refused", low=1)
kinds.number("poll_seconds", 5.0, "seconds between looks for a newer version", low=1e-3)
kinds.number("grace_seconds", 30.0, "seconds that running requests may take after SIGTERM")
