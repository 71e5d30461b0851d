"""Cache of files made from hub models, and of their revisions' commits, where it can be written."""

from __future__ import annotations

import atexit
from contextlib import ExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from vitonnx.errors import VitonnxError
from vitonnx.names._id import HubId, is_commit

__all__ = ["cache_folder", "kept_file", "last_commit", "remember", "writable", "writable_folder"]

HUB = "hf"
DEFAULT = "default"  # for requests without a file


def cache_folder() -> Path:
    """Return vitonnx's part of the user's cache; it need not exist."""
    import platformdirs

    return platformdirs.user_cache_path("vitonnx")


def kept_file(asked: HubId, commit: str, cache: Path) -> Path:
    """Return the path of a probe-ready file, in a folder of its own; it need not exist."""
    # By version: what an older vitonnx wrote may follow an older contract.
    home = cache / version("vitonnx") / HUB / asked.repository / commit
    return home / _part(asked.file or DEFAULT) / f"{asked.name}.onnx"


def last_commit(asked: HubId, purpose: str) -> str | None:
    """Return the commit of a revision when it was last used."""
    try:
        commit = _note(asked, purpose).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return commit if is_commit(commit) else None


def remember(asked: HubId, purpose: str, commit: str) -> None:
    """Write down which commit a revision is at, unless the system refuses: the work is done."""
    from vitonnx.media import atomic_path

    if is_commit(asked.revision) or last_commit(asked, purpose) == commit:
        return
    note = _note(asked, purpose)
    with suppress(OSError, VitonnxError):
        note.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(note) as passing:
            passing.write_text(f"{commit}\n", encoding="ascii")


def _note(asked: HubId, purpose: str) -> Path:
    home = cache_folder() / HUB / asked.repository / _part(asked.revision) / purpose
    return home / f"{_part(asked.file or DEFAULT)}.commit"


def _part(text: str) -> str:
    """Make one part of a path of any text."""
    return quote(text, safe=" ")


def writable(cached: Path) -> Path:
    """Return a path for a file to keep, in a folder from `writable_folder`."""
    return writable_folder(cached.parent) / cached.name


def writable_folder(cached: Path) -> Path:
    """Make a folder for files to keep, and return it.

    If the system refuses, as with a read-only or missing home, use a folder that is removed when
    this process ends: the work is then repeated in every run. If that fails too, raise a
    VitonnxError.
    """
    from vitonnx.media import passing_folder, temporary_folder

    try:
        cached.mkdir(parents=True, exist_ok=True)
        with passing_folder(cached):
            pass
    except OSError:
        try:
            stack = ExitStack()
            folder = stack.enter_context(temporary_folder())
        except OSError as error:
            raise VitonnxError(
                f"can't write to {cached} or to a temporary folder: set TMPDIR to a folder of "
                "yours."
            ) from error
        atexit.register(stack.close)
        return folder
    return cached
