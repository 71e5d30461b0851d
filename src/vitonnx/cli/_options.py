"""Options that several commands share, and how their words are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.manifest import Fit

__all__ = [
    "MILLION",
    "NUMBER",
    "Compare",
    "Device",
    "Explain",
    "FigureOrArrays",
    "FitFrames",
    "MaxPixels",
    "MaxPixelsOfFrames",
    "Model",
    "Output",
    "Pictures",
    "Precision",
    "Quiet",
    "Size",
    "Threads",
    "parse_fit",
    "parse_query",
    "parse_size",
]

MILLION = 1_000_000
NUMBER = r"\d{1,9}"  # of pixels or seconds; no picture and no video has more


def _millions(number: int | None) -> int | None:
    return None if number is None else number * MILLION


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A probe-ready file, a name of `vitonnx models`, or a hub's hf://ORG/REPO.",
    ),
]
Pictures = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Pictures, folders of them, globs. In folders and globs, figures of vitonnx are "
        "passed over.",
    ),
]
Compare = Annotated[
    list[str] | None,
    typer.Option(
        "--compare", metavar="MODEL", help="Another model beside it (several: once each)."
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="N|HxW",
        help="Input size in pixels, multiples of the patch size, if not the file's.",
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="MILLIONS",
        min=1,
        callback=_millions,
        help="The largest picture that is read, in millions of pixels, and none at a share of its "
        "size; 178 by default.",
    ),
]
MaxPixelsOfFrames = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="MILLIONS",
        min=1,
        callback=_millions,
        help="The largest frame that is read, in millions of pixels; 35 by default.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="A picture (.png .pdf .svg) or raw arrays (.npz). "
        "Without it, PICTURE.PROBE.png is written here for each picture.",
    ),
]
FigureOrArrays = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="A picture (.png .pdf .svg) or raw arrays (.npz). "
        "Without it, MODEL.PROBE.png is written here.",
    ),
]
FitFrames = Annotated[
    str | None,
    typer.Option(
        "--fit",
        metavar="cut|pad|squash",
        help="Keep the file's own input size, and cut frames to its shape, pad them in the "
        "recipe's mean colour, or squash them. Without it the input takes the video's shape; where "
        "a file can't, frames are padded.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]|...",
        help="What runs the model; `vitonnx doctor` shows all devices, and which work.",
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads that the runtime may use.")
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="auto|fp32|fp16|bf16|int8",
        help="Of the network's products; auto is fp16 on CUDA, else fp32.",
    ),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Only print what would be computed, and what it saves.")
]


def parse_fit(text: str | None) -> Fit | None:
    """Read how frames are fitted, and refuse any other word."""
    match text:
        case None | "cut" | "pad" | "squash":
            return text
    raise UsageError(f"--fit {text!r} is unknown; use cut, pad or squash.")


def parse_query(text: str | None) -> str | tuple[int, int] | None:
    """Read a query: a pixel ``y,x``, or else a token's name.

    Examples
    --------
    >>> parse_query("200,240"), parse_query("cls")
    ((200, 240), 'cls')
    """
    match = re.fullmatch(rf"\s*(-?{NUMBER})\s*,\s*(-?{NUMBER})\s*", text or "")
    return (int(match[1]), int(match[2])) if match else text


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Read a size, ``N`` or ``HxW``, height first.

    Examples
    --------
    >>> parse_size("480x640"), parse_size("384"), parse_size(None)
    ((480, 640), (384, 384), None)
    """
    if text is None:
        return None
    match = re.fullmatch(rf"({NUMBER})(?:[xX]({NUMBER}))?", text)
    if match is None:
        raise UsageError(f"--size {text!r} is no size: write N or HEIGHTxWIDTH, as in 480x640.")
    height = int(match[1])
    return height, int(match[2] or height)
