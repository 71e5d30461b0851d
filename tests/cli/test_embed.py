"""``vitonnx embed``: a row for each picture, in types that every reader of parquet knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vitonnx as vx
from dataset.kept import (
    Kept,
    drawn,
    write_folder,
    write_parquet,
    write_parquet_of_paths,
    write_parquet_of_structs,
    write_tar,
    write_tars,
)
from recipes import with_recipe
from runs.tables import array, column, files_in, said
from terminal import Outcome, assert_plain, assert_refused, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

WIDTH, CLASSES = 21, 11  # of the tiny models


@pytest.fixture(scope="module")
def kept() -> list[Kept]:
    """Seven good pictures of three classes."""
    return drawn(7)


@pytest.fixture(scope="module")
def spoilt(kept: list[Kept]) -> list[Kept]:
    """The same, but that the third is none."""
    return [each._replace(content=b"Dear") if at == 2 else each for at, each in enumerate(kept)]


@pytest.fixture(scope="module")
def folder(kept: list[Kept], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("kept") / "birds", kept)


def embedded(call: Call, model: Path, *words: str | Path) -> Outcome:
    return call("embed", model, *words, "--quiet", "--threads", "1")


def done(call: Call, model: Path, *words: str | Path) -> None:
    outcome = embedded(call, model, *words)
    assert (outcome.code, outcome.errors) == (0, [])


# -- What a row holds


def test_rows_are_plain(
    call: Call, exported: Exported, folder: Path, kept: list[Kept], desk: Path
) -> None:
    outcome = embedded(call, exported("plain"), folder, "-o", "out")
    assert (outcome.code, outcome.out, outcome.err) == (0, "out\n", "")
    assert len(files_in("out")) == 1
    schema = pq.read_schema(desk / "out" / files_in("out")[0])
    assert schema.names == ["id", "label", "embedding", "error"]
    assert schema.field("id").type == pa.string()
    assert schema.field("label").type == pa.string()
    assert schema.field("embedding").type == pa.list_(pa.float32(), WIDTH)
    assert schema.field("error").type == pa.string()
    assert column("out", "id") == [each.id for each in kept]
    assert column("out", "label") == [each.label for each in kept]
    assert column("out", "error") == [None] * 7


def test_embeddings_are_those_of_the_engine(
    call: Call, exported: Exported, folder: Path, kept: list[Kept], desk: Path
) -> None:
    done(call, exported("plain"), folder, "-o", "x.parquet", "--logits")
    engine = vx.Engine(exported("plain"), device="cpu", threads=1)
    found = engine.run([folder / each.id for each in kept])
    embedding, logits = found["embedding"], found["logits"]
    np.testing.assert_allclose(array(desk / "x.parquet", "embedding"), embedding, atol=1e-5)
    np.testing.assert_allclose(array(desk / "x.parquet", "logits"), logits, atol=1e-5)
    best = np.argsort(-logits, axis=1)[:, :5]
    assert array(desk / "x.parquet", "top5").tolist() == best.tolist()


def test_logits_have_their_types(call: Call, exported: Exported, folder: Path, desk: Path) -> None:
    done(call, exported("plain"), folder, "-o", "x.parquet", "--logits")
    schema = pq.read_schema("x.parquet")
    assert schema.names == ["id", "label", "embedding", "logits", "top5", "error"]
    assert schema.field("logits").type == pa.list_(pa.float32(), CLASSES)
    assert schema.field("top5").type.list_size == 5
    assert pa.types.is_integer(schema.field("top5").type.value_type)


def test_half(call: Call, exported: Exported, folder: Path, desk: Path) -> None:
    done(call, exported("plain"), folder, "-o", "full.parquet")
    done(call, exported("plain"), folder, "-o", "half.parquet", "--half", "--logits")
    schema = pq.read_schema("half.parquet")
    assert schema.field("embedding").type == pa.list_(pa.float16(), WIDTH)
    assert schema.field("logits").type == pa.list_(pa.float32(), CLASSES)
    full, half = (array(desk / f"{name}.parquet", "embedding") for name in ("full", "half"))
    np.testing.assert_array_equal(half, full.astype(np.float32).astype(np.float16))


def test_logits_of_a_model_without_a_head_are_refused(
    call: Call, exported: Exported, folder: Path, desk: Path
) -> None:
    outcome = embedded(call, exported("headless"), folder, "--logits", "-o", "x.parquet")
    assert_refused(outcome, 2, "no head", "--logits")
    assert contents(desk) == {}


def test_labels_that_are_numbers_stay_numbers(call: Call, exported: Exported, desk: Path) -> None:
    numbered = [each._replace(label=at * 3) for at, each in enumerate(drawn(5))]
    write_parquet(desk / "birds.parquet", numbered)
    write_tar(desk / "birds.tar", numbered)
    words = ("--label", "label", "--id", "name")
    done(call, exported("plain"), "birds.parquet", *words, "-o", "a.parquet")
    done(call, exported("plain"), "birds.tar", "-o", "b.parquet")
    for name in ("a.parquet", "b.parquet"):
        assert pq.read_schema(name).field("label").type == pa.int64()
        assert column(name, "label") == [0, 3, 6, 9, 12]


def test_labels_beyond_64_bits_are_refused(call: Call, exported: Exported, desk: Path) -> None:
    kept = drawn(2)
    table = {"image": [each.content for each in kept], "kind": pa.array([7, 2**63], pa.uint64())}
    pq.write_table(pa.table(table), desk / "val.parquet")
    words = ("val.parquet", "--label", "kind", "-o", "out")
    assert_refused(embedded(call, exported("plain"), *words), 1, str(2**63))
    assert files_in("out") == []


@pytest.mark.parametrize("limit", [(), ("--limit", "3")])
@pytest.mark.parametrize("output", ["out.parquet", "out.npz"])
def test_no_picture_is_no_row(
    output: str, limit: tuple[str, ...], call: Call, exported: Exported, desk: Path
) -> None:
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), desk / "empty.parquet")
    outcome = embedded(call, exported("plain"), "empty.parquet", "-o", output, *limit)
    assert (outcome.code, outcome.errors) == (0, [])
    assert (desk / output).exists()


def test_labels_of_hugging_face_are_names(call: Call, exported: Exported, desk: Path) -> None:
    kept = drawn(5, ("wren", "tit"))
    write_parquet_of_structs(desk / "birds.parquet", kept, classes=("tit", "wren"))
    done(call, exported("plain"), "birds.parquet", "--label", "label", "-o", "a.parquet")
    found = column("a.parquet", "label")
    assert found in ([each.label for each in kept], [1, 1, 1, 0, 0])
    assert column("a.parquet", "id") == [each.id for each in kept]


def test_without_a_label_there_is_none(call: Call, exported: Exported, desk: Path) -> None:
    for each in drawn(3):
        (desk / Path(each.id).name).write_bytes(each.content)
    done(call, exported("plain"), desk, "-o", "x.parquet")
    assert column("x.parquet", "label") == [None] * 3
    assert column("x.parquet", "id") == ["000.png", "001.png", "002.png"]


# -- Bad pictures


def test_a_bad_picture_is_a_row(
    call: Call, exported: Exported, kept: list[Kept], spoilt: list[Kept], desk: Path
) -> None:
    write_folder(desk / "good", kept)
    write_folder(desk / "bad", spoilt)
    done(call, exported("plain"), "good", "-o", "good.parquet", "--logits")
    outcome = embedded(call, exported("plain"), "bad", "-o", "bad.parquet", "--logits")
    assert (outcome.code, outcome.out) == (1, "bad.parquet\n")
    assert any("002.png" in line for line in outcome.errors)
    assert "1 of 7 pictures" in outcome.errors[-1]
    for line in outcome.errors:
        assert_plain(line)
    errors = column("bad.parquet", "error")
    assert [error is None for error in errors] == [True, True, False, True, True, True, True]
    assert_plain(errors[2])
    assert column("bad.parquet", "id") == [each.id for each in kept]
    assert column("bad.parquet", "label") == [each.label for each in kept]
    for name in ("embedding", "logits", "top5"):
        assert column("bad.parquet", name)[2] is None
        good, bad = (array(desk / each, name) for each in ("good.parquet", "bad.parquet"))
        np.testing.assert_allclose(bad, np.delete(good, 2, axis=0), atol=1e-6)


def test_a_shard_of_bad_pictures_has_the_same_schema(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    bad = [each._replace(content=b"Dear picture") for each in kept[3:5]]
    write_tars(desk / "tars", [*kept[:3], *bad, *kept[5:]], (3, 2, 2))
    outcome = embedded(call, exported("plain"), "tars", "-o", "out", "--logits")
    assert outcome.code == 1
    assert "2 of 7 pictures" in outcome.errors[-1]
    first, second, third = (desk / "out" / name for name in files_in("out"))
    assert said(first) == said(second) == said(third)
    assert [len(column(each, "id")) for each in (first, second, third)] == [3, 2, 2]
    assert all(column(second, "error"))
    # So that readers of folders take them as one table.
    table = pads.dataset("out", format="parquet").to_table()
    assert table.num_rows == 7
    assert table.column("embedding").null_count == 2


def test_when_all_are_bad_there_are_rows_nonetheless(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    write_folder(desk / "bad", [each._replace(content=b"") for each in kept])
    for output in ("out", "x.parquet", "x.npz"):
        outcome = embedded(call, exported("plain"), "bad", "-o", output)
        assert (outcome.code, outcome.out) == (1, f"{output}\n")
        assert "7 of 7 pictures" in outcome.errors[-1]
    assert all(column("out", "error"))
    assert all(column("x.parquet", "error"))


def test_many_bad_pictures_are_counted_and_not_all_listed(
    call: Call, exported: Exported, desk: Path
) -> None:
    write_folder(desk / "bad", [each._replace(content=b"Dear") for each in drawn(43)])
    outcome = embedded(call, exported("plain"), "bad", "-o", "out")
    assert outcome.code == 1
    assert "43 of 43 pictures" in outcome.errors[-1]
    assert len(outcome.errors) < 40
    assert len(set(column("out", "error"))) == 43


# -- Where rows go


def test_one_file_or_a_folder_or_arrays(
    call: Call, exported: Exported, spoilt: list[Kept], desk: Path
) -> None:
    write_tars(desk / "tars", spoilt, (2, 3, 2))
    for output in ("out", "x.parquet", "x.npz"):
        assert embedded(call, exported("plain"), "tars", "-o", output, "--logits").code == 1
    assert files_in("out") == ["shard-000.parquet", "shard-001.parquet", "shard-002.parquet"]
    assert sorted(contents(desk)) == sorted(
        [*(f"tars/shard-00{n}.tar" for n in range(3)), "tars", "out", "x.npz", "x.parquet"]
        + [f"out/{name}" for name in (path.name for path in Path("out").iterdir())]
    )
    for name in ("id", "label", "embedding", "logits", "top5", "error"):
        assert column("out", name) == column("x.parquet", name)
    with np.load("x.npz", allow_pickle=False) as saved:
        arrays = dict(saved)
    assert set(arrays) == {"id", "label", "embedding", "logits", "top5", "error"}
    assert arrays["id"].tolist() == column("out", "id")
    assert arrays["label"].tolist() == column("out", "label")
    assert arrays["embedding"].dtype == np.float32
    assert arrays["embedding"].shape == (7, WIDTH)
    assert np.isnan(arrays["embedding"][2]).all()
    assert arrays["error"][2]
    assert not any(np.delete(arrays["error"], 2))
    good = np.delete(arrays["embedding"], 2, axis=0)
    np.testing.assert_array_equal(good, array(desk / "x.parquet", "embedding"))


def test_half_in_arrays(call: Call, exported: Exported, folder: Path) -> None:
    done(call, exported("plain"), folder, "-o", "x.npz", "--half")
    with np.load("x.npz", allow_pickle=False) as saved:
        assert saved["embedding"].dtype == np.float16
        assert np.isfinite(saved["embedding"]).all()


def test_a_folder_with_a_suffix_that_is_there_is_a_folder(
    call: Call, exported: Exported, folder: Path, desk: Path
) -> None:
    (desk / "rows.v2").mkdir()
    done(call, exported("plain"), folder, "-o", "rows.v2")
    assert len(files_in("rows.v2")) == 1
    (desk / "x.parquet").mkdir()
    done(call, exported("plain"), folder, "-o", "x.parquet")
    assert len(files_in("x.parquet")) == 1


def test_a_folder_in_a_folder_is_made(call: Call, exported: Exported, folder: Path) -> None:
    done(call, exported("plain"), folder, "-o", "a/b/rows/")
    assert len(files_in("a/b/rows")) == 1


def test_tars_of_one_name_have_files_of_their_own(
    call: Call, exported: Exported, desk: Path
) -> None:
    kept = drawn(5)
    for name, stem, own in (("a", "birds", kept[:2]), ("b", "birds", kept[2:]), ("c", "BIRDS", [])):
        (desk / name).mkdir()
        # Some disks take names of other capitals for the same.
        write_tar(desk / name / f"{stem}.tar", own or kept[3:])
    paths = {name: desk / name / "birds.tar" for name in "ab"} | {"c": desk / "c" / "BIRDS.tar"}
    for chosen, counts in (("ab", [2, 3]), ("bc", [2, 3]), ("abc", [2, 2, 3])):
        out = desk / f"of-{chosen}"
        done(call, exported("plain"), *(paths[name] for name in chosen), "-o", out)
        assert len({name.casefold() for name in files_in(out)}) == len(chosen)
        assert sorted(len(column(out / name, "id")) for name in files_in(out)) == counts


def test_a_folder_of_many_is_cut(call: Call, exported: Exported, desk: Path) -> None:
    """Into shards of 4,096, in their order."""
    (desk / "many").mkdir()
    Image.new("RGB", (3, 2)).save(desk / "many" / "0000.png")
    for number in range(1, 4099):
        os.link(desk / "many" / "0000.png", desk / "many" / f"{number:04}.png")
    done(call, exported("plain"), "many", "-o", "out")
    assert [len(column(desk / "out" / name, "id")) for name in files_in("out")] == [4096, 3]
    assert column("out", "id") == [f"{number:04}.png" for number in range(4099)]


# -- The same dataset, kept in other ways


def test_the_same_bits_however_pictures_are_kept(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    write_folder(desk / "folder", kept)
    write_tar(desk / "packed.tar", kept)
    write_tar(desk / "packed.tar.gz", kept, mode="w:gz")
    write_parquet(desk / "bytes.parquet", kept)
    write_parquet_of_paths(desk / "folder" / "paths.parquet", kept)
    write_parquet_of_structs(desk / "structs.parquet", kept, row_group_size=3)
    said = ("--id", "name", "--label", "label")
    ways: dict[str, tuple[str, ...]] = {
        "folder": (),
        "packed.tar": (),
        "packed.tar.gz": (),
        "bytes.parquet": said,
        "folder/paths.parquet": said,
        "structs.parquet": said,
    }
    found = {}
    for number, (way, words) in enumerate(ways.items()):
        done(call, exported("plain"), way, *words, "-o", f"{number}.parquet", "--logits")
        found[way] = {
            name: column(f"{number}.parquet", name)
            for name in ("id", "label", "embedding", "logits", "top5", "error")
        }
    keys = [each.id.removesuffix(".png") for each in kept]
    for way, rows in found.items():
        ids = rows.pop("id")
        assert ids == (keys if "packed" in way else [each.id for each in kept])
        assert rows == {name: found["folder"][name] for name in rows}


def test_tars_equal_the_folder(call: Call, exported: Exported, kept: list[Kept]) -> None:
    """Other shards are other batches, which may round otherwise."""
    write_folder(Path("folder"), kept)
    write_tars(Path("tars"), kept, (3, 1, 3))
    done(call, exported("plain"), "folder", "-o", "folder.parquet")
    done(call, exported("plain"), "tars/shard-{000..002}.tar", "-o", "tars.parquet")
    one, other = (np.array(column(f"{way}.parquet", "embedding")) for way in ("folder", "tars"))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_sample_is_rows_of_these_pictures(
    call: Call, exported: Exported, folder: Path, kept: list[Kept]
) -> None:
    done(call, exported("plain"), folder, "-o", "all.parquet")
    done(call, exported("plain"), folder, "--limit", "3", "-o", "first.parquet")
    done(call, exported("plain"), folder, "--limit", "3", "--seed", "5", "-o", "drawn.parquet")
    done(call, exported("plain"), folder, "--limit", "3", "--seed", "5", "-o", "again.parquet")
    ids = [each.id for each in kept]
    assert column("first.parquet", "id") == ids[:3]
    chosen = column("drawn.parquet", "id")
    assert chosen != ids[:3]
    assert len(set(chosen)) == 3
    assert Path("drawn.parquet").read_bytes() == Path("again.parquet").read_bytes()
    rows = dict(zip(column("all.parquet", "id"), column("all.parquet", "embedding"), strict=True))
    found = np.array(column("drawn.parquet", "embedding"))
    np.testing.assert_allclose(found, [rows[each] for each in chosen], atol=1e-6)


def test_pictures_that_keep_their_own_size(
    call: Call, exported: Exported, kept: list[Kept], folder: Path, desk: Path
) -> None:
    """An embedding is as wide for every size."""
    model = with_recipe(exported("plain"), desk / "own.onnx", resize=None, crop=1, multiple=8)
    done(call, model, folder, "-o", "x.parquet")
    done(call, model, folder, "-o", "x.npz")
    found = array(desk / "x.parquet", "embedding")
    assert found.shape == (7, WIDTH)
    assert pq.read_schema("x.parquet").names == ["id", "label", "embedding", "error"]
    for row, each in zip(found, kept, strict=True):
        own = vx.Engine(model, device="cpu", threads=1).run(folder / each.id)
        np.testing.assert_allclose(row, own["embedding"][0], atol=1e-5)
    with np.load("x.npz", allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["embedding"], found)


def test_pandas_reads_it(call: Call, exported: Exported, spoilt: list[Kept], desk: Path) -> None:
    pandas = pytest.importorskip("pandas")
    write_folder(desk / "birds", spoilt)
    assert embedded(call, exported("plain"), "birds", "-o", "x.parquet", "--logits").code == 1
    frame = pandas.read_parquet("x.parquet")
    assert frame["id"].tolist() == [each.id for each in spoilt]
    assert np.stack(frame["embedding"].dropna().to_list()).shape == (6, WIDTH)
    assert frame["error"].notna().tolist() == [at == 2 for at in range(7)]
