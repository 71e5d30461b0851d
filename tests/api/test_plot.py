"""What `vitonnx.plot` draws, and what is no one figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.errors import UsageError

PICTURE = np.random.default_rng(5).integers(0, 256, (53, 67, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine() -> vx.Engine:
    return vx.Engine("scenes_dino", device="cpu")


def test_several_probes_stand_side_by_side(engine: vx.Engine) -> None:
    (result,) = engine.probe(PICTURE, [vx.Heads(), vx.Rollout()])
    words = [text.get_text() for text in vx.plot(result).texts]
    assert {"heads", "rollout"} <= set(words)


def test_totals_of_a_stream(engine: vx.Engine) -> None:
    stream = engine.stream([PICTURE, PICTURE[::-1]], [vx.Entropy()])
    assert all(result.error is None for result in stream)
    figure = vx.plot({"dino": vx.Entropy().table(stream.summary["entropy"])})
    assert figure.axes[0].get_ylabel() == "entropy of attention (nats)"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda e: [*e.probe(PICTURE, vx.Heads()), *e.probe(PICTURE, vx.Rollout())], "one probe"),
        (lambda e: e.probe(PICTURE, [vx.Distance(), vx.Entropy()]), "several units"),
        (lambda e: e.probe(PICTURE, [vx.Heads(), vx.Distance()]), "one probe at a time"),
        (lambda e: [], "nothing to draw"),
    ],
)
def test_what_is_no_one_figure(
    engine: vx.Engine, asked: Callable[[vx.Engine], Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=says):
        vx.plot(asked(engine), tmp_path / "o.png")
    assert list(tmp_path.iterdir()) == []
