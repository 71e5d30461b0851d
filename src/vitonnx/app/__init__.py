"""The page: probe your own pictures in the browser. Needs the extra ``app``."""

from vitonnx.app._answers import kept_bytes
from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.app._run import open_socket, run_app
from vitonnx.app._users import read_users

__all__ = ["MEGABYTE", "Limits", "kept_bytes", "open_socket", "read_users", "run_app"]
