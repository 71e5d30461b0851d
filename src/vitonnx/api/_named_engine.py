"""The engine that takes a model's name as well as its file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from vitonnx import engine
from vitonnx.names import resolve

__all__ = ["Engine"]

logger = logging.getLogger("vitonnx")


class Engine(engine.Engine):
    """A model, ready to run: a file, or whatever name the command line takes.

    What a name stands for is fetched and made probe-ready once, and kept in the user's cache; the
    log ``vitonnx`` says at the level INFO what is being done.

    Parameters
    ----------
    model : str or path
        A probe-ready ONNX file, or its URL; a name of ``vitonnx models`` or of the models inside
        the package; or of a hub, ``hf://ORG/REPO[@REVISION][/FILE]``.
    device, threads, size, fit, precision, in_graph, max_pixels, notice, decoders, decode
        See `vitonnx.engine.Engine`, which has the same attributes and methods.

    Raises
    ------
    UnknownModelError
        If it is neither a file nor a name.
    VitonnxError
        If it can't be fetched, made probe-ready or opened.

    Examples
    --------
    >>> with Engine("scenes_vit", device="cpu") as engine:
    ...     engine.manifest.grid
    (6, 6)
    """

    @staticmethod
    def _find(model: str | os.PathLike[str]) -> Path:
        return resolve(model, say=logger.info, progress=logger.info)
