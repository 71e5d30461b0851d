"""The supported formats of pictures: a fixed list, since Pillow alone would try all it knows."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from PIL import Image

__all__ = ["formats_read", "read_heic", "suffixes_read"]

# What cameras, scanners, browsers and programs for drawing write, and Pillow decodes by itself, in
# this process. Not among them is what starts another program or has none of its own decoders (EPS
# starts Ghostscript; WMF, BUFR, GRIB, HDF5, MPEG), what opens a file inside a file as any format
# (IPTC), what is unpacked before its size is known (FITS), and what only games, videos and programs
# of long ago used: each would be more code for an attacker to try. Those that are told by their
# first bytes come first; Targa has nothing to be told by.
FORMATS = (
    *("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "JPEG2000", "BMP", "PSD", "PPM", "QOI"),
    *("ICO", "CUR", "ICNS", "DDS", "SGI", "SUN", "PCX", "DCX", "XBM", "DIB", "TGA"),
)
HEIC = "HEIF"  # as pillow-heif, and so Pillow, call it
# What Pillow calls some JPEGs once they are open: those of phones, with several pictures.
SEVERAL = "MPO"


def formats_read() -> tuple[str, ...]:
    """Return the formats that may be opened, by Pillow's names, if this Pillow has them."""
    Image.init()  # Pillow fills its tables when it first needs them.
    return tuple(name for name in (*FORMATS, HEIC) if name in Image.OPEN)


@cache
def suffixes_read() -> frozenset[str]:
    """Return the suffixes of all supported pictures, in lower case."""
    read_heic()
    kinds = {*formats_read(), SEVERAL}
    return frozenset(
        suffix for suffix, kind in Image.registered_extensions().items() if kind in kinds
    )


@cache
def read_heic() -> bool:
    """Have Pillow read HEIC, if pillow-heif is installed, and tell whether it does."""
    if find_spec("pillow_heif") is None:
        return False
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return True
