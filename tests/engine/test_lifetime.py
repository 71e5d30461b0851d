"""An engine as an object: how it shows itself, how it ends, and several threads that share it."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import vitonnx as vx
from recipes import with_recipe
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.engine._plan import Plan
from vitonnx.engine._session import Session, open_session
from vitonnx.errors import UsageError

FILE = demo_models()["scenes_vit"]
THREADS = 16


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def own_sizes(tmp_path: Path) -> Path:
    """A file whose recipe gives every picture an input size of its own."""
    return with_recipe(FILE, tmp_path / "own.onnx", resize=None, crop=1.0, multiple=8)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Plan | None]:
    """The plans of all sessions that are opened; each takes a while, in which others may come."""
    plans: list[Plan | None] = []

    def open_slowly(file: Path, **options: Any) -> Session:
        plans.append(options["plan"])
        time.sleep(0.05)
        return open_session(file, **options)

    monkeypatch.setattr("vitonnx.engine._engine.open_session", open_slowly)
    return plans


def at_once(work: Any) -> list[Any]:
    """Do the same in many threads, which all begin together."""
    gate = Barrier(THREADS)

    def begin(number: int) -> Any:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


@pytest.mark.parametrize("in_graph", [True, False])
def test_threads_that_ask_alike_open_one_session(in_graph: bool, opened: list[Plan | None]) -> None:
    engine = Engine(FILE, device="cpu", in_graph=in_graph)
    (expected,) = Engine(FILE, device="cpu", in_graph=in_graph).probe(noise(53, 71), vx.Heads())
    opened.clear()
    for (found,) in at_once(lambda number: engine.probe(noise(53, 71), vx.Heads())):
        np.testing.assert_array_equal(found.attention, expected.attention)
    assert len(opened) == 1


def test_threads_that_ask_for_other_things_get_what_they_asked_for() -> None:
    engine = Engine(FILE, device="cpu", in_graph=True)
    asked: list[vx.probes.Probe[Any]] = [vx.Heads(block=number % 5) for number in range(THREADS)]
    found = at_once(lambda number: engine.probe(noise(53, 71, number), asked[number]))
    for number, (result,) in enumerate(found):
        (expected,) = engine.probe(noise(53, 71, number), asked[number])
        np.testing.assert_array_equal(result.attention, expected.attention)


def test_several_engines_plan_in_threads_of_their_own(tmp_path: Path) -> None:
    """onnxscript's passes share state between threads: one graph at a time is planned."""
    program = f"""
import os
os.environ["XDG_CACHE_HOME"] = {str(tmp_path)!r}
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import numpy as np
import vitonnx as vx
gate = Barrier(8)
def begin(number):
    engine = vx.Engine("scenes_vit", device="cpu", in_graph=True, threads=1)
    gate.wait()
    return engine.probe(np.zeros((53, 71, 3), np.uint8), vx.Heads(block=number % 5))
with ThreadPoolExecutor(8) as pool:
    print(len(list(pool.map(begin, range(8)))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "8\n", done.stderr


def test_the_first_pictures_are_counted_in_all_threads(opened: list[Plan | None]) -> None:
    """Sixteen threads with a picture each are no more patient than one with sixteen."""
    engine = Engine(FILE, device="cpu")
    at_once(lambda number: engine.probe(noise(53, 71), vx.Heads(query=(20, 30))))
    assert sorted(plan is not None for plan in opened) == [False, True]
    assert set(engine._first_pictures._done.values()) <= set(range(5, THREADS + 1))


def test_threads_with_pictures_of_several_sizes_share_engines(
    own_sizes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(own_sizes, device="cpu", in_graph=False)
    sizes, sibling = [], engine.resized

    def open_at(size: tuple[int, int]) -> Engine:
        sizes.append(size)
        time.sleep(0.05)
        return sibling(size=size)

    assert engine._own_sizes is not None
    monkeypatch.setattr(engine._own_sizes, "_open_at", open_at)
    shapes = [(53, 71), (71, 53), (61, 61)]
    found = at_once(lambda number: engine.probe(noise(*shapes[number % 3]), vx.Heads()))
    assert len(sizes) == len(set(sizes)) == 3
    for number, (result,) in enumerate(found):
        (expected,) = engine.probe(noise(*shapes[number % 3]), vx.Heads())
        np.testing.assert_array_equal(result.attention, expected.attention)


def test_a_session_that_fails_to_open_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(FILE, device="cpu", in_graph=True)

    def fail(file: Path, **options: Any) -> Session:
        raise vx.VitonnxError("not today.")

    with monkeypatch.context() as patched:
        patched.setattr("vitonnx.engine._engine.open_session", fail)
        with pytest.raises(vx.VitonnxError, match="not today"):
            engine.probe(noise(53, 71), vx.Heads())
    assert len(engine.probe(noise(53, 71), vx.Heads())) == 1


def uses() -> dict[str, Any]:
    pictures, pixels = [noise(53, 71)], noise(48, 48)[None]
    return {
        "run": lambda engine: engine.run(pictures),
        "run_pixels": lambda engine: engine.run_pixels(pixels, ["logits"]),
        "probe": lambda engine: engine.probe(pictures, vx.Heads()),
        "probe_pixels": lambda engine: engine.probe_pixels(pixels, vx.Heads()),
        "stream": lambda engine: engine.stream(pictures, [vx.Heads()]),
        "explain": lambda engine: engine.explain(vx.Heads()),
        "probe_weights": lambda engine: engine.probe_weights(vx.Filters()),
        "with": lambda engine: engine.__enter__(),
    }


@pytest.mark.parametrize("kind", ["one size", "own sizes"])
@pytest.mark.parametrize("use", uses())
def test_a_closed_engine_answers_no_more(use: str, kind: str, own_sizes: Path) -> None:
    with Engine(FILE if kind == "one size" else own_sizes, device="cpu") as engine:
        uses()[use](engine)
    engine.close()
    with pytest.raises(UsageError, match=r"The engine of .*\.onnx is closed"):
        uses()[use](engine)


@pytest.mark.parametrize("kind", ["one size", "own sizes"])
def test_a_stream_ends_with_its_engine(kind: str, own_sizes: Path) -> None:
    engine = Engine(FILE if kind == "one size" else own_sizes, device="cpu", in_graph=True)

    def without_end() -> Iterator[np.ndarray]:
        while True:
            yield noise(53, 71)

    stream = engine.stream(without_end(), [vx.Heads()])
    first = next(stream)
    kept = first.attention.copy()
    engine.close()
    with pytest.raises(UsageError, match="closed"):
        list(itertools.islice(stream, 1000))
    np.testing.assert_array_equal(first.attention, kept)


def test_closing_frees_the_sessions() -> None:
    import gc
    import weakref

    engine = Engine(FILE, device="cpu", in_graph=True)
    stream = engine.stream([noise(53, 71)] * 100, [vx.Heads()])
    next(stream)
    (session,) = engine._sessions.opened.values()
    runtime = weakref.ref(session.session)
    engine.close()
    with pytest.raises(UsageError, match="closed"):
        list(stream)
    gc.collect()
    assert runtime() is None


@pytest.mark.parametrize("options", [{}, {"size": (64, 80), "precision": "fp16"}])
def test_an_engine_shows_itself_in_a_line(options: dict[str, Any]) -> None:
    engine = Engine(FILE, device="cpu", **options)
    said = repr(engine)
    assert "\n" not in said
    assert len(said) < 100 + len(str(FILE))
    size = "64x80" if options else "48x48"
    for part in ("scenes_vit", str(FILE), size, "cpu", options.get("precision", "fp32")):
        assert part in said
    assert "closed" not in said
    engine.close()
    assert "closed" in repr(engine)


def test_an_engine_asks_its_file_about_weights() -> None:
    engine = Engine(FILE, device="cpu")
    found, expected = (
        engine.probe_weights(vx.Filters()).filters,
        vx.probe_weights(FILE, vx.Filters()).filters,
    )
    np.testing.assert_array_equal(found, expected)


def test_a_plan_is_explained_for_one_probe_and_for_several() -> None:
    engine = Engine(FILE, device="cpu")
    assert engine.explain(vx.Heads()) == engine.explain([vx.Heads()])
    assert "in the graph: heads, rollout" in engine.explain((vx.Heads(), vx.Rollout()))
