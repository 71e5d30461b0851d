import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from plots.drawn_figures import heads_maps
from vitonnx.errors import UsageError
from vitonnx.plots import plot_maps, save_figure


def figure() -> Figure:
    maps = np.random.default_rng(0).uniform(0, 1, (6, 3, 5)).astype(np.float32)
    crop = np.random.default_rng(1).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    return plot_maps(crop, heads_maps(maps, mass=0.6), model="vit", file="bird.png")


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("first", "second"):
        save_figure(figure(), tmp_path / f"{name}{suffix}")
    first, second = (tmp_path / f"{name}{suffix}" for name in ("first", "second"))
    content = first.read_bytes()
    assert content == second.read_bytes()
    start = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[suffix]
    assert content.startswith(start)


def test_a_png_has_150_dots_an_inch(tmp_path: Path) -> None:
    drawn = figure()
    save_figure(drawn, tmp_path / "A.PNG")
    with Image.open(tmp_path / "A.PNG") as picture:
        width, height = drawn.get_size_inches() * 150
        assert picture.size == (int(width), int(height))


@pytest.mark.parametrize("name", ["heads.jpg", "heads", "heads.npz"])
def test_other_forms_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"suffix must be \.png, \.pdf or \.svg"):
        save_figure(figure(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    broken = figure()
    broken.text(0.5, 0.5, r"$\nosuchsymbol$")  # fails while it is drawn
    with pytest.raises(ValueError, match="nosuchsymbol"):
        save_figure(broken, tmp_path / "heads.png")
    assert not list(tmp_path.iterdir())


def test_pyplot_and_its_windows_stay_out() -> None:
    script = "import sys, vitonnx.plots; print('matplotlib.pyplot' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "False"
