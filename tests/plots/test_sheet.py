import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from plots.drawn_figures import drawn, heads_maps, patches_of, texts_of
from vitonnx.errors import UsageError
from vitonnx.plots import SheetEntry, contact_sheet
from vitonnx.probes import RolloutResult

GRID = (3, 5)


def crop(level: int = 85) -> NDArray[np.uint8]:
    return np.full((48, 80, 3), level, np.uint8)


def hot(patch: tuple[int, int]) -> NDArray[np.float32]:
    values = np.full(GRID, 0.01, np.float32)
    values[patch] = 0.2
    return values


@pytest.mark.parametrize("pictures", [1, 2, 3, 5, 11])
def test_every_picture_stands_beside_its_map(pictures: int) -> None:
    places = [(number % 3, number % 5) for number in range(pictures)]
    entries = [
        SheetEntry(crop(8 * number), RolloutResult(rollout=hot(place)).finding, f"{number}.png")
        for number, place in enumerate(places)
    ]
    figure = contact_sheet(entries)
    pixels = drawn(figure)
    tops = []
    for number, place in enumerate(places):
        picture, overlay = figure.axes[2 * number : 2 * number + 2]
        np.testing.assert_allclose(patches_of(picture, pixels, GRID) * 255, 8 * number, atol=1)
        brightness = patches_of(overlay, pixels, GRID).mean(axis=-1)
        assert np.unravel_index(brightness.argmax(), GRID) == place
        assert picture.get_position().y0 == overlay.get_position().y0
        assert picture.get_position().x1 < overlay.get_position().x0
        tops.append((-picture.get_position().y1, picture.get_position().x0))
    assert tops == sorted(tops)  # row by row


def test_heads_show_their_mean() -> None:
    maps = np.stack([hot((1, 3)), hot((1, 3)), hot((0, 0))])
    figure = contact_sheet([SheetEntry(crop(), heads_maps(maps), "bird.png")], model="vit")
    brightness = patches_of(figure.axes[1], drawn(figure), GRID).mean(axis=-1)
    assert brightness[1, 3] > brightness[0, 0] > brightness[2, 2] + 0.1
    caption = " ".join(texts_of(figure))
    for part in ("vit", "bird.png", "mean of the heads", "block 7", "query: cls"):
        assert part in caption


def test_pictures_share_one_scale() -> None:
    entries = [
        SheetEntry(crop(), heads_maps(np.full((2, *GRID), level, np.float32)), "a.png")
        for level in (0.1, 0.3)
    ]
    figure = contact_sheet(entries)
    pixels = drawn(figure)
    faint, strong = (patches_of(figure.axes[index], pixels, GRID) for index in (1, 3))
    assert (strong.mean(axis=-1) > faint.mean(axis=-1) + 0.2).all()


@pytest.mark.parametrize("prediction", ["", "a class with many names, each of them long"])
def test_no_text_is_clipped_or_overlaps(prediction: str) -> None:
    entries = [
        SheetEntry(crop(), heads_maps(hot((1, 3))[None]), f"{number}" + "x" * 99, prediction)
        for number in range(7)
    ]
    figure = contact_sheet(entries, model="vit " * 99, note="untrained: random weights")
    texts = texts_of(figure)
    for text, box in texts.items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
    for one, other in itertools.combinations(texts.values(), 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("pictures", [0, 401])
def test_pages_have_bounds(pictures: int) -> None:
    entry = SheetEntry(crop(), RolloutResult(rollout=hot((1, 3))).finding, "bird.png")
    with pytest.raises(UsageError, match=f"1 to 400 pictures, not {pictures}"):
        contact_sheet([entry] * pictures)
