"""How good the models in the package are: what is stored, and measured again.

These are tests of the files in the package too: whatever breaks drawing, training, the export, the
engine or the probes breaks them.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from vitonnx.data.scenes import CLASSES, Scene, draw_scene
from vitonnx.demo import (
    Evaluation,
    demo_models,
    evaluate,
    evaluate_maps,
    saliency,
    stored_evaluation,
)
from vitonnx.demo._evaluate import AT_ONCE, _known
from vitonnx.demo._maps import MAPS
from vitonnx.evaluate import Estimate

# Enough to see what is broken, in a few seconds.
SCENES, KNOWN = 150, 1000


@pytest.fixture(scope="module")
def measured() -> Evaluation:
    return evaluate(scenes=SCENES, known=KNOWN)


def test_the_stored_numbers_are_of_these_models() -> None:
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in demo_models().items()
    }
    stored = stored_evaluation()
    assert stored.models == digests
    assert (stored.scenes, stored.known) == (500, 5000)
    for measure in stored.measures:
        assert 0 <= measure.low <= measure.value <= measure.high <= 1


def test_the_supervised_model_is_as_good_as_it_must_be(measured: Evaluation) -> None:
    stored = stored_evaluation().measure("supervised: top-1")
    assert stored.value >= 0.85
    assert stored.met is True
    assert measured.measure("supervised: top-1").value >= 0.85 - _margin(0.85)


def test_neighbours_of_dinos_embeddings_are_of_the_same_class(measured: Evaluation) -> None:
    stored = stored_evaluation().measure("DINO: k-NN top-1")
    assert stored.value >= 0.60
    assert stored.low > 0.55
    assert stored.met is True
    # A fifth of the known scenes costs a few per cent more.
    assert measured.measure("DINO: k-NN top-1").value >= 0.60 - _margin(0.60) - 0.05


def test_dino_looks_at_things_more_than_the_others_do(measured: Evaluation) -> None:
    """And not only where things mostly are: what counts is the gain over the control."""
    stored = _best_gains(stored_evaluation())
    for other in ("random weights", "supervised"):
        assert stored["DINO"].low > stored[other].high
    assert stored_evaluation().measure("DINO: gain in saliency").met is True
    # On few scenes the intervals meet; the order is the same.
    few = _best_gains(measured)
    assert few["DINO"].value > max(few["random weights"].value, few["supervised"].value)


def _best_gains(evaluation: Evaluation) -> dict[str, Estimate]:
    """The gain of each model's best block, which is its last outline."""
    return {outline.model: outline.gain for outline in evaluation.outlines}


def test_what_is_measured_is_what_is_stored(measured: Evaluation) -> None:
    """Up to chance: the scenes measured here are the first of the stored ones'."""
    for now, then in zip(measured.measures, stored_evaluation().measures, strict=True):
        assert now.name == then.name
        fewer_known = 0.1 if "k-NN" in now.name else 0
        # A share of pictures varies more than an overlap, which is seldom near 0 or 1.
        assert now.value == pytest.approx(then.value, abs=_margin(then.value) + fewer_known)


def test_maps_that_are_stored_know_more_than_chance() -> None:
    """Rollout more than the centre of the picture, too."""
    maps = stored_evaluation().maps
    assert list(maps) == [*MAPS, "random", "centre"]
    rollout = maps["rollout"]
    for name in ("random", "centre"):
        for lower in ("deletion", "positive"):
            assert rollout[lower].high < maps[name][lower].low
        for higher in ("insertion", "negative", "mean IoU", "average precision"):
            assert rollout[higher].low > maps[name][higher].high


def test_maps_are_measured_again_as_they_are_stored() -> None:
    """Up to chance: on the first of the same scenes."""
    few = 40
    now, then = evaluate_maps(scenes=few), stored_evaluation().maps
    assert now.keys() == then.keys()
    for name, measures in now.items():
        assert measures.keys() == then[name].keys()
        for measure, found in measures.items():
            stored = then[name][measure]
            # The deviation of one scene, by the interval of 500.
            spread = (stored.high - stored.low) * math.sqrt(500) / 3.92
            assert found.value == pytest.approx(stored.value, abs=4 * spread / math.sqrt(few))


def _margin(share: float) -> float:
    """Three standard errors of a share of so many scenes; a share near 1 could be 0.95 as well."""
    share = min(max(share, 0.05), 0.95)
    return 3 * math.sqrt(share * (1 - share) / SCENES)


def test_every_number_is_what_a_slow_loop_finds() -> None:
    scenes, known = 29, 113
    measured = evaluate(scenes=scenes, known=known)
    vit, dino = (vx.Engine(file) for file in demo_models().values())
    unseen = [draw_scene((0, 2, 0, index), (48, 48), 1) for index in range(scenes)]
    others = [draw_scene((0, 3, 0, index), (48, 48), 1) for index in range(known)]
    embedded = [(_direction(dino, scene), int(scene.labels[0])) for scene in others]
    right: dict[str, int] = {"supervised": 0, "DINO": 0}
    for scene in unseen:
        label = int(scene.labels[0])
        (result,) = vit.probe(scene.picture, vx.Heads())
        assert result.prediction is not None
        right["supervised"] += result.prediction.label == CLASSES[label]
        direction = _direction(dino, scene)
        nearest = sorted(
            ((float(direction @ other), theirs) for other, theirs in embedded), reverse=True
        )
        votes = [0.0] * len(CLASSES)
        for similarity, theirs in nearest[:20]:
            votes[theirs] += math.exp(similarity / 0.07)
        right["DINO"] += votes.index(max(votes)) == label
    assert measured.measure("supervised: top-1").value == pytest.approx(
        right["supervised"] / scenes
    )
    # Embeddings computed one by one differ in their last bits, which may turn a near vote or two.
    close = 1.5 / scenes
    assert measured.measure("DINO: k-NN top-1").value == pytest.approx(
        right["DINO"] / scenes, abs=close
    )
    outlines = {(outline.model, outline.block): outline for outline in measured.outlines}
    for name, engine in (("supervised", vit), ("DINO", dino)):
        found = saliency(engine, unseen)
        for block in (engine.manifest.blocks - 1, found.best):
            outline = outlines[name, block]
            assert outline.saliency.value == pytest.approx(found.own[:, block].mean())
            assert outline.control.value == pytest.approx(found.control[:, block].mean())
            assert outline.gain.value == pytest.approx(found.gain[:, block].mean())


def test_known_scenes_are_drawn_once_each() -> None:
    """Also where there are more than are held at once."""
    engine = vx.Engine(demo_models()["scenes_dino"])
    embeddings, labels = _known(engine, AT_ONCE + 13, lambda done, total: None)
    scenes = [draw_scene((0, 3, 0, index), (48, 48), 1) for index in range(AT_ONCE + 13)]
    assert labels.tolist() == [int(scene.labels[0]) for scene in scenes]
    # Of the last one, alone and in its batch.
    alone = engine.run(scenes[-1].picture)["embedding"][0]
    np.testing.assert_allclose(embeddings[-1], alone, atol=1e-5 * np.abs(alone).max())
    assert len(embeddings) == len(scenes)


def _direction(engine: vx.Engine, scene: Scene) -> NDArray[np.float64]:
    (embedding,) = engine.run(scene.picture)["embedding"].astype(np.float64)
    return np.asarray(embedding / np.linalg.norm(embedding), np.float64)


def test_an_evaluation_is_read_as_it_was_written(measured: Evaluation, tmp_path: Path) -> None:
    measured.save(tmp_path / "e.json")
    assert Evaluation.load(tmp_path / "e.json") == measured


def test_the_same_machine_gives_the_same_numbers() -> None:
    assert evaluate(scenes=7, known=23) == evaluate(scenes=7, known=23)
