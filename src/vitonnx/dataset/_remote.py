"""Files at URLs: in buckets, on a hub, on web servers. pyarrow reads them, or else fsspec."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import parse_qsl, quote, unquote

from vitonnx.blame import blamed_on, reason_of
from vitonnx.dataset._address import (
    BUCKETS,
    WEB,
    in_folder,
    is_address,
    parts_of,
    shown_address,
    without_secrets,
)
from vitonnx.dataset._place import outside, refuse_long
from vitonnx.errors import DataError, PictureError, VitonnxError
from vitonnx.extras import require_data

__all__ = ["Remote"]

PIECE = 2**20
BUFFER = 2**23
"""Bytes that a bucket is asked for at once where a tar is read from its beginning."""

UNSIGNED = "s3://anonymous@"

# Seconds. None for a whole file: a tar is read as fast as a model asks for its pictures.
PATIENCE: Any = {"total": None, "sock_connect": 60, "sock_read": 120}


@dataclass(frozen=True)
class Remote:
    """A file at a URL, or a folder there."""

    address: str

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
        return Remote(f"{scheme}://{authority}{above}/{kept}")

    @property
    def identity(self) -> str:
        """The URL, as it is shown."""
        return self.name

    def discreet(self, reason: str) -> str:
        """Take out what lets somebody in."""
        return without_secrets(reason, self.address)

    def size(self) -> int | None:
        """Ask for its length in bytes; a web server may not tell."""
        with self._reading(DataError):
            system, path = self._reached()
            size: int | None = system.get_file_info(path).size
            return size

    def is_folder(self) -> bool:
        """Ask whether it is a folder; at a web server only a slash at its end tells."""
        scheme, _, path, _ = parts_of(self.address)
        if scheme in WEB or path.endswith("/"):
            return path.endswith("/")
        from pyarrow.fs import FileType

        with self._reading(DataError):
            system, path = self._reached()
            return bool(system.get_file_info(path).type == FileType.Directory)

    def files(self) -> Iterator[str]:
        """List the paths of the files below this folder, without hidden ones."""
        with self._reading(DataError):
            system, path = self._reached()
            base = path.rstrip("/") + "/"
            listed = _on_page if parts_of(self.address)[0] in WEB else _in_folder
            for found in listed(system, base):
                relative = found.removeprefix(base)
                if not any(part.startswith(".") for part in relative.split("/")):
                    yield relative

    def child(self, relative: str) -> Remote:
        """Give a file below this folder, by a path that `files` gave."""
        return Remote(in_folder(self.address, relative))

    def path_below(self, folder: str) -> str:
        """Give its path below the URL of a folder."""
        own, above = (parts_of(address)[2] for address in (self.address, folder))
        relative = own.removeprefix(above.rstrip("/")).lstrip("/")
        return unquote(relative) if parts_of(self.address)[0] in WEB else relative

    def stream(self, buffer: int = BUFFER) -> IO[bytes]:
        """Open it to be read once, from its beginning, over one connection where that can be."""
        from pyarrow.fs import PyFileSystem

        with self._reading(DataError):
            system, path = self._reached()
            if isinstance(system, PyFileSystem):
                opened = system.handler.fs.open(path, "rb", block_size=0)
            else:
                opened = system.open_input_stream(path, compression=None, buffer_size=buffer)
        return io.BufferedReader(_Pieces(self, opened), PIECE)

    def table(self) -> Any:
        """Open it for pyarrow."""
        with self._reading(DataError):
            system, path = self._reached()
            return system.open_input_file(path)

    def content(self) -> bytes:
        """Read a picture's file."""
        try:
            with self.stream(buffer=0) as file:
                content = bytearray()
                while piece := file.read(PIECE):
                    content += piece
                    refuse_long(self.name, len(content))
        except DataError as error:
            raise PictureError(str(error)) from error
        return bytes(content)

    def below(self, path: str) -> Remote:
        """Follow a path from this folder, as far as it stays inside."""
        scheme, authority, own, _ = parts_of(self.address)
        own = own.rstrip("/") + "/"
        if is_address(path):
            other = parts_of(path)
            if other[:2] != (scheme, authority) or not other[2].startswith(own):
                raise PictureError(outside(shown_address(path), self.name))
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
            system = _through_fsspec(scheme)
            return system, self.address if scheme in WEB else f"{authority}{path}"
        ending = f"?{query}" if query else ""
        system, bucket = _in_bucket(f"{scheme.replace('gcs', 'gs')}://{authority}{ending}")
        return system, f"{bucket}{path}"

    @contextmanager
    def _reading(self, kind: type[VitonnxError]) -> Iterator[None]:
        """Turn whatever a library raises into a sentence that gives nothing away."""

        def sentence(reason: str) -> str:
            return f"can't read {self.name}: {self.discreet(reason)}."

        try:
            with blamed_on(self.name, kind, sentence):
                try:
                    yield
                except FileNotFoundError as error:  # which fsspec makes of any refusal
                    cause = error.__cause__
                    why = (
                        "there is no such file, or no server" if cause is None else reason_of(cause)
                    )
                    raise kind(sentence(why)) from error
        except ImportError as error:  # of what fsspec has need of for one kind of URL
            raise kind(sentence(reason_of(error))) from error


class _Pieces(io.RawIOBase):
    """An opened file, whose errors are about its URL."""

    def __init__(self, place: Remote, opened: Any) -> None:
        self._place, self._opened = place, opened

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._place._reading(DataError):
            piece = self._opened.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._opened.close()
        super().close()


def _in_folder(system: Any, folder: str) -> Iterator[str]:
    """List the files below a folder of a bucket or a hub."""
    from pyarrow.fs import FileSelector, FileType

    for info in system.get_file_info(FileSelector(folder.rstrip("/"), recursive=True)):
        if info.type == FileType.File:
            yield info.path


def _on_page(system: Any, folder: str) -> Iterator[str]:
    """List the files below a folder of a web server, by its page and those that this leads to.

    A page may lead to its parent, to another server, and so on without end: nothing is followed
    that isn't below.
    """
    for info in system.handler.fs.ls(folder, detail=True):
        name = info["name"]
        if name == folder or not name.startswith(folder) or ".." in unquote(name).split("/"):
            continue
        if info["type"] == "directory":
            yield from _on_page(system, name)
        else:
            yield name


@cache
def _in_bucket(address: str) -> tuple[Any, str]:
    """Give a bucket as pyarrow reads it, or, where it is built without, as fsspec does."""
    from pyarrow import ArrowNotImplementedError
    from pyarrow.fs import FileSystem

    if address.startswith(UNSIGNED):
        return _unsigned(address)
    try:
        system, bucket = FileSystem.from_uri(address)
    except (ArrowNotImplementedError, ImportError):
        scheme, authority, _, _ = parts_of(address)
        return _through_fsspec(scheme), authority
    return system, bucket.rstrip("/")


def _unsigned(address: str) -> tuple[Any, str]:
    """Give a public bucket of S3, which pyarrow has no URL for as it has for Google's."""
    from pyarrow.fs import S3FileSystem, resolve_s3_region

    _, authority, _, query = parts_of(address)
    bucket = authority.rpartition("@")[2]
    options = dict(parse_qsl(query))
    server = os.environ.get("AWS_ENDPOINT_URL")
    if server and "endpoint_override" not in options:  # which pyarrow overlooks here alone
        scheme, _, options["endpoint_override"] = server.partition("://")
        options["scheme"] = scheme
    if not {"region", "endpoint_override"} & set(options):
        options["region"] = resolve_s3_region(bucket)
    return S3FileSystem(anonymous=True, **options), bucket


@cache
def _through_fsspec(scheme: str) -> Any:
    """Give what fsspec, or a package that it knows, reads of a kind of URL, as pyarrow sees it."""
    from fsspec import filesystem
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    options: dict[str, Any] = {}
    if scheme in WEB:
        from aiohttp import ClientTimeout

        # Proxies of the environment are for these, too.
        options["client_kwargs"] = {"timeout": ClientTimeout(**PATIENCE), "trust_env": True}
    return PyFileSystem(FSSpecHandler(filesystem(scheme, **options)))
