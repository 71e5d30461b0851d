"""A file at a URL: what is known of it, and its content, as the libraries for such places give."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from vitonnx.errors import DownloadError, VitonnxError

__all__ = ["Remote", "is_address"]

WEB = ("http", "https")
ADDRESS = re.compile(rf"(?:{'|'.join(WEB)}|s3|gs|gcs)://[^/]", re.IGNORECASE)
STAMPS = ("size", "mtime", "ETag", "Content-MD5", "Digest", "Last-Modified")
REFUSED = (401, 403)
FULL = (errno.ENOSPC, errno.EDQUOT)


def is_address(name: str) -> bool:
    """Tell whether a name is a URL of a kind that can be read.

    Examples
    --------
    >>> is_address("s3://models/dino.onnx"), is_address("models/dino.onnx")
    (True, False)
    """
    return ADDRESS.match(name) is not None


@dataclass(frozen=True)
class Remote:
    """A file at a URL.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``, which fsspec reads; ``s3://`` or ``gs://``, which pyarrow
        reads, with the credentials and the endpoint of its environment.

    Examples
    --------
    >>> model = Remote("https://ada:secret@host/vit/dino.onnx?signature=1")
    >>> model.name, str(model), str(model.beside("dino.onnx.data"))
    ('dino.onnx', 'https://host/vit/dino.onnx', 'https://host/vit/dino.onnx.data')
    """

    url: str

    def __str__(self) -> str:
        """Give the URL without its secrets: a password, or the signature of a link."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def name(self) -> str:
        """The file's name; empty where the URL has none."""
        return PurePosixPath(urlsplit(self.url).path).name

    def beside(self, name: str) -> Remote:
        """Give another file by its place in the folder; the rest of the URL stays as it is."""
        parts = urlsplit(self.url)
        place = PurePosixPath(parts.path).parent / name
        return Remote(urlunsplit(parts._replace(path=str(place))))

    def stamp(self) -> dict[str, str]:
        """Ask for what tells this content from another at the same URL: its size, time and digest.

        Raises
        ------
        DownloadError
            If there is no such file, or it can't be reached.
        """
        with self._answered():
            filesystem, path = self._open()
            found = filesystem.info(path)
            if found.get("type") == "directory":
                raise DownloadError(f"{self} is a folder: give the URL of a file in it.")
        return {name: str(found[name]) for name in STAMPS if found.get(name) is not None}

    def read(self) -> bytes:
        """Read the content.

        Raises
        ------
        DownloadError
            As in `stamp`.
        """
        with self._answered():
            filesystem, path = self._open()
            content: bytes = filesystem.cat_file(path)
        return content

    def save(self, file: Path) -> None:
        """Write the content to a file, part by part.

        Raises
        ------
        DownloadError
            As in `stamp`, or if it breaks off.
        """
        with self._answered(), file.open("wb") as stream:
            filesystem, path = self._open()
            filesystem.get_file(path, stream)

    def _open(self) -> tuple[Any, str]:
        """Give the file system of the URL, as fsspec's, and the place in it."""
        from vitonnx.extras import require_data

        require_data("reading a URL needs")
        if self.url.lower().startswith(tuple(f"{scheme}:" for scheme in WEB)):
            import fsspec

            # With the proxies of the environment, as every other client here.
            return fsspec.filesystem("http", client_kwargs={"trust_env": True}), self.url
        from fsspec.implementations.arrow import ArrowFSWrapper
        from pyarrow.fs import FileSystem

        filesystem, path = FileSystem.from_uri(self.url)
        return ArrowFSWrapper(filesystem), path

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Turn what the libraries raise into a sentence about the URL."""
        try:
            yield
        except VitonnxError:
            raise
        # fsspec, pyarrow and the clients that they use each have error classes of their own.
        except Exception as error:
            if getattr(error, "errno", None) in FULL:  # no fault of the URL's
                raise
            # fsspec says of whatever goes wrong that there is no such file, and why beside.
            raise DownloadError(self._sentence(error.__cause__ or error)) from error

    def _sentence(self, error: BaseException) -> str:
        status = getattr(error, "status", None)
        if isinstance(error, FileNotFoundError) or status == 404:
            return f"there is no {self}: check the URL."
        if isinstance(error, PermissionError) or status in REFUSED:
            return f"access to {self} is refused: give credentials as its library reads them."
        said = str(error).replace(self.url, str(self)).partition("\n")[0].rstrip(".")
        why = f"status {status}" if status else said or type(error).__name__
        return f"can't read {self} ({why}): check the connection, and try again."
