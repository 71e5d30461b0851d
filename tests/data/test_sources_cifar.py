"""CIFAR-10's binary archive as published, and whatever is wrong with one."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import cifar_files as cifar
from vitonnx.data import open_data
from vitonnx.errors import DataError

BATCHES = cifar.make_batches()
FILES = cifar.binary_files(BATCHES)


def refused(path: Path, *parts: str) -> None:
    """Check that an archive is refused in one line that has these parts."""
    with pytest.raises(DataError) as caught:
        open_data(path, 32, 0)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "pictures"])
def test_is_read_to_the_pixel(tmp_path: Path, compressed: bool, name: str) -> None:
    path = cifar.write_tar(tmp_path / name, FILES, compressed=compressed)
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


def test_the_order_in_the_archive_does_not_matter(tmp_path: Path) -> None:
    """The publisher's own order is data_batch_4, readme.html, test_batch, data_batch_3 ..."""
    files = {name: FILES[name] for name in reversed(FILES)} | {"readme.html": b"<a href=..>"}
    data = open_data(cifar.write_tar(tmp_path / "c", files), 32, 0)
    np.testing.assert_array_equal(
        data.train.read([54], 0)[0][0], BATCHES["data_batch_5"].pictures[10]
    )


@pytest.mark.parametrize("size", [17, 48])
def test_other_sizes_are_scaled_by_antialiased_bicubic(tmp_path: Path, size: int) -> None:
    data = open_data(cifar.write_tar(tmp_path / "c", FILES), size, 0)
    picture = Image.fromarray(BATCHES["test_batch"].pictures[3])
    expected = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(data.validation.read([3], 0)[0][0], expected)


def test_fewer_pictures_of_each_class_alike(tmp_path: Path) -> None:
    path = cifar.write_tar(tmp_path / "c", FILES)
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


BAD_NAMES = {
    "nine": cifar.NAMES[:9],
    "eleven": [*cifar.NAMES, "tractor"],
    "a name twice": [*cifar.NAMES[:9], "cat"],
    "ten, and one of them again": [*cifar.NAMES, "cat"],
    "a name of no letters": [*cifar.NAMES[:9], ""],
    "a name without end": [*cifar.NAMES[:9], "cat" * 34],
    "none": [],
}


@pytest.mark.parametrize("fault", BAD_NAMES)
def test_other_than_ten_names(tmp_path: Path, fault: str) -> None:
    files = FILES | {"batches.meta.txt": "\n".join(BAD_NAMES[fault]).encode()}
    refused(cifar.write_tar(tmp_path / "c", files), "batches.meta.txt doesn't name 10 classes")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (FILES["data_batch_4.bin"][:-1], "33,802 bytes"),
        (b"", "holds no pictures"),
        (b"\x0a" + FILES["data_batch_4.bin"][1:], "labels beyond 0 to 9"),
    ],
    ids=["a byte too few", "empty", "label 10"],
)
def test_damaged_records(tmp_path: Path, content: bytes, part: str) -> None:
    path = cifar.write_tar(tmp_path / "c", FILES | {"data_batch_4.bin": content})
    refused(path, "truncated or damaged", "data_batch_4.bin", part, "download the archive again")


@pytest.mark.parametrize("number", range(7))
def test_a_file_is_missing(tmp_path: Path, number: int) -> None:
    name = list(FILES)[number]
    rest = {other: content for other, content in FILES.items() if other != name}
    refused(cifar.write_tar(tmp_path / "c", rest), f"lacks {name}", "again")


def test_a_file_is_there_twice(tmp_path: Path) -> None:
    path = cifar.write_tar(
        tmp_path / "c", FILES | {"old/data_batch_1.bin": FILES["data_batch_1.bin"]}
    )
    refused(path, "data_batch_1.bin twice")


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.93])
def test_a_truncated_archive(tmp_path: Path, compressed: bool, share: float) -> None:
    path = cifar.write_tar(tmp_path / "c", FILES, compressed=compressed)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path)


@pytest.mark.parametrize("lacking", [1, 5, 9])
def test_an_archive_without_its_last_bytes(tmp_path: Path, lacking: int) -> None:
    """All files are whole, and only the checksum behind them is cut."""
    path = cifar.write_tar(tmp_path / "c", FILES)
    path.write_bytes(path.read_bytes()[:-lacking])
    refused(path, "truncated or damaged")


def test_a_garbled_archive(tmp_path: Path) -> None:
    """What gzip can't uncompress begins in the midst of a file's records."""
    path = cifar.write_tar(tmp_path / "c", FILES, compressed=False)
    content = path.read_bytes()
    header = gzip.compress(b"")[:10]
    path.write_bytes(gzip.compress(content[:9_999]) + header + b"\xff" * 99)
    refused(path, "truncated or damaged", "invalid block type")


def test_a_garbled_header(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        strange = entry("data_batch_1.bin")
        strange.pax_headers = {"GNU.sparse.map": "everywhere"}
        archive.addfile(strange)
    refused(path, "truncated or damaged")


def test_a_byte_changed_on_its_way_is_noticed(tmp_path: Path) -> None:
    """Stored without compression, so that nothing but the checksum can tell."""
    path = cifar.write_tar(tmp_path / "c", FILES, compressed=False)
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
    "a batch that is a link": (entry("data_batch_1.bin", tarfile.SYMTYPE, "/etc/passwd"), "link"),
    "a hard link": (
        entry("data", tarfile.LNKTYPE, "c/data_batch_1.bin"),
        "link",
    ),
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
    path = cifar.write_tar(inner / "c.tar.gz", FILES, hostile, compressed=compressed)
    refused(path, repr(hostile.name), part, "publisher")
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def test_a_member_too_long_is_not_read(tmp_path: Path) -> None:
    """Zeros are a thousandth of their length in an archive, and would fill the memory."""
    path = tmp_path / "c"
    long = entry("c/data_batch_1.bin")
    long.size = 65 * 2**20
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.addfile(long, io.BytesIO(bytes(long.size)))
    refused(path, "data_batch_1.bin has 68,157,440 bytes")


@pytest.mark.parametrize(
    "files",
    [{"train": b"", "test": b"", "meta": b""}, {"train.bin": b"", "fine_label_names.txt": b""}],
    ids=["python", "binary"],
)
def test_cifar_100(tmp_path: Path, files: dict[str, bytes]) -> None:
    refused(cifar.write_tar(tmp_path / "c", files), "CIFAR-100", "folder per class")


def harmful(target: Path) -> bytes:
    """A pickle that makes a file when it is read."""

    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (target,)

    return pickle.dumps(Harm())


@pytest.mark.parametrize("given", ["archive", "tar", "folder"])
@pytest.mark.parametrize("first", ["batches.meta", "data_batch_4", "test_batch"])
def test_pickles_are_refused_unread(tmp_path: Path, given: str, first: str) -> None:
    """The Python version, in whatever order its archive is."""
    names = [first, *(name for name in [*cifar.BATCHES, "batches.meta"] if name != first)]
    files = {name: harmful(tmp_path / "harmed") for name in names}
    path = tmp_path / "c"
    if given == "folder":
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
    else:
        cifar.write_tar(path, files, compressed=given == "archive")
    refused(path, "Python version", "can run code", "cifar-10-binary.tar.gz")
    assert not (tmp_path / "harmed").exists()


def test_another_archive(tmp_path: Path) -> None:
    refused(cifar.write_tar(tmp_path / "c", {"notes.txt": b"x"}), "not CIFAR-10's", "cifar-10-")


@pytest.mark.parametrize("content", [b"", b"Dear model", b"PK\x03\x04" + b"x" * 999])
@pytest.mark.parametrize("compressed", [True, False])
def test_no_archive(tmp_path: Path, content: bytes, compressed: bool) -> None:
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(content) if compressed else content)
    refused(path, "neither a folder nor a tar archive")
