"""Drawn scenes: the same for a seed, of any size, with masks that are exact; and their videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vitonnx.data.scenes import CLASSES, Scene, draw_scene, draw_video
from vitonnx.data.scenes._ground import draw_ground
from vitonnx.data.scenes._kinds import Paint
from vitonnx.data.scenes._scene import Composition, compose, place_things
from vitonnx.errors import UsageError

SIZE = (47, 61)


def same(first: Scene, second: Scene) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("picture", "masks", "labels")
    )


def composition(index: int, objects: int | None = None) -> tuple[NDArray[np.float32], Composition]:
    """What `draw_scene` puts together: a ground, and things."""
    generator = np.random.default_rng((9, index))
    ground = draw_ground(generator, SIZE)
    return ground, place_things(generator, ground, objects)


def plain(value: float) -> NDArray[np.float32]:
    return np.full((*SIZE, 3), value, np.float32)


def covered(things: Composition) -> NDArray[np.float64]:
    """How much of each pixel things cover, told by what shines through of black and of white."""
    black, white = (compose(plain(value), things).picture for value in (0, 255))
    return np.asarray(1 - (white.astype(float) - black).mean(axis=-1) / 255)


def test_a_seed_is_a_scene() -> None:
    for objects in (1, 3, None):
        assert same(draw_scene((3, 5), SIZE, objects), draw_scene((3, 5), SIZE, objects))
    scenes = {draw_scene(seed, SIZE).picture.tobytes() for seed in range(20)}
    scenes |= {draw_scene((seed, 1), SIZE).picture.tobytes() for seed in range(20)}
    assert len(scenes) == 40


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (64, 48), (16, 97), (101, 19)])
def test_any_rectangle(size: tuple[int, int]) -> None:
    scene = draw_scene(4, size, objects=2)
    assert scene.picture.shape == (*size, 3)
    assert scene.picture.dtype == np.uint8
    assert scene.masks.shape == (2, *size)
    assert scene.masks.dtype == bool
    assert scene.labels.shape == (2,)
    assert scene.labels.dtype == np.int64
    assert scene.masks.any(axis=(1, 2)).all()
    assert scene.picture.std(axis=(0, 1)).min() > 5  # it isn't all one colour


@pytest.mark.parametrize("size", [(15, 64), (64, 15), (0, 0)])
def test_a_size_on_which_nothing_can_be_told(size: tuple[int, int]) -> None:
    with pytest.raises(
        UsageError, match=f"{size[0]}x{size[1]} is too small: each side must be at least 16"
    ):
        draw_scene(0, size)
    with pytest.raises(UsageError, match="too small"):
        draw_video(0, 2, size)


def test_how_many_objects() -> None:
    for objects in (1, 2, 3):
        scene = draw_scene(1, SIZE, objects)
        assert len(scene.masks) == len(scene.labels) == objects
    drawn = [len(draw_scene((1, index), SIZE).labels) for index in range(60)]
    # Each is expected 20 times; fewer than 5 of 60 has a probability below 1e-5.
    assert set(drawn) == {1, 2, 3}
    assert np.bincount(drawn)[1:].min() >= 5


@pytest.mark.parametrize("objects", [0, 4, -1])
def test_no_such_number_of_objects(objects: int) -> None:
    with pytest.raises(UsageError, match=f"objects is {objects}; a scene has 1, 2 or 3"):
        draw_scene(0, SIZE, objects)
    with pytest.raises(UsageError, match=f"objects is {objects}"):
        draw_video(0, 2, SIZE, objects)


def test_all_classes_are_drawn_alike() -> None:
    labels = [label for index in range(500) for label in draw_scene((2, index), (16, 16), 3).labels]
    counts = np.bincount(labels, minlength=len(CLASSES))
    expected = len(labels) / len(CLASSES)
    # Chi-square of nine degrees of freedom: 33.7 is passed once in 10,000 fair draws.
    assert ((counts - expected) ** 2 / expected).sum() < 33.7


def test_a_mask_is_what_its_thing_covers() -> None:
    for index in range(40):
        ground, things = composition(index, objects=1)
        bare = replace(things, covers=[None])
        share = covered(bare)
        (mask,) = compose(ground, bare).masks
        # Two pictures were rounded to whole numbers: 1/255 is how exactly a share can be told.
        np.testing.assert_array_equal(mask[share > 0.5 + 1 / 255], True)
        np.testing.assert_array_equal(mask[share < 0.5 - 1 / 255], False)


def test_what_hides_a_thing_is_no_part_of_it() -> None:
    hidden = 0
    for index in range(60):
        ground, things = composition(index, objects=1)
        (cover,) = things.covers
        if cover is None:
            continue
        hidden += 1
        bare = replace(things, covers=[None])
        # A black bar against a white one tells how much of each pixel is the bar's.
        black, white = (
            compose(ground, replace(things, covers=[replace(cover, colour=colour)])).picture
            for colour in (np.zeros(3, np.float32), np.full(3, 255, np.float32))
        )
        bar = (white.astype(float) - black).mean(axis=-1) / 255
        left = covered(bare) * (1 - bar)
        (mask,) = compose(ground, things).masks
        np.testing.assert_array_equal(mask[left > 0.5 + 2 / 255], True)
        np.testing.assert_array_equal(mask[left < 0.5 - 2 / 255], False)
    # A fifth of the things has a bar; that fewer than 4 of 60 have one has a probability of 0.001,
    # and the seeds are fixed.
    assert hidden >= 4


def test_masks_of_several_things_have_no_pixel_in_common() -> None:
    for index in range(40):
        ground, things = composition(index, objects=3)
        masks = compose(ground, things).masks
        assert masks.sum(axis=0).max() <= 1
        # The last is foremost: what lies behind it takes nothing away.
        alone = Composition(things.things[-1:], things.poses[-1:], things.covers[-1:])
        np.testing.assert_array_equal(masks[-1], compose(ground, alone).masks[0])


def visible(index: int, objects: int) -> Iterator[tuple[float, float]]:
    """Give of each thing how much of it is seen, and how much of it lies inside the picture."""
    ground, things = composition(index, objects)
    masks = compose(ground, things).masks
    beyond = 40
    wide = np.pad(ground, ((beyond, beyond), (beyond, beyond), (0, 0)))
    for mask, thing, pose in zip(masks, things.things, things.poses, strict=True):
        moved = replace(pose, x=pose.x + beyond, y=pose.y + beyond)
        (whole,) = compose(wide, Composition([thing], [moved], [None])).masks
        inside = whole[beyond:-beyond, beyond:-beyond]
        yield mask.sum() / whole.sum(), inside.sum() / whole.sum()


@pytest.mark.parametrize("objects", [1, 2, 3])
def test_enough_of_a_thing_is_seen(objects: int) -> None:
    seen = [shares for index in range(60) for shares in visible(index, objects)]
    visible_share, inside = np.array(seen).T
    # A bar over a thin thing hides most. Of 1,800 things 1 % were seen by less than 55 to 60 %,
    # and the worst by 44 %.
    assert np.mean(visible_share >= 0.6) >= 0.95
    assert visible_share.min() > 0.4
    # A corner may be turned out of the picture.
    assert inside.min() > 0.95


def test_a_thing_can_be_told_from_its_ground() -> None:
    apart = []
    for index in range(200):
        ground, things = composition(index, objects=1)
        body = things.things[0].colours[Paint.BODY]
        apart.append(np.abs(body - ground.mean(axis=(0, 1))).sum())
    # Sum over three channels of 0 to 255, and so 765 at most. Of a single colour drawn at random
    # 15 % are nearer than 100; that the farthest of six is, happens once in 90,000 draws.
    assert min(apart) > 100


FRAMES, VIDEO_SIZE = 53, (48, 67)


@pytest.fixture(scope="module")
def videos() -> list[list[Scene]]:
    """Videos of one thing, which nothing else hides."""
    return [list(draw_video((4, video), FRAMES, VIDEO_SIZE, objects=1)) for video in range(5)]


def test_a_video_has_the_same_things_all_along(videos: list[list[Scene]]) -> None:
    for video in [*videos, list(draw_video(8, 7, VIDEO_SIZE, objects=3))]:
        assert len(video) in (FRAMES, 7)
        for scene in video:
            assert scene.picture.shape == (*VIDEO_SIZE, 3)
            np.testing.assert_array_equal(scene.labels, video[0].labels)
    assert len({scene.picture.tobytes() for scene in videos[0]}) == FRAMES
    again = draw_video((4, 0), FRAMES, VIDEO_SIZE, objects=1)
    assert all(same(*pair) for pair in zip(videos[0], again, strict=True))
    assert not same(videos[0][0], videos[1][0])


def test_things_move_smoothly_and_stay_inside(videos: list[list[Scene]]) -> None:
    for video in videos:
        centres = np.array([np.argwhere(scene.masks[0]).mean(axis=0) for scene in video])
        speed = np.hypot(*np.diff(centres, axis=0).T)
        # A thing goes over and back in 100 frames: pi/100 of its way, which is 43 pixels at most,
        # a frame; swaying moves its middle by less than half as much again.
        assert speed.max() < 2.5
        assert np.ptp(centres, axis=0).max() > 5
        # What goes out of the picture would lose area; turned pixels and corners are a few.
        areas = np.array([scene.masks[0].sum() for scene in video])
        assert areas.min() > 0.8 * np.median(areas)


def test_the_ground_of_a_video_drifts(videos: list[list[Scene]]) -> None:
    for video in videos:
        # Away from the thing; it would be zero if the ground stood still.
        still = ~np.any([scene.masks[0] for scene in video[:2]], axis=0)
        first, second = (scene.picture[still].astype(float) for scene in video[:2])
        assert 0 < np.abs(first - second).mean() < 20


@pytest.mark.parametrize("frames", [0, -3])
def test_a_video_without_frames(frames: int) -> None:
    with pytest.raises(UsageError, match=f"frames is {frames}"):
        draw_video(0, frames)
