"""What is drawn for the demo: readable, the same everywhere, and what its names say."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from terminal import contents
from vitonnx.data.scenes import CLASSES, draw_video
from vitonnx.demo import _scenes, draw_material
from vitonnx.demo._material import SHOWN, VIDEO_INDEX
from vitonnx.errors import UsageError


@pytest.mark.parametrize("name", SHOWN)
def test_pictures_show_what_their_names_say(name: str) -> None:
    index, size, objects = SHOWN[name]
    scene = _scenes.draw(_scenes.PICTURES, index, size, objects)
    assert {CLASSES[label] for label in scene.labels} == set(Path(name).stem.split("-"))
    # What the models see is the square in the middle.
    height, width = size
    side = min(size)
    top, left = (height - side) // 2, (width - side) // 2
    seen = scene.masks[:, top : top + side, left : left + side].sum(axis=(1, 2))
    assert (seen >= 0.95 * scene.masks.sum(axis=(1, 2))).all()


def test_in_the_video_neither_thing_hides_the_other_for_long() -> None:
    scenes = list(draw_video((0, _scenes.VIDEO, 0, VIDEO_INDEX), 100, (60, 80), objects=2))
    assert {CLASSES[label] for label in scenes[0].labels} == {"cat", "cup"}
    areas = np.array([scene.masks.sum(axis=(1, 2)) for scene in scenes])
    assert (areas.min(axis=0) > 0.7 * areas.max(axis=0)).all()


def test_files_are_whole_and_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "mine.txt").write_text("mine")
    (tmp_path / "album" / "03.png").write_text("older")
    seen: list[tuple[int, int]] = []
    made = draw_material(tmp_path, progress=lambda done, total: seen.append((done, total)))
    # The pictures to look at are told of at once, and then every other one.
    assert [done for done, _ in seen] == list(range(len(SHOWN), seen[-1][1] + 1))
    assert [path.name for path in made.shown] == list(SHOWN)
    assert len(list(made.album.glob("*.png"))) == 40
    assert (tmp_path / "album" / "mine.txt").read_text() == "mine"
    for path in (*made.shown, *made.album.glob("*.png")):
        with Image.open(path) as picture:
            assert min(picture.size) >= 96
    with av.open(str(made.video)) as video:
        (track,) = video.streams.video
        assert track.codec_context.name == "h264"
        assert track.average_rate == 25
        pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(track)]
    assert len(pictures) == 100
    assert pictures[0].shape == (240, 320, 3)
    # After its last frame comes its first: no longer a way than from any frame to the next.
    ways = [
        np.abs(one.astype(int) - other).mean()
        for one, other in zip(pictures, [*pictures[1:], pictures[0]], strict=True)
    ]
    assert ways[-1] < 1.2 * max(ways[:-1])
    before = contents(tmp_path)
    draw_material(tmp_path)
    assert contents(tmp_path) == before


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "scenes.mp4").mkdir()
    with pytest.raises(UsageError, match=r"can't write .*scenes\.mp4"):
        draw_material(tmp_path)


def test_no_scene_is_drawn_for_two_things() -> None:
    """Training and validation draw with 0 and 1 as the second number; see `vitonnx.data`."""
    families = [_scenes.UNSEEN, _scenes.KNOWN, _scenes.PICTURES, _scenes.ALBUM, _scenes.VIDEO]
    assert len({0, 1, *families}) == 7
    firsts = {
        _scenes.draw(family, index, (16, 16), 1).picture.tobytes()
        for family in families
        for index in range(3)
    }
    assert len(firsts) == 15
