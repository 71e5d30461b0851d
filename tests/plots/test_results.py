"""From results to the figure of their shape, as `vitonnx.plot` and notebooks draw them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from plots.drawn_figures import texts_of
from video.small_probes import SmallResult
from vitonnx.errors import UsageError
from vitonnx.plots import plot_findings, plot_results
from vitonnx.probes import PCA, ClassMaps, ColourMaps, Finding, Histogram, Lens, Maps

GRID = (3, 5)
RANDOM = np.random.default_rng(3)
COLOURS = ColourMaps(values=RANDOM.normal(size=(*GRID, 3)), spread=np.ones(3), label="components")
CLASSES = ClassMaps(
    values=RANDOM.integers(0, 3, (1, *GRID)), labels=("class of each patch",), classes=tuple("abc")
)
MAPS = Maps(values=RANDOM.random((1, *GRID)), labels=("rollout",), unit="weight")
COUNTS = Histogram(counts=np.array([5, 3]), edges=np.arange(3.0), unit="norm", title="Norms")


def result(finding: Finding, file: str = "bird.png") -> SmallResult:
    pixels = np.zeros((48, 80, 3), np.uint8)
    return SmallResult(found=finding, pixels=pixels, file=file, model="dino")


@pytest.mark.parametrize(
    ("finding", "words", "axes"),
    [(COLOURS, "components", (3, 6, 5)), (CLASSES, "class of each patch", (3, 7, 4))],
    ids=["colours", "classes"],
)
def test_one_picture_several_and_two_models(
    finding: Finding, words: str, axes: tuple[int, int, int], tmp_path: Path
) -> None:
    one = result(finding)
    figures = [
        vx.plot(one, tmp_path / "one.png"),
        vx.plot([one, result(finding, "b.png"), result(finding, "c.png")], tmp_path / "sheet.pdf"),
        vx.plot({"dino": one, "deit": one}, tmp_path / "both.svg"),
    ]
    assert tuple(len(figure.axes) for figure in figures) == axes
    assert words in texts_of(figures[0])
    assert {"dino", "deit"} <= set(texts_of(figures[2]))
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "sheet.pdf", "both.svg"}


@pytest.mark.parametrize(
    "finding", [COLOURS, CLASSES, COUNTS], ids=["colours", "classes", "counts"]
)
def test_they_show_themselves_in_a_notebook(finding: Finding) -> None:
    picture = result(finding)._repr_png_()
    assert picture is not None
    assert min(Image.open(io.BytesIO(picture)).size) > 100


def test_a_histogram_needs_no_picture() -> None:
    assert vx.plot(COUNTS).axes[0].get_xlabel() == "norm"
    assert len(vx.plot({"dino": COUNTS, "deit": COUNTS}).axes) == 2


@pytest.mark.parametrize("finding", [COLOURS, CLASSES], ids=["colours", "classes"])
def test_a_finding_alone_lies_on_no_picture(finding: Any) -> None:
    with pytest.raises(UsageError, match="maps lie on a picture"):
        plot_findings({"dino": finding})


def test_several_shapes_are_no_one_figure() -> None:
    for models in (
        {"dino": [result(COLOURS), result(CLASSES)]},
        {"dino": [result(MAPS)], "deit": [result(COLOURS)]},
    ):
        with pytest.raises(UsageError, match="several probes: draw one probe at a time"):
            plot_results(models)
    with pytest.raises(UsageError, match="only maps are drawn for several pictures"):
        plot_results({"dino": [result(COUNTS), result(COUNTS)]})


def test_real_probes() -> None:
    engine = vx.Engine("scenes_vit", device="cpu")
    pictures = [RANDOM.integers(0, 256, (53, 67, 3), dtype=np.uint8) for _ in range(3)]
    assert len(vx.plot(engine.probe(pictures, PCA())).axes) == 6
    assert len(vx.plot(engine.probe(pictures, Lens())).axes) == 7
