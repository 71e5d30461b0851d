"""What type checkers see of the front door: mypy reads this file, and here it runs."""

from __future__ import annotations

from typing import assert_type

import numpy as np

import vitonnx as vx
from vitonnx.probes import FiltersResult, HeadsResult, PositionsResult

PICTURE = np.zeros((53, 71, 3), np.uint8)


def test_results_are_typed_by_their_probes() -> None:
    with vx.Engine("scenes_vit", device="cpu", in_graph=False) as engine:
        assert_type(engine, vx.Engine)
        assert_type(engine.probe(PICTURE, vx.Heads()), list[HeadsResult])
        assert_type(engine.probe([PICTURE], [vx.Heads(), vx.Rollout()]), list[vx.Result])
        assert_type(engine.probe_weights(vx.Filters(count=1)), FiltersResult)
    assert_type(vx.probe_weights("scenes_vit", vx.Positions()), PositionsResult)
