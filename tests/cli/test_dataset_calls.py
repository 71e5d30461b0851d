"""Wrong calls of commands that take datasets: a sentence, at once, and nothing written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset.kept import drawn, write_folder, write_parquet, write_tar
from terminal import Outcome, assert_refused, contents, finished, run_without

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

# No model: who had begun to work would miss it.
EMBED = ("embed", "none.onnx", "birds")
DISTANCE = ("probe", "distance", "none.onnx", "birds")
ROLLOUT = ("probe", "rollout", "none.onnx", "birds")


@pytest.fixture(autouse=True)
def birds(desk: Path) -> Path:
    """A folder of five pictures on the desk."""
    return write_folder(desk / "birds", drawn(5))


@pytest.mark.parametrize(
    "shard",
    [
        "3/3",
        "x",
        "",
        "1/0",
        "0/0",
        "0/99999999999",
        "99999999999/99999999999",
        "-1/3",
        "1",
        "1/",
        "/3",
        "1/3/5",
        "1.5/3",
        "0x1/3",
        " 1/3",
        "1/3\n",
        "\u0663/\u0665",  # digits, but of another script
    ],
)
@pytest.mark.parametrize("words", [EMBED, DISTANCE, ROLLOUT], ids=lambda words: words[-3])
def test_a_shard_that_is_none(words: tuple[str, ...], shard: str, call: Call, desk: Path) -> None:
    before = contents(desk)
    outcome = call(*words, "--shard", shard, "-o", "out")
    assert_refused(outcome, 2, "--shard", "I/N")
    assert contents(desk) == before


@pytest.mark.parametrize("output", ["x.png", "x.csv", "x.json", "x.parquet.gz", "x.arrow"])
def test_embeddings_have_no_such_form(output: str, call: Call, desk: Path) -> None:
    before = contents(desk)
    assert_refused(call(*EMBED, "-o", output), 2, output, ".parquet", ".npz")
    assert contents(desk) == before


def test_embeddings_go_somewhere(call: Call, desk: Path) -> None:
    before = contents(desk)
    outcome = call(*EMBED)
    assert outcome.code == 2
    assert "--output" in outcome.err
    assert contents(desk) == before


@pytest.mark.parametrize("output", ["x.csv", "x.json", "x.arrow"])
def test_pictures_have_no_such_form(output: str, call: Call, desk: Path) -> None:
    before = contents(desk)
    assert_refused(call(*ROLLOUT, "-o", output), 2, output)
    assert contents(desk) == before


@pytest.mark.parametrize("words", [EMBED, DISTANCE], ids=lambda words: words[-3])
def test_resume_is_not_for_a_folder(words: tuple[str, ...], call: Call, desk: Path) -> None:
    before = contents(desk)
    outcome = call(*words, "-o", "out", "--resume", "state.json")
    assert_refused(outcome, 2, "--resume", "folder")
    assert contents(desk) == before


@pytest.mark.parametrize("words", [EMBED, DISTANCE, ROLLOUT], ids=lambda words: words[-3])
def test_force_is_for_a_folder(words: tuple[str, ...], call: Call, desk: Path) -> None:
    before = contents(desk)
    for output in ("x.parquet", "x.npz"):
        assert_refused(call(*words, "-o", output, "--force"), 2, "--force", "-o DIR")
    assert contents(desk) == before


def test_the_output_is_not_the_state(call: Call, desk: Path) -> None:
    before = contents(desk)
    outcome = call(*EMBED, "-o", "x.parquet", "--resume", "./x.parquet")
    assert_refused(outcome, 2, "x.parquet", "both")
    assert contents(desk) == before


def test_the_output_replaces_no_input(call: Call, desk: Path) -> None:
    write_parquet(desk / "birds.parquet", drawn(3))
    write_tar(desk / "birds.tar", drawn(3))
    before = contents(desk)
    words = ("-o", "birds.parquet")
    assert_refused(call("embed", "none.onnx", "birds.parquet", *words), 2, "birds.parquet", "input")
    assert_refused(call("embed", "none.onnx", "*.parquet", *words), 2, "birds.parquet", "input")
    more = ("-o", "x.parquet", "--resume", "birds.tar")
    assert_refused(call("embed", "none.onnx", "birds.tar", *more), 2, "birds.tar", "input")
    assert contents(desk) == before


def test_rows_replace_no_parquet_that_is_read(call: Call, exported: Exported, desk: Path) -> None:
    """The file of a shard has the shard's name."""
    (desk / "data").mkdir()
    write_parquet(desk / "data" / "birds.parquet", drawn(3))
    before = contents(desk)
    outcome = call("embed", exported("plain"), "data/birds.parquet", "-o", "data", "--quiet")
    assert_refused(outcome, 2, "birds.parquet")
    outcome = call(
        "embed", exported("plain"), "data/birds.parquet", "-o", "data", "--force", "--quiet"
    )
    assert_refused(outcome, 2, "birds.parquet")
    assert contents(desk) == before


def test_embeddings_are_no_pictures_to_embed(call: Call, exported: Exported, desk: Path) -> None:
    words = ("embed", exported("plain"), "birds", "--threads", "1", "--quiet")
    assert call(*words, "-o", "rows").code == 0
    before = contents(desk)
    outcome = call("embed", exported("plain"), "rows", "-o", "again", "--quiet")
    assert_refused(outcome, outcome.code, "image")
    assert outcome.code in (1, 2)
    # And a command over the file that it wrote doesn't replace it.
    outcome = call(
        "embed", exported("plain"), "rows", "--column", "embedding", "-o", "rows", "--quiet"
    )
    assert outcome.code in (1, 2)
    assert outcome.errors
    after = contents(desk)
    assert {name: after[name] for name in before} == before


def test_merge_needs_parts(call: Call, desk: Path) -> None:
    before = contents(desk)
    assert call("merge").code == 2
    assert_refused(call("merge", "birds/n01/000.png"), 1, "000.png", "part")
    assert contents(desk) == before


BLOCKED = "pyarrow pyarrow.parquet pyarrow.fs"


def test_without_pyarrow_there_is_a_line_to_install_it(exported: Exported, desk: Path) -> None:
    before = contents(desk)
    for line in (
        "embed none.onnx birds -o out",
        "embed none.onnx birds -o x.npz",
        "probe rollout none.onnx birds -o x.parquet",
        "probe distance none.onnx birds -o out",
    ):
        outcome = run_without(BLOCKED, line)
        assert_refused(outcome, 2, "pyarrow", "pip install 'vitonnx[data]'")
    assert contents(desk) == before


def test_without_pyarrow_totals_and_their_parts_are_there(exported: Exported, desk: Path) -> None:
    """Of folders and tars, which the standard library reads."""
    write_tar(desk / "birds.tar", drawn(5))
    words = f"probe distance '{exported('plain')}' birds.tar --quiet"
    outcome = run_without(
        BLOCKED,
        f"{words} -o x.npz",
        f"{words} --shard 0/2 -o 0.part",
        f"{words} --shard 1/2 -o 1.part",
        "merge 0.part 1.part -o y.npz --quiet",
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.split() == ["x.npz", "0.part", "1.part", "y.npz"]


LAZY = """
import sys
import vitonnx, vitonnx.cli
from vitonnx.cli import main
main(["embed", "--help"])
main(["merge", "--help"])
print([name for name in ("pyarrow", "fsspec", "onnxruntime", "pandas") if name in sys.modules])
"""


def test_help_imports_nothing_heavy() -> None:
    outcome = finished([sys.executable, "-c", LAZY])
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "[]"
