"""``--shard I/N`` and ``vitonnx merge``: parts that come to what one process counts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from dataset.kept import Kept, drawn, write_folder, write_parquet, write_tars
from terminal import Outcome, assert_plain, assert_refused, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

QUIET = ("--device", "cpu", "--threads", "1", "--quiet")
SIZES = (3, 1, 4, 2, 3)  # of tars
PROBES = ("distance", "entropy", "cka")


@pytest.fixture(scope="module")
def kept() -> list[Kept]:
    """Thirteen good pictures."""
    return drawn(sum(SIZES), seed=7)


@pytest.fixture
def tars(kept: list[Kept], desk: Path) -> str:
    """Five tars on the desk, no two neighbours alike."""
    write_tars(desk / "tars", kept, SIZES)
    return "tars"


def count_parts(
    call: Call, probe: str, model: Path, data: str, parts: int, *words: str | Path, name: str = "p"
) -> list[str]:
    """Count each part, the last one first."""
    files = [f"{name}{number}.part" for number in range(parts)]
    for number in reversed(range(parts)):
        shard = ("--shard", f"{number}/{parts}", "-o", files[number])
        outcome = call("probe", probe, model, data, *words, *shard, *QUIET)
        assert (outcome.code, outcome.out, outcome.err) == (0, f"{files[number]}\n", "")
    return files


def whole(
    call: Call, probe: str, model: Path, data: str, *words: str | Path, output: str = "one.npz"
) -> None:
    outcome = call("probe", probe, model, data, *words, "-o", output, *QUIET)
    assert (outcome.code, outcome.errors) == (0, [])


def merged(call: Call, files: Sequence[str], output: str = "all.npz") -> None:
    outcome = call("merge", *files, "-o", output, "--quiet")
    assert (outcome.code, outcome.out, outcome.errors) == (0, f"{output}\n", [])


def arrays(path: str) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as saved:
        return dict(saved)


def assert_same_bits(one: str, other: str) -> None:
    first, second = arrays(one), arrays(other)
    assert set(first) == set(second)
    for name, each in first.items():
        assert each.dtype == second[name].dtype
        np.testing.assert_array_equal(second[name], each, err_msg=name)


def assert_close(one: str, other: str, but: Sequence[str] = ()) -> None:
    first, second = arrays(one), arrays(other)
    assert set(first) == set(second)
    for name in set(first) - set(but):
        if first[name].dtype.kind == "f":
            # Sums in another order, and other batches.
            np.testing.assert_allclose(second[name], first[name], rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(second[name], first[name], err_msg=name)


# -- Equal to one process


@pytest.mark.parametrize("probe", PROBES)
def test_parts_of_one_shard_each_come_to_the_same_bits(
    probe: str, call: Call, exported: Exported, tars: str
) -> None:
    model = exported("plain")
    whole(call, probe, model, tars)
    files = count_parts(call, probe, model, tars, len(SIZES))
    merged(call, [files[number] for number in (3, 0, 4, 2, 1)])
    assert_same_bits("one.npz", "all.npz")


@pytest.mark.parametrize("probe", PROBES)
def test_parts_of_several_shards(probe: str, call: Call, exported: Exported, tars: str) -> None:
    model = exported("registers")
    whole(call, probe, model, tars)
    merged(call, count_parts(call, probe, model, tars, 3)[::-1])
    assert_close("one.npz", "all.npz")


@pytest.mark.parametrize("probe", PROBES)
def test_a_folder_is_cut_so_that_each_part_has_something(
    probe: str, call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    model = exported("plain")
    write_folder(desk / "birds", kept)
    # CKA's estimate is of batches: one process has larger ones.
    whole(call, probe, model, "birds")
    files = count_parts(call, probe, model, "birds", 2)
    merged(call, files)
    for file in files:
        found = json.loads(Path(file).read_text())["vitonnx_part"]
        assert 6 <= len(found["files"]) <= 7
    if probe != "cka":
        assert_close("one.npz", "all.npz")
    assert arrays("all.npz")["files"].tolist() == arrays("one.npz")["files"].tolist()


@pytest.mark.parametrize("parts", [3, 5])
def test_the_histogram_and_threshold_of_norms(
    parts: int, call: Call, exported: Exported, tars: str
) -> None:
    """One process writes them beside its maps; they are counts, and so the same for any parts."""
    whole(call, "norms", exported("registers"), tars, "--histogram", "histogram.npz")
    merged(call, count_parts(call, "norms", exported("registers"), tars, parts))
    one, found = arrays("one.npz") | arrays("histogram.npz"), arrays("all.npz")
    assert {"counts", "edges", "threshold"} <= set(found)
    for name in set(found) - {"counts"}:
        np.testing.assert_allclose(found[name], one[name], rtol=1e-6, err_msg=name)
    # Other batches round otherwise, and a patch whose norm lies on an edge to its other side.
    assert np.abs(found["counts"] - one["counts"]).sum() <= 4
    assert found["counts"].sum() == one["counts"].sum() > 0


def test_cka_of_two_models(call: Call, exported: Exported, tars: str) -> None:
    words = ("--compare", exported("registers"))
    whole(call, "cka", exported("plain"), tars, *words)
    files = count_parts(call, "cka", exported("plain"), tars, len(SIZES), *words)
    merged(call, files)
    assert_same_bits("one.npz", "all.npz")


def test_distance_of_three_models(call: Call, exported: Exported, tars: str) -> None:
    words = ("--compare", exported("registers"), "--compare", exported("pooled"))
    whole(call, "distance", exported("plain"), tars, *words)
    merged(call, count_parts(call, "distance", exported("plain"), tars, 5, *words))
    assert_same_bits("one.npz", "all.npz")


@pytest.mark.parametrize("parts", [2, 5])
def test_the_basis_of_pca(parts: int, call: Call, exported: Exported, tars: str) -> None:
    """A merged basis colours pictures as one does that one process fitted."""
    model = exported("plain")
    whole(call, "pca", model, tars)
    merged(call, count_parts(call, "pca", model, tars, parts), "basis.npz")
    outcome = call("probe", "pca", model, tars, "--basis", "basis.npz", "-o", "again.npz", *QUIET)
    assert (outcome.code, outcome.errors) == (0, [])
    one, again = arrays("one.npz"), arrays("again.npz")
    np.testing.assert_allclose(again["pca"], one["pca"], atol=1e-5)
    basis = arrays("basis.npz")
    for name in set(basis) & set(one):
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(basis[name], one[name], rtol=1e-5, atol=1e-6)


def test_options_reach_the_merged_numbers(call: Call, exported: Exported, tars: str) -> None:
    model = exported("registers")
    whole(call, "distance", model, tars, "--renormalize")
    whole(call, "distance", model, tars, output="other.npz")
    merged(call, count_parts(call, "distance", model, tars, 5, "--renormalize"))
    assert_same_bits("one.npz", "all.npz")
    assert not np.allclose(arrays("all.npz")["mean"], arrays("other.npz")["mean"])


def test_more_parts_than_shards(call: Call, exported: Exported, tars: str) -> None:
    """Those that have nothing to do say so in their file."""
    model = exported("plain")
    for probe in ("distance", "cka", "pca"):
        output = "all.npz"
        files = count_parts(call, probe, model, tars, 7, name=probe)
        merged(call, files, output)
        if probe != "pca":
            whole(call, probe, model, tars)
            assert_same_bits("one.npz", output)


@pytest.mark.parametrize("words", [("--limit", "7"), ("--limit", "7", "--seed", "5")])
def test_a_sample_in_parts(
    words: tuple[str, ...], call: Call, exported: Exported, tars: str, kept: list[Kept], desk: Path
) -> None:
    """The sample is of the whole, and not of each part."""
    model = exported("plain")
    write_parquet(desk / "birds.parquet", kept[:5])
    write_parquet(desk / "crows.parquet", kept[5:])
    write_folder(desk / "birds", kept)
    for number, data in enumerate((tars, "birds", "*.parquet")):
        whole(call, "distance", model, data, *words, output=f"one{number}.npz")
        merged(
            call,
            count_parts(call, "distance", model, data, 3, *words, name=f"p{number}-"),
            f"all{number}.npz",
        )
        assert_close(f"one{number}.npz", f"all{number}.npz")
        assert arrays(f"all{number}.npz")["count"] == 7


def test_every_output_of_the_command(call: Call, exported: Exported, tars: str, desk: Path) -> None:
    model = exported("plain")
    files = count_parts(call, "entropy", model, tars, 5)
    for name in ("x.json", "x.csv", "x.npz"):
        whole(call, "entropy", model, tars, output=name)
        merged(call, files, f"m{name}")
        if name != "x.npz":
            assert Path(f"m{name}").read_text() == Path(name).read_text()
    for name in ("x.png", "x.svg", "x.pdf"):
        merged(call, files, name)
        assert Path(name).stat().st_size > 1000
    rows = list(csv.reader(Path("mx.csv").read_text().splitlines()))
    assert len(rows) > 1
    # By default a figure here and a table on stdout, as without --shard.
    usual = call("probe", "entropy", model, tars, *QUIET)
    outcome = call("merge", *files, "--quiet")
    *table, figure = outcome.out.splitlines()
    assert (outcome.code, table) == (0, usual.out.splitlines()[:-1])
    assert figure.endswith(".entropy.png")
    assert (desk / figure).exists()
    assert_refused(call("merge", *files, "-o", "x.part"), 2, "x.part")
    assert_refused(call("merge", *files, "-o", files[0]), 2, files[0])


def test_the_part_has_a_name_by_default(
    call: Call, exported: Exported, tars: str, desk: Path
) -> None:
    for probe in ("distance", "pca"):
        before = set(contents(desk))
        outcome = call("probe", probe, exported("plain"), tars, "--shard", "1/3", *QUIET)
        assert outcome.code == 0
        (new,) = set(contents(desk)) - before
        assert outcome.out == f"{new}\n"
        assert "1" in new
        assert "3" in new


# -- Bad pictures


def test_bad_pictures_are_listed_by_the_part_and_by_the_whole(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    spoilt = [
        each._replace(content=b"Dear") if at in (1, 3, 12) else each for at, each in enumerate(kept)
    ]
    write_tars(desk / "tars", spoilt, SIZES)
    model = exported("plain")
    words = ("probe", "distance", model, "tars", *QUIET)
    one = call(*words, "-o", "one.npz")
    assert one.code == 1
    codes = []
    for number in range(5):
        outcome = call(*words, "--shard", f"{number}/5", "-o", f"{number}.part")
        assert outcome.out == f"{number}.part\n"
        codes.append(outcome.code)
        for line in outcome.errors:
            assert_plain(line)
    # The second tar has one picture, which is bad, and the last one of three.
    assert codes == [1, 1, 0, 0, 1]
    outcome = call("merge", *(f"{number}.part" for number in range(5)), "-o", "all.npz", "--quiet")
    assert (outcome.code, outcome.errors) == (1, one.errors)
    assert_same_bits("one.npz", "all.npz")
    assert arrays("all.npz")["count"] == 10
    assert len(arrays("all.npz")["skipped"]) == 3


def test_when_all_are_bad(call: Call, exported: Exported, kept: list[Kept], desk: Path) -> None:
    write_tars(desk / "tars", [each._replace(content=b"") for each in kept[:5]], (2, 3))
    for number in range(2):
        words = ("--shard", f"{number}/2", "-o", f"{number}.part", *QUIET)
        assert call("probe", "distance", exported("plain"), "tars", *words).code == 1
    one = call("probe", "distance", exported("plain"), "tars", "-o", "x.npz", *QUIET)
    outcome = call("merge", "0.part", "1.part", "-o", "x.npz", "--quiet")
    assert outcome == one
    assert outcome.code == 1
    assert not Path("x.npz").exists()


def test_keys_that_come_twice_are_counted_twice(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    """Tars that were packed apart may have the same keys, of which one is bad."""
    bad = kept[1]._replace(content=b"Dear")
    for name, other in (("a", kept[0]), ("b", kept[2]), ("c", kept[3])):
        write_tars(desk / name, [other, bad], (2,))
    data = [f"{name}/shard-000.tar" for name in "abc"]
    words = ("probe", "distance", exported("plain"), *data, *QUIET)
    one = call(*words, "-o", "one.npz", "--resume", "state.json")
    assert one.code == 1
    assert "3 of 6 pictures" in one.errors[-1]
    for number in range(3):
        assert call(*words, "--shard", f"{number}/3", "-o", f"{number}.part").code == 1
    outcome = call("merge", *(f"{number}.part" for number in range(3)), "-o", "all.npz", "--quiet")
    assert outcome.errors == one.errors
    assert_same_bits("one.npz", "all.npz")
    # And such a state is one to go on from.
    again = call(*words, "-o", "two.npz", "--resume", "state.json")
    assert again.errors == one.errors
    assert_same_bits("one.npz", "two.npz")


# -- Parts that don't belong together


@pytest.fixture
def parts(call: Call, exported: Exported, tars: str) -> list[str]:
    """Three parts of a run."""
    return count_parts(call, "distance", exported("plain"), tars, 3)


def test_missing_parts_are_named(call: Call, parts: list[str], desk: Path) -> None:
    before = contents(desk)
    refused = (("merge", parts[0], parts[2]), ("merge", parts[2], parts[0]))
    for words in refused:
        assert_refused(call(*words, "-o", "x.npz"), 2, "missing: 1", "--shard 1/3")
    assert_refused(call("merge", parts[1], "-o", "x.npz"), 2, "missing: 0, 2")
    assert contents(desk) == before


def test_a_part_that_is_given_twice(call: Call, parts: list[str], desk: Path) -> None:
    (desk / "copy.part").write_bytes(Path(parts[1]).read_bytes())
    before = contents(desk)
    assert_refused(call("merge", *parts, parts[1], "-o", "x.npz"), 2, "twice")
    outcome = call("merge", *parts, "copy.part", "-o", "x.npz")
    assert_refused(outcome, 2, parts[1], "copy.part", "part 1 of 3")
    outcome = call("merge", *parts, f"./{parts[1]}", "-o", "x.npz")
    assert outcome.code == 2
    assert contents(desk) == before


def test_there_is_no_part(call: Call, parts: list[str], tars: str, desk: Path) -> None:
    assert_refused(call("merge", *parts[:2], "none.part", "-o", "x.npz"), 2, "none.part")
    assert_refused(call("merge", "tars", "-o", "x.npz"), 1, "tars")
    assert_refused(call("merge", "tars/shard-000.tar", "-o", "x.npz"), 1, "shard-000.tar", "part")
    assert not (desk / "x.npz").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--renormalize",), "renormalize"),
        (("--size", "24x88"), "size"),
        (("--precision", "fp16"), "precision"),
        (("--limit", "11"), "pictures"),
        (("--limit", "11", "--seed", "3"), "pictures"),
    ],
)
def test_parts_of_other_options(
    words: tuple[str, ...],
    part: str,
    call: Call,
    exported: Exported,
    parts: list[str],
    tars: str,
    desk: Path,
) -> None:
    shard = ("--shard", "1/3", "-o", "other.part", *QUIET)
    outcome = call("probe", "distance", exported("plain"), tars, *words, *shard)
    if words[0] == "--precision" and outcome.code:
        pytest.skip("this machine has no such precision")
    before = contents(desk)
    for files in ((parts[0], "other.part", parts[2]), ("other.part", parts[0], parts[2])):
        assert_refused(call("merge", *files, "-o", "x.npz"), 2, "unlike runs", part)
    assert contents(desk) == before


def test_parts_of_other_runs(
    call: Call, exported: Exported, parts: list[str], tars: str, kept: list[Kept], desk: Path
) -> None:
    write_tars(desk / "others", kept, SIZES)
    plain = exported("plain")
    others = {
        "model": ("distance", exported("headless"), tars),
        "question": ("entropy", plain, tars),
        "pictures": ("distance", plain, "others"),
        "models": ("distance", plain, tars, "--compare", exported("registers")),
    }
    for what, words in others.items():
        shard = ("--shard", "1/3", "-o", "other.part", *QUIET)
        assert call("probe", *words, *shard).code == 0
        outcome = call("merge", parts[0], "other.part", parts[2], "-o", "x.npz")
        assert_refused(outcome, 2, parts[0], "other.part", "unlike runs", what)
    shard = ("--shard", "1/2", "-o", "other.part", *QUIET)
    assert call("probe", "distance", plain, tars, *shard).code == 0
    outcome = call("merge", parts[0], "other.part", parts[2], "-o", "x.npz")
    assert_refused(outcome, 2, "unlike runs", "number of parts is 3", "2 in the second")


def test_threads_may_differ(
    call: Call, exported: Exported, parts: list[str], tars: str, desk: Path
) -> None:
    """As machines do; what they count doesn't, but for its rounding."""
    words = ("--shard", "1/3", "-o", "other.part", "--device", "cpu", "--threads", "2", "--quiet")
    assert call("probe", "distance", exported("plain"), tars, *words).code == 0
    merged(call, [parts[0], "other.part", parts[2]])
    whole(call, "distance", exported("plain"), tars)
    assert_close("one.npz", "all.npz")


def test_parts_are_resumed(call: Call, exported: Exported, tars: str, desk: Path) -> None:
    words = ("probe", "distance", exported("plain"), tars, "--resume", "state.json", *QUIET)
    assert call(*words, "--shard", "1/3", "-o", "a.part").code == 0
    assert call(*words, "--shard", "1/3", "-o", "b.part").code == 0
    assert Path("a.part").read_bytes() == Path("b.part").read_bytes()
    before = contents(desk)
    # The state of one part is not another's.
    assert_refused(call(*words, "--shard", "2/3", "-o", "c.part"), 2, "state.json")
    assert contents(desk) == before


def test_what_needs_all_pictures_has_no_parts(
    call: Call, exported: Exported, tars: str, desk: Path
) -> None:
    before = contents(desk)
    words = ("probe", "pca", exported("plain"), tars, "--shard", "0/3", *QUIET)
    assert_refused(call(*words, "-o", "rows"), 2, "--shard")
    assert contents(desk) == before
