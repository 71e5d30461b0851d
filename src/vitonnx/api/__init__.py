"""The front door's rooms: the parts of ``vitonnx`` that take a model by name, and draw.

One room above engine, tap, export and plots, none of which learns of names or hubs. Each public
function or class has a file here, and a line in ``vitonnx/__init__.py``, which loads it when it is
first asked for.
"""
