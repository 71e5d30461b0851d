"""A run that is stopped after any batch goes on from its state, to the same bits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from dataset.kept import drawn, write_tars
from vitonnx.dataset import Dataset, open_dataset
from vitonnx.engine import Survey
from vitonnx.runs import FitRun, PairRun, Run, TotalRun

Exported = Callable[[str], Path]


@pytest.fixture(scope="module")
def engines(exported: Exported) -> dict[str, vx.Engine]:
    """Two models, which take eight pictures at once."""
    return {
        kind: vx.Engine(exported(kind), device="cpu", threads=1) for kind in ("plain", "registers")
    }


@pytest.fixture(scope="module")
def tars(engines: dict[str, vx.Engine], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three tars: of two batches and a bit, of less than one, and of one and a bit."""
    batch = engines["plain"].batch_size
    sizes = (2 * batch + 1, max(1, batch - 1), batch + 1)
    kept = drawn(sum(sizes), seed=37)
    kept[1] = kept[1]._replace(content=b"Dear picture")
    kept[-1] = kept[-1]._replace(content=b"")
    folder = tmp_path_factory.mktemp("stopped") / "tars"
    write_tars(folder, kept, sizes)
    return open_dataset([str(folder)])


def runs(engines: dict[str, vx.Engine], dataset: Dataset) -> dict[str, Run]:
    one = {"plain": engines["plain"]}
    cka = vx.CKA()
    pair = cka.between(*(engine.manifest for engine in engines.values()))
    return {
        "a total": TotalRun(engines=one, dataset=dataset, probe=vx.Distance()),
        "a total of two models": TotalRun(engines=engines, dataset=dataset, probe=vx.Entropy()),
        "a pair": PairRun(engines=engines, dataset=dataset, probe=cka, pair=pair),
        "a fit": FitRun(engines=one, dataset=dataset, probe=vx.PCA()),
    }


def assert_same(found: list[Survey], expected: list[Survey]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.summary.count, one.skipped) == (other.summary.count, other.skipped)
        assert one.pictures == other.pictures
        parts = other.summary.parts()
        for name, part in one.summary.parts().items():
            np.testing.assert_array_equal(part, parts[name], err_msg=name)


@pytest.mark.parametrize("what", ["a total", "a total of two models", "a pair", "a fit"])
def test_after_every_batch(
    what: str, engines: dict[str, vx.Engine], tars: Dataset, tmp_path: Path
) -> None:
    run = runs(engines, tars)[what]
    whole = run.begin()
    steps = sum(1 for _ in run.go(whole))
    assert whole[0].pictures == tars.counted()
    assert len(whole[0].skipped) == 2
    assert steps >= 6
    for stop in range(steps + 1):
        begun = run.begin()
        for _ in itertools.islice(run.go(begun), stop):
            pass
        state = run.state(tmp_path / f"{stop}.json")
        state.save(begun)
        surveys = state.load()
        assert surveys is not None
        assert_same(surveys, begun)
        left = sum(1 for _ in run.go(surveys))
        assert left == steps - stop
        assert_same(surveys, whole)
