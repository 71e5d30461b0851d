"""The front door: what the command line can do, as functions of Python.

The one room above engine, tap, export and plots: it knows models by name and results by their
figures, and no room below learns of it. Each public function or class has a file here, and a line
in ``vitonnx/__init__.py``, which loads it when it is first asked for.
"""
