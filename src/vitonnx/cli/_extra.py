"""Parts of vitonnx that may not be installed."""

from __future__ import annotations

import os
from importlib.util import find_spec

from vitonnx.errors import MissingExtraError

__all__ = ["require_export"]

EXPORT_MODULES = ("tensorflow", "tf2onnx", "safetensors", "huggingface_hub")


def require_export() -> None:
    """Refuse to go on without the export extra, and keep its parts from talking if it is there.

    Raises
    ------
    MissingExtraError
        With the line that installs it.
    """
    missing = [module for module in EXPORT_MODULES if not _installed(module)]
    if missing:
        raise MissingExtraError(
            f"Exporting needs {' and '.join(missing)}, which can't be imported here: "
            "install the export extra with  pip install 'vitonnx[export]'"
        )

    # TensorFlow's start-up messages go to stderr whatever its logger is set to; only these silence
    # them. Without oneDNN its kernels also sum in the same order on every machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Without a network the hub's client warns of each try; our error says it once.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
