"""What is kept for visitors is bounded: who was away for longest is forgotten, and told kindly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import ASKED, Served, serve_command

SMALL = """
from vitonnx.app import Limits, open_socket, run_app
from vitonnx.demo import demo_models
from vitonnx.engine import Engine

engines = {name: Engine(file) for name, file in demo_models().items()}
limits = Limits(visitors=2, upload=100_000, pixels=200_000, seconds=1, models=1)
with open_socket("127.0.0.1", 0) as at:
    run_app(engines, at, limits=limits, ready=lambda address: print(address, flush=True))
"""

ONE = [ASKED[0][:1], *ASKED[1:]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page of small limits."""
    folder = tmp_path_factory.mktemp("small")
    with serve_command(folder, [sys.executable, "-c", SMALL]) as page:
        yield page


def test_the_third_of_two_makes_the_first_be_forgotten(small: Served, picture: Path) -> None:
    visitors = [Visitor(small.address) for _ in range(3)]
    for visitor in visitors:
        visitor.call("receive", visitor.upload(picture, "bird.jpg"), *ONE)
    first, second, third = visitors
    assert second.call("look", *ONE)[0]["models"]
    assert third.call("look", *ONE)[0]["models"]
    with pytest.raises(RefusedError, match="There is no picture, or it has been removed"):
        first.call("look", *ONE)
    with pytest.raises(RefusedError, match="There is no picture"):
        first.call("save", "heads", *ONE)
    # Whoever shows the picture again is welcome.
    assert first.call("receive", first.upload(picture, "bird.jpg"), *ONE)[1]["models"]
    assert first.call("look", *ONE)[0]["models"]
    for visitor in visitors:
        visitor.http.close()


def test_limits_of_ones_own_are_held(small: Served, picture: Path) -> None:
    with Visitor(small.address) as visitor:
        with pytest.raises(RefusedError) as refused:
            visitor.upload(bytes(120_000), "large.png")
        assert refused.value.status == 413
        # The picture is taken all the same, and shown once fewer are chosen.
        assert visitor.call("receive", visitor.upload(picture, "bird.jpg"), *ASKED)[1] is None
        with pytest.raises(RefusedError, match="at most 1"):
            visitor.call("look", *ASKED)
        assert visitor.call("choose", *ONE)[0]["models"][0]["picture"]
