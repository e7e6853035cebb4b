"""Data sets by name (sources), their training order (stream), and their tf.data (pipeline)."""
