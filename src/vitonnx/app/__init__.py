"""The page: probe your own pictures in the browser. Needs the extra ``app``."""

import os

# Read by Gradio as it is imported. It asks its makers for news at every start, and after every
# event has pandas sum up what nobody here reads, which takes as long as an answer.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from vitonnx.app._answers import kept_bytes
from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.app._run import run_app
from vitonnx.app._server import open_socket
from vitonnx.app._space import check_space, export_space
from vitonnx.app._users import read_users

__all__ = [
    "MEGABYTE",
    "Limits",
    "check_space",
    "export_space",
    "kept_bytes",
    "open_socket",
    "read_users",
    "run_app",
]
