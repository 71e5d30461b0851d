"""``vitonnx evaluate accuracy`` in parts, merged; and killed, resumed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.kills import finish, kill
from dataset.kept import drawn, write_tars
from terminal import Outcome, assert_refused, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

CLASSES = 11  # of the tiny models
SIZES = (3, 1, 4, 2, 7)
QUIET = ("--device", "cpu", "--threads", "1", "--quiet")


def laid(desk: Path, sizes: tuple[int, ...], bad: tuple[int, ...] = ()) -> str:
    """Tars of pictures with classes' numbers, some of which are none."""
    rng = random.Random(31)
    kept = drawn(13, seed=31)
    pictures = [
        rng.choice(kept)._replace(
            id=f"{number:04}.png",
            label=rng.randrange(CLASSES),
            **({"content": b"Dear"} if number in bad else {}),
        )
        for number in range(sum(sizes))
    ]
    write_tars(desk / "tars", pictures, sizes)
    return "tars"


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 7])
def test_parts_come_to_what_one_process_counts(
    parts: int, call: Call, exported: Exported, desk: Path
) -> None:
    """To the last bit, however the tars are divided: right answers are whole numbers."""
    data = laid(desk, SIZES, bad=(3, 11))
    words = ("evaluate", "accuracy", exported("plain"), data, *QUIET)
    one = call(*words, "-o", "one.json")
    assert one.code == 1
    files = [f"{number}.part" for number in range(parts)]
    for number in reversed(range(parts)):
        shard = ("--shard", f"{number}/{parts}", "-o", files[number])
        assert call(*words, *shard).out == f"{files[number]}\n"
    outcome = call("merge", *files[::-1], "-o", "all.json", "--quiet")
    assert outcome == Outcome(1, one.out.replace("one.json", "all.json"), one.err)
    assert Path("all.json").read_text() == Path("one.json").read_text()
    assert '"top5"' in Path("all.json").read_text()


def test_parts_of_other_runs_are_refused(call: Call, exported: Exported, desk: Path) -> None:
    data = laid(desk, SIZES)
    accuracy = ("evaluate", "accuracy", exported("plain"), data, *QUIET)
    assert call(*accuracy, "--shard", "0/2", "-o", "0.part").code == 0
    others = (
        ("probe", "distance", exported("plain"), data, *QUIET),
        ("evaluate", "accuracy", exported("distilled"), data, *QUIET),
        (*accuracy, "--limit", "11"),
        (*accuracy, "--size", "24x40"),
    )
    for words in others:
        assert call(*words, "--shard", "1/2", "-o", "1.part").code == 0
        before = contents(desk)
        for files in (("0.part", "1.part"), ("1.part", "0.part")):
            assert_refused(call("merge", *files, "-o", "x.json"), 2, "unlike runs")
        assert contents(desk) == before
    assert_refused(call("merge", "0.part", "-o", "x.json"), 2, "missing: 1")
    assert_refused(call("merge", "0.part", "0.part", "-o", "x.json"), 2, "twice")


@pytest.mark.load
def test_killed_at_any_moment_it_counts_the_same(
    exported: Exported, desk: Path, load: bool
) -> None:
    rng = random.Random(os.urandom(8))
    data = laid(desk, tuple(rng.randint(1, 3) for _ in range(83)), bad=(7, 61))
    words: list[str | Path] = ["evaluate", "accuracy", exported("plain"), data]

    def ended(*more: str | Path) -> str:
        return finish(*words, *more)

    state = desk / "state.json"

    def seen() -> int:
        return state.stat().st_mtime_ns if state.exists() else 0

    said = ended("--shard", "0/1", "-o", "whole.part")
    resumed: list[str | Path] = ["--shard", "0/1", "--resume", state, "-o", "x.part"]
    running = 0
    for _ in range(20 if load else 1):
        running += kill([*words, *resumed], seen, rng)
    assert running
    assert ended(*resumed) == said
    assert Path("x.part").read_bytes() == Path("whole.part").read_bytes()
    assert not list(desk.glob(".*"))
