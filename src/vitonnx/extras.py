"""Parts of vitonnx that may not be installed."""

from __future__ import annotations

import os
from importlib.util import find_spec

from vitonnx.errors import MissingExtraError

__all__ = [
    "EXTRAS",
    "missing_modules",
    "require_app",
    "require_data",
    "require_export",
    "require_flow",
    "require_ray",
]

# What each extra brings, as it is imported.
EXTRAS = {
    "export": ("tensorflow", "tf2onnx", "safetensors"),
    "app": ("starlette", "uvicorn"),
    "heic": ("pillow_heif",),
    "flow": ("scipy",),
    "data": ("pyarrow", "fsspec"),
    "ray": ("ray", "pyarrow"),
}


def require_export(*, training: bool = False) -> None:
    """Refuse to go on without the export extra, and keep its parts from talking if it is there.

    Parameters
    ----------
    training : bool
        Whether speed counts more than sums that are the same on every machine.

    Raises
    ------
    MissingExtraError
        With the command that installs it.
    """
    _require("export", "exporting and training need")

    # TensorFlow's start-up messages go to stderr whatever its logger is set to; only these silence
    # them. Without oneDNN its kernels also sum in the same order on every machine; with it they
    # are twice as fast, and six times in bfloat16.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1" if training else "0")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Without a network the hub's client warns of each try; our error says it once.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")


def require_app() -> None:
    """Refuse to go on without the app extra.

    Raises
    ------
    MissingExtraError
        With the command that installs it.
    """
    _require("app", "the page needs")


def require_flow(needed_by: str = "attention flow needs") -> None:
    """Refuse to go on without the flow extra.

    Parameters
    ----------
    needed_by : str
        What needs it, and the verb.

    Raises
    ------
    MissingExtraError
        With the command that installs it.
    """
    _require("flow", needed_by)


def require_data(needed_by: str) -> None:
    """Refuse to go on without the data extra.

    Parameters
    ----------
    needed_by : str
        What needs it, and the verb, such as "parquet needs".

    Raises
    ------
    MissingExtraError
        With the command that installs it.
    """
    _require("data", needed_by)


def require_ray() -> None:
    """Refuse to go on without the ray extra.

    Raises
    ------
    MissingExtraError
        With the command that installs it.
    """
    _require("ray", "work on a cluster needs")


def missing_modules(extra: str) -> list[str]:
    """List the modules of an extra that can't be found, without importing any."""
    return [module for module in EXTRAS[extra] if not _installed(module)]


def _require(extra: str, needed_by: str) -> None:
    if missing := missing_modules(extra):
        raise MissingExtraError(
            f"{needed_by} {' and '.join(missing)}, which can't be imported here: install the "
            f"{extra} extra with  pip install 'vitonnx[{extra}]'"
        )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
