"""Embeddings of known class in a file: in half precision, and mapped into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitonnx.dataset import Label
from vitonnx.errors import VitonnxError
from vitonnx.layout import Layout
from vitonnx.media import explained
from vitonnx.probes import Total

__all__ = ["Bank", "BankQuestion", "Filled", "key_of"]

MODULUS = 2**40  # of checksums: their sums are exact in doubles
AT_ONCE = 2**14  # rows that are read for what is asked of all
LARGEST = 2**20  # numbers of an embedding


@dataclass(frozen=True, eq=False)
class Filled(Total):
    """What a bank holds.

    Parameters
    ----------
    count : int
        Of rows.
    dim : float
        Length of an embedding.
    checksum : float
        Sum of all that is in the rows, as numbers of 16 bits, modulo 2 to the 40.
    """

    dim: float = 0.0
    checksum: float = 0.0

    def _merged(self, other: Self) -> Filled:
        checksum = (self.checksum + other.checksum) % MODULUS
        return Filled(self.count + other.count, self.dim, checksum)


@dataclass(frozen=True)
class BankQuestion:
    """What is asked of the pictures of known class, as a state file knows it."""

    def nothing(self, layout: Layout) -> Filled:
        """Give the total of no picture."""
        return Filled()

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that a total takes."""
        return 16

    def check(self, total: Filled, layout: Layout) -> None:
        """Raise a ValueError if a total can't be one of this question."""
        if np.shape(total.checksum) or not 0 <= total.checksum < MODULUS:
            raise ValueError("a checksum that can't be one")
        if np.shape(total.dim) or not 1 <= total.dim <= LARGEST or total.dim % 1:
            raise ValueError("embeddings of a length that can't be one")


def key_of(label: Label) -> int:
    """Give 64 bits that stand for a label, so that no list of all labels has to be kept.

    Of a million labels, two have the same bits once in forty million times.

    Examples
    --------
    >>> key_of("7") == key_of(7), key_of("cat") < 2**64
    (True, True)
    """
    content = str(label).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "little")


@dataclass(eq=False)
class Bank:
    """A file of rows: the key of a label, and an embedding of length 1 in half precision.

    Parameters
    ----------
    path : Path
        The file; it need not be there yet.
    """

    path: Path
    _dim: int = field(default=0, init=False)

    def begin(self, filled: Filled) -> None:
        """Keep what an earlier run has left, as far as its state says, or begin anew.

        Raises
        ------
        VitonnxError
            If that is not what the state says, or can't be written.
        """
        self._dim = int(filled.dim)
        size = filled.count * self._row.itemsize
        with explained(self.path, self.path), self.path.open("ab") as file:
            has = file.tell()
            if has > size:
                file.truncate(size)
        if has < size or sum(map(_checksum, self._parts())) % MODULUS != filled.checksum:
            raise VitonnxError(
                f"{self.path} isn't the bank of embeddings that the state beside it describes: "
                "remove both to start over, or give another file."
            )

    def append(self, embeddings: NDArray[np.float32], keys: Sequence[int]) -> Filled:
        """Add rows; the system has them once this returns, also if the process is killed.

        Parameters
        ----------
        embeddings : float32 (pictures, dim)
        keys : sequence of int
            See `key_of`.

        Raises
        ------
        VitonnxError
            If the disk is full, or the file can't be written.
        """
        if not keys:
            return Filled()
        self._dim = embeddings.shape[1]
        rows = np.empty(len(keys), self._row)
        rows["key"], rows["embedding"] = keys, embeddings
        with explained(self.path, self.path), self.path.open("ab") as file:
            file.write(rows.tobytes())
        return Filled(len(keys), float(self._dim), float(_checksum(rows)))

    @property
    def rows(self) -> NDArray[Any]:
        """All rows: ``key`` and ``embedding``, read as they are needed."""
        if not self.path.stat().st_size:
            return np.empty(0, self._row)
        return np.memmap(self.path, self._row, mode="r")

    def keys(self) -> set[int]:
        """Give the keys of all labels."""
        found: set[int] = set()
        for rows in self._parts():
            found.update(rows["key"].tolist())
        return found

    @property
    def _row(self) -> np.dtype[Any]:
        return np.dtype([("key", "<u8"), ("embedding", "<f2", (self._dim,))])

    def _parts(self) -> Iterator[NDArray[Any]]:
        rows = self.rows
        return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))


def _checksum(rows: NDArray[Any]) -> int:
    return int(np.frombuffer(rows.tobytes(), "<u2").sum(dtype=np.uint64)) % MODULUS
