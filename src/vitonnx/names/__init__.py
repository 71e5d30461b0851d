"""Resolve the name of a model to its file: a path, a name, a URL, or an id of a model hub.

The only room that combines the engine's files, ``tap`` and ``export``. It prints nothing: messages
go to callables.
"""

from vitonnx.names._hub_recipe import find_recipe
from vitonnx.names._id import is_hub_id
from vitonnx.names._resolve import resolve
from vitonnx.names._tap_source import Foreign, open_foreign

__all__ = [
    "Foreign",
    "find_recipe",
    "is_hub_id",
    "open_foreign",
    "resolve",
]
