"""The front door: what the command line can do, as functions of Python.

The only room that knows models by name and results by their figures: no room below learns of it.
"""

from vitonnx.api._plot import plot
from vitonnx.api._video import make_video

__all__ = ["make_video", "plot"]
