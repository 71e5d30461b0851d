"""Options that several commands share, and how their values are parsed."""

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
    "Decode",
    "Device",
    "Explain",
    "FigureOrArrays",
    "FitFrames",
    "Limit",
    "MaxPixels",
    "MaxPixelsOfFrames",
    "Model",
    "Output",
    "Pictures",
    "Precision",
    "Quiet",
    "Resume",
    "Sample",
    "Seed",
    "Size",
    "Threads",
    "parse_fit",
    "parse_size",
]

MILLION = 1_000_000
NUMBER = r"\d{1,9}"  # pixels or seconds; no picture or video has more


def _millions(number: int | None) -> int | None:
    return None if number is None else number * MILLION


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Probe-ready file, name from `vitonnx models`, or hf://ORG/REPO on the Hugging Face "
        "Hub.",
    ),
]
Pictures = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Pictures, folders or globs. Figures made by vitonnx are skipped in folders and "
        "globs.",
    ),
]
Sample = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Pictures, folders, globs, or text files that list pictures, one a line "
        "(list.txt, or @FILE). Figures made by vitonnx are skipped in folders and globs.",
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Use at most this many pictures.")
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="With --limit, draw a random sample. By default, the first ones."),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="FILE",
        help="Save progress to this file, and continue from it if it exists.",
    ),
]
Compare = Annotated[
    list[str] | None,
    typer.Option(
        "--compare", metavar="MODEL", help="Compare with this model (repeat for several)."
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="N|HxW",
        help="Input size in pixels, a multiple of the patch size. By default, that of the model.",
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="MILLIONS",
        min=1,
        callback=_millions,
        help="Refuse pictures of more megapixels than this, and decode all others at full size. "
        "By default, 178, and huge JPEGs are decoded at reduced size.",
    ),
]
Decode = Annotated[
    str,
    typer.Option(
        "--decode",
        metavar="exact|fast",
        help="Fast decodes JPEGs of twice the size that the model needs, or more, at a fraction of "
        "their size; pixels differ by some levels of 255.",
    ),
]
MaxPixelsOfFrames = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="MILLIONS",
        min=1,
        callback=_millions,
        help="Refuse videos whose frames have more megapixels than this. (default: 35)",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write a figure (.png, .pdf, .svg) or raw arrays (.npz). By default, "
        "PICTURE.PROBE.png in the current folder for each picture.",
    ),
]
FigureOrArrays = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write a figure (.png, .pdf, .svg) or raw arrays (.npz). By default, "
        "MODEL.PROBE.png in the current folder.",
    ),
]
FitFrames = Annotated[
    str | None,
    typer.Option(
        "--fit",
        metavar="cut|pad|squash",
        help="Keep the model's own input size, and crop frames to it, pad them in the mean colour, "
        "or stretch them. By default, the input takes the shape of the video; models of one fixed "
        "size get padded frames.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]|...",
        help="Run the model on this device; `vitonnx doctor` lists all, and which work.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, help="Run on at most this many threads. By default, the runtime's."
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="auto|fp32|tf32|fp16|bf16|int8",
        help="Precision of the matrix products; auto is fp16 on CUDA and fp32 elsewhere. A device "
        "that computes less exactly is refused.",
    ),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Print what would be computed and saved, then stop.")
]


def parse_fit(text: str | None) -> Fit | None:
    """Parse how frames are fitted, and refuse anything else."""
    match text:
        case None | "cut" | "pad" | "squash":
            return text
    raise UsageError(f"--fit {text!r} is unknown; use cut, pad or squash.")


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Parse a size, ``N`` or ``HxW``, height first.

    Examples
    --------
    >>> parse_size("480x640"), parse_size("384"), parse_size(None)
    ((480, 640), (384, 384), None)
    """
    if text is None:
        return None
    match = re.fullmatch(rf"({NUMBER})(?:[xX]({NUMBER}))?", text)
    if match is None:
        raise UsageError(f"--size {text!r} is not a size: use N or HEIGHTxWIDTH, as in 480x640.")
    height = int(match[1])
    return height, int(match[2] or height)
