"""From the members of a tar to its samples, as WebDataset packs them."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any, Final

from vitonnx.dataset._refused import kept, refused
from vitonnx.dataset._shard import Label, Sample
from vitonnx.dataset._tape import Tape, members, reading
from vitonnx.errors import DataError, PictureError
from vitonnx.filenames import shown
from vitonnx.media import may_be_picture
from vitonnx.places import MOST_BYTES

__all__ = ["Wanted", "is_of_sample", "unpacked"]

# The key ends at the first dot of the last part; hidden files, such as those that macOS adds, are
# none of a sample's.
NAME = re.compile(r"(?:\./)*(?P<key>(?:.*/)?[^./][^./]*)\.(?P<kind>[^/]+)", re.DOTALL)
INTEGER = re.compile(r"-?\d{1,18}")
MOST_KINDS: Final = 10  # that a sentence names
MOST_TEXT: Final = 2**24
"""Bytes of a ``.json`` or ``.cls``."""


@dataclass(frozen=True)
class Wanted:
    """What is read of a tar's samples.

    Parameters
    ----------
    column : str
        The kind of the member that is the picture, where a sample has several: ``jpg``, or
        ``left`` or ``left.jpg`` of ``0017.left.jpg``.
    id, label : str or None
        Keys of the sample's ``.json``. Without them the id is the sample's key, and the label is
        in its ``.cls``.
    """

    column: str
    id: str | None = None
    label: str | None = None

    def is_picture(self, kind: str) -> bool:
        """Tell whether a member may be a sample's picture."""
        return kind == self.column or may_be_picture("." + kind.rpartition(".")[2])

    def is_text(self, kind: str) -> bool:
        """Tell whether a member says what is wanted."""
        asks_json = self.id is not None or self.label is not None
        return (kind == "json" and asks_json) or (kind == "cls" and self.label is None)

    def picture_among(self, kinds: list[str]) -> str:
        """Choose a sample's picture among the members that may be it."""
        if self.column in kinds:
            return self.column
        named = [kind for kind in kinds if kind.rpartition(".")[0] == self.column]
        if len(named or kinds) == 1:
            return (named or kinds)[0]
        raise PictureError(f"has several pictures ({', '.join(kinds)}): name one with --column")


@dataclass
class _Group:
    """The members of one sample, as far as they are wanted."""

    key: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    fault: str = ""  # why it can't be used

    def add(
        self, kind: str, wanted: Wanted, entry: tarfile.TarInfo, read: Callable[[], bytes] | None
    ) -> None:
        """Take up a member; without `read` only that it is there."""
        if wanted.is_picture(kind):
            members, most = self.pictures, MOST_BYTES
        elif wanted.is_text(kind):
            members, most = self.texts, MOST_TEXT
        else:
            return
        if kind in members:
            self.fault = self.fault or f"has two members of the kind {kind}"
        elif not entry.isreg() or entry.issparse():
            what = "a link" if entry.issym() or entry.islnk() else "not a regular file"
            self.fault = self.fault or f"has a member {kind} that is {what}"
        elif entry.size > most:
            self.fault = (
                self.fault or f"has a member {kind} of {entry.size:,} bytes; {most:,} are allowed"
            )
        elif read is not None:
            members[kind] = read()
            return
        members.setdefault(kind, b"")

    def sample(self, title: str, wanted: Wanted) -> Sample:
        """Make the sample, or the row that says why there is none."""
        key = shown(self.key)
        try:
            if self.fault:
                raise PictureError(self.fault)
            kind = wanted.picture_among(list(self.pictures))
            own, label = self._said(wanted)
        except PictureError as error:
            name = f"{title}: {key}"
            return Sample(self.key, refused(name, f"{name} {error}."))
        return Sample(own, kept(f"{title}: {key}.{shown(kind)}", self.pictures[kind]), label)

    def _said(self, wanted: Wanted) -> tuple[str, Label | None]:
        """Give the id and the label."""
        said = self._json() if wanted.id is not None or wanted.label is not None else {}
        own = self.key if wanted.id is None else _value(said, wanted.id)
        if own is None:
            raise PictureError(f"has null as {wanted.id} in its .json")
        if wanted.label is not None:
            return str(own), _value(said, wanted.label)
        text = _text(self.texts.get("cls", b""), "cls").strip()
        if not text:
            return str(own), None
        return str(own), int(text) if INTEGER.fullmatch(text) else text

    def _json(self) -> dict[str, Any]:
        if "json" not in self.texts:
            raise PictureError("has no .json, which --id and --label read")
        try:
            said = json.loads(_text(self.texts["json"], "json"))
        except (ValueError, RecursionError) as error:
            raise PictureError(f"has an invalid .json ({error})") from error
        if not isinstance(said, dict):
            raise PictureError("has a .json that is not an object")
        return said


def is_of_sample(name: str) -> bool:
    """Tell whether a member may be one of a sample of pictures."""
    found = NAME.fullmatch(name)
    if found is None:
        return PurePosixPath(name).name.startswith(".")  # as those that macOS adds
    suffix = PurePosixPath(name).suffix.lower()
    return may_be_picture(suffix) or suffix in (".cls", ".json", ".txt")


def unpacked(
    file: IO[bytes],
    name: str,
    title: str,
    wanted: Wanted,
    *,
    can_jump: bool,
    is_used: Callable[[int], bool],
) -> Iterator[Sample | None]:
    """Give the samples of a tar that have a picture, in their order.

    Parameters
    ----------
    file, name, can_jump
        See `members`.
    title : str
        How samples name the tar.
    wanted : Wanted
        What is read of them.
    is_used : callable
        Tells by its number whether a sample is used. Nothing of others is read; they are None.

    Raises
    ------
    DataError
        As `members` does; and if the members of a sample don't follow each other.
    """
    group: _Group | None = None
    keys: set[str] = set()
    others: set[str] = set()
    number = 0
    for entry, tape in members(file, name, can_jump=can_jump):
        found = NAME.fullmatch(entry.name)
        if found is None or entry.isdir():
            continue
        if group is None or group.key != found["key"]:
            if group is not None and group.pictures:
                yield group.sample(title, wanted) if is_used(number) else None
                number += 1
            group = _Group(found["key"])
            if group.key in keys:
                raise DataError(
                    f"{name} has members of {shown(group.key)} in two places, but those of a "
                    "sample must follow each other: pack the tar again in the order of names."
                )
            keys.add(group.key)
        others.add(found["kind"])
        read = _reader(entry, tape, name) if is_used(number) else None
        group.add(found["kind"].lower(), wanted, entry, read)
    if group is not None and group.pictures:
        yield group.sample(title, wanted) if is_used(number) else None
    elif number == 0 and others:
        kinds = ", ".join(sorted(f".{shown(kind)}" for kind in others)[:MOST_KINDS])
        raise DataError(f"{name} holds no pictures in a supported format, but {kinds}.")


def _reader(entry: tarfile.TarInfo, tape: Tape, name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        with reading(name):
            return tape.content(entry)

    return read


def _text(content: bytes, kind: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PictureError(f"has a .{kind} that is not in UTF-8") from error


def _value(said: dict[str, Any], key: str) -> Label | None:
    """Look up what a sample's .json says."""
    if key not in said:
        raise PictureError(f"has no {key} in its .json; it has {', '.join(said) or 'none'}")
    value = said[key]
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise PictureError(f"has a {key} in its .json that is neither text nor a whole number")
    return value
