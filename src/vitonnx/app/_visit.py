"""A visitor's picture, checked and prepared for every model."""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from PIL import Image

from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.engine import Engine, Prepared, prepare
from vitonnx.errors import PictureError, UsageError
from vitonnx.media import decoded
from vitonnx.probes import Crop

__all__ = ["LONGEST_NAME", "Visit", "here", "plain_name", "receive"]

LONGEST_NAME = 120  # bytes: a file system takes 255, and what is made of it has a longer name
LARGEST_PORTRAIT, QUALITY = 448, 88  # pixels, and of the JPEG
# What a phone or a camera writes, and what a browser shows: everything else that Pillow could read
# is more code for an attacker to try. Pillow's JPEG is MPO, a phone's several pictures, too.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


@dataclass(eq=False)
class Visit:
    """A visitor's picture.

    Parameters
    ----------
    key : str
        Nobody else's, and not to be guessed.
    source : Path
        Path of the uploaded file; other content has another path.
    name : str
        The picture's file name, without any folder.
    size : (height, width)
        Size of the whole picture, upright.
    shown : mapping of str to Prepared
        Each model's input. The picture itself is not kept.
    portraits : mapping of str to bytes
        The same for the eye, a JPEG: what a model sees may be 48 pixels wide.
    over : bool
        Whether the visitor has turned to another picture, be it one that was refused.
    """

    key: str
    source: Path
    name: str
    size: tuple[int, int]
    shown: Mapping[str, Prepared]
    portraits: Mapping[str, bytes]
    over: bool = False


def receive(path: Path, name: str, engines: Mapping[str, Engine], limits: Limits) -> Visit:
    """Take a picture that was uploaded.

    Its header is read first: too large a picture is refused before a pixel is decoded.

    Parameters
    ----------
    path : Path
        Path of the file.
    name : str
        Name given by the visitor; folders in it are dropped.
    engines : mapping of str to Engine
        All engines of the page.
    limits : Limits
        The page's.

    Raises
    ------
    PictureError
        If it is too large, damaged, or no picture.
    """
    name = plain_name(name)
    with _open(path, name, limits) as opened:
        try:
            with decoded(opened) as (picture, sides):
                shown = {
                    model: prepare(picture, engine.manifest.preprocessing, engine.manifest.covered)
                    for model, engine in engines.items()
                }
                seen = {model: each.seen for model, each in shown.items()}
                portraits = _portraits(picture, seen)
        except PictureError as error:
            raise PictureError(str(error).replace(str(path), name)) from error
    return Visit(
        key=secrets.token_hex(8),
        source=path,
        name=name,
        size=sides,
        shown=shown,
        portraits=portraits,
    )


def here(visit: Visit | None) -> Visit:
    """Return the visitor's current picture.

    Raises
    ------
    UsageError
        If there is none.
    """
    if visit is None or visit.over:
        raise UsageError("There is no picture, or it has been removed: choose one.")
    return visit


def _portraits(picture: Image.Image, crops: Mapping[str, Crop]) -> dict[str, bytes]:
    """Draw what each model sees, without padding; most see the same."""
    drawn: dict[Crop, bytes] = {}
    for crop in crops.values():
        if crop not in drawn:
            # Arithmetic of shares may end a hair outside of the picture.
            left, top = max(0.0, crop[0]), max(0.0, crop[1])
            right, bottom = min(picture.width, crop[2]), min(picture.height, crop[3])
            scale = min(1.0, LARGEST_PORTRAIT / max(right - left, bottom - top))
            size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
            stream = io.BytesIO()
            cut = picture.resize(size, Image.Resampling.BICUBIC, box=(left, top, right, bottom))
            cut.save(stream, "jpeg", quality=QUALITY)
            drawn[crop] = stream.getvalue()
    return {model: drawn[crop] for model, crop in crops.items()}


def plain_name(name: str) -> str:
    r"""Return the last part of a path of any system, without characters unfit for a file name.

    Examples
    --------
    >>> plain_name("../../etc/passwd"), plain_name(r"C:\\pictures\\bird.png"), plain_name("..")
    ('passwd', 'bird.png', 'picture')
    """
    last = PureWindowsPath(PurePosixPath(name).name).name
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*')
    stem, dot, suffix = kept.rpartition(".")
    short = f"{_cut(stem, LONGEST_NAME - 10)}{dot}{_cut(suffix, 9)}" if stem else kept
    short = _cut(short, LONGEST_NAME)
    return short if short.strip(". ") else "picture"


def _cut(text: str, length: int) -> str:
    """Return the beginning of a text, cut to a number of bytes."""
    return text.encode()[:length].decode(errors="ignore")


def _open(path: Path, name: str, limits: Limits) -> Image.Image:
    """Read the header of a picture, and refuse it if it is too large."""
    if path.stat().st_size > limits.upload:
        raise PictureError(
            f"{name} has {path.stat().st_size / MEGABYTE:.0f} MB; at most {limits.megabytes} MB "
            "are allowed here: scale it down first."
        )
    too_large = PictureError(
        f"{name} has more than the {limits.pixels / 1e6:.0f} million pixels allowed here: scale "
        "it down first."
    )
    try:
        picture = Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_large from error
    except Exception as error:  # Pillow's readers raise anything on damaged files.
        raise PictureError(
            f"{name} is not a picture in a format supported here: use PNG, JPEG, WebP, AVIF, GIF, "
            "BMP or TIFF."
        ) from error
    if picture.width * picture.height > limits.pixels:
        picture.close()
        raise too_large
    return picture
