"""Colours of patches: components as scikit-learn finds them, whatever the pictures come in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.filters import threshold_otsu
from sklearn import decomposition

import vitonnx as vx
from probes import token_models
from probes.token_models import (
    coarse_pictures,
    initializers,
    normalised,
    open_engine,
    save_pictures,
)
from vitonnx.cli import main
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import Layout, Moments, token_moments

Exported = Callable[[str], Path]
Floats = NDArray[np.floating[Any]]

GRID, DIM = (5, 7), 13
layout_of = partial(token_models.layout_of, grid=GRID, dim=DIM)

# Single precision, of sums over hundreds of tokens; components are as well told apart as the
# variances along them, which differ by a tenth and more.
SKLEARN = 1e-4
# Products of a few tens of numbers of about 1 to 10, in single precision.
SINGLE = 2e-5

LAYOUTS = [
    ((), ()),
    (("cls",), ()),
    (("cls", "dist"), ("suffix0",)),
    (("cls", "reg0", "reg1", "reg2", "reg3"), ("suffix0", "suffix1")),
    ((), ("suffix0", "suffix1")),
]


def random_tokens(layout: Layout, pictures: int, seed: int = 0) -> NDArray[np.float32]:
    """Make tokens that spread along each direction more than along the next, far from zero.

    Those that are no patches are large, so that they would be noticed.
    """
    rng = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(rng.normal(size=(layout.dim, layout.dim)))
    spreads = 3 * 0.8 ** np.arange(layout.dim)
    tokens = rng.normal(size=(pictures, layout.tokens, layout.dim)) * spreads @ turned + 7
    tokens[:, : layout.prefix] *= 50
    tokens[:, layout.prefix + layout.patches :] *= 50
    return np.asarray(tokens, np.float32)


def patches(tokens: Floats, layout: Layout) -> NDArray[np.float64]:
    """Cut the patches out, patch by patch: (pictures, rows, columns, dim)."""
    rows, columns = layout.grid
    cut = np.zeros((len(tokens), rows, columns, tokens.shape[-1]))
    for y, x in np.ndindex(rows, columns):
        cut[:, y, x] = tokens[:, layout.prefix + y * columns + x]
    return cut


def boiled(asked: Any, batch: dict[str, Any], layout: Layout) -> Any:
    """Boil a batch down in its own array library; what comes of it is NumPy's, as of a graph."""
    xp = array_api_compat.array_namespace(*batch.values())
    own = {name: xp.asarray(each) for name, each in asked.constants(layout).items()}
    return np.asarray(asked.condense({**batch, **own}, layout, None))


def fit(probe: vx.PCA, outputs: list[dict[str, Any]], layout: Layout) -> vx.PCA:
    """Put all stages of a probe to batches of outputs, one after the other."""
    asked: Any
    while (asked := probe.fit_stage(layout)) is not None:
        total = asked.nothing(layout)
        for batch in outputs:
            (tokens,) = batch.values()
            pictures = tokens.shape[0]
            none = [None] * pictures
            if hasattr(asked, "total"):
                part = asked.total(boiled(asked, batch, layout), pictures, layout)
            else:
                part = asked.summary(asked.compute(batch, layout, none))
            total = total.merge(part)
        probe = probe.learn(total, layout)
    return probe


def save(name: str, arrays: Mapping[str, Any]) -> None:
    """Write arrays to an .npz."""
    everything: Any = arrays
    np.savez(name, **everything)


def basis_of(probe: vx.PCA) -> Any:
    return probe.basis


def assert_sklearn(basis: Any, tokens: Floats) -> None:
    """Compare a basis with scikit-learn's, of (samples, dim)."""
    expected = decomposition.PCA(n_components=3).fit(tokens)
    found = np.asarray(basis.components)
    assert found.shape == (3, tokens.shape[1])
    np.testing.assert_allclose(np.asarray(basis.mean), expected.mean_, atol=SKLEARN)
    signs = np.sign(np.diag(found @ expected.components_.T))
    np.testing.assert_allclose(found, expected.components_ * signs[:, None], atol=SKLEARN)
    for component in found:
        assert component[np.argmax(np.abs(component))] > 0
    variance, ratio = np.asarray(basis.explained_variance), basis.explained_variance_ratio
    np.testing.assert_allclose(variance, expected.explained_variance_, rtol=SKLEARN)
    np.testing.assert_allclose(np.asarray(ratio), expected.explained_variance_ratio_, rtol=SKLEARN)
    for array in (basis.mean, basis.components, variance, ratio):
        assert np.asarray(array).dtype == np.float64


@pytest.mark.parametrize(("prefix", "suffix"), LAYOUTS, ids=str)
def test_components_are_those_of_scikit_learn(
    xp: Any, prefix: tuple[str, ...], suffix: tuple[str, ...]
) -> None:
    layout = layout_of(prefix, suffix)
    tokens = random_tokens(layout, 6)
    probe = fit(vx.PCA(), [{"final_norm/tokens": xp.asarray(tokens)}], layout)
    assert_sklearn(basis_of(probe), patches(tokens, layout).reshape(-1, DIM))


@pytest.mark.parametrize("grid", [(3, 11), (11, 3), (1, 13), (2, 2)])
def test_components_of_other_grids(grid: tuple[int, int]) -> None:
    layout = layout_of(grid=grid)
    tokens = random_tokens(layout, 17)
    probe = fit(vx.PCA(), [{"final_norm/tokens": tokens}], layout)
    assert_sklearn(basis_of(probe), patches(tokens, layout).reshape(-1, DIM))
    results = probe.compute({"final_norm/tokens": tokens}, layout, [None] * 17)
    assert {result.pca.shape for result in results} == {(*grid, 3)}


@pytest.mark.parametrize("sizes", [(1,) * 11, (7, 1, 3), (2, 9), (11,), (5, 0, 6)], ids=str)
def test_parts_come_to_the_whole_in_any_order(sizes: tuple[int, ...]) -> None:
    layout = layout_of()
    tokens = random_tokens(layout, sum(sizes))
    tokens += np.linspace(-5, 5, sum(sizes), dtype=np.float32)[:, None, None]  # each its own mean
    stage: Any = vx.PCA().fit_stage(layout)
    parts, start = [], 0
    for size in sizes:
        batch = {"final_norm/tokens": tokens[start : start + size]}
        start += size
        if size:
            parts.append(stage.total(boiled(stage, batch, layout), size, layout))
        else:
            parts.append(stage.nothing(layout))
    expected = patches(tokens, layout).reshape(-1, DIM)
    for seed in range(3):
        order = list(parts)
        random.Random(seed).shuffle(order)
        total = Moments()
        for part in order:
            total = total.merge(part)
        assert (total.count, total.samples) == (sum(sizes), len(expected))
        deviations = expected - expected.mean(0)
        np.testing.assert_allclose(total.mean, expected.mean(0), rtol=1e-6)
        # A scatter's entries are compared with its largest, about 4000: rounding is of that.
        np.testing.assert_allclose(total.scatter, deviations.T @ deviations, atol=4e-3)
        assert_sklearn(basis_of(vx.PCA().learn(total, layout)), expected)


def test_moments_far_from_zero_lose_nothing() -> None:
    rng = np.random.default_rng(2)
    # A mean a thousand times the spread: squares about zero would lose six of seven digits.
    vectors = (rng.normal(size=(101, 5)) + 1000).astype(np.float32)
    moments = Moments.of(token_moments(vectors), 1)
    deviations = vectors.astype(np.float64) - vectors.astype(np.float64).mean(0)
    # The mean is rounded by half a unit in the last place of 1000, 3e-5.
    np.testing.assert_allclose(moments.scatter, deviations.T @ deviations, atol=0.02)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize(("prefix", "suffix"), LAYOUTS, ids=str)
def test_values_are_projections_about_the_common_mean(
    xp: Any, prefix: tuple[str, ...], suffix: tuple[str, ...], whiten: bool
) -> None:
    layout = layout_of(prefix, suffix)
    tokens = random_tokens(layout, 5)
    tokens += np.arange(5, dtype=np.float32)[:, None, None]  # so that each has its own mean
    outputs = {"final_norm/tokens": xp.asarray(tokens)}
    probe = fit(vx.PCA(whiten=whiten), [outputs], layout)
    results = probe.compute(outputs, layout, [None] * 5)
    cut = patches(tokens, layout)
    sklearn = decomposition.PCA(n_components=3, whiten=whiten).fit(cut.reshape(-1, DIM))
    expected = sklearn.transform(cut.reshape(-1, DIM))
    components = np.asarray(basis_of(probe).components)
    signs = np.sign(np.diag(components @ sklearn.components_.T))
    found = np.stack([np.asarray(result.pca) for result in results])
    assert found.dtype == np.float32
    # Single precision, of sums that reach a hundred before the mean is taken off.
    np.testing.assert_allclose(found.reshape(-1, 3), expected * signs, atol=5e-4)
    np.testing.assert_allclose(found.reshape(-1, 3).mean(0), 0, atol=1e-4)
    variance = found.reshape(-1, 3).var(0, ddof=1)
    np.testing.assert_allclose(
        variance, [1, 1, 1] if whiten else sklearn.explained_variance_, rtol=1e-3
    )


def test_figures_always_scale_by_the_spread_of_each_component() -> None:
    layout = layout_of()
    outputs = {"final_norm/tokens": random_tokens(layout, 3)}
    drawn = []
    for whiten in (False, True):
        probe = fit(vx.PCA(whiten=whiten), [outputs], layout)
        finding = probe.compute(outputs, layout, [None] * 3)[1].finding
        assert finding.shown is None
        drawn.append(np.asarray(finding.values) / np.asarray(finding.spread))
        if not whiten:
            variance = basis_of(probe).explained_variance
            np.testing.assert_allclose(finding.spread, np.sqrt(variance), rtol=1e-6)
    np.testing.assert_allclose(drawn[0], drawn[1], atol=SINGLE)


def test_the_last_block_is_read_after_the_norm_and_others_before_any() -> None:
    layout = layout_of()
    assert vx.PCA().reads(layout) == vx.PCA(block=2).reads(layout) == ("final_norm/tokens",)
    assert vx.PCA(block=0).reads(layout) == vx.PCA(block=-3).reads(layout) == ("block_00/tokens",)
    for block in (3, -4):
        with pytest.raises(UsageError, match=f"no block {block}; the model has blocks 0 to 2"):
            vx.PCA(block=block).reads(layout)


def test_a_thing_that_moved_and_was_mirrored_keeps_its_colour(xp: Any) -> None:
    layout = layout_of(("cls", "reg0", "reg1", "reg2", "reg3"))
    labels = np.zeros((3, *GRID), np.int64)
    thing = np.array([[1, 2, 2], [1, 1, 3]])
    labels[0, 1:3, 1:4] = thing
    labels[1, 3:5, 3:6] = thing[:, ::-1]  # moved, mirrored
    labels[2, 0:2, 4:7] = thing[::-1]
    labels[2, 4] = 4  # and something that the others don't have
    table = 5 * np.random.default_rng(3).normal(size=(5, DIM))
    tokens = random_tokens(layout, 3)  # of which only those that are no patches stay
    for picture, y, x in np.ndindex(labels.shape):
        tokens[picture, 5 + y * GRID[1] + x] = table[labels[picture, y, x]]
    outputs = {"final_norm/tokens": xp.asarray(tokens)}
    results = fit(vx.PCA(), [outputs], layout).compute(outputs, layout, [None] * 3)
    colours = np.stack([np.asarray(result.pca) for result in results])
    by_label = [colours[labels == label] for label in range(5)]
    for found in by_label:
        # One token through one product: the order of sums may differ between rows.
        np.testing.assert_allclose(found, found[:1].repeat(len(found), 0), atol=SINGLE)
    means = np.stack([found.mean(0) for found in by_label])
    apart = np.linalg.norm(means[:, None] - means[None], axis=-1)
    assert apart[~np.eye(5, dtype=bool)].min() > 0.5


# --- The foreground -------------------------------------------------------------------------


def scenes(layout: Layout, pictures: int, *, thing_is: float, seed: int = 4) -> Floats:
    """Draw things inside, on a background that reaches the borders, as tokens.

    Along one direction the things lie at `thing_is` and the background on the other side of zero;
    along others both spread less.
    """
    rng = np.random.default_rng(seed)
    tokens = random_tokens(layout, pictures, seed) / 4
    direction = rng.normal(size=layout.dim)
    direction /= np.linalg.norm(direction)
    rows, columns = layout.grid
    for picture in range(pictures):
        top, left = rng.integers(1, 3, 2)
        for y, x in np.ndindex(rows, columns):
            inside = top <= y < rows - 1 and left <= x < columns - 1
            place = thing_is if inside else -thing_is
            place += rng.normal(0, 1.2)  # the two overlap
            tokens[picture, layout.prefix + y * columns + x] += (place * direction).astype("f4")
    return tokens


def between_groups(along: Floats, threshold: float) -> float:
    """Give the variance between what is above a threshold and what isn't."""
    above = along > threshold
    share = above.mean()
    if share in (0, 1):
        return 0.0
    return float(share * (1 - share) * (along[above].mean() - along[~above].mean()) ** 2)


def slow_foreground(tokens: Floats, layout: Layout) -> tuple[NDArray[np.float64], float, float]:
    """Give where patches lie on the first component, Otsu's threshold, and the width of a bin.

    Along the direction in which there are fewer patches of the borders.
    """
    cut = patches(tokens, layout)
    first = decomposition.PCA(n_components=1).fit(cut.reshape(-1, layout.dim))
    along = first.transform(cut.reshape(-1, layout.dim))[:, 0].reshape(cut.shape[:3])
    spread = float(np.sqrt(first.explained_variance_[0]))
    counts, edges = np.histogram(along / spread, bins=2048, range=(-8, 8))
    otsu: Any = threshold_otsu
    threshold = float(otsu(hist=(counts, (edges[:-1] + edges[1:]) / 2))) * spread
    border = np.ones(layout.grid, bool)
    border[1:-1, 1:-1] = False
    above = (along > threshold)[:, border].sum()
    below = (along <= threshold)[:, border].sum()
    assert above != below
    sign = 1 if above < below else -1
    return sign * along, sign * threshold, spread / 128


@pytest.mark.parametrize("thing_is", [3.0, -3.0])
@pytest.mark.parametrize(("prefix", "suffix"), LAYOUTS, ids=str)
def test_the_foreground_is_that_of_a_slow_version(
    xp: Any, prefix: tuple[str, ...], suffix: tuple[str, ...], thing_is: float
) -> None:
    layout = layout_of(prefix, suffix, grid=(7, 11))
    tokens = scenes(layout, 9, thing_is=thing_is)
    batches = [{"final_norm/tokens": xp.asarray(part)} for part in (tokens[:2], tokens[2:])]
    probe = fit(vx.PCA(foreground="first"), batches, layout)
    results = [
        result
        for batch, size in zip(batches, (2, 7), strict=True)
        for result in probe.compute(batch, layout, [None] * size)
    ]
    masks = np.stack([np.asarray(result.foreground) for result in results])
    assert masks.shape == (9, 7, 11)
    assert masks.dtype == np.bool_
    along, threshold, _ = slow_foreground(tokens, layout)
    # Whatever is inside lies beyond whatever isn't: single precision, of sums up to a hundred.
    cut = along[masks].min()
    assert along[~masks].max() < cut + 1e-3
    # In a bin, values count as its centre: of splits that are nearly as good any may come out.
    best = max(between_groups(along, value) for value in along.ravel())
    assert between_groups(along, cut - 1e-3) > (1 - 1e-4) * best
    assert (masks != (along > threshold)).mean() < 0.01
    assert 0.1 < masks.mean() < 0.6
    # The components are those of the patches on that side alone.
    on_side = patches(tokens, layout)[masks]
    assert_sklearn(basis_of(probe), on_side)
    found = np.stack([np.asarray(result.pca) for result in results])
    assert found.shape == (9, 7, 11, 3)
    np.testing.assert_allclose(found[masks].mean(0), 0, atol=1e-4)
    for result, mask in zip(results, masks, strict=True):
        np.testing.assert_array_equal(result.finding.shown, mask)


@pytest.mark.parametrize("thing_is", [3.0, -3.0])
def test_the_side_can_be_told_from_the_arrays(thing_is: float) -> None:
    layout = layout_of(grid=(7, 11))
    tokens = scenes(layout, 9, thing_is=thing_is)
    outputs = {"final_norm/tokens": tokens}
    probe = fit(vx.PCA(foreground="first"), [outputs], layout)
    learned = {name: np.asarray(array) for name, array in probe.learned(layout).items()}
    assert set(learned) == {
        "mean",
        "components",
        "explained_variance",
        "explained_variance_ratio",
        "block",
        "model",
        "foreground_mean",
        "foreground_component",
        "foreground_threshold",
    }
    assert learned["block"] == 2
    _, threshold, bin_width = slow_foreground(tokens, layout)
    assert float(learned["foreground_threshold"]) == pytest.approx(threshold, abs=bin_width)
    cut = patches(tokens, layout)
    along = (cut - learned["foreground_mean"]) @ learned["foreground_component"]
    results = probe.compute(outputs, layout, [None] * 9)
    for distances, result in zip(along - learned["foreground_threshold"], results, strict=True):
        clear = np.abs(distances) > 1e-3  # single precision, of sums up to a hundred
        np.testing.assert_array_equal(np.asarray(result.foreground)[clear], (distances > 0)[clear])


def test_without_a_foreground_all_patches_have_a_colour() -> None:
    layout = layout_of()
    outputs = {"final_norm/tokens": random_tokens(layout, 2)}
    for result in fit(vx.PCA(), [outputs], layout).compute(outputs, layout, [None] * 2):
        assert result.foreground is None


# --- What can't be fitted -------------------------------------------------------------------


@pytest.mark.parametrize(("grid", "pictures"), [((1, 3), 1), ((1, 1), 3), ((1, 1), 1)])
def test_fewer_than_four_patches_are_refused(grid: tuple[int, int], pictures: int) -> None:
    layout = layout_of(grid=grid)
    outputs = {"final_norm/tokens": random_tokens(layout, pictures)}
    with pytest.raises(UsageError, match=f"at least four patches.* {pictures * grid[1]}"):
        fit(vx.PCA(), [outputs], layout)


def test_four_patches_are_enough() -> None:
    layout = layout_of(grid=(1, 1))
    tokens = random_tokens(layout, 4)
    probe = fit(vx.PCA(), [{"final_norm/tokens": tokens}], layout)
    assert_sklearn(basis_of(probe), patches(tokens, layout).reshape(-1, DIM))


@pytest.mark.parametrize("foreground", ["none", "first"])
def test_identical_tokens_are_refused(foreground: Any) -> None:
    layout = layout_of()
    tokens = random_tokens(layout, 5)
    # A third, whose mean over many isn't quite a third again.
    tokens[:, layout.prefix :] = np.linspace(1 / 3, 7 / 3, DIM)
    with pytest.raises(UsageError, match="all patches have the same token"):
        fit(vx.PCA(foreground=foreground), [{"final_norm/tokens": tokens}], layout)


@pytest.mark.parametrize("whiten", [False, True])
def test_tokens_on_a_line_give_finite_colours(whiten: bool) -> None:
    layout = layout_of()
    tokens = random_tokens(layout, 3)
    places = np.random.default_rng(5).normal(size=(3, layout.tokens, 1))
    tokens[...] = places * np.arange(1, DIM + 1)
    outputs = {"final_norm/tokens": tokens}
    probe = fit(vx.PCA(whiten=whiten), [outputs], layout)
    np.testing.assert_allclose(basis_of(probe).explained_variance_ratio, [1, 0, 0], atol=1e-5)
    for result in probe.compute(outputs, layout, [None] * 3):
        assert np.isfinite(result.pca).all()
        assert np.isfinite(result.spread).all()
        assert min(result.spread) > 0


def test_fewer_than_three_numbers_are_refused() -> None:
    layout = layout_of(dim=2)
    with pytest.raises(UsageError, match=r"three"):
        fit(vx.PCA(), [{"final_norm/tokens": random_tokens(layout, 5)}], layout)


def test_it_gives_no_colours_before_it_is_fitted() -> None:
    layout = layout_of()
    with pytest.raises(UsageError, match="fit"):
        vx.PCA().compute({"final_norm/tokens": random_tokens(layout, 2)}, layout, [None] * 2)


def test_options_are_checked_at_once() -> None:
    wrong: Any = "second"
    with pytest.raises(UsageError, match="foreground 'second' is unknown; there are none, first"):
        vx.PCA(foreground=wrong)


# --- With an engine -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """Eleven pictures, each of its own size, with large and small shapes."""
    return coarse_pictures([(61 + 2 * number, 47 + number) for number in range(11)], seed=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: list[Any]) -> Path:
    return save_pictures(pictures, tmp_path_factory.mktemp("pictures"))


def by_hand(engine: vx.Engine, file: Path, pictures: Any, block: int) -> NDArray[np.float64]:
    """Patches of a block, as the contract has them: (pictures, rows, columns, dim)."""
    tokens = engine.run(pictures)[f"block_{block:02}/tokens"]
    last = block == engine.layout.blocks - 1 and file.stem != "pooled"
    return patches(normalised(tokens, initializers(file)) if last else tokens, engine.layout)


@pytest.mark.parametrize(
    ("kind", "block", "in_graph"),
    [
        ("plain", -1, None),
        ("plain", -1, False),
        ("plain", 0, True),
        ("registers", 1, True),
        ("distilled", -2, False),
        ("distilled", -2, True),
        ("pooled", -1, True),
    ],
)
def test_tokens_are_those_of_the_block(
    exported: Exported, pictures: list[Any], kind: str, block: int, in_graph: bool | None
) -> None:
    engine = open_engine(exported(kind), in_graph)
    probe = engine.fitted(pictures, vx.PCA(block=block))
    expected = by_hand(engine, exported(kind), pictures, range(2)[block])
    assert_sklearn(basis_of(probe), expected.reshape(-1, 21))
    basis = basis_of(probe)
    results = [result.pca for result in engine.stream(pictures, [probe])]
    together = engine.probe(pictures, vx.PCA(block=block))
    for one, other, tokens in zip(results, together, expected, strict=True):
        slow = (tokens - basis.mean) @ basis.components.T
        np.testing.assert_allclose(one.pca, slow, atol=SINGLE)
        np.testing.assert_allclose(other.pca, slow, atol=SINGLE)
        assert one.pca.dtype == np.float32


def test_the_figure_says_whether_there_was_a_final_norm(
    exported: Exported, pictures: list[Any]
) -> None:
    for kind, words in [("plain", "after the final norm"), ("pooled", "no final norm")]:
        result = open_engine(exported(kind)).probe(pictures[:1], vx.PCA())[0]
        said = "; ".join(result.finding.details)
        assert words in said
        assert "block 1" in said
    result = open_engine(exported("plain")).probe(pictures[:1], vx.PCA(block=0))[0]
    assert "norm" not in "; ".join(result.finding.details)


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_a_foreground_in_graph_and_on_the_host(
    exported: Exported, pictures: list[Any], in_graph: bool | None
) -> None:
    engine = open_engine(exported("registers"), in_graph)
    probe = engine.fitted(pictures, vx.PCA(foreground="first"))
    tokens = by_hand(engine, exported("registers"), pictures, 1)
    basis = basis_of(probe)
    side = basis.foreground
    along = (tokens - side.mean) @ side.component - side.threshold
    masks = []
    for result, distance in zip(engine.stream(pictures, [probe]), along, strict=True):
        clear = np.abs(distance) > SINGLE
        np.testing.assert_array_equal(result.pca.foreground[clear], (distance > 0)[clear])
        masks.append(result.pca.foreground)
    assert_sklearn(basis, tokens[np.stack(masks)])
    first = decomposition.PCA(n_components=1).fit(tokens.reshape(-1, 21)).components_[0]
    assert abs(first @ side.component) == pytest.approx(1, abs=SKLEARN)


def test_an_unfitted_one_in_a_stream_gives_moments_and_no_colours(
    exported: Exported, pictures: list[Any]
) -> None:
    engine = open_engine(exported("plain"))
    parts = []
    for share in (pictures[3:4], pictures[4:], pictures[:3]):
        stream = engine.stream(share, [vx.PCA()])
        for result in stream:
            assert result.error is None
            with pytest.raises(AttributeError, match="pca"):
                _ = result.pca
        parts.append(stream.summary["pca"])
    total: Any = parts[0].merge(parts[1]).merge(parts[2])
    tokens = by_hand(engine, exported("plain"), pictures, 1).reshape(-1, 21)
    assert (total.count, total.samples) == (11, len(tokens))
    np.testing.assert_allclose(total.mean, tokens.mean(0), atol=SINGLE)
    deviations = tokens - tokens.mean(0)
    # Entries reach a few hundred: seven digits of that.
    np.testing.assert_allclose(total.scatter, deviations.T @ deviations, atol=2e-3)
    merged = basis_of(vx.PCA().learn(total, engine.layout))
    whole = basis_of(engine.fitted(pictures, vx.PCA()))
    assert_sklearn(merged, tokens)
    np.testing.assert_allclose(merged.components, whole.components, atol=SINGLE)
    np.testing.assert_allclose(merged.explained_variance, whole.explained_variance, rtol=1e-5)


def test_pictures_that_cannot_be_read_are_left_out_of_a_stream(
    exported: Exported, pictures: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_text("Dear picture")
    engine = open_engine(exported("plain"))
    stream = engine.stream([tmp_path / "bad.png", *pictures, tmp_path / "none.png"], [vx.PCA()])
    errors = [result.error for result in stream]
    assert [error is None for error in errors] == [False, *[True] * 11, False]
    total: Any = stream.summary["pca"]
    tokens = by_hand(engine, exported("plain"), pictures, 1).reshape(-1, 21)
    assert (total.count, total.samples) == (11, len(tokens))
    np.testing.assert_allclose(total.mean, tokens.mean(0), atol=SINGLE)


def test_probe_takes_a_generator_that_reuses_one_array(
    exported: Exported, pictures: list[Any]
) -> None:
    same_size = [np.ascontiguousarray(picture[:47, :61]) for picture in pictures]

    def reused() -> Any:
        array = np.empty_like(same_size[0])
        for picture in same_size:
            array[...] = picture
            yield array

    engine = open_engine(exported("plain"))
    expected = engine.probe(same_size, vx.PCA())
    for found, wanted in zip(engine.probe(reused(), vx.PCA()), expected, strict=True):
        np.testing.assert_allclose(found.pca, wanted.pca, atol=SINGLE)


def test_an_iterator_does_for_one_stage_and_is_refused_for_several(
    exported: Exported, pictures: list[Any]
) -> None:
    engine = open_engine(exported("plain"))
    listed = basis_of(engine.fitted(pictures, vx.PCA()))
    iterated = basis_of(engine.fitted(iter(pictures), vx.PCA()))
    np.testing.assert_allclose(iterated.components, listed.components, atol=SINGLE)
    with pytest.raises(UsageError, match=r"more than once|again|several"):
        engine.fitted(iter(pictures), vx.PCA(foreground="first"))


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_a_fitted_basis_is_given_again(
    exported: Exported, pictures: list[Any], in_graph: bool | None
) -> None:
    engine = open_engine(exported("plain"), in_graph)
    fitted = engine.fitted(pictures, vx.PCA(whiten=True))
    again = vx.PCA(basis=basis_of(fitted), whiten=True)
    expected = engine.probe(pictures, vx.PCA(whiten=True))[7].pca
    for probe in (fitted, again):
        (alone,) = engine.probe([pictures[7]], probe)
        np.testing.assert_allclose(alone.pca, expected, atol=SINGLE)
        assert engine.fitted(None, probe) is probe
    # Fitted on itself, a picture has other colours.
    (itself,) = engine.probe([pictures[7]], vx.PCA(whiten=True))
    assert np.abs(itself.pca - expected).max() > 0.1


@pytest.mark.parametrize("foreground", ["none", "first"])
@pytest.mark.parametrize("source", ["{}", "{}/*.png", "list.txt"])
def test_a_basis_is_taken_from_a_folder_a_glob_or_a_list(
    exported: Exported, folder: Path, desk: Path, foreground: Any, source: str
) -> None:
    engine = open_engine(exported("plain"))
    files = sorted(folder.iterdir())
    expected = engine.probe(files, vx.PCA(foreground=foreground))[2]
    Path("list.txt").write_text("\n".join(map(str, files)))
    probe = vx.PCA(basis=source.format(folder), foreground=foreground)
    for asked in (probe, engine.fitted(None, probe)):
        (found,) = engine.probe([files[2]], asked)
        np.testing.assert_allclose(found.pca, expected.pca, atol=SINGLE)
        if foreground == "first":
            np.testing.assert_array_equal(found.foreground, expected.foreground)


@pytest.mark.parametrize("source", ["{}", "{}/*.png", "list.txt"])
def test_the_command_takes_a_basis_from_them_too(
    exported: Exported, folder: Path, desk: Path, source: str
) -> None:
    files = sorted(folder.iterdir())
    Path("list.txt").write_text("\n".join(map(str, files)))
    expected = open_engine(exported("plain")).probe(files, vx.PCA())[2]
    usual = ["probe", "pca", str(exported("plain")), "--device", "cpu", "--threads", "1", "-q"]
    assert main([*usual, str(files[2]), "--basis", source.format(folder), "-o", "x.npz"]) == 0
    with np.load("x.npz") as saved:
        np.testing.assert_allclose(saved["pca"][0], expected.pca, atol=SINGLE)


@pytest.mark.parametrize("foreground", ["none", "first"])
def test_the_command_keeps_a_basis_for_later(
    exported: Exported, folder: Path, desk: Path, foreground: Any
) -> None:
    file = exported("plain")
    files = sorted(folder.iterdir())
    usual = ["probe", "pca", str(file), "--device", "cpu", "--threads", "1", "--quiet"]
    assert main([*usual, str(folder), "--foreground", foreground, "-o", "all.npz"]) == 0
    with np.load("all.npz", allow_pickle=False) as saved:
        arrays = dict(saved)
    names = {"pca", "crop", "files", "skipped", "mean", "components"}
    names |= {"explained_variance", "explained_variance_ratio", "block", "model"}
    if foreground == "first":
        names |= {"foreground", "foreground_mean", "foreground_component", "foreground_threshold"}
        assert arrays["foreground"].dtype == np.bool_
        assert arrays["foreground"].shape == (11, *GRID)
    assert set(arrays) == names
    assert (arrays["pca"].shape, arrays["pca"].dtype) == ((11, *GRID, 3), np.float32)
    assert arrays["mean"].shape == (21,)
    assert arrays["components"].shape == (3, 21)
    assert arrays["block"] == 1

    engine = open_engine(file)
    fitted = basis_of(engine.fitted(files, vx.PCA(foreground=foreground)))
    np.testing.assert_allclose(arrays["components"], fitted.components, atol=SINGLE)
    for probe in (vx.PCA(basis="all.npz"), vx.PCA(basis="all.npz", foreground=foreground)):
        (found,) = engine.probe([files[5]], probe)
        np.testing.assert_allclose(found.pca, arrays["pca"][5], atol=SINGLE)
    more = ["--foreground", foreground, "--basis", "all.npz", "-o", "one.npz"]
    assert main([*usual, str(files[5]), *more]) == 0
    with np.load("one.npz", allow_pickle=False) as one:
        np.testing.assert_allclose(one["pca"][0], arrays["pca"][5], atol=SINGLE)
        for name in ("mean", "components", "explained_variance", "block"):
            np.testing.assert_array_equal(one[name], arrays[name])


@pytest.mark.parametrize("way", ["file", "fitted", "basis"])
@pytest.mark.parametrize("in_graph", [True, None, False])
def test_a_basis_of_another_width_is_refused(
    exported: Exported, pictures: list[Any], desk: Path, in_graph: bool | None, way: str
) -> None:
    wide, narrow = open_engine(exported("sincos"), in_graph), open_engine(exported("plain"))
    fitted = narrow.fitted(pictures, vx.PCA())
    save("narrow.npz", fitted.learned(narrow.layout))
    ways = {
        "file": vx.PCA(basis="narrow.npz"),
        "fitted": fitted,
        "basis": vx.PCA(basis=basis_of(fitted)),
    }
    with pytest.raises(UsageError, match=r"21.*24.* fitted on this model"):
        wide.probe(pictures[:1], ways[way])
    with pytest.raises(UsageError, match=r"21.*24.* fitted on this model"):
        list(wide.stream(pictures[:1], [wide.fitted(None, ways[way])]))


def test_a_basis_of_another_model_is_said(
    exported: Exported, folder: Path, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ["--device", "cpu", "--threads", "1"]
    one, other = str(exported("plain")), str(exported("registers"))  # as wide as each other
    assert main(["probe", "pca", one, str(folder), *usual, "-o", "one.npz"]) == 0
    assert "basis" not in capsys.readouterr().err
    more = ["--basis", "one.npz", "-o", "two.npz"]
    assert main(["probe", "pca", other, str(folder / "00.png"), *usual, *more]) == 0
    assert "the basis was fitted on tiny_plain" in capsys.readouterr().err
    assert main(["probe", "pca", one, str(folder / "00.png"), *usual, *more]) == 0
    assert "basis" not in capsys.readouterr().err


def test_a_basis_of_another_block_is_refused(
    exported: Exported, folder: Path, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ["probe", "pca", str(exported("plain")), "--device", "cpu", "--threads", "1", "-q"]
    assert main([*usual, str(folder), "--block", "0", "-o", "first.npz"]) == 0
    engine = open_engine(exported("plain"))
    with pytest.raises(UsageError, match="the basis is of block 0, not 1"):
        engine.probe([folder / "00.png"], vx.PCA(basis="first.npz"))
    (found,) = engine.probe([folder / "00.png"], vx.PCA(block=-2, basis="first.npz"))
    with np.load("first.npz") as saved:
        np.testing.assert_allclose(found.pca, saved["pca"][0], atol=SINGLE)
    capsys.readouterr()
    assert main([*usual, str(folder), "--basis", "first.npz", "-o", "x.npz"]) == 2
    assert "block 0, not 1" in capsys.readouterr().err
    assert not Path("x.npz").exists()


def test_files_that_keep_no_basis_are_refused(
    exported: Exported, pictures: list[Any], desk: Path
) -> None:
    engine = open_engine(exported("plain"))
    basis = engine.fitted(pictures, vx.PCA()).learned(engine.layout)
    whole = {name: np.asarray(array) for name, array in basis.items()}
    save("other.npz", {"norms": np.ones(3)})
    Path("text.npz").write_text("Dear components")
    save("part.npz", {name: a for name, a in whole.items() if name != "components"})
    save("nan.npz", whole | {"components": np.full((3, 21), np.nan)})
    save("shape.npz", whole | {"components": np.ones((2, 21))})
    for name, words in [
        ("other.npz", "give an .npz that `pca` wrote"),
        ("text.npz", "text.npz"),
        ("none.npz", "none.npz"),
        ("part.npz", "components"),
        ("nan.npz", "components"),
        ("shape.npz", "components"),
    ]:
        with pytest.raises(VitonnxError) as raised:
            engine.probe(pictures[:1], vx.PCA(basis=name))
        assert words in str(raised.value)
        assert str(raised.value).endswith(".")


def test_too_few_patches_are_refused_by_an_engine(exported: Exported, pictures: list[Any]) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", threads=1, size=(8, 24))
    with pytest.raises(UsageError, match=r"at least four patches.* 3"):
        engine.probe(pictures[:1], vx.PCA())
    assert engine.probe(pictures[:2], vx.PCA())[0].pca.shape == (1, 3, 3)
    with pytest.raises(UsageError, match="no picture"):
        engine.fitted([], vx.PCA())
    with pytest.raises(UsageError, match="picture"):
        engine.fitted(None, vx.PCA())
