"""Right answers, counted: exactly, in any order; and what is sure of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tiny_models
from vitonnx.evaluate import wilson_interval
from vitonnx.evaluate._published import published_knn, published_top1
from vitonnx.evaluate.accuracy import Accuracy, AccuracyQuestion, Hits, rank_of
from vitonnx.layout import Layout
from vitonnx.manifest import Manifest, Source
from vitonnx.models import find_model

LAYOUT = Layout(grid=(2, 3), patch_size=8, prefix_tokens=("cls",), blocks=2, heads=3)


def test_ranks_are_those_of_a_stable_sort() -> None:
    rng = np.random.default_rng(3)
    for scores in rng.integers(0, 5, (50, 11)).astype(np.float32):
        order = np.argsort(-scores, kind="stable").tolist()
        assert [rank_of(number, scores) for number in range(11)] == [
            order.index(number) for number in range(11)
        ]


def test_totals_merge_to_the_same_bits_in_any_order() -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(97, 3, 13)).astype(np.float32)
    labels = rng.integers(0, 13, 97)
    each = [Accuracy.of_logits(one, int(own)) for one, own in zip(logits, labels, strict=True)]
    forward, backward = Accuracy(), Accuracy()
    for one in each:
        forward = forward.merge(one)
    for one in reversed(each):
        backward = backward.merge(one)
    apart = [Accuracy(), Accuracy()]
    for number, one in enumerate(each):
        apart[number % 2] = apart[number % 2].merge(one)
    best = logits.argmax(axis=2)
    for total in (forward, backward, apart[0].merge(apart[1])):
        assert total.count == 97
        np.testing.assert_array_equal(total.top1, (best == labels[:, None]).sum(axis=0))
        np.testing.assert_array_equal(total.agreement, (best == best[:, :1]).sum(axis=0))
        AccuracyQuestion(3, 13).check(total, LAYOUT)


@pytest.mark.parametrize(
    "total",
    [
        Accuracy(7, np.array([3.5]), np.array([4.0]), np.array([7.0])),
        Accuracy(7, np.array([3.0]), np.array([8.0]), np.array([7.0])),
        Accuracy(7, np.array([5.0]), np.array([4.0]), np.array([7.0])),
        Accuracy(7, np.array([3.0, 3.0]), np.array([4.0, 4.0]), np.array([7.0, 7.0])),
        Accuracy(7, np.array([-1.0]), np.array([4.0]), np.array([7.0])),
    ],
)
def test_a_total_that_cant_be_is_refused(total: Hits) -> None:
    with pytest.raises(ValueError, match=r"shape|numbers of pictures|first answers"):
        AccuracyQuestion(1, 11).check(total, LAYOUT)


@pytest.mark.parametrize(
    ("right", "count"), [(0, 1), (1, 1), (0, 13), (13, 13), (7, 29), (811, 997)]
)
def test_intervals_are_scipys(right: int, count: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = wilson_interval(right, count)
    theirs = stats.binomtest(right, count).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


def manifest_of(published: str, **changed: object) -> Manifest:
    """What a file of a published model says, as far as it matters here."""
    spec = find_model(published)
    tiny = tiny_models.spec("plain")
    values: dict[str, object] = {
        "name": spec.name,
        "family": spec.family,
        "patch_size": spec.config.patch_size,
        "grid": (14, 14),
        "prefix_tokens": ("cls",),
        "blocks": tiny.config.blocks,
        "heads": tiny.config.heads,
        "dim": tiny.config.dim,
        "position_grid": (14, 14),
        "position_prefix": ("cls",),
        "position_interpolation": "timm",
        "preprocessing": spec.preprocessing,
        "classes": spec.classes,
        "source": Source(file="model.safetensors"),
    }
    return Manifest(**{**values, **changed})  # type: ignore[arg-type]


def test_the_published_accuracy_is_that_of_the_registry() -> None:
    found = published_top1(manifest_of("deit_s16"))
    assert found is not None
    assert (found.value, found.note) == (0.79856, None)
    assert published_knn(manifest_of("deit_s16")) is None


def test_another_recipe_is_said() -> None:
    recipe = replace(find_model("deit_s16").preprocessing, resize=224)
    found = published_top1(manifest_of("deit_s16", preprocessing=recipe))
    assert found is not None
    assert found.note is not None
    assert "scaled to 248" in found.note
    assert "scaled to 224" in found.note


def test_neighbours_were_measured_by_dinos_own_recipe() -> None:
    found = published_knn(manifest_of("dino_vits16"))
    assert found is not None
    assert found.value == 0.745
    assert found.note is not None
    assert "scaled to 256" in found.note
    own = replace(find_model("dino_vits16").preprocessing, resize=256, crop=0.875)
    same = published_knn(manifest_of("dino_vits16", preprocessing=own))
    assert same is not None
    assert same.note is None
    assert published_top1(manifest_of("dino_vits16")) is None


def test_random_weights_and_own_models_have_none() -> None:
    assert published_top1(manifest_of("deit_s16", source=Source(file="random:7"))) is None
    assert published_top1(manifest_of("deit_s16", name="mine")) is None
