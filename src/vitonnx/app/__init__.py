"""The page: probe your own pictures in the browser. To serve it takes the extra ``app``."""

from typing import TYPE_CHECKING, Any

from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.app._static import check_static, write_static
from vitonnx.app._users import read_users

if TYPE_CHECKING:
    from vitonnx.app._run import open_socket, run_app

__all__ = ["MEGABYTE", "Limits", "check_static", "open_socket", "read_users"]
__all__ += ["run_app", "write_static"]


def __getattr__(name: str) -> Any:
    """Import what serves the page only where it is served."""
    if name not in ("open_socket", "run_app"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vitonnx.app import _run

    return getattr(_run, name)
