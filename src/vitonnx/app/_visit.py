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

__all__ = ["Visit", "plain_name", "receive"]

LONGEST_NAME = 120
PORTRAIT, QUALITY = 1024, 88  # pixels of its longer side, and of the JPEG
# What a phone or a camera writes, and what a browser shows: everything else that Pillow could read
# is more code for an attacker to try. Pillow's JPEG is MPO, a phone's several pictures, too.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


@dataclass(frozen=True, eq=False)
class Visit:
    """A visitor's picture: whoever knows its key, which nobody can guess, may ask about it.

    The picture is not kept, but what each model sees of it, and a JPEG for the eye.
    """

    key: str
    name: str
    size: tuple[int, int]  # height and width of the whole picture, upright
    shown: Mapping[str, Prepared]
    portrait: bytes


def receive(path: Path, name: str, engines: Mapping[str, Engine], limits: Limits) -> Visit:
    """Take a picture that was sent; raise a PictureError if it is too large, damaged, or none.

    Its header is read first: too large a picture is refused before a pixel is decoded.
    """
    portrait = io.BytesIO()
    try:
        with _open(path, name, limits) as opened, decoded(opened) as (picture, size):
            shown = {
                model: prepare(picture, engine.manifest.preprocessing, engine.manifest.covered)
                for model, engine in engines.items()
            }
            picture.thumbnail((PORTRAIT, PORTRAIT))
            picture.save(portrait, "jpeg", quality=QUALITY)
    except PictureError as error:
        raise PictureError(str(error).replace(str(path), name)) from error
    return Visit(secrets.token_urlsafe(16), name, size, shown, portrait.getvalue())


def plain_name(name: str) -> str:
    r"""Return the last part of a path of any system, in letters that can be shown.

    Examples
    --------
    >>> plain_name("../../etc/passwd"), plain_name(r"C:\\pictures\\bird.png"), plain_name("..")
    ('passwd', 'bird.png', 'picture')
    """
    last = PureWindowsPath(PurePosixPath(name).name).name
    shown = "".join(filter(str.isprintable, last))[:LONGEST_NAME]
    return shown if shown.strip(". ") else "picture"


def _open(path: Path, name: str, limits: Limits) -> Image.Image:
    """Read the header of a picture, and refuse it if it is too large."""
    most = f"{limits.pixels / 1e6:.3g} million pixels"
    large = PictureError(f"{name} has more than the {most} allowed here: scale it down first.")
    try:
        picture = Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise large from error
    except Exception as error:  # Pillow's readers raise anything on damaged files.
        raise PictureError(
            f"{name} is not a picture in a format supported here: use PNG, JPEG, WebP, AVIF, GIF, "
            "BMP or TIFF."
        ) from error
    if picture.width * picture.height > limits.pixels:
        picture.close()
        raise large
    return picture
