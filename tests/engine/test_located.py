"""Several probes that each ask another patch of a picture: one graph has one input for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.probes import Heads


@dataclass(frozen=True)
class There(Heads):
    """The same question, under another name."""

    name: ClassVar[str] = "there"


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_each_gets_its_own_query(exported: Callable[[str], Path], in_graph: bool | None) -> None:
    engine = vx.Engine(exported("distilled"), device="cpu", in_graph=in_graph)
    pixels = np.random.default_rng(3).integers(0, 256, (2, 47, 61, 3), dtype=np.uint8)
    here, there = Heads(query=(5, 7)), There(query=(40, 50))
    together = engine.probe([*pixels], [here, there])
    alone = engine.probe([*pixels], Heads(query=(40, 50)))
    for both, one in zip(together, alone, strict=True):
        assert both["heads"].patch != both["there"].patch == one.patch
        np.testing.assert_allclose(both["there"].attention, one.attention, rtol=1e-4)
        assert not np.allclose(both["heads"].attention, one.attention, rtol=1e-2)
