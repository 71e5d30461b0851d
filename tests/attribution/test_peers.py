"""The probe ``attribution`` against torch's autograd in double precision, on the same weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

import vitonnx as vx
from attribution.autograd import METHODS, Map, attribution
from attribution.opened import Opened, Score, Tensor
from attribution.probe_ready import PATCH, SIZE, write
from attribution.torch_models import CLASSES, DEEP, PEERS
from peer_models import normalised

pytestmark = pytest.mark.peers

# Of what each map spans, which is at most its largest value.
TOLERANCE = 1e-4
# Of its largest value, twice the spacing of single precision: of maps that span little, a part.
ROUNDING = 2**-22
# Scores are single precision's; as the contract has it of logits.
CLOSE = 2e-5
RANKS_IN_HALF = 0.99

CASES = [
    *(
        (peer, "ported")
        for peer in (
            "class token",
            "distilled",
            "registers",
            "mean of patches",
            "mean beside a class token",
            "class token and mean",
            "hugging face",
        )
    ),
    *((peer, "tapped") for peer in (*PEERS, *DEEP)),
]


@dataclass(frozen=True)
class Case:
    """A file, the model it was made of, and pictures.

    Parameters
    ----------
    file : Path
        Probe-ready.
    opened : Opened
        The model in double precision.
    pictures : uint8 (2, height, width, 3)
        What is explained.
    pixels : float64 tensor (2, 3, height, width)
        The same, normalised.
    logits : float64 (2, classes)
        What the model says of them.
    other : Path
        Another picture, of the input's size.
    other_embedding : float64 tensor (1, dim)
        Its embedding.
    """

    file: Path
    opened: Opened
    pictures: NDArray[np.uint8]
    pixels: Tensor
    logits: NDArray[np.float64]
    other: Path
    other_embedding: Tensor

    def ask(self, target: Any, method: Any, **options: Any) -> list[Any]:
        with vx.Engine(self.file, device="cpu", threads=1, **options) as engine:
            return engine.probe_pixels(self.pictures, vx.Attribution(method=method, target=target))


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name, way = request.param
    peer, folder = (PEERS | DEEP)[name], tmp_path_factory.mktemp("peer")
    file = write(way, peer, folder)
    opened = peer.open(peer.model(SIZE, PATCH))
    drawn = np.random.default_rng(1).integers(0, 256, (3, *SIZE, 3), dtype=np.uint8)
    Image.fromarray(drawn[2]).save(folder / "other.png")
    with vx.Engine(file, device="cpu") as engine:
        recipe = engine.manifest.preprocessing
        assert len(engine.manifest.prefix_tokens) == peer.prefix
    pixels = normalised(drawn, recipe.mean, recipe.std).double()
    seen = opened.run(pixels)
    return Case(
        file=file,
        opened=opened,
        pictures=drawn[:2],
        pixels=pixels[:2],
        logits=seen.logits[:2].detach().numpy(),
        other=folder / "other.png",
        other_embedding=seen.embedding[2:].detach(),
    )


@dataclass(frozen=True)
class Explained:
    """A target, and what the reference says of it: maps, scores, probabilities (a picture each)."""

    target: Any
    maps: Map
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64]


def explain(case: Case, asked: str, method: str) -> Explained:
    import torch

    if asked == "embedding":
        similar = torch.cosine_similarity(
            case.opened.run(case.pixels).embedding, case.other_embedding
        )
        return Explained(
            f"embedding:{case.other}",
            _maps(case, method, lambda embedding, _: _cosine(embedding, case.other_embedding)),
            similar.detach().numpy(),
            np.full(2, np.nan),
        )
    best = case.logits.argmax(1)
    chosen = best if asked == "predicted" else np.full(2, _another(case, method))
    scores = np.take_along_axis(case.logits, chosen[:, None], 1)[:, 0]
    return Explained(
        "predicted" if asked == "predicted" else int(chosen[0]),
        _maps(case, method, _of_classes(chosen)),
        scores,
        np.exp(scores) / np.exp(case.logits).sum(1),
    )


def _another(case: Case, method: str) -> int:
    """Choose a class that neither picture is taken for, and that has maps other than zero."""
    best = set(case.logits.argmax(1).tolist())
    return next(
        number
        for number in range(CLASSES)
        if number not in best
        and _maps(case, method, _of_classes(np.full(2, number))).max((1, 2)).all()
    )


def _of_classes(chosen: NDArray[np.int64]) -> Score:
    import torch

    index = torch.from_numpy(chosen)[:, None]
    return lambda embedding, logits: logits.gather(1, index)[:, 0]


def _cosine(embedding: Tensor, other: Tensor) -> Tensor:
    return (embedding * other).sum(1) / embedding.norm(dim=1) / other.norm(dim=1)


def _maps(case: Case, method: str, score: Score) -> Map:
    return attribution(method, case.opened, case.pixels, score)


def assert_equal(found: NDArray[np.float32], expected: Map) -> None:
    """Compare maps (pictures, rows, columns), each with what it spans.

    That is its largest value, unless all patches have a large part in common: a mean of rows has
    the identity's.
    """
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    spans = np.ptp(expected, (1, 2))
    # Where nothing speaks for what is asked, the map is zero but for roundings.
    spans = np.where(spans > 0, spans, spans.max() or 1.0)
    bounds = TOLERANCE * spans + ROUNDING * expected.max((1, 2))
    errors = np.abs(found - expected).max((1, 2))
    assert (errors <= bounds).all(), (errors / spans, errors / expected.max((1, 2)))


@pytest.mark.parametrize("asked", ["class", "predicted", "embedding"])
@pytest.mark.parametrize("method", METHODS)
def test_one_target(case: Case, method: str, asked: str) -> None:
    expected = explain(case, asked, method)
    # Without a graph, the same gradients are read by the same functions: once will do.
    for in_graph in (True, False) if asked == "class" else (True,):
        results = case.ask(expected.target, method, in_graph=in_graph)
        assert_equal(np.stack([result.attribution for result in results]), expected.maps)
        assert [float(result.score) for result in results] == pytest.approx(
            expected.scores.tolist(), abs=CLOSE * np.abs(case.logits).max()
        )
        assert [float(result.probability) for result in results] == pytest.approx(
            expected.probabilities.tolist(), abs=CLOSE, nan_ok=True
        )


@pytest.mark.parametrize("method", ["legrad", "generic"])
def test_several_targets(case: Case, method: str) -> None:
    every = [explain(case, asked, method) for asked in ("class", "predicted")]
    results = case.ask(tuple(each.target for each in every), method)
    maps = np.stack([result.attribution for result in results], axis=1)
    assert maps.shape == (2, 2, *(side // case.opened.patch for side in SIZE))
    for found, expected in zip(maps, every, strict=True):
        assert_equal(found, expected.maps)
    for number, result in enumerate(results):
        assert [float(score) for score in result.score] == pytest.approx(
            [each.scores[number] for each in every], abs=CLOSE * np.abs(case.logits).max()
        )


@pytest.mark.parametrize("method", METHODS)
def test_half_precision(case: Case, method: str) -> None:
    expected = explain(case, "class", method)
    results = case.ask(expected.target, method, precision="fp16")
    for result, each in zip(results, expected.maps, strict=True):
        assert spearmanr(result.attribution.ravel(), each.ravel()).statistic >= RANKS_IN_HALF


def test_target_is_the_predicted_class_by_default(case: Case) -> None:
    for one, other in zip(case.ask(None, "legrad"), case.ask("predicted", "legrad"), strict=True):
        np.testing.assert_array_equal(one.attribution, other.attribution)


def test_a_class_by_its_name(tmp_path: Path) -> None:
    """Hugging Face's configuration names the classes, and the manifest takes the names over."""
    known = PEERS["hugging face"]
    names = {number: f"kind {number}" for number in range(CLASSES)}
    peer = replace(known, options=known.options | {"id2label": names})
    file = write("ported", peer, tmp_path)
    pictures = np.random.default_rng(1).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    with vx.Engine(file, device="cpu", threads=1) as engine:
        named, counted = (
            engine.probe_pixels(pictures, vx.Attribution(target=target)) for target in ("kind 4", 4)
        )
    for one, other in zip(named, counted, strict=True):
        np.testing.assert_array_equal(one.attribution, other.attribution)
        assert one.score == other.score
