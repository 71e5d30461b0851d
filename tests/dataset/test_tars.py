"""Tars as people pack them, and as nobody should."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset.kept import Kept, add, content_of, drawn, write_tar, write_tars
from dataset.served import Web
from vitonnx.dataset import Dataset, Sample, open_dataset
from vitonnx.errors import DataError, PictureError

KEPT = drawn(11)
PICTURE, OTHER = KEPT[0].content, KEPT[1].content


def packed(path: Path, *files: tuple[str, bytes], **header: Any) -> str:
    """Pack files by their names; a header is that of the last."""
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            add(archive, name, content, **(header if (name, content) == files[-1] else {}))
    return str(path)


def only(dataset: Dataset) -> Sample:
    (sample,) = dataset.samples()
    return sample


def error_of(sample: Sample) -> str:
    with pytest.raises(PictureError) as raised:
        content_of(sample)
    return str(raised.value)


def ids(dataset: Dataset) -> list[str]:
    return [sample.id for sample in dataset.samples()]


def test_a_sample_is_the_files_of_a_key(tmp_path: Path) -> None:
    name = packed(
        tmp_path / "a.tar",
        ("./._n01", b"what macOS adds"),
        ("./n01/._a.jpg", b"what macOS adds"),
        ("./n01/.hidden.png", PICTURE),
        ("README", b"no suffix"),
        ("notes.txt", b"of no picture"),
        ("./n01/ä 鳥.v2.PNG", PICTURE),
        ("./n01/ä 鳥.cls", b" 7\n"),
        ("./n01/b.png", OTHER),
        ("./n01/b.cls", "Zaunkönig".encode()),
        ("./n01/c.png", OTHER),
    )
    samples = list(open_dataset([name]).samples())
    assert [(each.id, each.label) for each in samples] == [
        ("n01/ä 鳥", 7),
        ("n01/b", "Zaunkönig"),
        ("n01/c", None),
    ]
    assert [each.name for each in samples][:2] == ["a.tar: n01/ä 鳥.v2.png", "a.tar: n01/b.png"]
    assert open_dataset([name]).shards[0].counted() == 3


def test_of_several_pictures_the_column_says_which(tmp_path: Path) -> None:
    name = packed(tmp_path / "a.tar", ("k.left.png", PICTURE), ("k.right.png", OTHER))
    assert error_of(only(open_dataset([name]))) == (
        "a.tar: k has several pictures (left.png, right.png): name one with --column."
    )
    assert content_of(only(open_dataset([name], column="right"))) == OTHER
    assert content_of(only(open_dataset([name], column="left.png"))) == PICTURE
    # One that is called as parquet's default needs no option.
    other = packed(tmp_path / "b.tar", ("k.mask.png", OTHER), ("k.image.png", PICTURE))
    assert content_of(only(open_dataset([other]))) == PICTURE


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        (b'{"class": [1]}', "has a class in its .json that is neither text nor a whole number"),
        (b'{"klass": 1, "url": ""}', "has no class in its .json; it has klass, url"),
        (b"[1]", "has a .json that is not an object"),
        (b"{", "has an invalid .json"),
        (b"[" * 10**5, "has an invalid .json"),
        (b"\xff\xfe", "has a .json that is not in UTF-8"),
    ],
)
def test_a_json_that_says_no_label_is_a_bad_picture(
    tmp_path: Path, about: bytes, sentence: str
) -> None:
    name = packed(tmp_path / "a.tar", ("k.png", PICTURE), ("k.json", about))
    assert error_of(only(open_dataset([name], label="class"))).startswith(f"a.tar: k {sentence}")
    assert content_of(only(open_dataset([name]))) == PICTURE


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "a link"),
        ({"type": tarfile.LNKTYPE, "linkname": "good.png"}, "a link"),
        ({"type": tarfile.FIFOTYPE}, "not a regular file"),
        ({"type": tarfile.CHRTYPE}, "not a regular file"),
    ],
)
def test_a_link_or_device_is_a_bad_picture(
    tmp_path: Path, header: dict[str, Any], what: str
) -> None:
    name = packed(tmp_path / "a.tar", ("good.png", PICTURE), ("k.png", b""), **header)
    good, bad = open_dataset([name]).samples()
    assert content_of(good) == PICTURE
    assert error_of(bad) == f"a.tar: k has a member png that is {what}."
    assert open_dataset([name]).shards[0].counted() == 2


def test_a_member_that_is_too_long_is_a_bad_picture_and_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    entry = tarfile.TarInfo("k.png")
    entry.size = 2**33
    with path.open("wb") as file:
        file.write(entry.tobuf())
        file.seek(2**33, 1)
        file.write(tarfile.NUL * 1024)
    assert "a member png of 8,589,934,592 bytes; 268,435,456 are allowed" in error_of(
        only(open_dataset([str(path)]))
    )


def test_two_members_of_a_kind_are_a_bad_picture(tmp_path: Path) -> None:
    name = packed(tmp_path / "a.tar", ("k.png", PICTURE), ("k.png", OTHER))
    assert error_of(only(open_dataset([name]))) == "a.tar: k has two members of the kind png."


def test_members_of_a_sample_that_are_apart_are_refused(tmp_path: Path) -> None:
    name = packed(tmp_path / "a.tar", ("k.png", PICTURE), ("l.png", OTHER), ("k.cls", b"1"))
    with pytest.raises(DataError, match=r"a\.tar has members of k in two places"):
        ids(open_dataset([name]))


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def cut_between_members(content: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return content[: archive.getmembers()[4].offset]


def with_damaged_header(content: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        place = archive.getmembers()[4].offset
    return content[:place] + b"\x55" * 512 + content[place + 512 :]


@pytest.mark.parametrize("damage", [cut, cut_between_members, with_damaged_header])
def test_a_damaged_tar_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write_tar(tmp_path / "a.tar", KEPT)
    path.write_bytes(damage(path.read_bytes()))
    for read in (lambda dataset: ids(dataset), lambda dataset: dataset.shards[0].counted()):
        with pytest.raises(DataError, match=r"a\.tar is truncated or damaged \("):
            read(open_dataset([str(path)]))


@pytest.mark.parametrize(
    "damage", [cut, lambda content: content[:-9], lambda c: c[:-8] + b"\0" * 8]
)
def test_a_damaged_gzip_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write_tar(tmp_path / "a.tgz", KEPT, mode="w:gz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"a\.tgz is truncated or damaged \("):
        ids(open_dataset([str(path)]))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"a\.tar is empty \(0 bytes\): download or copy it again\."),
        (b"<html>" * 1000, r"a\.tar is not a tar archive \(.+\): give a tar"),
        (b"PK\3\4" + b"\0" * 5000, r"a\.tar is not a tar archive"),
        (b"\x1f\x8b" + b"\1" * 5000, r"a\.tar is truncated or damaged"),
    ],
)
def test_a_foreign_file_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        ids(open_dataset([str(tmp_path / "a.tar")]))


def test_headers_can_ask_for_no_more_than_headers_have(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 2**40
    path.write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + tarfile.NUL * 5000)
    with pytest.raises(DataError, match="one of its headers is too long"):
        ids(open_dataset([str(path)]))


def test_a_tar_without_pictures_is_named(tmp_path: Path) -> None:
    name = packed(tmp_path / "a.tar", ("k.bin", b"1"), ("k.cls", b"1"))
    with pytest.raises(DataError, match=r"a\.tar holds no pictures .+, but \.bin, \.cls\."):
        ids(open_dataset([name]))


def test_an_empty_tar_holds_nothing(tmp_path: Path) -> None:
    assert ids(open_dataset([packed(tmp_path / "a.tar")])) == []


def test_samples_begin_and_are_chosen_where_one_says(tmp_path: Path) -> None:
    keys = [each.id.removesuffix(".png") for each in KEPT]
    for mode, name in (("w", "a.tar"), ("w:gz", "a.tgz")):
        (shard,) = open_dataset([str(write_tar(tmp_path / name, KEPT, mode=mode))]).shards
        assert [each.id for each in shard.samples(7)] == keys[7:]
        some = shard.chosen([1, 4, 5, 9])
        assert [each.id for each in some.samples(1)] == [keys[4], keys[5], keys[9]]
        assert [each.id for each in some.chosen(range(1, 3)).samples()] == [keys[4], keys[5]]
        assert list(shard.samples(11)) == []
        assert some.count == some.counted() == 4
        assert len({shard.described(), some.described(), shard.chosen([1]).described()}) == 3


def test_members_that_are_not_wanted_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    # Of 64 GiB of holes, whoever read them would be here for minutes.
    with path.open("wb") as file:
        for number in range(64):
            entry = tarfile.TarInfo(f"{number}.npy")
            entry.size = 2**30
            file.write(entry.tobuf())
            file.seek(2**30, 1)
        entry = tarfile.TarInfo("k.png")
        entry.size = len(PICTURE)
        file.write(entry.tobuf() + PICTURE + tarfile.NUL * (2048 - len(PICTURE) % 512))
    assert content_of(only(open_dataset([str(path)], limit=1, seed=0))) == PICTURE


def test_with_a_limit_no_shard_is_opened_in_vain(tmp_path: Path) -> None:
    tars = write_tars(tmp_path, KEPT, [5, 3, 3])
    tars[2].write_bytes(b"not a tar")
    dataset = open_dataset([str(tar) for tar in tars], limit=7)
    assert ids(dataset) == [each.id.removesuffix(".png") for each in KEPT[:7]]
    assert [shard.count for shard in dataset.shards] == [5, 2]
    assert dataset.count == 7
    with pytest.raises(DataError, match=r"shard-002\.tar"):
        open_dataset([str(tar) for tar in tars], limit=9)


def test_a_limit_on_tars_at_a_url_fetches_no_more_than_it_takes(tmp_path: Path, web: Web) -> None:
    kept = [*KEPT, *(Kept(f"n04/{n}.png", bytes(2**20), "n04") for n in range(30))]
    write_tars(tmp_path / "web", kept, [5, 36])
    dataset = open_dataset([f"{web.address}/shard-{{000..001}}.tar"], limit=7)
    for _ in range(2):
        assert [each.id for each in dataset.samples()] == [
            each.id.removesuffix(".png") for each in KEPT[:7]
        ]
        assert content_of(next(dataset.samples())) == PICTURE
    assert [web.count(f"GET /shard-00{number}.tar") for number in range(2)] == [1, 1]
    # Three pieces of a MiB are on the way, and what the system keeps of a connection.
    assert web.sent < 12 * 2**20


def test_a_sample_of_tars_at_a_url_is_read_once(tmp_path: Path, web: Web) -> None:
    tars = write_tars(tmp_path / "web", KEPT, [5, 6])
    near = open_dataset([str(tar) for tar in tars], limit=4, seed=3)
    far = open_dataset([f"{web.address}/{tar.name}" for tar in tars], limit=4, seed=3)
    assert ids(far) == ids(far) == ids(near)
    assert [web.count(f"GET /{tar.name}") for tar in tars] == [1, 1]


def test_a_fetched_dataset_is_the_same_and_is_read_once(tmp_path: Path, web: Web) -> None:
    tars = write_tars(tmp_path / "web", KEPT, [5, 6])
    dataset = open_dataset([f"{web.address}/{tar.name}" for tar in tars])
    fetched = dataset.fetched()
    assert web.count("GET /shard-000.tar") == 0
    assert [shard.counted() for shard in fetched.shards] == [5, 6]
    assert ids(fetched) == ids(fetched) == [each.id.removesuffix(".png") for each in KEPT]
    assert [shard.stem for shard in fetched.shards] == ["shard-000", "shard-001"]
    assert [shard.name for shard in fetched.shards] == [shard.name for shard in dataset.shards]
    assert fetched.described() == dataset.described()
    assert [web.count(f"GET /{tar.name}") for tar in tars] == [1, 1]


def test_a_tar_that_breaks_off_at_a_url_is_named(tmp_path: Path, web: Web) -> None:
    tar = write_tar(tmp_path / "web" / "a.tar", KEPT)
    tar.write_bytes(cut(tar.read_bytes()))
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:\d+/a\.tar is truncated or damaged"):
        ids(open_dataset([f"{web.address}/a.tar"]))
    with pytest.raises(DataError, match=r"there is no http://127\.0\.0\.1:\d+/b\.tar: "):
        ids(open_dataset([f"{web.address}/b.tar"]))
