"""Is it right on a GPU, how fast, and where does the time go? `python -m benchmarks gpu`."""
