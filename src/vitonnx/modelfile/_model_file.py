"""An ONNX file, opened as far as its bytes; and blamed where it is wrong."""

from __future__ import annotations

import logging
import mmap
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import DecodeError

from vitonnx.blame import blamed_on
from vitonnx.errors import ModelFileError
from vitonnx.filenames import is_text, refuse_address, shown
from vitonnx.regular import refuse_special

__all__ = ["damaged", "read", "require_model_file", "understood"]

Part = TypeVar("Part")

ORT_FORMAT = b"ORTM"  # the mark of onnxruntime's flat buffers, behind their first offset


def read(file: Path, part: Callable[[mmap.mmap], Part]) -> Part:
    """Open a file as if it were in memory, and read a part of it."""
    require_model_file(file)
    try:
        with (
            file.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            if data[4:8] == ORT_FORMAT:
                raise ModelFileError(
                    f"{file} is in onnxruntime's own format (.ort), which only onnxruntime reads: "
                    "use the .onnx file that it was made from."
                )
            return part(data)
    except (ValueError, IndexError, DecodeError) as error:
        raise damaged(file) from error


def damaged(file: Path) -> ModelFileError:
    """Return an error for a file that is damaged or not an ONNX model."""
    return ModelFileError(f"{file} is not an ONNX model, or is damaged: export or copy it again.")


def require_model_file(file: Path) -> None:
    """Refuse anything that can't be a model's file, before any library reads it.

    Raises
    ------
    ModelFileError
        If it doesn't exist, is a folder, a pipe or a device, is empty, can't be read, or its name
        is not text.
    UsageError
        If it is an address of the net.
    """
    refuse_address(str(file))
    whole = str(file.absolute())
    if not is_text(whole):
        raise ModelFileError(
            f"{shown(whole)} has a name that is not UTF-8, which onnxruntime can't open: rename it."
        )
    refuse_special(file, ModelFileError)
    if file.is_dir():
        raise ModelFileError(f"{file} is a folder, not an ONNX file: give the file in it.")
    try:
        with file.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise ModelFileError(
            f"There is no file {file}: check the path, or make it with `vitonnx export`."
        ) from None
    except OSError as error:
        raise ModelFileError(f"can't read {file}: {error.strerror}.") from error
    if empty:
        raise ModelFileError(f"{file} is empty: export or copy it again.")


# These log what they meet in graphs, tracebacks and all, also where all goes well in the end.
# Without a handler Python would write that to stderr; configured logging still gets it.
for _library in ("onnx_ir", "onnxscript"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


def understood(graph: object) -> AbstractContextManager[None]:
    """Turn any error raised over a graph into a sentence that blames the graph.

    Graphs can be wrong in countless ways, and libraries report each in their own.

    Parameters
    ----------
    graph : object
        Name of the graph: a file's path, or ``the graph``.

    Raises
    ------
    ModelFileError
        In place of any error that isn't vitonnx's own.
    """
    return blamed_on(
        graph,
        ModelFileError,
        lambda reason: (
            f"{graph} is damaged, or uses something that vitonnx doesn't understand ({reason}): "
            "export or copy it again; if it runs in onnxruntime, please report it."
        ),
    )
