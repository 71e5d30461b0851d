"""The page: probe a picture of one's own in the browser. It needs the extra ``app``."""

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
    "open_socket",
    "read_users",
    "run_app",
]
