"""Two shots of each thing: of scenes another place on another ground, of files the same again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vitonnx.data import open_data
from vitonnx.data._split import StoredSplit
from vitonnx.data.scenes import Scene, _scene, draw_scene, draw_shots
from vitonnx.data.scenes._scene import Composition
from vitonnx.errors import UsageError

SIZE = (31, 43)
Composed = list[tuple[NDArray[np.float32], Composition]]


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> Composed:
    """Grounds and things of the scenes that are drawn, which a picture doesn't tell exactly."""
    seen: Composed = []
    real: Callable[[NDArray[np.float32], Composition], Scene] = _scene.compose

    def compose(ground: NDArray[np.float32], composition: Composition) -> Scene:
        seen.append((ground.copy(), composition))
        return real(ground, composition)

    monkeypatch.setattr(_scene, "compose", compose)
    return seen


def equal(first: Scene, second: Scene) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("picture", "masks", "labels")
    )


@pytest.mark.parametrize("objects", [1, 2, 3, None])
def test_the_first_is_the_scene_of_the_seed(objects: int | None) -> None:
    for index in range(8):
        first, _ = draw_shots((3, index), SIZE, objects)
        assert equal(first, draw_scene((3, index), SIZE, objects))


@pytest.mark.parametrize("objects", [1, 3, None])
def test_the_second_shows_the_same_things_elsewhere(
    objects: int | None, composed: Composed
) -> None:
    for index in range(8):
        composed.clear()
        first, second = draw_shots((4, index), SIZE, objects)
        np.testing.assert_array_equal(first.labels, second.labels)
        (ground, shown), (other_ground, shown_again) = composed
        for thing, again in zip(shown.things, shown_again.things, strict=True):
            assert (thing.label, thing.texture_seed) == (again.label, again.texture_seed)
            assert thing.relief == again.relief
            np.testing.assert_array_equal(thing.colours, again.colours)
            for part, same in zip(thing.parts, again.parts, strict=True):
                np.testing.assert_array_equal(part.points, same.points)
                assert part.paint == same.paint
        for pose, other in zip(shown.poses, shown_again.poses, strict=True):
            assert not set(astuple(pose)) & set(astuple(other))
        # Half of the pixels at the least are of another colour.
        assert np.mean(np.abs(ground - other_ground).max(axis=-1) > 1) > 0.5
        assert np.mean(np.any(first.picture != second.picture, axis=-1)) > 0.5


@pytest.mark.parametrize("size", [(16, 16), (17, 29), (53, 19)])
def test_a_seed_is_two_shots_of_any_size(size: tuple[int, int]) -> None:
    shots, again = draw_shots(5, size), draw_shots(5, size)
    assert all(equal(*pair) for pair in zip(shots, again, strict=True))
    for shot in shots:
        assert shot.picture.shape == (*size, 3)
        assert shot.picture.dtype == np.uint8
        assert shot.masks.shape == (len(shot.labels), *size)
        assert shot.masks.any(axis=(1, 2)).all()
    assert not equal(draw_shots(6, size)[1], shots[1])


def test_what_no_scene_can_be() -> None:
    with pytest.raises(UsageError, match="15x64 is too small"):
        draw_shots(0, (15, 64))
    with pytest.raises(UsageError, match="objects is 4; a scene has 1, 2 or 3"):
        draw_shots(0, SIZE, 4)


def assert_shots(shots: NDArray[Any], pictures: NDArray[np.uint8]) -> None:
    assert shots.dtype == np.uint8
    assert shots.shape == (2, *pictures.shape)
    np.testing.assert_array_equal(shots[0], pictures)


def test_a_split_of_scenes_draws_each_thing_twice() -> None:
    train = open_data("scenes", 23, 7).train
    chosen = [5, 0, 9_999]
    shots = train.read_shots(chosen, 3)
    pictures, _ = train.read(chosen, 3)
    assert_shots(shots, pictures)
    for row, index in enumerate(chosen):
        _, second = draw_shots((7, 0, 3, index), (23, 23), objects=1)
        np.testing.assert_array_equal(shots[1, row], second.picture)
    np.testing.assert_array_equal(shots, train.read_shots(chosen, 3))
    anew = train.read_shots(chosen, 4)
    assert np.any(shots != anew, axis=(2, 3, 4)).all()
    assert train.read_shots([], 0).shape == (2, 0, 23, 23, 3)


def test_things_are_farther_away_once_many_were_seen() -> None:
    """From the epoch on that begins with pair 160,000."""
    train = open_data("scenes", size=29, seed=3, pictures=53_337).train
    for epoch, extents in ((2, None), (3, (0.35, 0.95))):
        expected = draw_shots((3, 0, epoch, 11), (29, 29), objects=1, extents=extents)
        shots = train.read_shots([11], epoch)
        for shot, scene in zip(shots, expected, strict=True):
            np.testing.assert_array_equal(shot[0], scene.picture)


def test_extents_are_of_the_shorter_side() -> None:
    for seed in range(7):
        for shot in draw_shots(seed, (97, 131), 1, extents=(0.3, 0.31)):
            rows, columns = np.nonzero(shot.masks[0])
            assert max(np.ptp(rows), np.ptp(columns)) < 0.31 * 97 * 1.5  # turned, up to its corners


def test_scenes_for_validation_have_the_same_shots_in_every_epoch() -> None:
    validation = open_data("scenes", 23, 7).validation
    shots = validation.read_shots([1, 2], 0)
    assert_shots(shots, validation.read([1, 2], 0)[0])
    np.testing.assert_array_equal(shots, validation.read_shots([1, 2], 9))


def test_a_stored_picture_is_given_twice() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (11, 5, 5, 3), np.uint8)
    kept = pictures.copy()
    split = StoredSplit(pictures, np.arange(11), np.array([2, 3, 5, 7]))
    shots = split.read_shots([3, 0], 1)
    assert_shots(shots, kept[[7, 2]])
    np.testing.assert_array_equal(shots[1], shots[0])
    shots[...] = 0  # a copy: the split stays as it is
    np.testing.assert_array_equal(pictures, kept)
