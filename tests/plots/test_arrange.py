import itertools

import pytest

from vitonnx.plots._arrange import arrange_tiles
from vitonnx.plots._page import LABEL


@pytest.mark.parametrize("heads", [1, 2, 3, 4, 6, 12, 16, 17, 24, 32])
@pytest.mark.parametrize("aspect", [0.5, 1.0, 4 / 3, 2.0])
def test_tiles_fill_the_width_and_keep_their_distance(heads: int, aspect: float) -> None:
    places = arrange_tiles(heads, aspect=aspect, width=8)
    assert len(places) == heads + 2
    assert max(place.right for place in places) == pytest.approx(8)
    for place in places:
        assert place.left >= 0
        assert place.top >= LABEL
        assert place.height / place.width == pytest.approx(aspect)
        assert place.width > 0.5  # an inch is 150 pixels: a head is still to be seen
    for one, other in itertools.combinations(places, 2):
        # A tile's label stands above it.
        apart_across = one.right < other.left or other.right < one.left
        apart_down = one.bottom < other.top - LABEL or other.bottom < one.top - LABEL
        assert apart_across or apart_down


@pytest.mark.parametrize("heads", [6, 12, 16])
def test_picture_and_mean_are_as_high_as_the_heads(heads: int) -> None:
    picture, mean, *block = arrange_tiles(heads, aspect=0.75, width=8)
    assert picture.top == block[0].top
    assert mean.bottom == pytest.approx(block[-1].bottom)


def test_heads_run_row_by_row() -> None:
    _, _, *block = arrange_tiles(6, aspect=1, width=8)
    assert [place.top for place in block[:3]] == [block[0].top] * 3
    assert block[3].top > block[2].top
    assert block[3].left == block[0].left < block[1].left < block[2].left
