"""From words of the command line to shards: which files, which ids and labels, which rows."""

from __future__ import annotations

import os
import pickle
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from dataset.kept import content_of, drawn, write_folder, write_parquet, write_tar, write_tars
from dataset.served import Web
from vitonnx.dataset import Dataset, open_dataset
from vitonnx.dataset._braces import expanded
from vitonnx.errors import DataError, UsageError, VitonnxError
from vitonnx.places import shown_address, without_secrets

KEPT = drawn(11)
IDS = [each.id for each in KEPT]


def ids(dataset: Dataset) -> list[str]:
    return [sample.id for sample in dataset.samples()]


def labels(dataset: Dataset) -> list[str | int | None]:
    return [sample.label for sample in dataset.samples()]


def test_a_listing_is_cut_into_shards_of_a_size(desk: Path) -> None:
    write_folder(desk / "a", KEPT[:7])
    write_folder(desk / "b", KEPT[7:])
    dataset = open_dataset(["a", "b"], shard_size=5)
    assert [(shard.stem, shard.count) for shard in dataset.shards] == [
        *(("part-00000", 5), ("part-00001", 5), ("part-00002", 1)),
    ]
    assert ids(dataset) == IDS
    assert labels(dataset) == [each.label for each in KEPT]
    assert dataset.count == 11
    assert [shard.name for shard in dataset.shards] == ["a", "part-00001", "b"]
    again = open_dataset(["a", "b", "a/n01"], shard_size=5)
    assert ids(again) == IDS


def test_ids_and_labels_are_below_the_argument(desk: Path) -> None:
    write_folder(desk / "set" / "val", KEPT)
    below = ["val/" + name for name in IDS]
    assert ids(open_dataset(["set"])) == below
    assert set(labels(open_dataset(["set"]))) == {"val"}
    assert ids(open_dataset(["set/*/n01/*.png"])) == [name for name in below if "n01" in name]
    assert ids(open_dataset(["set/val/n0?/00*.png"])) == IDS[:10]
    assert ids(open_dataset([str(desk / "set" / "val")])) == IDS
    (desk / "list.txt").write_text(f"set/val/{IDS[0]}\nset/val/n03\n")
    listed = open_dataset(["@list.txt"])
    assert ids(listed) == [f"set/val/{IDS[0]}", "008.png", "009.png", "010.png"]
    assert labels(listed) == [None] * 4


def test_kinds_can_be_mixed_and_keep_their_order(desk: Path) -> None:
    write_folder(desk / "a", KEPT[:3])
    write_tar(desk / "part-00001.tar", KEPT[3:5])
    write_parquet(desk / "b.parquet", KEPT[5:9])
    write_folder(desk / "c", KEPT[9:])
    words = ["a", "part-00001.tar", "b.parquet", "c", "./part-00001.tar"]
    dataset = open_dataset(words, shard_size=2)
    stems = ["part-00000", "part-00001-2", "part-00001", "b", "part-00002"]
    assert [shard.stem for shard in dataset.shards] == stems
    contents = list(map(content_of, dataset.samples()))
    assert contents == [each.content for each in KEPT]
    part = dataset.part(1, 3)
    assert [shard.stem for shard in part.shards] == stems[1:3]


@pytest.mark.parametrize("seed", [None, 0, 7])
@pytest.mark.parametrize("limit", [1, 5, 10, 11, 99])
def test_a_sample_is_the_same_however_the_pictures_are_kept(
    desk: Path, limit: int, seed: int | None
) -> None:
    write_folder(desk / "a", KEPT)
    write_tars(desk / "tars", KEPT, [5, 0, 2, 4])
    write_parquet(desk / "b.parquet", KEPT, row_group_size=4)
    rows = list(range(11))[:limit]
    if seed is not None and limit < 11:
        rows = sorted(random.Random(seed).sample(range(11), limit))
    expected = [IDS[row] for row in rows]
    assert ids(open_dataset(["a"], limit=limit, seed=seed, shard_size=3)) == expected
    tars = open_dataset(["tars"], limit=limit, seed=seed)
    assert [f"{name}.png" for name in ids(tars)] == expected
    table = open_dataset(["b.parquet"], id="name", limit=limit, seed=seed)
    assert ids(table) == expected


def test_pictures_that_a_sample_leaves_out_are_not_opened(desk: Path) -> None:
    write_folder(desk / "a", KEPT)
    opened, watching = [], True  # a hook stays for as long as Python runs

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and str(arguments[0]).endswith(".parquet"):
            opened.append(Path(str(arguments[0])).name)

    sys.addaudithook(watch)
    for number in range(3):
        write_parquet(desk / f"{number}.parquet", KEPT)
    opened.clear()
    assert len(ids(open_dataset(["[012].parquet"], limit=3))) == 3
    watching = False
    assert set(opened) == {"0.parquet"}


def test_a_folder_of_pictures_is_a_folder_of_pictures(desk: Path) -> None:
    write_folder(desk / "a", KEPT)
    write_tar(desk / "a" / "x.tar", KEPT)
    assert ids(open_dataset(["a"])) == IDS
    (desk / "both").mkdir()
    write_tar(desk / "both" / "x.tar", KEPT)
    write_parquet(desk / "both" / "x.parquet", KEPT)
    with pytest.raises(UsageError, match=r"both has both tars and parquet files: .+'\*\.tar'"):
        open_dataset(["both"])
    assert len(ids(open_dataset(["both/*.tar"]))) == 11


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "no pictures given"),
        ([""], "no pictures given"),
        (["empty"], "empty holds no pictures"),
        (["empty/*.tar"], r"empty/\*\.tar matches no pictures"),
        (["ftp://birds/a.png"], "ftp://birds/a.png is a URL that isn't read: .+ s3://"),
        (["file:///birds/a.png"], "is a URL: give the file by its name, /birds/a.png"),
        (["{0..9999999}.tar"], "stands for more than 1,000,000 names"),
        (["{0..999}{0..999}{0..9}.tar"], "stands for more than 1,000,000 names"),
    ],
)
def test_words_that_stand_for_nothing_are_refused(
    desk: Path, words: list[str], sentence: str
) -> None:
    (desk / "empty").mkdir()
    with pytest.raises(UsageError, match=sentence):
        open_dataset(words)


def test_a_missing_tar_is_named_at_once(desk: Path) -> None:
    write_tars(desk, KEPT, [5, 6])
    with pytest.raises(DataError, match=r"shard-002\.tar does not exist: check the name"):
        open_dataset(["shard-{000..002}.tar"])
    os.mkfifo(desk / "pipe.tar")
    with pytest.raises(DataError, match=r"pipe\.tar is a pipe, but only regular files are read"):
        ids(open_dataset(["pipe.tar"]))


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("a", ["a"]),
        ("{08..11}", ["08", "09", "10", "11"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("{2..0}x", ["2x", "1x", "0x"]),
        ("{000..002}", ["000", "001", "002"]),
        ("{0..100}", [str(number) for number in range(101)]),
        ("{a,b}/{1..2}.tar", ["a/1.tar", "a/2.tar", "b/1.tar", "b/2.tar"]),
        ("{a,{b,c}}", ["a", "b", "c"]),
        ("{,x}.tar", [".tar", "x.tar"]),
        ("{a}.png", ["{a}.png"]),
        ("{", ["{"]),
    ],
)
def test_braces_stand_for_what_they_do_in_a_shell(word: str, names: list[str]) -> None:
    assert sorted(expanded(word)) == sorted(names)


def test_a_file_that_is_called_so_wins(desk: Path) -> None:
    write_folder(desk, [KEPT[0]._replace(id="{1,2}.png")])
    assert ids(open_dataset(["{1,2}.png"])) == ["{1,2}.png"]


def test_nothing_of_a_password_or_token_is_said(tmp_path: Path, web: Web) -> None:
    host = web.address.removeprefix("http://")
    secret = f"http://me:pass%40word@{host}/a.{{}}?token=t0ken&sign=a%2Fb"
    hidden = ("me:", "pass", "t0ken", "a%2Fb", "a/b")
    errors = []
    for kind in ("tar", "parquet", "png"):
        dataset = open_dataset([secret.format(kind)])
        assert dataset.files == [shown_address(secret.format(kind))]
        with pytest.raises(VitonnxError) as raised:
            list(map(content_of, dataset.samples()))
        errors.append(str(raised.value))
    web.password = "bWU6cGFzc0B3b3Jk"  # me:pass@word
    write_tar(tmp_path / "web" / "a.tar", KEPT)
    dataset = open_dataset([secret.format("tar")])
    assert len(ids(dataset)) == 11
    said = [*errors, *dataset.files, dataset.shards[0].name, dataset.shards[0].described()]
    for text in said:
        assert not [word for word in hidden if word in text], text
    assert without_secrets("Auth of me:pass@word", secret) == "Auth of …"


def test_a_page_leads_to_nothing_but_what_is_below(tmp_path: Path, web: Web) -> None:
    folder = write_folder(tmp_path / "web" / "set", KEPT[:2])
    write_folder(tmp_path / "web" / "other", KEPT)
    links = ["/", "/other/", "../other/", "n01/", "?C=N;O=D", f"{web.address}/other/", "/set/"]
    links += ["n01/000.png", "/other/n01/000.png", "http://localhost:1/set/n01/a.png"]
    page = "".join(f'<a href="{link}">x</a>' for link in links)
    (folder / "index.html").write_text(page)
    assert ids(open_dataset([f"{web.address}/set/"])) == IDS[:2]
    assert not [line for line in web.asked if "/other/" in line]


def test_a_name_at_a_url_stays_a_name(tmp_path: Path, web: Web) -> None:
    address = f"{web.address}/..%2F..%2Fx%00:y.tar"
    (shard,) = open_dataset([address]).shards
    assert shard.stem == "x__y"


def test_two_queries_are_two_pictures() -> None:
    addresses = [f"https://birds.org/get?id={number}" for number in range(2)]
    assert len(set(ids(open_dataset(addresses)))) == 2


def test_shards_can_be_sent_to_another_process(tmp_path: Path, web: Web) -> None:
    folder = write_folder(tmp_path / "a", KEPT)
    tar = write_tar(tmp_path / "web" / "a.tar", KEPT)
    table = write_parquet(tmp_path / "a.parquet", KEPT)
    words = [str(folder), str(tar), str(table), f"{web.address}/a.tar"]
    dataset = open_dataset(words, limit=43, seed=1)
    again = pickle.loads(pickle.dumps(dataset))
    assert ids(again) == ids(dataset)
    assert again.described() == dataset.described()
    samples = pickle.loads(pickle.dumps(list(dataset.samples())))
    assert content_of(samples[-1]) == KEPT[-1].content


def test_a_description_tells_datasets_apart(desk: Path) -> None:
    write_folder(desk / "a", KEPT)
    write_tar(desk / "a.tar", KEPT, said=True)
    write_parquet(desk / "a.parquet", KEPT)
    calls: list[tuple[str, dict[str, Any]]] = [
        *(("a", {}), ("a", {"limit": 3}), ("a", {"limit": 3, "seed": 1})),
        *(("a.tar", {}), ("a.tar", {"label": "class"}), ("a.tar", {"id": "name"})),
        *(
            ("a.tar", {"column": "png"}),
            ("a.tar", {"limit": 3}),
            ("a.tar", {"limit": 3, "seed": 1}),
        ),
        *(("a.parquet", {}), ("a.parquet", {"label": "label"}), ("a.parquet", {"id": "name"})),
        *(("a.parquet", {"root": "a"}), ("a.parquet", {"limit": 3})),
    ]

    def said(folder: Path) -> list[str]:
        """Describe all, by names from a folder."""
        return [
            str(open_dataset([str(folder / word)], **options).described())
            for word, options in calls
        ]

    assert len(set(said(Path()))) == len(calls)
    assert said(Path()) == said(desk)
    before = said(desk)
    write_tar(desk / "a.tar", KEPT[:3], said=True)
    assert said(desk)[3] != before[3]
