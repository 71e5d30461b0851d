"""Archives that would fill the memory, or never end, are refused in a sentence."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from data import cifar_files as cifar
from measured_process import Outcome, contained
from vitonnx.data import open_data
from vitonnx.errors import DataError

BINARY = cifar.binary_files(cifar.make_batches())
MEGABYTE = 2**20


def refused(path: Path, *parts: str) -> Outcome:
    """Open it in a process of its own; it is refused in one sentence, that has these parts."""
    outcome = contained("from vitonnx.data import open_data", "open_data(sys.argv[1], 32, 0)", path)
    assert "\n" not in outcome.sentence
    assert outcome.sentence.endswith(".")
    assert len(outcome.sentence) < 1_000
    assert outcome.taken < 300 * MEGABYTE
    for part in parts:
        assert part in outcome.sentence
    return outcome


def entry(kind: bytes, size: int) -> bytes:
    made = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    made.type, made.size = kind, size
    return made.tobuf(tarfile.GNU_FORMAT)


def write(path: Path, *parts: bytes, zeros: int = 0) -> Path:
    """Write parts, and so many megabytes of zeros, which become a thousandth of it."""
    with gzip.open(path, "wb", 1) as file:
        for part in parts:
            file.write(part)
        for _ in range(zeros):
            file.write(bytes(MEGABYTE))
    return path


LONG = 600 * MEGABYTE
ARCHIVES: dict[str, tuple[list[bytes], int]] = {
    "a name": ([entry(tarfile.GNUTYPE_LONGNAME, LONG)], 600),
    "a further header": ([entry(tarfile.XHDTYPE, LONG)], 600),
    "headers for all": ([entry(tarfile.XGLTYPE, LONG)], 600),
    "a member": ([entry(tarfile.REGTYPE, LONG)], 600),
    "names in a row": ([entry(tarfile.GNUTYPE_LONGNAME, 512) + b"x" * 512] * 50_000, 0),
    "members": ([entry(tarfile.REGTYPE, 0)] * 50_000, 0),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_archives_that_grow(tmp_path: Path, what: str) -> None:
    parts, zeros = ARCHIVES[what]
    outcome = refused(write(tmp_path / "c", *parts, zeros=zeros), "truncated or damaged")
    assert outcome.taken < 50 * MEGABYTE


def test_zeros_behind_an_archive(tmp_path: Path) -> None:
    whole = cifar.write_tar(tmp_path / "whole", BINARY, compressed=False).read_bytes()
    path = write(tmp_path / "c", whole, zeros=300)
    refused(path, "is longer than 268,435,456 bytes")
    assert len(open_data(write(tmp_path / "d", whole, zeros=2), 32, 0).train) == 55


def sparse(headers: dict[str, str], content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
            made = tarfile.TarInfo("data_batch_1.bin")
            made.pax_headers, made.size = headers, len(content)
            archive.addfile(made, io.BytesIO(content))

    return write


SPARSE = {
    "with holes of megabytes": sparse(
        {"GNU.sparse.map": "0,1,60000000,1", "GNU.sparse.size": "60000001"}, b"ab"
    ),
    "whose map never ends": sparse(
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "8"},
        b"99999999\n" + b"0\n" * (20 * MEGABYTE),
    ),
}


@pytest.mark.parametrize("what", SPARSE)
def test_files_with_holes(tmp_path: Path, what: str) -> None:
    SPARSE[what](tmp_path / "c")
    assert refused(tmp_path / "c").taken < 50 * MEGABYTE


def test_names_without_end(tmp_path: Path) -> None:
    files = BINARY | {"batches.meta.txt": b"\n" * (60 * MEGABYTE)}
    outcome = refused(cifar.write_tar(tmp_path / "c", files), "batches.meta.txt has 62,914,560")
    assert outcome.taken < 50 * MEGABYTE


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_and_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c")
    with pytest.raises(DataError, match="is a pipe"):
        open_data(tmp_path / "c", 32, 0)
    with pytest.raises(DataError, match="is a device"):
        open_data(os.devnull, 32, 0)
