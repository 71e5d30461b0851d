"""CIFAR-10's Python form: pickled dicts, read without running anything that they ask for.

A pickle is a program: it names functions, and has them called. This reader knows the few names
that a pickled array of bytes needs, and gives each an inert stand-in of its own; any other name
ends the reading. Every stand-in that a pickle could try to change has a ``__setstate__``, through
which all such tries go. None of them copies what it is given, as `vitonnx.pickles` asks of them.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, Final, Literal

import numpy as np

from vitonnx.data._archive import Member, damaged, reading
from vitonnx.data._cifar_batch import LONGEST_NAMES, PIXELS, Batch, check_names, make_batch
from vitonnx.errors import DataError
from vitonnx.pickles import read_pickle

__all__ = ["read_pickled_batch", "read_pickled_names"]

LONGEST_NAME: Final = 100
"""Letters of what a pickle asks for that are shown; all that it may ask for have fewer."""


class StoredDtype:
    """Stand-in for ``numpy.dtype``, for bytes only."""

    __slots__ = ()

    def __new__(cls, code: object, align: object, copy: object) -> StoredDtype:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError("numbers that aren't bytes")
        return super().__new__(cls)

    @staticmethod
    def __setstate__(state: object) -> None:
        pass


class StoredArray:
    """A stand-in for ``numpy._core.multiarray._reconstruct``, and for the array that it makes.

    Parameters
    ----------
    *ignored : object
        A class, and the shape and type of an empty array of it: the state of ours follows.
    """

    __slots__ = ("content", "order", "shape")

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    content: bytes | str

    def __new__(cls, *ignored: object) -> StoredArray:
        array = super().__new__(cls)
        array.shape, array.order, array.content = (0,), "C", b""
        return array

    def __setstate__(self, state: object) -> None:
        match state:
            case (
                int(),
                (int(rows), int(columns)),
                StoredDtype(),
                int(fortran),
                bytes() | str() as content,
            ):
                self.shape, self.content = (rows, columns), content
                self.order = "F" if fortran else "C"
            case _:
                raise pickle.UnpicklingError("an array in a form that CIFAR-10 doesn't use")


class EncodedText:
    """A stand-in for ``_codecs.encode``, which Python 3 writes for bytes in an old protocol.

    The text itself stands for the bytes: of a long one, a pickle could have as many made as it
    likes.
    """

    __slots__ = ()

    def __new__(cls, text: object, encoding: object) -> Any:
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise pickle.UnpicklingError("text in another encoding")
        return text

    @staticmethod
    def __setstate__(state: object) -> None:
        pass


# Every name that a pickle may ask for. A plain string can be neither called nor changed.
GLOBALS: Final[dict[str, Any]] = {
    "numpy.core.multiarray._reconstruct": StoredArray,
    "numpy._core.multiarray._reconstruct": StoredArray,
    "numpy.ndarray": "numpy.ndarray",
    "numpy.dtype": StoredDtype,
    "_codecs.encode": EncodedText,
}


class Unpickler(pickle.Unpickler):
    """Python's unpickler with nothing to call but `GLOBALS`."""

    def __init__(self, member: Member, content: bytes) -> None:
        # The texts of Python 2 are bytes.
        super().__init__(io.BytesIO(read_pickle(io.BytesIO(content))), encoding="bytes")
        self.member = member

    def find_class(self, module: str, name: str) -> Any:
        asked = f"{module}.{name}"
        if asked not in GLOBALS:
            raise DataError(
                f"{self.member.path} holds the pickle {self.member.name} that asks for "
                f"{asked[:LONGEST_NAME]!r}, which could run code and which CIFAR-10 doesn't need, "
                "so it is refused. Download the archive from its publisher."
            )
        return GLOBALS[asked]


def read_pickled_batch(member: Member) -> Batch:
    """Read a ``data_batch`` or ``test_batch``: a dict of ``data`` and ``labels``, and more.

    Raises
    ------
    DataError
        If it asks for anything that CIFAR-10 doesn't need, is damaged, or holds something else.
    """
    entries = _load(member, member.read())
    data, labels = entries.get("data"), entries.get("labels")
    if not isinstance(data, StoredArray) or not isinstance(labels, list):
        raise damaged(member.path, f"{member.name} holds no data and labels")
    if data.shape != (len(labels), PIXELS) or len(data.content) != len(labels) * PIXELS:
        raise damaged(
            member.path,
            f"{member.name} holds {len(labels):,} labels, and data of the shape {data.shape}",
        )
    with reading(member.path, member.name):
        pixels = np.frombuffer(_bytes(data.content), np.uint8).reshape(data.shape, order=data.order)
    return make_batch(member, pixels, labels)


def read_pickled_names(member: Member) -> tuple[str, ...]:
    """Read ``batches.meta``: a dict of ``label_names``, and more.

    Raises
    ------
    DataError
        If it asks for anything that CIFAR-10 doesn't need, is damaged, or doesn't name ten
        classes.
    """
    names = _load(member, member.read(LONGEST_NAMES)).get("label_names")
    if not isinstance(names, list) or not all(isinstance(name, str | bytes) for name in names):
        names = []
    return check_names(member, [_text(name) for name in names])


def _load(member: Member, stored: bytes) -> dict[str, Any]:
    """Read a pickled dict; its keys are bytes where Python 2 wrote it, and text where Python 3."""
    with reading(member.path, member.name):
        content = Unpickler(member, stored).load()
    if not isinstance(content, dict):
        raise damaged(member.path, f"{member.name} is a pickle of another kind")
    return {_text(key): entry for key, entry in content.items() if isinstance(key, str | bytes)}


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
