"""Files that people keep among their pictures and that aren't read as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from PIL import features

from vitonnx.media._formats import read_heic

__all__ = ["HEAD", "Kind", "is_read", "kind_of"]

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
    """A kind of file that isn't read as a picture.

    Parameters
    ----------
    name : str
        Name of the kind.
    remedy : str
        Advice on what to do.
    is_video : bool
        Whether it moves.
    """

    name: str
    remedy: str
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
    r"""Identify an unsupported file by its content and suffix.

    Parameters
    ----------
    suffix : str
        Suffix of the file name.
    head : bytes
        First `HEAD` bytes of the file, if known. They take precedence over the suffix.

    Returns
    -------
    Kind or None
        None if the file isn't one to expect among pictures.

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
