"""What type checkers see of the front door: mypy reads this file, and here it runs.

An error that mypy should see is ignored by its code, and mypy tells where there is none to ignore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

import numpy as np

import vitonnx as vx
from vitonnx.probes import (
    EntropyResult,
    FiltersResult,
    HeadsResult,
    PositionsResult,
    RolloutResult,
)

PICTURE = np.zeros((53, 71, 3), np.uint8)


def test_results_are_typed_by_their_probes() -> None:
    with vx.Engine("scenes_vit", device="cpu", in_graph=False) as engine:
        assert_type(engine, vx.Engine)
        assert_type(engine.probe(PICTURE, vx.Heads()), list[HeadsResult])
        assert_type(engine.probe([PICTURE], [vx.Heads(), vx.Rollout()]), list[vx.Result])
        assert_type(engine.probe_weights(vx.Filters(count=1)), FiltersResult)
    assert_type(vx.probe_weights("scenes_vit", vx.Positions()), PositionsResult)


if TYPE_CHECKING:

    def _seen(engine: vx.Engine) -> None:
        assert_type(engine.probe("x.png", vx.Rollout())[0], RolloutResult)
        assert_type(engine.probe(["x.png"], vx.Entropy())[0], EntropyResult)
        assert_type(engine.probe("x.png", vx.Heads())[0].file, str)
        assert_type(engine.probe("x.png", vx.Heads())[0].error, vx.VitonnxError | None)
        vx.make_video("walk.mp4", [engine], vx.Heads(), "walk.maps.mp4")
        vx.export_model("dino_vits16", "dino.onnx")
        vx.tap_model("foreign.onnx", "ready.onnx", preprocess="imagenet")
        vx.bake(engine, [vx.Rollout()], "b.onnx", precision="int8", calibrate=["x.png"])
        engine.probe("x.png", vx.Heads())[0].plot("x.heads.png")

    def _refused(engine: vx.Engine) -> None:
        _ = engine.probe("x.png", vx.Rollout())[0].attention  # type: ignore[attr-defined]
        engine.probe("x.png", vx.Filters())  # type: ignore[call-overload]
        engine.probe_weights(vx.Heads())  # type: ignore[arg-type]
        vx.Heads(blok=3)  # type: ignore[call-arg]
        _ = vx.no_such_thing  # type: ignore[attr-defined]
