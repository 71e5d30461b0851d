"""How fast vitonnx is, against plain inference and against its peers: `python -m benchmarks`."""
