"""A visitor's picture, checked and prepared for the models that shall look at it."""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from PIL import Image

from vitonnx.app._limits import Limits
from vitonnx.engine import Engine, Prepared, prepare
from vitonnx.errors import PictureError
from vitonnx.media import decoded

__all__ = ["LONGEST_NAME", "Visit", "plain_name", "receive"]

LONGEST_NAME = 120  # bytes: a file system takes 255, and what is made of it has a longer name
PORTRAIT, QUALITY = 1024, 88  # pixels of its longer side, and of the JPEG
# What a phone or a camera writes, and what a browser shows: everything else that Pillow could read
# is more code for an attacker to try. Pillow's JPEG is MPO, a phone's several pictures, too.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


@dataclass(frozen=True, eq=False)
class Visit:
    """A visitor's picture: whoever knows its key, which nobody can guess, may ask about it.

    The picture itself is not kept: `shown` is the input of each model, and `portrait` a JPEG for
    the eye. `size` is (height, width) of the whole picture, upright.
    """

    key: str
    name: str
    size: tuple[int, int]
    shown: Mapping[str, Prepared]
    portrait: bytes


def receive(path: Path, name: str, engines: Mapping[str, Engine], limits: Limits) -> Visit:
    """Take a picture that was sent.

    Its header is read first: too large a picture is refused before a pixel is decoded. Raise a
    PictureError if it is too large, damaged, or no picture.
    """
    with _open(path, name, limits) as opened:
        try:
            with decoded(opened) as (picture, size):
                shown = {
                    model: prepare(picture, engine.manifest.preprocessing, engine.manifest.covered)
                    for model, engine in engines.items()
                }
                portrait = _portrait(picture)
        except PictureError as error:
            raise PictureError(str(error).replace(str(path), name)) from error
    return Visit(secrets.token_urlsafe(16), name, size, shown, portrait)


def _portrait(picture: Image.Image) -> bytes:
    scale = min(1.0, PORTRAIT / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    stream = io.BytesIO()
    picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0).save(
        stream, "jpeg", quality=QUALITY
    )
    return stream.getvalue()


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
    too_large = PictureError(
        f"{name} has more than the {limits.pixels / 1e6:.3g} million pixels allowed here: scale "
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
