"""``vitonnx probe NAME … -o DIR``: what every probe finds in a picture, as rows of parquet.

What a probe can is read from what it says of itself; next to no test here knows a name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vitonnx as vx
from dataset.kept import Kept, drawn, write_folder, write_parquet, write_tars
from recipes import with_recipe
from runs.tables import array, column, files_in, said, shape_of
from terminal import Outcome, assert_plain, assert_refused, contents
from vitonnx.probes import PROBES, SumProbe, WeightProbe

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

OF_PICTURES: list[type[Any]] = [each for each in PROBES if not issubclass(each, WeightProbe)]
SINGLE = [each for each in OF_PICTURES if not issubclass(each, SumProbe)]
SUMS = [each for each in OF_PICTURES if issubclass(each, SumProbe)]
QUIET = ("--device", "cpu", "--threads", "1", "--quiet")


@pytest.fixture(scope="module")
def kept() -> list[Kept]:
    """Five good pictures of three classes."""
    return drawn(5, seed=3)


@pytest.fixture(scope="module")
def folder(kept: list[Kept], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("kept") / "birds", kept)


def paths_of(folder: Path, kept: list[Kept]) -> list[Path]:
    return [folder / each.id for each in kept]


@pytest.mark.parametrize("probe", SINGLE, ids=lambda probe: probe.name)
def test_rows_are_what_the_engine_finds(
    probe: type[Any],
    call: Call,
    exported: Exported,
    folder: Path,
    kept: list[Kept],
    desk: Path,
) -> None:
    model = exported("registers")
    outcome = call("probe", probe.name, model, folder, "-o", "out", *QUIET)
    assert (outcome.code, outcome.out, outcome.errors) == (0, "out\n", [])
    (name,) = files_in("out")
    path = desk / "out" / name
    assert column(path, "id") == [each.id for each in kept]
    assert column(path, "label") == [each.label for each in kept]
    assert column(path, "error") == [None] * 5
    results = vx.Engine(model, device="cpu", threads=1).probe(paths_of(folder, kept), probe())
    names = [*results[0].arrays(), "crop"]
    assert pq.read_schema(path).names == ["id", "label", *names, "error"]
    shapes = json.loads((pq.read_schema(path).metadata or {})[b"shapes"])
    assert set(shapes) == set(names)
    for name in names:
        expected = np.stack(
            [np.asarray(each.crop if name == "crop" else each.arrays()[name]) for each in results]
        )
        found = array(path, name)
        assert tuple(shapes[name]) == shape_of(path, name) == expected.shape[1:]
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
        kind_of = pq.read_schema(path).field(name).type
        own = kind_of.value_type if expected.ndim > 1 else kind_of
        assert pa.types.is_primitive(own)
        if expected.ndim > 1:
            assert kind_of.list_size == int(np.prod(expected.shape[1:]))
            if name != "crop":
                assert own == pa.from_numpy_dtype(expected.dtype)


def test_one_file_holds_the_rows_of_all_shards(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    write_tars(desk / "tars", kept, (2, 3))
    for output in ("out", "x.parquet"):
        assert call("probe", "rollout", exported("plain"), "tars", "-o", output, *QUIET).code == 0
    assert files_in("out") == ["shard-000.parquet", "shard-001.parquet"]
    for name in pq.read_schema("x.parquet").names:
        assert column("out", name) == column("x.parquet", name)
    assert shape_of(desk / "x.parquet", "rollout") == shape_of(
        desk / "out" / "shard-000.parquet", "rollout"
    )


def test_options_of_a_probe_are_asked(
    call: Call, exported: Exported, folder: Path, kept: list[Kept], desk: Path
) -> None:
    words = ("--discard", "0.7", "--fusion", "max", "-o", "x.parquet")
    assert call("probe", "rollout", exported("plain"), folder, *words, *QUIET).code == 0
    engine = vx.Engine(exported("plain"), device="cpu", threads=1)
    probe = vx.Rollout(discard=0.7, fusion="max")
    expected = [each.rollout for each in engine.probe(paths_of(folder, kept), probe)]
    np.testing.assert_allclose(array(desk / "x.parquet", "rollout"), expected, rtol=2e-5)


def test_a_bad_picture_is_a_row(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    spoilt = [each._replace(content=b"Dear") if at == 3 else each for at, each in enumerate(kept)]
    write_tars(desk / "tars", spoilt, (3, 1, 1))
    for probe in ("heads", "distance"):
        outcome = call("probe", probe, exported("plain"), "tars", "-o", probe, *QUIET)
        assert (outcome.code, outcome.out) == (1, f"{probe}\n")
        assert "1 of 5 pictures" in outcome.errors[-1]
        for line in outcome.errors:
            assert_plain(line)
        first, second, third = (desk / probe / name for name in files_in(probe))
        assert said(first) == said(second) == said(third)
        assert [each is None for each in column(probe, "error")] == [True] * 3 + [False, True]
        assert column(second, "crop") == [None]
        arrays = set(pq.read_schema(first).names) - {"id", "label", "error"}
        assert all(column(second, name) == [None] for name in arrays)


@pytest.mark.parametrize("probe", SUMS, ids=lambda probe: probe.name)
@pytest.mark.parametrize("output", ["out", "x.parquet", "there"])
def test_what_finds_nothing_in_one_picture_has_no_rows(
    output: str, probe: type[Any], call: Call, exported: Exported, folder: Path, desk: Path
) -> None:
    (desk / "there").mkdir()
    outcome = call("probe", probe.name, exported("plain"), folder, "-o", output, *QUIET)
    assert_refused(outcome, 2, probe.name, "single picture")
    assert contents(desk) == {"there": b"a folder"}


def test_colours_by_a_basis_and_by_all_pictures(
    call: Call, exported: Exported, folder: Path, kept: list[Kept], desk: Path
) -> None:
    model = exported("plain")
    outcome = call("probe", "pca", model, folder, "-o", "fitted", *QUIET)
    assert outcome.code == 0
    assert call("probe", "pca", model, folder, "-o", "basis.npz", *QUIET).code == 0
    assert (
        call("probe", "pca", model, folder, "-o", "out", "--basis", "basis.npz", *QUIET).code == 0
    )
    others = paths_of(folder, kept)[:2]
    words = ("--basis", str(folder), "-o", "others")
    assert call("probe", "pca", model, *others, *words, *QUIET).code == 0
    with np.load("basis.npz") as saved:
        expected = saved["pca"]
    for way, wanted in (("fitted", expected), ("out", expected), ("others", expected[:2])):
        (name,) = files_in(way)
        np.testing.assert_allclose(array(desk / way / name, "pca"), wanted, atol=1e-5)


@pytest.mark.parametrize("basis", ["basis.npz", "tars"])
def test_parts_by_one_basis(
    basis: str, call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    """Who says what it is fitted by writes rows in parts, as one process would."""
    write_tars(desk / "tars", kept, (2, 3))
    words = ("probe", "pca", exported("plain"), "tars")
    assert call(*words, "-o", "fit.part", "--shard", "0/1", *QUIET).code == 0
    assert call("merge", "fit.part", "-o", "basis.npz", "--quiet").code == 0
    for number in (1, 0):
        shard = ("--basis", basis, "--shard", f"{number}/2")
        outcome = call(*words, "-o", "parts", *shard, *QUIET)
        assert (outcome.code, outcome.errors) == (0, [])
    assert call(*words, "-o", "whole", "--basis", basis, *QUIET).code == 0
    names = files_in("whole")
    assert files_in("parts") == names
    for name in names:
        assert (desk / "parts" / name).read_bytes() == (desk / "whole" / name).read_bytes()


def test_a_basis_that_differs_in_its_last_bits_is_another(
    call: Call, exported: Exported, folder: Path, desk: Path
) -> None:
    """What prints alike, as NumPy rounds and shortens it, may not go on in one folder."""
    words = ("probe", "pca", exported("plain"), folder)
    assert call(*words, "-o", "fit.part", "--shard", "0/1", *QUIET).code == 0
    assert call("merge", "fit.part", "-o", "basis.npz", "--quiet").code == 0
    assert call(*words, "--basis", "basis.npz", "-o", "out", *QUIET).code == 0
    with np.load("basis.npz") as saved:
        arrays = dict(saved)
    (name,) = (each for each in arrays if each.endswith("mean"))
    arrays[name] = np.nextafter(arrays[name], np.inf)
    np.savez(desk / "other.npz", **arrays)
    assert_refused(call(*words, "--basis", "other.npz", "-o", "out", *QUIET), 2, "another run")
    assert call(*words, "--basis", "basis.npz", "-o", "out", *QUIET).code == 0
    assert "array(" not in (desk / "out" / "_vitonnx.json").read_text()


def test_a_part_tells_of_its_own_pictures(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    write_tars(desk / "tars", kept, (2, 3))
    words = ("probe", "norms", exported("plain"), "tars", "--threshold", "5", "-o", "out")
    for number, pictures in enumerate((2, 3)):
        outcome = call(*words, "--shard", f"{number}/2", "--device", "cpu", "--threads", "1")
        assert outcome.code == 0
        assert f"pictures: {pictures};" in outcome.err


def test_a_fitted_probe_goes_on(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    write_tars(desk / "tars", kept, (2, 3))
    words = ("probe", "pca", exported("plain"), "tars", "-o", "out", *QUIET)
    assert call(*words).code == 0
    before = contents(desk)
    (desk / "out" / "shard-001.parquet").unlink()
    assert call(*words).code == 0
    assert contents(desk) == before


def test_maps_of_pictures_that_keep_their_own_size(
    call: Call, exported: Exported, folder: Path, kept: list[Kept], desk: Path
) -> None:
    """Each row says the shape of its own map."""
    model = with_recipe(exported("plain"), desk / "own.onnx", resize=None, crop=1, multiple=8)
    words = ("--limit", "3", "-o", "x.parquet")
    assert call("probe", "rollout", model, folder, *words, *QUIET).code == 0
    engine = vx.Engine(model, device="cpu", threads=1)
    files = paths_of(folder, kept)[:3]
    results = engine.probe(files, vx.Rollout())
    shapes = [list(each.rollout.shape) for each in results]
    assert len({tuple(shape) for shape in shapes}) > 1
    assert column("x.parquet", "rollout.shape") == shapes
    for row, each in zip(column("x.parquet", "rollout"), results, strict=True):
        np.testing.assert_allclose(row, each.rollout.ravel(), rtol=2e-5, atol=1e-6)
    # One size for all makes one shape.
    more = ("--limit", "3", "--size", "24x40", "-o", "y.parquet")
    assert call("probe", "rollout", model, folder, *more, *QUIET).code == 0
    assert shape_of(desk / "y.parquet", "rollout") == (3, 5)


def test_ids_and_labels_of_parquet(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    write_parquet(desk / "birds.parquet", kept)
    words = ("--id", "name", "--label", "label", "-o", "x.parquet")
    assert call("probe", "heads", exported("plain"), "birds.parquet", *words, *QUIET).code == 0
    assert column("x.parquet", "id") == [each.id for each in kept]
    assert column("x.parquet", "label") == [each.label for each in kept]


@pytest.mark.parametrize("output", ["out", "x.parquet"])
def test_rows_of_two_models_are_refused(
    output: str, call: Call, exported: Exported, folder: Path, desk: Path
) -> None:
    for probe in ("heads", "distance", "pca"):
        words = ("--compare", exported("registers"), "-o", output)
        outcome = call("probe", probe, exported("plain"), folder, *words, *QUIET)
        assert_refused(outcome, 2, "--compare")
    assert contents(desk) == {}
