"""What files elsewhere are on, as pyarrow sees it: a bucket, or what fsspec has a package for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from vitonnx.places._address import WEB, parts_of

__all__ = ["described", "in_bucket", "in_folder", "on_page", "streamed", "through_fsspec"]

UNSIGNED = "s3://anonymous@"

# Seconds. None for a whole file: a tar is read as fast as a model asks for its pictures.
PATIENCE: Any = {"total": None, "sock_connect": 60, "sock_read": 120}


@cache
def in_bucket(address: str) -> tuple[Any, str]:
    """Give a bucket as pyarrow reads it, or, where it is built without, as fsspec does."""
    from pyarrow import ArrowNotImplementedError
    from pyarrow.fs import FileSystem

    if address.startswith(UNSIGNED):
        return _unsigned(address)
    try:
        system, bucket = FileSystem.from_uri(address)
    except (ArrowNotImplementedError, ImportError):
        scheme, authority, _, _ = parts_of(address)
        return through_fsspec(scheme), authority
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
def through_fsspec(scheme: str) -> Any:
    """Give what fsspec, or a package that it knows, reads of a kind of URL, as pyarrow sees it."""
    from fsspec import filesystem
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    options: dict[str, Any] = {}
    if scheme in WEB:
        from aiohttp import ClientTimeout

        # Proxies of the environment are for these, too.
        options["client_kwargs"] = {"timeout": ClientTimeout(**PATIENCE), "trust_env": True}
    return PyFileSystem(FSSpecHandler(filesystem(scheme, **options)))


def described(system: Any, path: str) -> dict[str, Any]:
    """Ask for all that is known of a file, under the names that fsspec's packages have for it."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import PyFileSystem

    is_wrapped = isinstance(system, PyFileSystem)
    found: dict[str, Any] = (system.handler.fs if is_wrapped else ArrowFSWrapper(system)).info(path)
    return found


def streamed(system: Any, path: str, buffer: int) -> Any:
    """Open a file to be read once, over one connection where that can be."""
    from pyarrow.fs import PyFileSystem

    if isinstance(system, PyFileSystem):
        return system.handler.fs.open(path, "rb", block_size=0)
    return system.open_input_stream(path, compression=None, buffer_size=buffer)


def in_folder(system: Any, folder: str) -> Iterator[str]:
    """List the files below a folder of a bucket or a hub."""
    from pyarrow.fs import FileSelector, FileType

    for info in system.get_file_info(FileSelector(folder.rstrip("/"), recursive=True)):
        if info.type == FileType.File:
            yield info.path


def on_page(system: Any, folder: str) -> Iterator[str]:
    """List the files below a folder of a web server, by its page and those that this leads to.

    A page may lead to its parent, to another server, and so on without end: nothing is followed
    that isn't below.
    """
    for info in system.handler.fs.ls(folder, detail=True):
        name = info["name"]
        if name == folder or not name.startswith(folder) or ".." in unquote(name).split("/"):
            continue
        if info["type"] == "directory":
            yield from on_page(system, name)
        else:
            yield name
