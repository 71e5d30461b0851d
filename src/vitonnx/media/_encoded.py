"""A picture file's content that lies in no file of its own: in a tar, a table, or at a URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["Encoded"]


@dataclass(frozen=True, eq=False)
class Encoded:
    r"""The content of a picture file, as a dataset keeps it.

    Whoever takes a picture takes it as it takes a path: it is decoded where it is needed.

    Parameters
    ----------
    name : str
        How messages name it, such as ``train-000.tar: n01440764/tench.jpg``.
    read : callable
        Gives the content, in whatever thread decodes it, or raises a `PictureError`.

    Examples
    --------
    >>> picture = Encoded("birds.tar: robin.jpg", lambda: b"\xff\xd8")
    >>> str(picture), picture.suffix
    ('birds.tar: robin.jpg', '.jpg')
    """

    name: str
    read: Callable[[], bytes]

    def __str__(self) -> str:
        return self.name

    @property
    def suffix(self) -> str:
        """The suffix of its name, which tells a format that the content doesn't."""
        return PurePosixPath(self.name).suffix
