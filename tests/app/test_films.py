"""Films for visitors: one is wanted, made, and stopped at any moment."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from films import even, frames, write_film
from vitonnx.app import Limits
from vitonnx.app._films import Films, StoppedError
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.errors import FilmError
from vitonnx.film import FilmOptions
from vitonnx.probes import Heads


@pytest.fixture(scope="module")
def films() -> Films:
    engines = {"scenes_vit": Engine(demo_models()["scenes_vit"])}
    return Films(engines, Limits(seconds=2))


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    return write_film(tmp_path / "walk.mp4", frames(23))


def make(films: Films, film: Path, output: Path, visitor: str = "anna") -> int:
    report = films.make(
        film,
        film.name,
        ["scenes_vit"],
        Heads(),
        FilmOptions(),
        output,
        visitor=visitor,
        progress=lambda share, words: None,
    )
    return report.frames


def test_it_is_made(films: Films, walk: Path, tmp_path: Path) -> None:
    assert make(films, walk, tmp_path / "maps.mp4") == 23
    assert not films.stop("anna")


def test_one_that_waits_for_its_turn_is_stopped(films: Films, walk: Path, tmp_path: Path) -> None:
    films.want("anna")
    assert films.stop("anna")
    with pytest.raises(StoppedError):
        make(films, walk, tmp_path / "maps.mp4")
    assert not (tmp_path / "maps.mp4").exists()


def test_the_next_one_is_not_stopped(films: Films, walk: Path, tmp_path: Path) -> None:
    """Stop, and at once another: while the first has not noticed yet."""
    outcomes: list[object] = []

    def progress(share: float, words: str) -> None:
        if not outcomes:
            outcomes.append("begun")
            assert films.stop("anna")
            films.want("anna")

    with pytest.raises(StoppedError):
        films.make(
            walk,
            "walk.mp4",
            ["scenes_vit"],
            Heads(),
            FilmOptions(),
            tmp_path / "first.mp4",
            visitor="anna",
            progress=progress,
        )
    assert make(films, walk, tmp_path / "second.mp4") == 23


def test_all_are_stopped_at_the_end(films: Films, walk: Path, tmp_path: Path) -> None:
    for visitor in ("anna", "bob"):
        films.want(visitor)
    films.stop_all()
    for visitor in ("anna", "bob"):
        with pytest.raises(StoppedError):
            make(films, walk, tmp_path / "maps.mp4", visitor)


def test_visitors_who_want_and_never_come_are_forgotten() -> None:
    films = Films({}, Limits(visitors=3))
    for number in range(7):
        films.want(f"visitor {number}")
    assert [films.stop(f"visitor {number}") for number in (3, 4, 5, 6)] == [False, True, True, True]


@pytest.mark.parametrize("size", [(16, 1600), (1009, 13)])
def test_a_narrow_one_would_be_many_tokens(
    size: tuple[int, int], films: Films, tmp_path: Path
) -> None:
    strip = Image.fromarray(np.zeros((*size, 3), np.uint8))
    path = tmp_path / "strip.gif"
    strip.save(path, save_all=True, append_images=[strip.rotate(1)])
    with pytest.raises(FilmError, match=r"strip.gif has frames of .* at most 4 times as long"):
        make(films, path, tmp_path / "maps.mp4")


def test_a_short_one_of_too_many_frames(films: Films, tmp_path: Path) -> None:
    path = write_film(tmp_path / "flicker.mp4", frames(131), even(131, rate=131))
    with pytest.raises(FilmError, match="more than 120 frames"):
        make(films, path, tmp_path / "maps.mp4")
    assert list(tmp_path.iterdir()) == [path]


def test_threads_leave_no_trace(films: Films, walk: Path, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=make, args=(films, walk, tmp_path / f"{name}.mp4", name))
        for name in ("anna", "bob")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.glob("*.mp4"))) == 3
    assert not films.stop("anna")
    assert not films.stop("bob")
