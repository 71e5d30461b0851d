"""What goes through many shards is killed at any moments, and ends with the same bytes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.kills import finish, kill, start
from dataset.kept import drawn, write_tars
from runs.tables import column
from terminal import contents

Exported = Callable[[str], Path]

SHARDS = 61


@pytest.fixture(scope="module")
def tars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many tars of one to three pictures, some of which are none."""
    rng = random.Random(17)
    kept = drawn(11, seed=17)
    kept[4] = kept[4]._replace(content=b"Dear picture")
    sizes = [rng.randint(1, 3) for _ in range(SHARDS)]
    pictures = [
        rng.choice(kept)._replace(id=f"n01/{number:04}.png") for number in range(sum(sizes))
    ]
    folder = tmp_path_factory.mktemp("killed") / "tars"
    write_tars(folder, pictures, sizes)
    return folder


ROWS = {
    "embed": ["embed", "MODEL", "TARS", "--logits"],
    "rollout": ["probe", "rollout", "MODEL", "TARS"],
}


def filled(question: str, model: Path, tars: Path) -> list[str | Path]:
    places: dict[str, str | Path] = {"MODEL": model, "TARS": tars}
    return [places.get(word, word) for word in ROWS[question]]


@pytest.mark.load
@pytest.mark.parametrize("question", ROWS)
def test_a_folder_of_rows(
    question: str, exported: Exported, tars: Path, desk: Path, load: bool
) -> None:
    rng = random.Random(os.urandom(8))
    words = filled(question, exported("plain"), tars)
    said = finish(*words, "-o", "whole")
    whole, out = contents(desk / "whole"), desk / "out"
    assert sum(name.endswith(".parquet") for name in whole) == SHARDS

    def seen() -> int:
        return len(list(out.glob("*.parquet")))

    done, running = [0], 0
    for _ in range(20 if load else 1):
        running += kill([*words, "-o", "out"], seen, rng)
        # Whatever has a name is whole.
        for path in out.glob("*.parquet"):
            assert path.read_bytes() == whole[path.name]
        done.append(seen())
    assert done == sorted(done)
    assert running
    assert finish(*words, "-o", "out") == said
    # What was passing when it was killed has gone, too.
    assert contents(out) == whole


@pytest.mark.load
def test_one_file_of_rows(exported: Exported, tars: Path, desk: Path, load: bool) -> None:
    rng = random.Random(os.urandom(8))
    words = filled("embed", exported("plain"), tars)
    said = finish(*words, "-o", "whole.parquet")
    resumed = [*words, "--resume", "state", "-o", "x.parquet"]

    def seen() -> int:
        return sum(1 for path in desk.glob("state*/*.parquet"))

    running = 0
    for _ in range(20 if load else 1):
        running += kill(resumed, seen, rng)
    assert running
    assert finish(*resumed) == said
    assert (desk / "x.parquet").read_bytes() == (desk / "whole.parquet").read_bytes()
    assert len(column("x.parquet", "id")) == len(set(column("x.parquet", "id")))
    assert not list(desk.glob(".*"))


@pytest.mark.load
@pytest.mark.parametrize("shard", [(), ("--shard", "1/2")])
def test_totals_of_many_shards(
    shard: tuple[str, ...], exported: Exported, tars: Path, desk: Path, load: bool
) -> None:
    rng = random.Random(os.urandom(8))
    ending = "part" if shard else "npz"
    words: list[str | Path] = ["probe", "distance", exported("plain"), tars, *shard]
    said = finish(*words, "-o", f"whole.{ending}")
    state = desk / "state.json"
    resumed: list[str | Path] = [*words, "--resume", state, "-o", f"x.{ending}"]

    def seen() -> int:
        return state.stat().st_mtime_ns if state.exists() else 0

    running = 0
    for _ in range(20 if load else 1):
        running += kill(resumed, seen, rng)
    assert running
    assert finish(*resumed) == said
    assert (desk / f"x.{ending}").read_bytes() == (desk / f"whole.{ending}").read_bytes()
    assert not list(desk.glob(".*"))


@pytest.mark.load
def test_at_moments_that_know_nothing_of_the_work(
    exported: Exported, tars: Path, desk: Path, load: bool
) -> None:
    """At the start, at the end, and while nothing is seen."""
    rng = random.Random(os.urandom(8))
    words = filled("embed", exported("plain"), tars)
    begun = time.monotonic()
    said = finish(*words, "-o", "whole")
    took = time.monotonic() - begun
    for _ in range(20 if load else 1):
        process = start(*words, "-o", "out")
        time.sleep(rng.uniform(0, took))
        process.kill()
        process.communicate()
    assert finish(*words, "-o", "out") == said
    assert contents(desk / "out") == contents(desk / "whole")
    assert {path.name for path in desk.iterdir()} == {"out", "whole"}
