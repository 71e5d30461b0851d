"""A folder of rows holds its own state: who may go on in it, and who is refused."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dataset.kept import Kept, drawn, write_folder, write_parquet, write_tars
from runs.tables import column, files_in
from terminal import VITONNX, Outcome, assert_refused, contents, environment

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

QUIET = ("--device", "cpu", "--threads", "1", "--quiet")


@pytest.fixture(scope="module")
def kept() -> list[Kept]:
    """Seven good pictures."""
    return drawn(7, seed=5)


@pytest.fixture
def tars(kept: list[Kept], desk: Path) -> str:
    """Three tars on the desk."""
    write_tars(desk / "tars", kept, (2, 3, 2))
    return "tars"


@pytest.fixture
def embed(call: Call, exported: Exported, tars: str) -> Callable[..., Outcome]:
    """Embed the tars into the folder `out`."""

    def embed(*words: str | Path, model: Path | None = None) -> Outcome:
        return call("embed", model or exported("plain"), tars, "-o", "out", *QUIET, *words)

    return embed


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}


def test_the_same_command_does_what_is_left(embed: Callable[..., Outcome], desk: Path) -> None:
    assert embed().code == 0
    before = contents(desk / "out")
    (desk / "out" / "shard-001.parquet").unlink()
    written = times(desk / "out")
    assert embed().code == 0
    assert contents(desk / "out") == before
    now = times(desk / "out")
    assert {name: now[name] for name in written} == written


def test_going_on_is_said(
    call: Call, exported: Exported, embed: Callable[..., Outcome], desk: Path
) -> None:
    assert embed().code == 0
    (desk / "out" / "shard-000.parquet").unlink()
    words = ("--device", "cpu", "--threads", "1")
    outcome = call("embed", exported("plain"), "tars", "-o", "out", *words)
    assert any("going on after 2 of 3 shards" in note for note in outcome.notes)


def test_a_finished_run_is_not_run_again(embed: Callable[..., Outcome], desk: Path) -> None:
    assert embed().code == 0
    written, before = times(desk / "out"), contents(desk / "out")
    outcome = embed()
    assert (outcome.code, outcome.out) == (0, "out\n")
    assert (times(desk / "out"), contents(desk / "out")) == (written, before)


def test_bad_pictures_of_shards_done_before_count(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    spoilt = [each._replace(content=b"") if at in (0, 6) else each for at, each in enumerate(kept)]
    write_tars(desk / "spoilt", spoilt, (2, 3, 2))
    words = ("embed", exported("plain"), "spoilt", "-o", "out", *QUIET)
    first = call(*words)
    (desk / "out" / "shard-002.parquet").unlink()
    assert call(*words) == first
    assert first.code == 1
    assert "2 of 7 pictures" in first.errors[-1]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--logits",), "logits"),
        (("--half",), "half"),
        (("--size", "24x88"), "size"),
        (("--threads", "2"), "threads"),
        (("--limit", "5"), "shards"),
        (("--limit", "5", "--seed", "3"), "pictures"),
    ],
)
def test_another_run_is_refused(
    words: tuple[str, ...], part: str, embed: Callable[..., Outcome], desk: Path
) -> None:
    assert embed().code == 0
    before = contents(desk)
    assert_refused(embed(*words), 2, "out", "another run", part, "--force")
    assert contents(desk) == before


def test_another_model_or_probe_is_refused(
    call: Call, exported: Exported, embed: Callable[..., Outcome], desk: Path
) -> None:
    assert embed().code == 0
    before = contents(desk)
    assert_refused(embed(model=exported("distilled")), 2, "out", "model 1's hash")
    outcome = call("probe", "rollout", exported("plain"), "tars", "-o", "out", *QUIET)
    assert_refused(outcome, 2, "out", "the question", "embed", "rollout")
    assert contents(desk) == before


def test_options_of_a_probe_are_compared(
    call: Call, exported: Exported, tars: str, desk: Path
) -> None:
    words = ("probe", "rollout", exported("plain"), tars, "-o", "out", *QUIET)
    assert call(*words).code == 0
    before = contents(desk)
    assert_refused(call(*words, "--discard", "0.7"), 2, "out", "discard=0.7")
    assert contents(desk) == before


def test_another_dataset_is_refused(
    call: Call, exported: Exported, embed: Callable[..., Outcome], kept: list[Kept], desk: Path
) -> None:
    assert embed().code == 0
    write_tars(desk / "others", kept, (2, 3, 2))
    before = contents(desk)
    outcome = call("embed", exported("plain"), "others", "-o", "out", *QUIET)
    assert_refused(outcome, 2, "out", "pictures")
    outcome = call("embed", exported("plain"), "tars/shard-001.tar", "-o", "out", *QUIET)
    assert_refused(outcome, 2, "out")
    assert contents(desk) == before


def test_columns_are_compared(call: Call, exported: Exported, kept: list[Kept], desk: Path) -> None:
    """Which column is the id, and which the label, changes rows."""
    write_parquet(desk / "birds.parquet", kept)
    words = ("embed", exported("plain"), "birds.parquet", "-o", "out", *QUIET)
    assert call(*words, "--id", "name").code == 0
    before = contents(desk)
    assert_refused(call(*words), 2, "out", "another run")
    assert_refused(call(*words, "--id", "name", "--label", "label"), 2, "out", "another run")
    assert contents(desk) == before


def test_another_version_is_refused(embed: Callable[..., Outcome], desk: Path) -> None:
    assert embed().code == 0
    (state,) = (path for path in (desk / "out").iterdir() if path.suffix == ".json")
    settings = json.loads(state.read_text())
    assert "onnxruntime" in settings
    settings["onnxruntime"] = "1.2.3"
    state.write_text(json.dumps(settings))
    before = contents(desk)
    assert_refused(embed(), 2, "out", "onnxruntime was 1.2.3")
    assert contents(desk) == before


def test_force_starts_over_and_leaves_what_others_wrote(
    embed: Callable[..., Outcome], call: Call, exported: Exported, desk: Path
) -> None:
    assert embed().code == 0
    first = contents(desk / "out")
    notes = desk / "out" / "notes.txt"
    notes.write_text("by hand")
    pq.write_table(pa.table({"x": [1, 2]}), desk / "out" / "foreign.parquet")
    (desk / "out" / "broken.parquet").write_bytes(b"none")
    (desk / "out" / "deep").mkdir()
    (desk / "out" / "deep" / "shard-000.parquet").write_bytes(first["shard-000.parquet"])
    foreign = {
        name: content for name, content in contents(desk / "out").items() if name not in first
    }
    words = ("embed", exported("plain"), "tars/shard-001.tar", "-o", "out", *QUIET)
    assert_refused(call(*words), 2, "--force")
    assert call(*words, "--force").code == 0
    now = contents(desk / "out")
    assert {name: now.get(name) for name in foreign} == foreign
    assert set(now) - set(foreign) == {"shard-001.parquet", "_vitonnx.json"}
    assert len(column(desk / "out" / "shard-001.parquet", "id")) == 3


def test_force_in_a_new_folder_is_no_harm(embed: Callable[..., Outcome], desk: Path) -> None:
    assert embed("--force").code == 0
    assert len(files_in("out")) == 3


def test_force_needs_a_folder(call: Call, exported: Exported, tars: str, desk: Path) -> None:
    words = ("embed", exported("plain"), tars, "-o", "x.parquet", "--force", *QUIET)
    before = contents(desk)
    assert_refused(call(*words), 2, "--force", "-o DIR")
    assert contents(desk) == before


def test_without_a_folder_nothing_hints_at_force(
    call: Call, exported: Exported, tars: str, desk: Path
) -> None:
    words = ("embed", exported("plain"), tars, "-o", "x.parquet", "--resume", "state", *QUIET)
    assert call(*words).code == 0
    outcome = call(*words, "--half")
    assert_refused(outcome, 2, "state holds another run", "remove state and state.shards")
    assert "--force" not in outcome.err


@pytest.mark.parametrize("damage", ["empty", "half", "list", "number", "deep", "binary"])
def test_a_damaged_state_is_refused_and_force_starts_over(
    damage: str, embed: Callable[..., Outcome], desk: Path
) -> None:
    assert embed().code == 0
    whole = contents(desk / "out")
    state = desk / "out" / "_vitonnx.json"
    text = state.read_bytes()
    damaged = {
        "empty": b"",
        "half": text[: len(text) // 2],
        "list": b"[1, 2]",
        "number": b"1" * 5000,
        "deep": b"[" * 100_000,
        "binary": bytes(range(256)),
    }
    state.write_bytes(damaged[damage])
    before = contents(desk)
    assert_refused(embed(), 1, "_vitonnx.json", "--force")
    assert contents(desk) == before
    assert embed("--force").code == 0
    assert contents(desk / "out") == whole


def test_values_of_the_wrong_kind_are_another_run(
    embed: Callable[..., Outcome], desk: Path
) -> None:
    assert embed().code == 0
    state = desk / "out" / "_vitonnx.json"
    settings = json.loads(state.read_text())
    for value in (None, [1], {"a": "b"}, "x" * 3000, 10**30, "\x1b[31mred"):
        state.write_text(json.dumps({**settings, "numpy": value}))
        assert_refused_softly(embed())


def assert_refused_softly(outcome: Outcome) -> None:
    """One sentence, whose quotation may be anything, but short and without control."""
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1)
    assert "another run" in outcome.errors[0]
    assert len(outcome.errors[0]) < 600
    assert "\x1b" not in outcome.err


def test_a_damaged_file_is_written_again(embed: Callable[..., Outcome], desk: Path) -> None:
    """Or refused: but never taken for done."""
    assert embed().code == 0
    whole = contents(desk / "out")
    path = desk / "out" / "shard-001.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    outcome = embed()
    if outcome.code == 0:
        assert contents(desk / "out") == whole
    else:
        assert_refused(outcome, 2, "shard-001.parquet")


def test_a_foreign_file_in_the_way_is_refused(embed: Callable[..., Outcome], desk: Path) -> None:
    (desk / "out").mkdir()
    pq.write_table(pa.table({"x": [1, 2]}), desk / "out" / "shard-001.parquet")
    before = contents(desk)
    for words in ((), ("--force",)):
        assert_refused(embed(*words), 2, "shard-001.parquet", "vitonnx")
        assert contents(desk) == before


def test_rows_of_another_run_without_its_state_are_not_lost(
    embed: Callable[..., Outcome], call: Call, exported: Exported, desk: Path
) -> None:
    """Such as those that one file was written to, or that were copied."""
    (desk / "out").mkdir()
    words = ("probe", "rollout", exported("plain"), "tars", "-o", "out/shard-001.parquet")
    assert call(*words, *QUIET).code == 0
    before = contents(desk)
    assert_refused(embed(), 2, "shard-001.parquet")
    assert contents(desk) == before
    assert embed("--force").code == 0
    assert len(column("out", "embedding")) == 7


def test_a_file_where_the_folder_should_be(embed: Callable[..., Outcome], desk: Path) -> None:
    (desk / "out").write_text("by hand")
    before = contents(desk)
    outcome = embed()
    assert outcome.code in (1, 2)
    assert_refused(outcome, outcome.code, "out")
    assert contents(desk) == before


def test_the_state_of_one_file_is_not_in_the_folder(
    call: Call, exported: Exported, tars: str, desk: Path
) -> None:
    """One file has --resume, a folder has none."""
    words = ("embed", exported("plain"), tars, "--resume", "state.json", *QUIET)
    before = contents(desk)
    assert_refused(call(*words, "-o", "out"), 2, "--resume")
    assert contents(desk) == before
    assert call(*words, "-o", "one.parquet").code == 0
    assert call(*words, "-o", "two.parquet").code == 0
    assert call(*words[:3], *QUIET, "-o", "three.parquet").code == 0
    whole = (desk / "three.parquet").read_bytes()
    assert (desk / "one.parquet").read_bytes() == (desk / "two.parquet").read_bytes() == whole
    before = contents(desk)
    assert_refused(call(*words, "-o", "four.parquet", "--logits"), 2, "state.json", "logits")
    assert contents(desk) == before


def test_two_processes_write_their_shards_to_one_folder(
    call: Call, exported: Exported, tars: str, desk: Path
) -> None:
    model = exported("plain")
    words = ("embed", model, tars, "--logits", *QUIET)
    assert call(*words, "-o", "alone").code == 0
    processes = [
        subprocess.Popen(
            [*VITONNX, *map(str, words), "-o", "out", "--shard", f"{number}/2"],
            env=environment(),
            stderr=subprocess.PIPE,
        )
        for number in (0, 1)
    ]
    said = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert contents(desk / "out") == contents(desk / "alone")
    # Who goes on there alone finds all done.
    written = times(desk / "out")
    assert call(*words, "-o", "out").code == 0
    assert times(desk / "out") == written


def test_parts_of_a_folder_of_pictures(
    call: Call, exported: Exported, kept: list[Kept], desk: Path
) -> None:
    """Each has something to do, and together they do all, once."""
    write_folder(desk / "birds", kept)
    for number in (2, 0, 1):
        words = ("-o", "out", "--shard", f"{number}/3")
        assert call("embed", exported("plain"), "birds", *words, *QUIET).code == 0
    assert sorted(column("out", "id")) == sorted(each.id for each in kept)
    counts = [len(column(desk / "out" / name, "id")) for name in files_in("out")]
    assert all(counts)
    assert max(counts) <= 3


def test_more_parts_than_shards(
    call: Call, exported: Exported, tars: str, kept: list[Kept], desk: Path
) -> None:
    for number in range(5):
        words = ("-o", "out", "--shard", f"{number}/5")
        outcome = call("probe", "rollout", exported("plain"), tars, *words, *QUIET)
        assert (outcome.code, outcome.out) == (0, "out\n")
    assert len(files_in("out")) == 3
    assert len(column("out", "id")) == 7


def test_parts_of_one_file_are_refused(
    call: Call, exported: Exported, tars: str, desk: Path
) -> None:
    before = contents(desk)
    for output in ("x.parquet", "x.npz"):
        words = ("-o", output, "--shard", "0/2", *QUIET)
        assert_refused(call("embed", exported("plain"), tars, *words), 2, output, "folder")
    assert contents(desk) == before


def test_a_folder_inside_one_of_parquet_files_is_refused(
    call: Call, exported: Exported, tmp_path: Path
) -> None:
    """The next run would take the rows for a part of the dataset; rows among pictures are none."""
    pictures = drawn(5)
    (tmp_path / "tables").mkdir()
    write_parquet(tmp_path / "tables" / "a.parquet", pictures)
    write_folder(tmp_path / "pictures", pictures)
    for folder, code in (("tables", 2), ("pictures", 0), ("pictures", 0)):
        data = tmp_path / folder
        outcome = call("embed", exported("plain"), data, "-o", data / "rows", *QUIET)
        assert outcome.code == code, outcome
        assert ("is inside" in outcome.err) == (code == 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("name", ["a.parquet", "_vitonnx.json"])
def test_a_pipe_in_the_folder_is_refused(
    name: str, call: Call, exported: Exported, tmp_path: Path
) -> None:
    write_parquet(tmp_path / "a.parquet", drawn(3))
    (tmp_path / "rows").mkdir()
    os.mkfifo(tmp_path / "rows" / name)
    outcome = call("embed", exported("plain"), tmp_path / "a.parquet", "-o", tmp_path / "rows")
    assert_refused(outcome, 1, "is a pipe")


def test_a_query_beyond_the_input_lies_in_the_picture(
    call: Call, exported: Exported, tmp_path: Path
) -> None:
    """Its pixels are those of a picture, which is larger than what the model takes."""
    Image.new("RGB", (400, 300), "teal").save(tmp_path / "wide.png")
    rows = tmp_path / "rows"
    words = ("probe", "heads", exported("plain"), tmp_path / "wide.png", "--query", "150,200")
    outcome = call(*words, "-o", rows, *QUIET)
    assert outcome.code == 0, outcome
    assert pq.read_table(rows / "part-00000.parquet")["error"].to_pylist() == [None]
