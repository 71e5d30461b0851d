"""A model at a URL, fetched once into the user's cache, however many processes ask at a time."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from vitonnx.errors import DownloadError, UsageError
from vitonnx.filenames import refuse_address
from vitonnx.manifest import safe_name
from vitonnx.names._desk import keep, open_desk
from vitonnx.names._kept import cache_folder, writable_folder
from vitonnx.names._listener import Listener
from vitonnx.places import Remote

__all__ = ["fetch_model"]

HOME = "url"
SUFFIX = ".onnx"
HUB = "//huggingface.co/"
PIECE = 2**20


def fetch_model(url: str, listener: Listener) -> Path:
    """Return the file of a model at a URL, fetched once for as long as it stays the same there.

    The files of its external weights come with it.

    Raises
    ------
    UsageError
        If it is not the URL of an ONNX file.
    VitonnxError
        If it can't be fetched or stored.
    """
    remote = Remote(url, DownloadError)
    if not remote.file_name.endswith(SUFFIX):
        if HUB in url:
            refuse_address(url)
        raise UsageError(f"{remote.name} is not the URL of a model: it must end in {SUFFIX}.")
    stamp = remote.stamp()
    kept = _kept(remote, stamp, cache_folder())
    if kept.is_file():
        return kept
    home = writable_folder(cache_folder())
    kept = _kept(remote, stamp, home)
    with _alone(kept.parent, remote, listener):
        if not kept.is_file():  # who held the lock before may have fetched it
            listener.say(f"fetching {remote.name} once, into {kept}")
            with open_desk(home) as desk:
                made = desk / "made"
                _fetch(remote, stamp, made / kept.name, listener)
                keep(made, kept)
    return kept


def _kept(remote: Remote, stamp: dict[str, str], home: Path) -> Path:
    """Return the path of a file as it is at a URL now, in a folder of its own."""
    key = hashlib.sha256(json.dumps([remote.address, stamp], sort_keys=True).encode()).hexdigest()
    name = safe_name(remote.file_name.removesuffix(SUFFIX))
    return home / HOME / key / f"{name}{SUFFIX}"


@contextmanager
def _alone(folder: Path, remote: Remote, listener: Listener) -> Iterator[None]:
    """Wait until no other process of this machine fetches the same."""
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        listener.progress(f"waiting for another process to fetch {remote.name}")
        lock.acquire()
    except NotImplementedError:  # a file system without locks: each fetches it, and one is kept
        pass
    try:
        yield
    finally:
        lock.release()


def _fetch(remote: Remote, stamp: dict[str, str], model: Path, listener: Listener) -> None:
    from vitonnx.modelfile import weight_names

    model.parent.mkdir()
    _save(remote, model, listener)
    if model.stat().st_size != int(stamp.get("size", model.stat().st_size)):
        raise DownloadError(f"the download of {remote.name} broke off: try again.")
    for name in weight_names(model):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            continue  # reading the model refuses it, with a sentence
        (model.parent / name).parent.mkdir(parents=True, exist_ok=True)
        _save(remote.beside(name), model.parent / name, listener)


def _save(remote: Remote, file: Path, listener: Listener) -> None:
    listener.progress(f"fetching {remote.name}")
    with remote.stream() as source, file.open("wb") as target:
        shutil.copyfileobj(source, target, PIECE)
