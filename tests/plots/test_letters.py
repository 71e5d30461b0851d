"""Letters of any script: in a font that has them, or escaped; never a box."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from vitonnx.plots import (
    Panel,
    Scale,
    VideoColours,
    VideoPainter,
    _letters,
    plot_maps,
    save_figure,
)
from vitonnx.plots._axes import FONT
from vitonnx.probes import RolloutResult

LETTER = "猫"
FAMILY = "Vitonnx Test"


def forget() -> None:
    for function in (_letters._family_for, _letters._others, _letters._pages):
        function.cache_clear()


@pytest.fixture(autouse=True)
def poor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget all fonts but the usual one, whatever is installed."""
    usual = [entry for entry in font_manager.fontManager.ttflist if entry.name == FONT]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", usual)
    forget()
    yield
    forget()


@pytest.fixture
def font(tmp_path: Path, poor: None) -> None:
    """Install a font with one letter, a bar as wide as it is high, in one weight."""
    pen = TTGlyphPen(None)
    for place, step in (
        ((0, 0), pen.moveTo),
        ((0, 900), pen.lineTo),
        ((900, 900), pen.lineTo),
        ((900, 0), pen.lineTo),
    ):
        step(place)
    pen.closePath()
    glyph = pen.glyph()
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder([".notdef", "bar"])
    made.setupCharacterMap({ord(LETTER): "bar"})
    made.setupGlyf({".notdef": glyph, "bar": glyph})
    made.setupHorizontalMetrics({".notdef": (1000, 0), "bar": (1000, 0)})
    made.setupHorizontalHeader(ascent=900, descent=-100)
    made.setupNameTable({"familyName": FAMILY, "styleName": "Regular"})
    made.setupOS2(usWeightClass=400)
    made.setupPost()
    made.save(tmp_path / "test.ttf")
    font_manager.fontManager.addfont(tmp_path / "test.ttf")
    forget()


def page(title: str) -> Figure:
    result = RolloutResult(rollout=np.full((3, 5), 1 / 16, np.float32))
    return plot_maps(np.zeros((24, 40, 3), np.uint8), result.finding, model=title, file=title)


def test_what_no_font_has_is_escaped() -> None:
    assert _letters.drawable(f"a{LETTER}.png") == r"a\u732b.png"
    assert _letters.drawable("a\tb\u202ec\udce9") == r"a\tb\u202ec\xe9"
    assert _letters.drawable("café ☕") == "café ☕"


def test_an_installed_font_is_used(font: None) -> None:
    name = f"a{LETTER}.png"
    assert _letters.drawable(name) == name
    assert _letters.font_for(name, size=9).get_family() == [FONT, FAMILY]
    assert _letters.runs(name) == [(FONT, "a"), (FAMILY, LETTER), (FONT, ".png")]


def test_where_it_is_never_bold_a_title_is_not(font: None) -> None:
    assert _letters.font_for("a", size=9, weight="bold").get_weight() == "bold"
    assert _letters.font_for(f"a{LETTER}", size=9, weight="bold").get_weight() == "normal"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_figure_has_it(
    suffix: str, font: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And Matplotlib has nothing to say: a warning would be an error here."""
    figure = page(f"a{LETTER}")
    with caplog.at_level(logging.WARNING):
        save_figure(figure, tmp_path / f"a{suffix}")
    assert caplog.messages == []
    assert f"a{LETTER}" in [text.get_text() for text in figure.texts]


def test_its_width_is_known(font: None) -> None:
    """Three letters of 1 em; of the usual font they'd be boxes, of 0.6 em."""
    figure = page(3 * LETTER)
    (title, *_) = (text for text in figure.texts if text.get_text() == 3 * LETTER)
    width = title.get_window_extent().width / figure.dpi * 72
    assert width == pytest.approx(3 * title.get_fontsize(), rel=0.1)


def test_a_video_has_it(font: None) -> None:
    def drawn(title: str) -> np.ndarray:
        painter = VideoPainter((60, 100), [Panel(title)], VideoColours())
        frame = np.zeros((60, 100, 3), np.uint8)
        painted = painter.paint(frame, [np.full((1, 3, 5), 0.5)], [Scale(0, 1, False)])
        return painted[: painted.shape[0] - 60].astype(int)

    # A bar of 1 em, where the usual font has thin lines.
    assert (drawn(LETTER) > 200).all(axis=-1).sum() > 30
    assert (drawn("-") > 200).all(axis=-1).sum() < 10
    np.testing.assert_array_equal(drawn("\n"), drawn(r"\n"))
