"""Totals over data sets: in a stream, batch by batch, and gone on with later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from vitonnx.engine import Survey, survey
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.layout import Layout
from vitonnx.probes import Summary

Exported = Callable[[str], Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Thirty-seven small pictures, of which the sixth and the last are none."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(5)
    for index in range(37):
        pixels = rng.integers(0, 256, (41 + index, 59, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:02d}.png")
    for bad in (5, 36):
        (folder / f"{bad:02d}.png").write_text("no picture")
    return sorted(folder.iterdir())


@pytest.fixture
def engine(exported: Exported) -> vx.Engine:
    return vx.Engine(exported("distilled"), device="cpu", threads=1)


def distances(engine: vx.Engine, files: list[Path]) -> NDArray[np.float64]:
    stream = engine.stream(files, [vx.Distance()])
    found = [result for result in stream if result.error is None]
    return np.stack([result.distance.distance for result in found])


def test_a_result_is_what_the_raw_attention_says(engine: vx.Engine, files: list[Path]) -> None:
    raw = engine.run(files[0])
    (result,) = engine.probe(files[0], vx.Distance(renormalize=True))
    for block in range(2):
        expected = vx.probes.mean_attention_distance(
            raw[f"block_{block:02d}/attention"],
            grid=(5, 7),
            patch_size=8,
            prefix=2,
            renormalize=True,
        )
        # Another pass through the same graph, with fewer outputs asked for.
        np.testing.assert_allclose(result.distance[block], expected[0], rtol=1e-5)


def test_a_stream_holds_the_totals_of_what_was_taken(engine: vx.Engine, files: list[Path]) -> None:
    stream = engine.stream(files, [vx.Heads(), vx.Distance()])
    assert set(stream.summary) == {"distance"}
    assert stream.summary["distance"].count == 0
    for number, result in enumerate(stream, start=1):
        if number == 3:
            assert stream.summary["distance"].count == 3
            assert result.error is None
    total = stream.summary["distance"]
    values = distances(engine, files)
    assert total.count == len(values) == 35
    np.testing.assert_allclose(total.mean, values.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(total.std, values.std(axis=0), rtol=1e-10)


def test_totals_of_parts_merge_into_those_of_all(engine: vx.Engine, files: list[Path]) -> None:
    """As many workers would do it."""
    total = Summary()
    for part in (files[:7], files[7:8], files[8:]):
        stream = engine.stream(part, [vx.Distance()])
        list(stream)
        total = total.merge(stream.summary["distance"])
    values = distances(engine, files)
    assert total.count == 35
    # Other batches take other kernels: float32 sums in another order.
    np.testing.assert_allclose(total.mean, values.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(total.std, values.std(axis=0), rtol=1e-3)


def test_a_survey_is_the_sum_of_a_stream(engine: vx.Engine, files: list[Path]) -> None:
    positions = [
        (found.position, found.summary.count)
        for found in survey(engine, files, vx.Distance(), Survey())
    ]
    assert positions == [(8, 7), (16, 15), (24, 23), (32, 31), (37, 35)]
    *_, found = survey(engine, files, vx.Distance(), Survey())
    values = distances(engine, files)
    np.testing.assert_allclose(found.summary.mean, values.mean(axis=0), rtol=1e-13)
    assert list(found.skipped) == [str(files[5]), str(files[36])]
    assert "not a picture" in found.skipped[str(files[5])]


@pytest.mark.parametrize("batches", [1, 3, 5])
def test_a_survey_goes_on_to_the_same_bits(
    batches: int, engine: vx.Engine, files: list[Path]
) -> None:
    *_, whole = survey(engine, files, vx.Distance(), Survey())
    found = Survey()
    for _, _ in zip(range(batches), survey(engine, files, vx.Distance(), found), strict=False):
        pass
    gone_on = Survey(found.position, found.summary, dict(found.skipped))
    for _ in survey(engine, files, vx.Distance(), gone_on):
        pass
    assert gone_on.position == 37
    assert gone_on.skipped == whole.skipped
    assert gone_on.summary.count == whole.summary.count
    np.testing.assert_array_equal(gone_on.summary.mean, whole.summary.mean)
    np.testing.assert_array_equal(gone_on.summary.squares, whole.summary.squares)


def test_a_strict_survey_stops_at_the_first_bad_picture(
    engine: vx.Engine, files: list[Path]
) -> None:
    with pytest.raises(PictureError, match=r"05\.png is not a picture"):
        list(survey(engine, files, vx.Distance(), Survey(), strict=True))


def test_nothing_but_bad_pictures(engine: vx.Engine, files: list[Path]) -> None:
    *_, found = survey(engine, [files[5], files[36]], vx.Distance(), Survey())
    assert (found.position, found.summary.count, len(found.skipped)) == (2, 0, 2)


def test_a_probe_without_totals_has_none_to_survey(engine: vx.Engine, files: list[Path]) -> None:
    with pytest.raises(UsageError, match="heads has no totals"):
        list(survey(engine, files, vx.Heads(), Survey()))


@dataclass(frozen=True)
class Wrong(vx.Distance):
    """One that breaks its own promise."""

    name: ClassVar[str] = "wrong"
    most: float = 0.0

    def largest(self, layout: Layout) -> float:
        return self.most


def test_values_that_a_probe_says_can_not_be(engine: vx.Engine, files: list[Path]) -> None:
    """No state could be resumed that holds them, so they are refused as they come."""
    with pytest.raises(VitonnxError, match=r"wrong gives values from .*, and says .* from 0 to 0"):
        list(survey(engine, files, Wrong(), Survey()))
    assert list(survey(engine, files[:3], Wrong(most=1e4), Survey()))[-1].position == 3
