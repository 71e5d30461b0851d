"""Parts of vitonnx that may not be installed."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from vitonnx.errors import MissingExtraError

__all__ = ["require_export"]

EXPORT_MODULES = ("tensorflow", "tf2onnx", "safetensors", "huggingface_hub")


def require_export(*, training: bool = False) -> None:
    """Refuse to go on without the export extra, and keep its parts from talking if it is there.

    Parameters
    ----------
    training : bool
        Whether speed counts more than sums that are the same on every machine.

    Raises
    ------
    MissingExtraError
        With the line that installs it.
    """
    missing = [module for module in EXPORT_MODULES if not _installed(module)]
    if missing:
        raise MissingExtraError(
            f"Exporting and training need {' and '.join(missing)}, which can't be imported here: "
            "install the export extra with  pip install 'vitonnx[export]'"
        )

    # TensorFlow's start-up messages go to stderr whatever its logger is set to; only these silence
    # them. Without oneDNN its kernels also sum in the same order on every machine; with it they
    # are twice as fast, and six times in bfloat16.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1" if training else "0")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if training:
        _import_silently("tensorflow")
    # Without a network the hub's client warns of each try; our error says it once.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")


def _import_silently(module: str) -> None:
    """Import a module whose compiled part talks to stderr whatever it is told."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import_module(module)
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
