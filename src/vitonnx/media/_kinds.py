"""Files that people keep among their pictures and that Pillow alone doesn't read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from PIL import features

__all__ = ["HEAD", "Kind", "is_read", "kind_of", "read_heic"]

HEAD = 32  # bytes at the start of a file that its content is told from

HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
EITHER_BRANDS = {b"mif1", b"msf1"}  # of HEIC and of AVIF: the compatible brands say which

FILMS = ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .vob .webm .wmv"
CAMERAS = ".3fr .arw .cr2 .cr3 .dng .erf .nef .nrw .orf .pef .raf .raw .rw2 .sr2 .srw .x3f"
HEICS = ".heic .heics .heif .heifs .hif"
AVIFS = ".avif .avifs"  # where Pillow is built without
OTHERS = ".ai .emf .eps .exr .hdr .jxl .jxr .kra .ps .psb .svg .svgz .wdp .wmf .xcf"


@dataclass(frozen=True)
class Kind:
    """A kind of file that isn't read as a picture.

    Parameters
    ----------
    name : str
        What it is called.
    remedy : str
        What to do, for a person.
    is_film : bool
        Whether it moves.
    """

    name: str
    remedy: str
    is_film: bool = False

    @property
    def one(self) -> str:
        """Say what a single file is."""
        return f"a {self.name}" if self.is_film else self.name

    def counted(self, count: int) -> str:
        """Say how many there are.

        Examples
        --------
        >>> kind_of(".mp4").counted(2), kind_of(".svg").counted(2)
        ('2 films', '2 SVG')
        """
        return f"{count} {self.name}{'s' * (self.is_film and count != 1)}"


FILM = Kind("film", "films are for `vitonnx probe video`", is_film=True)
HEIC = Kind("HEIC", "to read it:  pip install 'vitonnx[heic]'")
AVIF = Kind("AVIF", "to read it:  pip install --upgrade pillow")


def kind_of(suffix: str, head: bytes = b"") -> Kind | None:
    r"""Tell what a file is that isn't read as a picture, by its content and by its suffix.

    Parameters
    ----------
    suffix : str
        Of its name.
    head : bytes
        Its first `HEAD` bytes, where they are known. They count for more than the suffix.

    Returns
    -------
    Kind or None
        None where it is nothing that one would look for among pictures.

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
        **{suffix: Kind(suffix[1:].upper(), "convert it to PNG or JPEG") for suffix in pictures},
        **dict.fromkeys(HEICS.split(), HEIC),
        **dict.fromkeys(AVIFS.split(), AVIF),
        **dict.fromkeys(FILMS.split(), FILM),
    }


def _by_content(head: bytes) -> Kind | None:
    if head.startswith(b"\x1aE\xdf\xa3") or (head[:4], head[8:11]) == (b"RIFF", b"AVI"):
        return FILM
    if head[4:8] != b"ftyp":
        return None
    brand, compatible = head[8:12], head[16:]
    if brand in (b"avif", b"avis") or (brand in EITHER_BRANDS and b"avi" in compatible):
        return AVIF
    return HEIC if brand in HEIC_BRANDS | EITHER_BRANDS else FILM


def is_read(kind: Kind) -> bool:
    """Tell whether Pillow reads a kind after all, as HEIC and AVIF are read where it can."""
    return (kind is HEIC and read_heic()) or (kind is AVIF and bool(features.check("avif")))


@cache
def read_heic() -> bool:
    """Have Pillow read HEIC, if pillow-heif is installed, and tell whether it does."""
    if find_spec("pillow_heif") is None:
        return False
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return True
