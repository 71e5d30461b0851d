"""Parquet files: which columns, which rows, which paths, and what is read of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset.kept import (
    content_of,
    drawn,
    write_folder,
    write_parquet,
    write_parquet_of_paths,
    write_parquet_of_structs,
    write_table,
)
from dataset.served import Web
from vitonnx import extras
from vitonnx.dataset import Dataset, Sample, open_dataset
from vitonnx.errors import DataError, MissingExtraError, PictureError, UsageError

Put = Callable[[str, bytes], str]
KEPT = drawn(11)
ONE, TWO, THREE = (each.content for each in KEPT[:3])


def samples(path: Path, **options: Any) -> list[Sample]:
    return list(open_dataset([str(path)], **options).samples())


def error_of(sample: Sample) -> str:
    with pytest.raises(PictureError) as raised:
        content_of(sample)
    return str(raised.value)


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.binary())]
)
def test_bytes_are_pictures(tmp_path: Path, kind: Any) -> None:
    path = write_table(
        tmp_path / "a.parquet", {"image": pa.array([ONE, TWO], pa.binary()).cast(kind)}
    )
    found = samples(path)
    assert [content_of(each) for each in found] == [ONE, TWO]
    assert [each.id for each in found] == ["a.parquet: row 0", "a.parquet: row 1"]
    assert [each.label for each in found] == [None, None]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_is_a_path_below_the_file(tmp_path: Path, kind: Any) -> None:
    folder = write_folder(tmp_path / "set", KEPT)
    paths = pa.array([KEPT[2].id, f"./n01/../{KEPT[5].id}"]).cast(kind)
    path = write_table(folder / "a.parquet", {"image": paths})
    found = samples(path)
    assert [content_of(each) for each in found] == [THREE, KEPT[5].content]
    assert found[0].id == KEPT[2].id
    assert found[0].name == f"a.parquet: row 0, {KEPT[2].id}"
    assert str(found[0].picture).endswith(".png")


def test_a_struct_holds_bytes_or_a_path(tmp_path: Path) -> None:
    write_folder(tmp_path, KEPT)
    structs = [
        {"bytes": ONE, "path": "x/a.png"},
        {"bytes": None, "path": KEPT[2].id},
        {"bytes": TWO, "path": None},
        {"bytes": None, "path": None},
        None,
    ]
    found = samples(write_table(tmp_path / "a.parquet", {"image": structs}))
    assert [content_of(each) for each in found[:3]] == [ONE, THREE, TWO]
    assert [each.id for each in found] == [
        *("x/a.png", KEPT[2].id),
        *(f"a.parquet: row {row}" for row in (2, 3, 4)),
    ]
    for row in (3, 4):
        assert error_of(found[row]) == f"a.parquet: row {row} has no picture: it is null."


def test_columns_are_named_also_inside_structs_and_with_dots(tmp_path: Path) -> None:
    columns = {
        "a.b": [ONE, TWO],
        "deep": [{"picture": {"bytes": TWO, "path": "p"}, "said": {"k": 3, "of": "q"}}, None],
        "deeper": [1, 2],
    }
    path = write_table(tmp_path / "a.parquet", columns)
    assert [content_of(each) for each in samples(path, column="a.b")] == [ONE, TWO]
    first, second = samples(path, column="deep.picture", label="deep.said.k", id="deep.said.of")
    assert (content_of(first), first.id, first.label) == (TWO, "q", 3)
    assert (second.id, second.label) == ("a.parquet: row 1", None)
    assert "is null" in error_of(second)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"column": "img"}, "has no column img; it has image, name, label: name one with --column"),
        ({"id": "x"}, "has no column x; it has image, name, label: name one with --id."),
        ({"label": "x"}, "has no column x; it has image, name, label: name one with --label."),
        ({"column": "image.bytes"}, "has no column image.bytes"),
        ({"column": "label"}, r"column label of .+ is of the type int64: pictures are bytes"),
        ({"label": "image"}, r"column image of .+ is of the type binary: labels are whole"),
    ],
)
def test_a_column_that_is_missing_or_of_another_type_is_refused(
    tmp_path: Path, options: dict[str, str], sentence: str
) -> None:
    numbered = [each._replace(label=3) for each in KEPT]
    path = write_parquet(tmp_path / "a.parquet", numbered)
    with pytest.raises(UsageError, match=sentence):
        samples(path, **options)


def test_labels_have_the_names_that_the_table_says(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_parquet_of_structs(path, KEPT, classes=["n03", "n02", "n01"])
    assert [each.label for each in samples(path, label="label")] == [each.label for each in KEPT]
    table = pq.read_table(path)
    for number, label in ((-1, None), (2, "n01")):
        pq.write_table(table.slice(0, 1).set_column(2, "label", [[number]]), path)
        (found,) = samples(path, label="label")
        assert (content_of(found), found.label) == (ONE, label)
    pq.write_table(table.slice(0, 1).set_column(2, "label", [[3]]), path)
    (bad,) = samples(path, label="label")
    assert "has the label 3, but only 0 to 2 have names" in error_of(bad)
    assert bad.label is None


def test_numbers_without_names_stay(tmp_path: Path) -> None:
    columns = {"image": [ONE] * 3, "label": [7, None, -1], "said": ["a", None, "7"]}
    path = write_table(tmp_path / "a.parquet", columns, {"huggingface": "no JSON"})
    assert [each.label for each in samples(path, label="label")] == [7, None, -1]
    assert [each.label for each in samples(path, label="said")] == ["a", None, "7"]
    features = '{"info": {"features": {"label": {"_type": "ClassLabel", "names": 3}}}}'
    write_table(path, columns, {"huggingface": features})
    with pytest.raises(DataError, match="has class names, but doesn't list them"):
        samples(path, label="label")


OUTSIDE = [
    *("../secret.png", "sub/../../secret.png", "{outside}", "link.png", "linked/secret.png"),
    *("", "\0", "https://127.0.0.1:1/secret.png", "s3://birds/secret.png", "file:///etc/passwd"),
]
OUTSIDE_OF_URL = [
    *("../secret.png", "/secret.png", "%2e%2e/secret.png", "a/../../secret.png", "//other/a.png"),
    *("..\\secret.png", "{address}/secret.png", "{address}/set/../secret.png"),
    *("{address}/set/%2e%2e/secret.png", "{address}/setting/a.png", "http://localhost:1/set/a.png"),
]


@pytest.mark.parametrize("way", OUTSIDE)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, way: str) -> None:
    (tmp_path / "secret.png").write_bytes(ONE)
    inside = tmp_path / "set"
    (inside / "sub").mkdir(parents=True)
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "linked").symlink_to(tmp_path)
    way = way.format(outside=tmp_path / "secret.png")
    (bad,) = samples(write_table(inside / "a.parquet", {"image": [way]}))
    with pytest.raises(PictureError, match=r"^a\.parquet: row 0"):
        content_of(bad)


def test_a_path_may_be_below_root_alone(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures", KEPT)
    (tmp_path / "tables").mkdir()
    path = write_parquet_of_paths(tmp_path / "tables" / "a.parquet", KEPT)
    found = samples(path, root=str(folder), label="label")
    assert [content_of(each) for each in found] == [each.content for each in KEPT]
    (there,) = samples(write_table(path, {"image": [str(folder / KEPT[0].id)]}), root=str(folder))
    assert content_of(there) == ONE
    (tmp_path / "secret.png").write_bytes(ONE)
    (bad,) = samples(write_table(path, {"image": ["../secret.png"]}), root=str(folder))
    assert error_of(bad).endswith("say where its pictures are with --root DIR.")


@pytest.mark.parametrize("way", OUTSIDE_OF_URL)
def test_no_path_leads_out_of_a_url(tmp_path: Path, web: Web, way: str) -> None:
    folder = tmp_path / "web" / "set"
    folder.mkdir()
    (tmp_path / "web" / "secret.png").write_bytes(ONE)
    write_table(folder / "a.parquet", {"image": [way.format(address=web.address)]})
    (bad,) = open_dataset([f"{web.address}/set/a.parquet"]).samples()
    with pytest.raises(PictureError):
        content_of(bad)
    assert not [line for line in web.asked if "secret" in line and "/set/" not in line]


def test_paths_at_a_url_are_names_of_files_there(tmp_path: Path, web: Web, bucket: Put) -> None:
    folder = tmp_path / "web" / "set"
    (folder / "n 1").mkdir(parents=True)
    name = "n 1/100% ä?#.png"
    (folder / name).write_bytes(ONE)
    paths = [name, f"{web.address}/set/n%201/100%25%20%C3%A4%3F%23.png"]
    write_table(folder / "a.parquet", {"image": paths})
    for each in open_dataset([f"{web.address}/set/a.parquet"]).samples():
        assert content_of(each) == ONE
    content = write_table(tmp_path / "b.parquet", {"image": [name, f"s3://birds/set/{name}"]})
    bucket(f"set/{name}", TWO)
    for each in open_dataset([bucket("set/b.parquet", content.read_bytes())]).samples():
        assert content_of(each) == TWO
    here = samples(content, root=f"{web.address}/set")
    assert content_of(here[0]) == ONE
    assert "is not below" in error_of(here[1])


def test_nothing_of_a_password_in_a_table_is_said(tmp_path: Path) -> None:
    paths = ["https://ada:secret@birds.org/a.png?token=secret", "ftp://ada:secret@birds.org/b.png"]
    path = write_table(tmp_path / "a.parquet", {"image": paths})
    for root in (None, "https://birds.org"):
        for sample in samples(path, root=root):
            assert "secret" not in sample.id
            assert "secret" not in error_of(sample)
            assert "is not below" in error_of(sample)


def test_row_groups_of_which_nothing_is_chosen_are_not_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", KEPT, row_group_size=3, compression="none")
    content = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(1)
    start = group.column(0).dictionary_page_offset or group.column(0).data_page_offset
    content[start : start + group.column(0).total_compressed_size] = bytes(
        group.column(0).total_compressed_size
    )
    path.write_bytes(content)
    (shard,) = open_dataset([str(path)], id="name").shards
    assert [each.id for each in shard.chosen([1, 2, 7]).samples()] == [
        KEPT[row].id for row in (1, 2, 7)
    ]
    assert [each.id for each in shard.samples(6)] == [each.id for each in KEPT[6:]]
    assert [each.id for each in shard.chosen(range(3)).samples()] == [each.id for each in KEPT[:3]]
    with pytest.raises(DataError, match=r"a\.parquet is damaged, or not a parquet file"):
        list(shard.chosen([4]).samples())


def test_rows_keep_their_order_over_batches(tmp_path: Path) -> None:
    numbers = list(range(211))
    columns = {"image": [ONE] * 211, "name": numbers}
    path = write_table(tmp_path / "a.parquet", columns, row_group_size=101)
    (shard,) = open_dataset([str(path)], id="name").shards
    assert [int(each.id) for each in shard.samples(31)] == numbers[31:]
    rows = [0, 30, 32, 33, 99, 101, 150, 210]
    assert [int(each.id) for each in shard.chosen(rows).samples()] == rows
    assert [int(each.id) for each in shard.chosen(rows).samples(3)] == rows[3:]
    assert [int(each.id) for each in shard.chosen(rows).chosen([1, 6]).samples()] == [30, 150]


NO_PARQUET = {
    "nothing": b"",
    "the mark alone": b"PAR1",
    "marks alone": b"PAR1" * 999,
    "noise": random.Random(5).randbytes(9999),
}


@pytest.mark.parametrize("content", NO_PARQUET.values(), ids=NO_PARQUET)
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet is damaged, or not a parquet file \(.+\): "):
        samples(path)
    with pytest.raises(DataError, match=r"a\.parquet is damaged, or not a parquet file"):
        open_dataset([str(path)], limit=1)


def test_a_limit_reads_no_later_file(tmp_path: Path) -> None:
    first = write_parquet(tmp_path / "a.parquet", KEPT)
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    dataset = open_dataset([str(first), str(tmp_path / "b.parquet")], limit=11)
    assert (dataset.count, len(list(dataset))) == (11, 11)


def test_footers_elsewhere_are_read_when_they_are_needed(tmp_path: Path, web: Web) -> None:
    for number in range(3):
        write_parquet(tmp_path / "web" / f"{number}.parquet", KEPT)
    dataset = open_dataset([f"{web.address}/{{0..2}}.parquet"])
    assert dataset.count is None
    assert not [line for line in web.asked if line.startswith("GET")]
    next(dataset.samples())
    assert web.count("GET /1.parquet") == 0
    assert [shard.counted() for shard in dataset.shards] == [11, 11, 11]
    assert dataset.count == 33


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_parquet(tmp_path / folder / "x.parquet", KEPT[:2])
    dataset: Dataset = open_dataset([str(tmp_path)])
    assert [shard.stem for shard in dataset.shards] == ["x", "x-2"]
    assert len({each.name for each in dataset.samples()}) == 4


def test_without_the_extra_parquet_and_urls_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_parquet(tmp_path / "a.parquet", KEPT)
    monkeypatch.setattr(extras, "missing_modules", lambda extra: ["pyarrow"])
    for name in (str(path), "s3://birds/a.tar", "https://127.0.0.1:1/a.tar"):
        with pytest.raises(MissingExtraError, match=r"pip install 'vitonnx\[data\]'"):
            list(open_dataset([name]))
