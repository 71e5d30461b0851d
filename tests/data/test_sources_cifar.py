"""CIFAR-10's archive: both forms as published, and whatever is wrong with one."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cifar_files as cifar
import torch_files as pth
from vitonnx.data import open_data
from vitonnx.data._cifar_pickle import GLOBALS
from vitonnx.errors import DataError

BATCHES = cifar.make_batches()
PYTHON = cifar.python_files(BATCHES)
BINARY = cifar.binary_files(BATCHES)
KINDS = ["python 2", "python 3, bytes", "python 3, text", "binary"]


def files_of(kind: str) -> dict[str, bytes]:
    return BINARY if kind == "binary" else cifar.python_files(BATCHES, kind)


def refused(path: Path, *parts: str) -> None:
    """Check that an archive is refused in one line that has these parts."""
    with pytest.raises(DataError) as caught:
        open_data(path, 32, 0)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "pictures"])
def test_both_forms_are_read_to_the_pixel(
    tmp_path: Path, kind: str, compressed: bool, name: str
) -> None:
    path = cifar.write_tar(tmp_path / name, files_of(kind), compressed=compressed)
    data = open_data(path, 32, 0)
    assert data.name == "CIFAR-10"
    assert data.classes == tuple(cifar.NAMES)
    assert data.skipped == ()
    assert (len(data.train), len(data.validation)) == (55, 11)
    training = [BATCHES[name] for name in cifar.BATCHES[:5]]
    pictures, labels = data.train.read(range(55), 0)
    np.testing.assert_array_equal(pictures, np.concatenate([b.pictures for b in training]))
    np.testing.assert_array_equal(labels, np.concatenate([b.labels for b in training]))
    assert pictures.dtype == np.uint8
    assert labels.dtype == np.int64
    # In any order, and the same in every epoch.
    pictures, labels = data.validation.read([7, 2, 2], 5)
    np.testing.assert_array_equal(pictures, BATCHES["test_batch"].pictures[[7, 2, 2]])
    np.testing.assert_array_equal(labels, BATCHES["test_batch"].labels[[7, 2, 2]])
    assert list(tmp_path.iterdir()) == [path]


def test_an_array_in_fortran_order(tmp_path: Path) -> None:
    batch = BATCHES["data_batch_1"]
    files = PYTHON | {"data_batch_1": cifar.old_batch(batch, fortran=True)}
    data = open_data(cifar.write_tar(tmp_path / "c", files), 32, 0)
    np.testing.assert_array_equal(data.train.read(range(11), 0)[0], batch.pictures)


def test_the_order_in_the_archive_does_not_matter(tmp_path: Path) -> None:
    """The publisher's own order is data_batch_4, readme.html, test_batch, data_batch_3 ..."""
    files = {name: PYTHON[name] for name in reversed(PYTHON)} | {"readme.html": b"<a href=..>"}
    data = open_data(cifar.write_tar(tmp_path / "c", files), 32, 0)
    np.testing.assert_array_equal(
        data.train.read([54], 0)[0][0], BATCHES["data_batch_5"].pictures[10]
    )


@pytest.mark.parametrize("size", [17, 48])
def test_other_sizes_are_scaled_by_antialiased_bicubic(tmp_path: Path, size: int) -> None:
    data = open_data(cifar.write_tar(tmp_path / "c", PYTHON), size, 0)
    picture = Image.fromarray(BATCHES["test_batch"].pictures[3])
    expected = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(data.validation.read([3], 0)[0][0], expected)


def test_fewer_pictures_of_each_class_alike(tmp_path: Path) -> None:
    path = cifar.write_tar(tmp_path / "c", BINARY)
    data = open_data(path, 32, 3, pictures=20)
    pictures, labels = data.train.read(range(20), 0)
    assert np.bincount(labels).tolist() == [2] * 10
    assert (len(data.train), len(data.validation)) == (20, 11)
    known = {
        picture.tobytes(): label
        for name in cifar.BATCHES[:5]
        for picture, label in zip(*BATCHES[name], strict=True)
    }
    assert [known[picture.tobytes()] for picture in pictures] == labels.tolist()
    again, other = open_data(path, 32, 3, pictures=20), open_data(path, 32, 4, pictures=20)
    np.testing.assert_array_equal(again.train.read(range(20), 0)[0], pictures)
    assert (other.train.read(range(20), 0)[0] != pictures).any()
    assert len(open_data(path, 32, 3, pictures=999).train) == 55


def command(target: Path) -> bytes:
    return pth.text(f"touch {target}")


ATTACKS: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "REDUCE": ("os.system", lambda to: pth.call(pth.ask("os", "system"), command(to))),
    "INST": ("os.system", lambda to: b"(" + command(to) + b"ios\nsystem\n"),
    "OBJ": ("os.system", lambda to: b"(" + pth.ask("os", "system") + command(to) + b"o"),
    "NEWOBJ": (
        "subprocess.Popen",
        lambda to: pth.ask("subprocess", "Popen") + pth.several(command(to)) + b"\x81",
    ),
    "STACK_GLOBAL": (
        "posix.system",
        lambda to: pth.text("posix") + pth.text("system") + b"\x93" + pth.several(command(to)),
    ),
    "eval": (
        "__builtin__.eval",
        lambda to: pth.call(pth.ask("__builtin__", "eval"), pth.text(f"open({str(to)!r}, 'w')")),
    ),
    "a dotted name": (
        "numpy.ndarray.__init__.__globals__",
        lambda to: pth.text("numpy") + pth.text("ndarray.__init__.__globals__") + b"\x93",
    ),
    "NumPy's own reader": (
        "numpy.load",
        lambda to: pth.call(pth.ask("numpy", "load"), pth.text(str(to))),
    ),
    "the codecs": ("_codecs.decode", lambda to: pth.ask("_codecs", "decode")),
    "a line break in the name": (
        "a\nb.c",
        lambda to: pth.text("a\nb") + pth.text("c") + b"\x93",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("member", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("place", ["alone", "behind honest entries"])
def test_a_pickle_that_asks_for_code_has_run_nothing(
    tmp_path: Path, attack: str, member: str, place: str
) -> None:
    target = tmp_path / "harmed"
    asked, opcodes = ATTACKS[attack]
    if place == "alone":
        content = pth.PROTO + opcodes(target) + pth.STOP
    else:
        content = PYTHON[member].removesuffix(b"u.") + pth.text("x") + opcodes(target) + b"u."
    path = cifar.write_tar(tmp_path / "c.tar.gz", PYTHON | {member: content})
    refused(path, member, repr(asked), "could run code", "publisher")
    assert not target.exists()


STATE = pth.mapping({"__call__": pth.text("x"), "content": pth.text("x"), "order": b"N"})


@pytest.mark.parametrize("state", ["a dict", "slots"])
@pytest.mark.parametrize("made", ["the class", "an instance"])
@pytest.mark.parametrize("name", GLOBALS)
def test_a_pickle_changes_no_stand_in(tmp_path: Path, name: str, made: str, state: str) -> None:
    def attributes() -> list[dict[str, Any]]:
        return [dict(vars(value)) for value in GLOBALS.values() if isinstance(value, type)]

    before = attributes()
    opcodes = pth.ask(*name.rsplit(".", 1))
    if made == "an instance":
        opcodes = pth.call(opcodes, pth.text("u1"), pth.text("latin1"), b"N")
    opcodes += (STATE if state == "a dict" else pth.several(b"N", STATE)) + b"b"
    files = PYTHON | {"data_batch_2": pth.PROTO + opcodes + pth.STOP}
    refused(cifar.write_tar(tmp_path / "c", files), "truncated or damaged", "data_batch_2")
    assert attributes() == before


def changed(name: str, content: bytes) -> dict[str, bytes]:
    return PYTHON | {name: content}


DATA = BATCHES["data_batch_2"].data
RAW = DATA.tobytes()


def pickled(**entries: bytes) -> bytes:
    """The second batch with other entries."""
    labels = [b"K" + bytes([label]) for label in BATCHES["data_batch_2"].labels.tolist()]
    honest = {"labels": cifar.old_list(labels), "data": cifar.old_array(RAW, DATA.shape)}
    return cifar.old_dict(honest | entries)


BAD_BATCHES: dict[str, bytes] = {
    "cut off": PYTHON["data_batch_2"][:20_000],
    "empty": b"",
    "no pickle": b"<html>404</html>",
    "no dict": pth.PROTO + b"]" + pth.STOP,
    "no data": cifar.old_dict({"labels": b"]"}),
    "no labels": cifar.old_dict({"data": cifar.old_array(RAW, DATA.shape)}),
    "no pictures": pickled(labels=b"]", data=cifar.old_array(b"", (0, 3072))),
    "labels that are no list": pickled(labels=pth.text("labels")),
    "a label of text": pickled(labels=cifar.old_list([pth.text("3")] * 11)),
    "label 10": pickled(labels=cifar.old_list([b"K\x0a"] * 11)),
    "label -1": pickled(labels=cifar.old_list([b"J\xff\xff\xff\xff"] * 11)),
    "a label of 90 bits": pickled(labels=cifar.old_list([b"\x8a\x0c" + b"\x11" * 12] * 11)),
    "a label too few": pickled(labels=cifar.old_list([b"K\x01"] * 10)),
    "records of another length": pickled(data=cifar.old_array(RAW[:-11], (11, 3071))),
    "another shape of as many bytes": pickled(data=cifar.old_array(RAW, (22, 1536))),
    "bytes lacking": pickled(data=cifar.old_array(RAW[:-1], DATA.shape)),
    "bytes beyond": pickled(data=cifar.old_array(RAW + RAW[:3072], DATA.shape)),
    "three axes": pickled(data=cifar.old_array(RAW, (11, 3, 1024))),
    "numbers of 32 bits": pickled(
        data=cifar.old_array(RAW, DATA.shape).replace(b"U\x02u1", b"U\x02i4")
    ),
    "an array without a state": pickled(
        data=pth.ask("numpy.core.multiarray", "_reconstruct") + b")\x81"
    ),
    "text longer than memory": pth.PROTO + b"\x8e" + struct.pack("<Q", 2**62) + RAW,
    "text longer than a number": pth.PROTO + b"\x8e" + struct.pack("<Q", 2**63) + RAW,
    "nested too deeply": pth.PROTO + b"(" * 100_000 + b"t" * 100_000 + pth.STOP,
    "text that has no bytes": pth.PROTO
    + pth.call(pth.ask("_codecs", "encode"), pth.text("\u20ac"), pth.text("latin1"))
    + pth.STOP,
    "text through another codec": pickled().replace(
        cifar.old_text(b"data"),
        pth.call(pth.ask("_codecs", "encode"), pth.text("data"), pth.text("utf-16")),
    ),
}


@pytest.mark.parametrize("fault", BAD_BATCHES)
def test_a_damaged_pickle(tmp_path: Path, fault: str) -> None:
    path = cifar.write_tar(tmp_path / "c", changed("data_batch_2", BAD_BATCHES[fault]))
    refused(path, "truncated or damaged", "data_batch_2", "download the archive again")


BAD_NAMES = {
    "nine": cifar.NAMES[:9],
    "eleven": [*cifar.NAMES, "tractor"],
    "a name twice": [*cifar.NAMES[:9], "cat"],
    "ten, and one of them again": [*cifar.NAMES, "cat"],
    "a name of no letters": [*cifar.NAMES[:9], ""],
}


@pytest.mark.parametrize("fault", BAD_NAMES)
def test_other_than_ten_names(tmp_path: Path, fault: str) -> None:
    names = [cifar.old_text(name.encode()) for name in BAD_NAMES[fault]]
    files = changed("batches.meta", cifar.old_dict({"label_names": cifar.old_list(names)}))
    refused(cifar.write_tar(tmp_path / "c", files), "batches.meta doesn't name 10 classes")
    text = "\n".join(name for name in BAD_NAMES[fault] if name).encode()
    if fault != "a name of no letters":
        binary = cifar.write_tar(tmp_path / "b", BINARY | {"batches.meta.txt": text})
        refused(binary, "batches.meta.txt doesn't name 10 classes")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    numbers = cifar.old_list([b"K" + bytes([number]) for number in range(1, 11)])
    files = changed("batches.meta", cifar.old_dict({"label_names": numbers}))
    refused(cifar.write_tar(tmp_path / "c", files), "batches.meta doesn't name 10 classes")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (BINARY["data_batch_4.bin"][:-1], "33,802 bytes"),
        (b"", "holds no pictures"),
        (b"\x0a" + BINARY["data_batch_4.bin"][1:], "labels outside 0 to 9"),
    ],
    ids=["a byte too few", "empty", "label 10"],
)
def test_damaged_records(tmp_path: Path, content: bytes, part: str) -> None:
    path = cifar.write_tar(tmp_path / "c", BINARY | {"data_batch_4.bin": content})
    refused(path, "truncated or damaged", "data_batch_4.bin", part)


@pytest.mark.parametrize("files", [PYTHON, BINARY], ids=["python", "binary"])
@pytest.mark.parametrize("number", range(7))
def test_a_file_is_missing(tmp_path: Path, files: dict[str, bytes], number: int) -> None:
    name = list(files)[number]
    rest = {other: content for other, content in files.items() if other != name}
    refused(cifar.write_tar(tmp_path / "c", rest), f"lacks {name}", "again")


def test_a_file_is_there_twice(tmp_path: Path) -> None:
    path = cifar.write_tar(tmp_path / "c", PYTHON | {"old/data_batch_1": PYTHON["data_batch_1"]})
    refused(path, "data_batch_1 twice")


@pytest.mark.parametrize("files", [PYTHON, BINARY], ids=["python", "binary"])
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.93])
def test_a_truncated_archive(
    tmp_path: Path, files: dict[str, bytes], compressed: bool, share: float
) -> None:
    path = cifar.write_tar(tmp_path / "c", files, compressed=compressed)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path)


@pytest.mark.parametrize("lacking", [1, 5, 9])
def test_an_archive_without_its_last_bytes(tmp_path: Path, lacking: int) -> None:
    """All files are whole, and only the checksum behind them is cut."""
    path = cifar.write_tar(tmp_path / "c", PYTHON)
    path.write_bytes(path.read_bytes()[:-lacking])
    refused(path, "truncated or damaged")


def test_a_garbled_archive(tmp_path: Path) -> None:
    """What gzip can't uncompress begins in the midst of a file's records."""
    path = cifar.write_tar(tmp_path / "c", BINARY, compressed=False)
    content = path.read_bytes()
    header = gzip.compress(b"")[:10]
    path.write_bytes(gzip.compress(content[:9_999]) + header + b"\xff" * 99)
    refused(path, "truncated or damaged", "invalid block type")


def test_a_garbled_header(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        strange = entry("data_batch_1")
        strange.pax_headers = {"GNU.sparse.map": "everywhere"}
        archive.addfile(strange)
    refused(path, "truncated or damaged")


def test_a_byte_changed_on_its_way_is_noticed(tmp_path: Path) -> None:
    """Stored without compression, so that nothing but the checksum can tell."""
    path = cifar.write_tar(tmp_path / "c", PYTHON, compressed=False)
    path.write_bytes(gzip.compress(path.read_bytes(), 0))
    open_data(path, 32, 0)
    content = bytearray(path.read_bytes())
    content[content.index(BATCHES["data_batch_3"].data[5].tobytes()) + 100] ^= 1
    path.write_bytes(content)
    refused(path, "truncated or damaged", "CRC")


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


HOSTILE = {
    "climbs": (entry("../../evil"), "leads out"),
    "climbs from within": (entry("cifar/../../evil"), "leads out"),
    "climbs as on Windows": (entry("cifar\\..\\..\\evil"), "leads out"),
    "absolute": (entry("/etc/passwd"), "leads out"),
    "absolute on Windows": (entry("C:\\evil"), "leads out"),
    "a folder that climbs": (entry("../evil", tarfile.DIRTYPE), "leads out"),
    "a symbolic link": (entry("data", tarfile.SYMTYPE, "/etc/passwd"), "link"),
    "a batch that is a link": (entry("c/data_batch_1", tarfile.SYMTYPE, "/etc/passwd"), "link"),
    "a hard link": (entry("data", tarfile.LNKTYPE, "cifar-10-batches-py/data_batch_1"), "link"),
    "a device": (entry("data", tarfile.CHRTYPE), "neither a regular file nor a folder"),
    "a pipe": (entry("data", tarfile.FIFOTYPE), "neither a regular file nor a folder"),
}


@pytest.mark.parametrize("fault", HOSTILE)
@pytest.mark.parametrize("compressed", [True, False])
def test_what_reaches_out_of_the_archive_is_refused(
    tmp_path: Path, fault: str, compressed: bool
) -> None:
    hostile, part = HOSTILE[fault]
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    path = cifar.write_tar(inner / "c.tar.gz", PYTHON, hostile, compressed=compressed)
    refused(path, repr(hostile.name), part, "publisher")
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def test_a_member_too_long_is_not_read(tmp_path: Path) -> None:
    """Zeros are a thousandth of their length in an archive, and would fill the memory."""
    path = tmp_path / "c"
    long = entry("c/data_batch_1")
    long.size = 65 * 2**20
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.addfile(long, io.BytesIO(bytes(long.size)))
    refused(path, "data_batch_1 has 68,157,440 bytes")


@pytest.mark.parametrize(
    "files",
    [{"train": b"", "test": b"", "meta": b""}, {"train.bin": b"", "fine_label_names.txt": b""}],
    ids=["python", "binary"],
)
def test_cifar_100(tmp_path: Path, files: dict[str, bytes]) -> None:
    refused(cifar.write_tar(tmp_path / "c", files), "CIFAR-100", "one subfolder per class")


def test_another_archive(tmp_path: Path) -> None:
    refused(cifar.write_tar(tmp_path / "c", {"notes.txt": b"x"}), "not CIFAR-10's", "cifar-10-")


@pytest.mark.parametrize("content", [b"", b"Dear model", b"PK\x03\x04" + b"x" * 999])
@pytest.mark.parametrize("compressed", [True, False])
def test_no_archive(tmp_path: Path, content: bytes, compressed: bool) -> None:
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(content) if compressed else content)
    refused(path, "neither a folder nor a tar archive")
