"""The moving average against a slow loop, and maps on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vitonnx.errors import UsageError
from vitonnx.video import VideoOptions
from vitonnx.video._fit import fitting_size
from vitonnx.video._spool import Spool
from vitonnx.video._video_maps import FrameMaps, smoothed

SHAPES = [(1, 3, 5), (3, 2, 7)]


def some_maps(count: int) -> list[FrameMaps]:
    random = np.random.default_rng(0)
    return [[random.random(shape, np.float32) for shape in SHAPES] for _ in range(count)]


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7, 11, 40])
@pytest.mark.parametrize("count", [1, 2, 7, 23])
def test_the_moving_average(frames: int, count: int) -> None:
    maps = some_maps(count)
    found = list(smoothed(iter(maps), frames))
    assert len(found) == count
    for index, means in enumerate(found):
        first = max(0, index - frames // 2)
        last = min(count - 1, index + (frames - 1) // 2)
        for model, mean in enumerate(means):
            expected = sum(maps[i][model] for i in range(first, last + 1)) / (last + 1 - first)
            np.testing.assert_allclose(mean, expected, rtol=1e-5)  # float32


def test_the_moving_average_holds_no_more_than_it_must() -> None:
    taken = 0

    def endless() -> Iterator[FrameMaps]:
        nonlocal taken
        while True:
            taken += 1
            yield some_maps(1)[0]

    means = smoothed(endless(), 5)
    for _ in range(100):
        next(means)
    assert taken == 102


def test_classes_are_not_averaged() -> None:
    numbers = [np.full((1, 2, 3), value, np.int32) for value in (4, 0, 9, 9, 2)]
    values = [number.astype(np.float32) for number in numbers]
    frames = [[one, other] for one, other in zip(numbers, values, strict=True)]
    found = list(smoothed(iter(frames), 3))
    assert [int(one.max()) for one, _ in found] == [4, 0, 9, 9, 2]
    np.testing.assert_allclose([other.mean() for _, other in found], [2, 13 / 3, 6, 20 / 3, 5.5])


def test_a_spool_gives_back_what_it_was_given(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    shapes = [(1, 3, 5), (3, 2, 7), (1, 2, 3, 4)]
    maps: list[FrameMaps] = [
        [
            random.random(shapes[0], np.float32),
            random.integers(0, 2**31, shapes[1], np.int64),
            random.random(shapes[2], np.float32),
        ]
        for _ in range(13)
    ]
    records = [np.dtype((number, shapes[at])) for at, number in enumerate(("<f4", "<i4", "<f4"))]
    with Spool(tmp_path, records) as spool:
        assert len(list(spool.fill(iter(maps)))) == spool.frames == 13
        for _ in range(2):
            for read, written in zip(spool.read(), maps, strict=True):
                for one, other in zip(read, written, strict=True):
                    np.testing.assert_array_equal(one, other)
    assert list(tmp_path.iterdir()) == []


def test_a_spool_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), Spool(tmp_path / "nowhere", []):
        pytest.fail("the block must not run")


@pytest.mark.parametrize(
    ("frame", "short", "patch", "size"),
    [
        ((512, 896), 224, 16, (224, 384)),  # 392 lies between: as near as 400
        ((896, 512), 224, 16, (384, 224)),
        ((480, 480), 224, 16, (224, 224)),
        ((1080, 1920), 480, 8, (480, 856)),
        ((53, 5300), 16, 8, (16, 1600)),
        ((100, 101), 224, 14, (224, 224)),
    ],
)
def test_the_size_that_fits(
    frame: tuple[int, int], short: int, patch: int, size: tuple[int, int]
) -> None:
    assert fitting_size(frame, short=short, patch=patch) == size
    exact = short * max(frame) / min(frame)
    assert abs(max(size) - exact) <= patch / 2


def test_options_that_can_not_be() -> None:
    with pytest.raises(UsageError, match="smooth is 0"):
        VideoOptions(smooth=0)
    with pytest.raises(UsageError, match="scale 'auto' is unknown"):
        VideoOptions(scale="auto")  # type: ignore[arg-type]
