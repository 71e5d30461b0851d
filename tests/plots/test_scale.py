import numpy as np
import pytest

from vitonnx.plots._scale import BAR_GREY, Scale


def test_a_sink_does_not_darken_the_rest() -> None:
    values = np.full(1000, 0.01, np.float32)
    values[:100] = 0.02
    values[500] = 0.9
    scale = Scale.over(values)
    assert scale.high == pytest.approx(0.02)
    assert (scale.low, scale.clipped) == (0.0, True)


def test_nothing_is_clipped_where_nothing_sticks_out() -> None:
    scale = Scale.over(np.repeat(np.array([0.1, 0.4], np.float32), 50))
    assert scale.high == pytest.approx(0.4)
    assert not scale.clipped


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_map_without_contrast_has_a_scale(value: float) -> None:
    scale = Scale.over(np.full((3, 5), value, np.float32), low=value)
    assert scale.low < scale.high
    assert np.isfinite(scale.norm(np.float32(value)))


def test_one_hot_patch_in_a_map_of_zeros_is_the_map() -> None:
    values = np.zeros((30, 30), np.float32)
    values[1, 3] = 0.5
    scale = Scale.over(values)
    assert (scale.high, scale.clipped) == (0.5, False)


def test_brightness_rises_with_the_value() -> None:
    scale = Scale(0, 1, clipped=False)
    brightness = scale.bar(np.linspace(0, 1, 256))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness[8:]) > 0).all()


def test_the_bar_shows_the_overlay_on_grey() -> None:
    scale = Scale(0, 1, clipped=False)
    *colour, opacity = scale.overlay(0.7)
    over_grey = opacity * np.array(colour) + (1 - opacity) * BAR_GREY
    np.testing.assert_allclose(scale.bar(0.7)[:3], over_grey)
