"""The formats of pictures that are read, and files among pictures that aren't."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, features

__all__ = [
    "HEAD",
    "Kind",
    "PassedOver",
    "formats_read",
    "is_read",
    "kind_of",
    "may_be_picture",
    "suffixes_read",
]

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
HEIF = "HEIF"  # HEIC, as pillow-heif, and so Pillow, call it
# What Pillow calls some JPEGs once they are open: those of phones, with several pictures.
SEVERAL = "MPO"


def formats_read() -> tuple[str, ...]:
    """Return the formats that may be opened, by Pillow's names, if this Pillow has them."""
    Image.init()  # Pillow fills its tables when it first needs them.
    return tuple(name for name in (*FORMATS, HEIF) if name in Image.OPEN)


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


def may_be_picture(suffix: str) -> bool:
    """Tell whether files of a suffix are pictures: of a supported format, or with what it needs.

    Examples
    --------
    >>> may_be_picture(".JPG"), may_be_picture(".heic"), may_be_picture(".json")
    (True, True, False)
    """
    return suffix.lower() in suffixes_read() or kind_of(suffix) in (HEIC, AVIF)


HEAD = 32  # bytes at the start of a file that its content is told from

HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
EITHER_BRANDS = {b"mif1", b"msf1"}  # of HEIC and of AVIF: the compatible brands say which

VIDEOS = ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .vob .webm .wmv"
CAMERAS = ".3fr .arw .cr2 .cr3 .dng .erf .nef .nrw .orf .pef .raf .raw .rw2 .sr2 .srw .x3f"
HEICS = ".heic .heics .heif .heifs .hif"
AVIFS = ".avif .avifs"  # where Pillow is built without
OTHERS = (
    ".ai .emf .eps .exr .fit .fits .fli .hdr .jxl .jxr .kra .pcd .ps .psb .svg .svgz .wdp .wmf "
    ".xcf .xpm"
)
EPS_HEADS = (b"%!PS", b"\xc5\xd0\xd3\xc6")  # PostScript, as text and behind a preview


@dataclass(frozen=True)
class Kind:
    """A kind of file that isn't read as a picture."""

    name: str
    remedy: str  # what to do, for a person
    is_video: bool = False

    @property
    def one(self) -> str:
        """Describe a single file."""
        return f"a {self.name}" if self.is_video else self.name

    def counted(self, count: int) -> str:
        """Describe a number of files.

        Examples
        --------
        >>> kind_of(".mp4").counted(2), kind_of(".svg").counted(2)
        ('2 videos', '2 SVG')
        """
        return f"{count} {self.name}{'s' * (self.is_video and count != 1)}"


VIDEO = Kind("video", "videos are for `vitonnx probe video`", is_video=True)
HEIC = Kind("HEIC", "to read it:  pip install 'vitonnx[heic]'")
AVIF = Kind("AVIF", "to read it:  pip install --upgrade pillow")
CONVERTED = "convert it to PNG or JPEG"
EPS = Kind("EPS", CONVERTED)


def kind_of(suffix: str, head: bytes = b"") -> Kind | None:
    r"""Identify an unsupported file by its first `HEAD` bytes, or else by its suffix.

    Return None if the file isn't one to expect among pictures.

    Examples
    --------
    >>> kind_of(".HEIC").name, kind_of(".jpg", b"\0\0\0\x18ftypheic\0\0").name
    ('HEIC', 'HEIC')
    >>> kind_of(".txt") is None
    True
    """
    return _by_content(head) or _by_suffix().get(suffix.lower())


@cache
def _by_suffix() -> dict[str, Kind]:
    pictures = [*CAMERAS.split(), *OTHERS.split()]
    return {
        **{suffix: Kind(suffix[1:].upper(), CONVERTED) for suffix in pictures},
        **dict.fromkeys(HEICS.split(), HEIC),
        **dict.fromkeys(AVIFS.split(), AVIF),
        **dict.fromkeys(VIDEOS.split(), VIDEO),
    }


def _by_content(head: bytes) -> Kind | None:
    if head.startswith(b"\x1aE\xdf\xa3") or (head[:4], head[8:11]) == (b"RIFF", b"AVI"):
        return VIDEO
    if head.startswith(EPS_HEADS):
        return EPS
    if head[4:8] != b"ftyp":
        return None
    brand, compatible = head[8:12], head[16:]
    if brand in (b"avif", b"avis") or (brand in EITHER_BRANDS and b"avi" in compatible):
        return AVIF
    return HEIC if brand in HEIC_BRANDS | EITHER_BRANDS else VIDEO


def is_read(kind: Kind) -> bool:
    """Tell whether a kind is supported after all, as HEIC and AVIF are if Pillow can read them."""
    return (kind is HEIC and read_heic()) or (kind is AVIF and bool(features.check("avif")))


class PassedOver:
    """Count of skipped files that a user may miss: videos, and pictures in unsupported formats.

    Notes, tables and other files that aren't pictures are not counted.
    """

    def __init__(self) -> None:
        self._found: dict[Kind, tuple[int, str]] = {}

    def add(self, path: Path) -> None:
        """Take note of a file that isn't read as a picture."""
        kind = kind_of(path.suffix)
        if kind is None or not path.is_file():
            return
        count, first = self._found.get(kind, (0, path.name))
        self._found[kind] = count + 1, min(first, path.name)

    def __bool__(self) -> bool:
        return bool(self._found)

    def __str__(self) -> str:
        """Name each kind, one of its files, and what to do."""
        return ", ".join(
            f"{kind.counted(count)} ({first}{' …' * (count > 1)}; {kind.remedy})"
            for kind, (count, first) in sorted(self._found.items(), key=lambda item: item[0].name)
        )
