"""Files at URLs: in buckets, on a hub, on web servers. pyarrow reads them, or else fsspec."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import quote, unquote

from vitonnx.blame import blamed_on, reason_of
from vitonnx.errors import DataError, PictureError, VitonnxError
from vitonnx.extras import require_data
from vitonnx.places._address import (
    BUCKETS,
    WEB,
    is_address,
    parts_of,
    refuse_unread,
    shown_address,
    with_path,
    without_secrets,
)
from vitonnx.places._place import outside, refuse_long
from vitonnx.places._systems import (
    described,
    in_bucket,
    in_folder,
    on_page,
    streamed,
    through_fsspec,
)

__all__ = ["Remote"]

PIECE = 2**20
BUFFER = 2**23
"""Bytes that a bucket is asked for at once where a tar is read from its beginning."""

STAMPS = ("size", "mtime", "ETag", "LastModified", "Content-MD5", "Digest", "Last-Modified")
REFUSED = (401, 403)
SIGNS = "*["  # of a glob: a question mark begins a query


@dataclass(frozen=True)
class Remote:
    """A file at a URL, or a folder there.

    Parameters
    ----------
    address : str
        The URL: ``s3://`` or ``gs://``, which pyarrow reads, with the credentials and the endpoint
        of its environment; or ``hf://``, ``https://`` or ``http://``, which fsspec reads.
    kind : type of VitonnxError
        What is raised where it can't be read.

    Raises
    ------
    UsageError
        If URLs of this kind aren't read.

    Examples
    --------
    >>> model = Remote("https://ada:secret@host/vit/dino.onnx")
    >>> model.file_name, model.name, model.beside("dino.onnx.data").name
    ('dino.onnx', 'https://host/vit/dino.onnx', 'https://host/vit/dino.onnx.data')
    """

    address: str
    kind: type[VitonnxError] = field(default=DataError, compare=False)

    def __post_init__(self) -> None:
        """Refuse other kinds of URLs."""
        refuse_unread(self.address)

    @property
    def name(self) -> str:
        """The URL, without what lets somebody in."""
        return shown_address(self.address)

    @property
    def file_name(self) -> str:
        """The last part of its path."""
        scheme, _, path, _ = parts_of(self.address)
        return PurePosixPath(unquote(path) if scheme in WEB else path).name

    @property
    def is_remote(self) -> bool:
        """It is."""
        return True

    @property
    def folder(self) -> Remote:
        """What its path begins with."""
        scheme, authority, path, query = parts_of(self.address)
        kept = f"?{query}" if query and scheme in BUCKETS else ""
        above = path.rstrip("/").rpartition("/")[0]
        return replace(self, address=f"{scheme}://{authority}{above}/{kept}")

    @property
    def identity(self) -> str:
        """The URL, as it is shown."""
        return self.name

    def discreet(self, reason: str) -> str:
        """Take out what lets somebody in."""
        return without_secrets(reason, self.address)

    def size(self) -> int | None:
        """Ask for its length in bytes; a web server may not tell."""
        with self._reading():
            system, path = self._reached()
            size: int | None = system.get_file_info(path).size
            return size

    def stamp(self) -> dict[str, str]:
        """Ask for what tells this content from another at the same URL: its size, time, digest."""
        with self._reading():
            system, path = self._reached()
            found = described(system, path)
        if found["type"] == "directory":
            raise self.kind(f"{self.name} is a folder: give the URL of a file in it.")
        return {name: str(found[name]) for name in STAMPS if found.get(name) is not None}

    @property
    def is_glob(self) -> bool:
        """Whether it stands for all files that match it."""
        return any(sign in parts_of(self.address)[2] for sign in SIGNS)

    def is_folder(self) -> bool:
        """Ask whether it is a folder; at a web server only a slash at its end tells."""
        scheme, _, path, _ = parts_of(self.address)
        if scheme in WEB or path.endswith("/"):
            return path.endswith("/")
        from pyarrow.fs import FileType

        with self._reading():
            system, path = self._reached()
            return bool(system.get_file_info(path).type == FileType.Directory)

    def files(self) -> Iterator[str]:
        """List the paths of the files below this folder, without hidden ones."""
        with self._reading():
            system, path = self._reached()
            base = path.rstrip("/") + "/"
            listed = on_page if parts_of(self.address)[0] in WEB else in_folder
            for found in listed(system, base):
                relative = found.removeprefix(base)
                if not any(part.startswith(".") for part in relative.split("/")):
                    yield relative

    def matches(self) -> tuple[Remote, list[str]]:
        """Divide a glob into the folder above its first sign, and the paths of matches below it."""
        from fsspec.utils import glob_translate

        folder = self
        while folder.is_glob:
            folder = folder.folder
        pattern = re.compile(glob_translate(self.path_below(folder.address)))
        return folder, list(filter(pattern.match, folder.files()))

    def child(self, relative: str) -> Remote:
        """Give a file below this folder, by a path that `files` gave."""
        folder = parts_of(self.address)[2].rstrip("/")
        return replace(self, address=with_path(self.address, f"{folder}/{relative}"))

    def beside(self, name: str) -> Remote:
        """Give another file by its path from the folder; the rest of the URL stays as it is."""
        scheme, _, path, _ = parts_of(self.address)
        name = quote(name) if scheme in WEB else name
        return replace(self, address=with_path(self.address, f"{path.rpartition('/')[0]}/{name}"))

    def path_below(self, folder: str) -> str:
        """Give its path below the URL of a folder."""
        own, above = (parts_of(address)[2] for address in (self.address, folder))
        relative = own.removeprefix(above.rstrip("/")).lstrip("/")
        return unquote(relative) if parts_of(self.address)[0] in WEB else relative

    def stream(self, buffer: int = BUFFER) -> IO[bytes]:
        """Open it to be read once, from its beginning, over one connection where that can be."""
        with self._reading():
            opened = streamed(*self._reached(), buffer)
        return io.BufferedReader(_Pieces(self, opened), PIECE)

    def table(self) -> Any:
        """Open it for pyarrow."""
        with self._reading():
            system, path = self._reached()
            return system.open_input_file(path)

    def content(self) -> bytes:
        """Read a picture's file."""
        content = bytearray()
        with replace(self, kind=PictureError).stream(buffer=0) as file:
            while piece := file.read(PIECE):
                content += piece
                refuse_long(self.name, len(content))
        return bytes(content)

    def below(self, path: str) -> Remote:
        """Follow a path from this folder, as far as it stays inside."""
        scheme, authority, own, _ = parts_of(self.address)
        own = own.rstrip("/") + "/"
        if is_address(path):
            other = parts_of(path)
            if other[:2] != (scheme, authority) or not other[2].startswith(own):
                raise PictureError(outside(path, self.name))
            path = other[2].removeprefix(own)
            path = unquote(path) if scheme in WEB else path
        steps = path.split("/")
        if path.startswith("/") or ".." in steps or "\\" in path or not path:
            raise PictureError(outside(path, self.name))
        relative = "/".join(step for step in steps if step not in ("", "."))
        return self.child(quote(relative) if scheme in WEB else relative)

    def _reached(self) -> tuple[Any, str]:
        """Give pyarrow's view of what the file is on, and its path there."""
        scheme, authority, path, query = parts_of(self.address)
        require_data(f"{scheme}:// needs")
        if scheme not in BUCKETS:
            system = through_fsspec(scheme)
            return system, self.address if scheme in WEB else f"{authority}{path}"
        ending = f"?{query}" if query else ""
        system, bucket = in_bucket(f"{scheme.replace('gcs', 'gs')}://{authority}{ending}")
        return system, f"{bucket}{path}"

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn whatever a library raises into a sentence that gives nothing away."""
        try:
            with blamed_on(self.name, self.kind, self._unread):
                try:
                    yield
                except Exception as error:
                    # fsspec says of any failure that there is no such file, and why beside.
                    missing = isinstance(error, FileNotFoundError)
                    cause = (error.__cause__ if missing else None) or error
                    refusal = self._refusal(cause)
                    if refusal is None and cause is error:
                        raise
                    raise self.kind(refusal or self._unread(reason_of(cause))) from error
        except ImportError as error:  # of what fsspec has need of for one kind of URL
            raise self.kind(self._unread(reason_of(error))) from error

    def _unread(self, reason: str) -> str:
        return f"can't read {self.name}: {self.discreet(reason)}."

    def _refusal(self, error: BaseException) -> str | None:
        """Say what a server answers, where it says no."""
        status = getattr(error, "status", None)
        if isinstance(error, FileNotFoundError) or status == 404:
            return f"there is no {self.name}: check the URL."
        if isinstance(error, PermissionError) or status in REFUSED:
            return f"access to {self.name} is refused: give credentials as its library reads them."
        return None if status is None else self._unread(f"its server answers with status {status}")


class _Pieces(io.RawIOBase):
    """An opened file, whose errors are about its URL."""

    def __init__(self, place: Remote, opened: Any) -> None:
        self._place, self._opened = place, opened

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._place._reading():
            piece = self._opened.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._opened.close()
        super().close()
