"""The benchmarks on a GPU: what they compute by is right, and what they find there, too."""

from __future__ import annotations

import json
import lzma
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import check, child, material, speeds
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.card import open_runtime
from benchmarks.gpu.compare import MODES, compare, verdict
from benchmarks.gpu.fill import SKELETONS, drawn, fill
from benchmarks.gpu.graphs import BASE
from benchmarks.gpu.pack import parts_of
from benchmarks.gpu.peers import HOOKS
from benchmarks.gpu.private import require_provider
from benchmarks.gpu.rows import Rows, shown
from benchmarks.gpu.skeleton import skeleton_of
from benchmarks.gpu.task import Task
from benchmarks.gpu.trim import MAGIC, trim
from benchmarks.timing import Times, ratio

import vitonnx as vx
from vitonnx.demo import demo_models
from vitonnx.engine import find_obstacle

RANDOM = np.random.default_rng(7)
GOOD = {"section": "check", "mode": "fp16", "what": "heads", "error": 1e-3, "rank": 1.0}
GOOD |= {"least": 0.995, "path": "engine", "model": "Ti16"}
ROOT = Path(__file__).parent.parent


@pytest.fixture
def rows() -> Rows:
    return Rows(lambda line: None)


def written_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def test_equal_maps_are_equal() -> None:
    maps = RANDOM.random((2, 3, 5, 7))
    assert compare(maps, maps) == {"error": 0.0, "rank": 1.0, "least": 1.0}


def test_the_error_is_that_of_the_largest_value_and_ranks_are_of_each_map() -> None:
    expected = RANDOM.permutation(2 * 5 * 7).reshape(2, 5, 7) + 1.0
    found = expected.copy()
    found[1] = -found[1]  # one of both maps is in the opposite order
    said = compare(found, expected)
    assert said["rank"] == pytest.approx(0.0)
    assert said["least"] == pytest.approx(-1.0)
    assert said["error"] == pytest.approx(2 * expected[1].max() / expected.max())


@pytest.mark.parametrize("bad", [np.full((2, 5, 7), np.nan), np.zeros((2, 7, 5))])
def test_what_is_no_number_or_of_another_shape_is_lost(bad: np.ndarray) -> None:
    row = {**GOOD, **compare(bad, RANDOM.random((2, 5, 7)))}
    assert verdict(row) is False


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"rank": 0.9989}, False),
        ({"least": 0.98}, False),
        ({"mode": "fp32"}, False),  # which has a limit for the error
        ({"mode": "fp32", "error": 1e-4}, True),
        ({"mode": "bf16", "rank": 0.991, "least": 0.981}, True),
        ({"mode": "fp32", "what": "rollout, discard 0.5", "rank": 0.991}, True),
        ({"ok": False}, False),
        ({"failed": "it crashed"}, False),
        ({"skipped": "no time was left"}, None),
    ],
)
def test_verdicts(change: dict[str, Any], expected: bool | None) -> None:
    assert verdict({**GOOD, **change}) is expected


def test_the_worst_of_many_rows_is_shown(rows: Rows) -> None:
    others = {"error": 0.25, "model": "B16", "rank": 0.9995, "least": 0.5}
    found = check.worst([GOOD, {**GOOD, **others}])
    assert (found["error"], found["model"], found["least"]) == (0.25, "B16", 0.5)
    assert (found["count"], found["verdict"]) == (2, "1 FAILED")


def test_all_that_is_asked_of_a_device_is_done_in_every_precision_that_it_has() -> None:
    tasks = [Task("cuda", name, "", "", size=size) for name, size in (("a", None), ("b", [9, 9]))]
    parts = list(check.parts("cuda", tasks))
    done = {(task.model, task.mode) for module, task in parts if module == "precision"}
    assert done == {(name, mode) for name in "ab" for mode in MODES}
    assert [task.model for module, task in parts if module == "tapped"] == ["a"]
    (several,) = (task for module, task in parts if module == "several")
    assert [several.model, several.others[0]["model"]] == ["b", "a"]


def test_a_budget_counts_down_and_is_shared() -> None:
    now = [100.0]
    budget = Budget(60, lambda: now[0])
    now[0] += 20
    part = budget.share(0.5)
    assert (budget.left, part.left) == (40, 20)
    now[0] += 30
    assert (budget.left, part.left) == (10, -10)
    assert part.share(0.5).left == 0


def test_ratios_are_those_of_the_same_round() -> None:
    # All rounds but the first were slowed down, alike.
    base, other = Times((1.0, 3.0, 30.0)), Times((2.0, 6.0, 60.0))
    assert ratio(base, other) == 0.5
    times = {BASE: base, HOOKS: other}
    assert speeds.against(times, base) == {"plain": 1.0, "peer": 2.0}


def test_goals_are_met_or_not(rows: Rows) -> None:
    about = {"section": "graphs", "model": "B16", "batch": 32, "tflops": 300.0}
    rows.add(section="ceilings", what="product", rate=600.0, unit="TFLOP/s", product=True)
    rows.add(**about, way="heads, fused", plain=0.96, transformers=4.9)
    rows.add(**about, way="rollout, fused", plain=0.89, transformers=7.0)
    rows.add(**about, way="distance, standard", plain=0.1)
    rows.add(**about, way="distance, fused", failed="out of memory")
    lines = speeds.goals(rows)
    assert [line for line in lines if "heads" in line][-1].split(" | ")[3:] == [
        *("0.960  ", "0.95 met   ", "4.9           ", "5 not met    ", "50%            |"),
    ]
    assert "| 0.890   | 0.9 not met |" in "\n".join(lines)
    assert not any("distance" in line for line in lines)


def test_tables_are_straight_and_have_gaps() -> None:
    lines = shown("Speed", [{"ms": 1.25, "way": "a"}, {"way": "longer"}], speeds.COLUMNS)
    assert len({len(line) for line in lines[2:6]}) == 1
    assert shown("Speed", [], speeds.COLUMNS) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"section": "check", **GOOD}, "passed on cuda: 2 rows"),
        ({"section": "check", **GOOD, "rank": 0.5}, "failed on cuda: 2 rows, 1 bad"),
        ({"section": "graphs", "failed": "it crashed"}, "failed on cuda"),
        ({"section": "graphs", "failed": "out of memory"}, "passed on cuda"),
        ({"section": "options", "failed": "it crashed"}, "passed on cuda"),
        ({"section": "files", "skipped": "no time was left"}, "passed on cuda, but for what"),
    ],
)
def test_the_last_line(rows: Rows, row: dict[str, Any], said: str) -> None:
    rows.add(section="prove", what="every node", ok=True)
    rows.add(**row)
    assert gpu.last_line(gpu.parser().parse_args([]), rows).startswith(said)


def test_nothing_done_is_a_failure(rows: Rows) -> None:
    rows.add(section="check", skipped="no time was left")
    assert gpu.last_line(gpu.parser().parse_args([]), rows).startswith("failed on cuda: nothing")


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    rows = Rows.to(tmp_path / "new" / "rows.jsonl")
    about = rows.about(section="files")
    with about.tried(way="heads"):
        raise ValueError("there is none")
    about.add(way="rollout", pictures=1 / 3)
    written = written_in(tmp_path / "new")
    assert written == rows.rows
    assert [written[0]["failed"], written[1]["pictures"]] == ["ValueError: there is none", 0.333333]
    assert rows.of("files") == written[1:]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(60, "absent.onnx"), (1, "out of time"), (0.5, "no time was left")],
)
def test_what_ends_a_process_is_a_row(
    rows: Rows, seconds: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said == "out of time":
        monkeypatch.setattr(child, "COMMAND", ("-c", "import time; time.sleep(60)"))
    absent = Task("cpu", "absent", "absent.onnx", "absent.npz")
    child.run_child(rows.about(section="check"), "tapped", absent, seconds)
    (row,) = rows.rows
    assert said in (row.get("failed") or row["skipped"])


def test_weights_are_drawn_again_the_same(tmp_path: Path) -> None:
    skeleton, file = SKELETONS / "Ti16.skel.xz", tmp_path / "Ti16.onnx"
    fill(skeleton, file)
    assert file.stat().st_size > 20e6
    damaged = b"0" * 64 + lzma.decompress(skeleton.read_bytes())[64:]
    (tmp_path / "other.skel.xz").write_bytes(lzma.compress(damaged))
    with pytest.raises(SystemExit, match="drawn otherwise"):
        fill(tmp_path / "other.skel.xz", tmp_path / "other.onnx")
    assert not (tmp_path / "other.onnx").exists()
    assert len(drawn(skeleton_of(file))) == file.stat().st_size


def container(*entries: tuple[int, int, bytes]) -> bytes:
    """Make one of code for several GPUs: kind, capability, content."""
    body = b""
    for kind, capability, content in entries:
        head = struct.pack("<HHIQ12xI", kind, 1, 32, len(content), capability)
        body += head + content
    return MAGIC + struct.pack("<HHQ", 1, 16, len(body)) + body


def test_trimming_keeps_the_code_of_one_gpu_in_its_place() -> None:
    both = container((2, 80, b"old" * 9), (2, 90, b"hopper" * 5))
    other, alone = container((2, 120, b"new" * 3)), container((2, 90, b"grouped" * 11))
    older = container((1, 80, b"ptx" * 4))
    whole = b"\x7fELF" + both + other + older + alone + b"end"
    library = bytearray(whole)
    trim(library, slim=False)
    assert len(library) == len(whole)
    assert b"hopper" * 5 in library
    assert b"old" not in library
    assert bytes(library[4 + len(both) :]) == whole[4 + len(both) :]
    library = bytearray(whole)
    assert trim(library, slim=True)["dropped"] == len(alone)
    assert b"grouped" not in library
    assert bytes(library[4 + len(both) : 4 + len(both + other + older)]) == other + older
    with pytest.raises(SystemExit, match="sm_90"):
        trim(bytearray(other), slim=False)


def test_a_model_may_have_another_size() -> None:
    assert (material.name_of("S8@480"), material.size_of("S8@480")) == ("S8", (480, 480))
    assert (material.name_of("S8"), material.size_of("S8")) == ("S8", None)


def test_an_archive_is_divided_so_that_every_part_has_room() -> None:
    assert parts_of(46, 53) == [46]
    assert parts_of(120, 53) == [14, 53, 53]
    assert parts_of(106, 53) == [53, 53]


def test_what_is_asked_for_on_a_gpu_never_runs_on_the_cpu(tmp_path: Path) -> None:
    obstacle = find_obstacle("cuda")
    if obstacle is None:
        pytest.skip("there is a GPU that works")
    with pytest.raises(RuntimeError):
        open_runtime(demo_models()["scenes_vit"], "cuda")
    assert gpu.main(["--device", "cuda", "--out", str(tmp_path)]) == 1
    report = (tmp_path / "report.md").read_text()
    assert str(obstacle) in report
    assert report.splitlines()[-1].startswith("failed on cuda")


def test_an_engine_that_fell_back_is_found() -> None:
    engine = vx.Engine(demo_models()["scenes_vit"], device="cpu")
    engine.run_pixels(np.zeros((1, *engine.manifest.size, 3), np.uint8), engine.outputs)
    require_provider(engine, "cpu")
    with pytest.raises(RuntimeError, match="runs on"):
        require_provider(engine, "cuda")


FEW = ("--models", "Ti16", "--rounds", "2", "--unique", "8")


@pytest.mark.peers
def test_all_of_it_runs_on_the_cpu(tmp_path: Path) -> None:
    few = ("--batches", "2", "--seconds", "0.02", "--pictures", "16", "--jobs", "1")
    command = [sys.executable, "-m", "benchmarks", "gpu", "--device", "cpu", "--budget", "60"]
    done = subprocess.run(
        [*command, *FEW, *few, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("passed on cpu")
    rows = written_in(tmp_path)
    assert {"prove", "check", "ceilings"} <= {row["section"] for row in rows}


@pytest.fixture(scope="module")
def _on_a_gpu() -> None:
    obstacle = find_obstacle("cuda")
    if obstacle is not None:
        pytest.skip(str(obstacle))


@pytest.mark.gpu
@pytest.mark.usefixtures("_on_a_gpu")
@pytest.mark.parametrize("sections", [("prove", "check"), ("ceilings", "graphs", "files")])
def test_it_is_right_on_a_gpu(sections: tuple[str, ...], tmp_path: Path) -> None:
    words = [*FEW, "--batches", "8", "--pictures", "64", "--budget", "280", "--out", str(tmp_path)]
    code = gpu.main([*words, "--device", "cuda", "--sections", *sections])
    report = (tmp_path / "report.md").read_text()
    assert code == 0, report
    assert report.splitlines()[-1].startswith("passed on cuda: ")  # and nothing was left out
