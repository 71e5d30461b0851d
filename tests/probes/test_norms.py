"""Lengths of tokens in the residual stream, and which of them are artefacts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from probes.token_models import coarse_pictures, initializers, layout_of, normalised, open_engine
from tap.foreign_vit import ForeignViT
from vitonnx.cli import main
from vitonnx.errors import UsageError
from vitonnx.probes import Histogram, Layout, NormCounts, token_norms

Exported = Callable[[str], Path]
Floats = NDArray[np.floating[Any]]

DIM = 13
# Single precision, of sums of a few tens of squares; and a plan sums in another order.
SINGLE = 1e-5
# 64 bins an octave: each is wider than the one before by its 64th root of 2.
BIN = 2 ** (1 / 64) - 1

LAYOUTS: list[tuple[tuple[str, ...], tuple[str, ...], tuple[int, int]]] = [
    ((), (), (3, 5)),
    (("cls",), (), (5, 3)),
    (("cls", "dist"), ("suffix0",), (2, 7)),
    (("cls", "reg0", "reg1", "reg2", "reg3"), ("suffix0", "suffix1"), (7, 11)),
]


@pytest.fixture(params=LAYOUTS, ids=str)
def layout(request: pytest.FixtureRequest) -> Layout:
    return layout_of(*request.param)


def random_tokens(layout: Layout, pictures: int, seed: int = 0) -> NDArray[np.float32]:
    """Make tokens of which those that are no patches are long, so that they would be noticed."""
    tokens = np.random.default_rng(seed).normal(1, 3, (pictures, layout.tokens, layout.dim))
    tokens[:, : layout.prefix] *= 100
    tokens[:, layout.prefix + layout.patches :] *= 100
    return tokens.astype(np.float32)


def slow_norms(tokens: Floats, layout: Layout) -> NDArray[np.float64]:
    """Measure the patches of some pictures, number by number."""
    rows, columns = layout.grid
    found = np.zeros((len(tokens), rows, columns))
    for picture, y, x in np.ndindex(found.shape):
        token = tokens[picture, layout.prefix + y * columns + x]
        found[picture, y, x] = math.sqrt(sum(float(value) ** 2 for value in token))
    return found


def outer_fence(norms: Floats) -> float:
    lower, upper = np.percentile(norms, [25, 75])
    return float(upper + 3 * (upper - lower))


def fence_error(norms: Floats) -> float:
    """How far the fence may be off where each quartile is off by a bin."""
    lower, upper = np.percentile(norms, [25, 75])
    return float(BIN * (4 * upper + 3 * lower))


def counted(norms: Floats, layout: Layout) -> NormCounts:
    """Count norms as the probe does of its results."""
    tokens = np.zeros((len(norms), layout.tokens, layout.dim), np.float32)
    tokens[:, layout.prefix : layout.prefix + layout.patches, 0] = norms.reshape(len(norms), -1)
    probe = vx.Norms()
    outputs = {"block_02/residual": tokens}
    return probe.summary(probe.compute(outputs, layout, [None] * len(norms)))


def test_norms_of_every_patch(xp: Any, layout: Layout) -> None:
    tokens = random_tokens(layout, 3)
    before = tokens.copy()
    for block, name in [(-1, "block_02/residual"), (0, "block_00/residual")]:
        probe = vx.Norms(block=block)
        assert probe.reads(layout) == (name,)
        results = probe.compute({name: xp.asarray(tokens)}, layout, [None] * 3)
        for result, expected in zip(results, slow_norms(tokens, layout), strict=True):
            found = np.asarray(result.norms)
            assert found.shape == layout.grid
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, rtol=SINGLE)
            assert result.artefacts is None
            assert result.threshold is None
            assert result.block == block % 3
    np.testing.assert_array_equal(tokens, before)


def test_norms_by_hand(xp: Any) -> None:
    found = token_norms(xp.asarray([[[3.0, 4.0], [0.0, 0.0]], [[-5.0, 12.0], [0.0, -7.0]]]))
    assert np.asarray(found).tolist() == [[5.0, 0.0], [13.0, 7.0]]


def test_patches_above_a_given_threshold_are_artefacts(xp: Any, layout: Layout) -> None:
    tokens = random_tokens(layout, 3)
    norms = slow_norms(tokens, layout)
    threshold = float(np.median(norms)) + 1e-3  # no norm is as near as rounding
    probe = vx.Norms(threshold=threshold)
    assert probe.fit_stage(layout) is None
    results = probe.compute({"block_02/residual": xp.asarray(tokens)}, layout, [None] * 3)
    for result, expected in zip(results, norms, strict=True):
        found = np.asarray(result.artefacts)
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found, expected > threshold)
        assert result.threshold == threshold
        np.testing.assert_array_equal(np.asarray(result.finding.masks)[0], found)


@pytest.mark.parametrize("threshold", [0, -3.0, float("nan"), float("inf")])
def test_a_threshold_must_be_above_0(threshold: float) -> None:
    with pytest.raises(UsageError, match=r"threshold is .*; it must be above 0"):
        vx.Norms(threshold=threshold)


# --- All patches of all pictures together -----------------------------------------------------


@pytest.mark.parametrize("spread", ["normal", "lognormal", "uniform", "two groups"])
@pytest.mark.parametrize("scale", [1e-3, 7.0, 1e5])
def test_the_threshold_is_tukeys_outer_fence(layout: Layout, spread: str, scale: float) -> None:
    rng = np.random.default_rng(1)
    shape = (29, *layout.grid)
    norms = {
        "normal": np.abs(rng.normal(10, 1, shape)),
        "lognormal": rng.lognormal(0, 0.5, shape),
        "uniform": rng.uniform(3, 5, shape),
        "two groups": np.where(rng.random(shape) < 0.35, 10, 1) * rng.uniform(0.9, 1.1, shape),
    }[spread]
    norms = (scale * norms).astype(np.float32)
    total = counted(norms, layout)
    assert total.count == 29
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        expected = float(np.percentile(norms, 100 * share, method="inverted_cdf"))
        assert total.quantile(share) == pytest.approx(expected, rel=BIN)
    assert total.threshold == pytest.approx(outer_fence(norms), abs=fence_error(norms))
    learned = vx.Norms().learn(total, layout)
    assert learned.threshold == pytest.approx(outer_fence(norms), abs=fence_error(norms))


@pytest.mark.parametrize("seed", range(3))
def test_the_fence_of_many_patches_is_that_of_numpy_to_a_bin(seed: int) -> None:
    grid = (13, 17)
    layout = Layout(grid=grid, patch_size=7, prefix_tokens=(), blocks=3, heads=2, dim=DIM)
    rng = np.random.default_rng(seed)
    for norms in (
        rng.uniform(3, 5, (19, *grid)),
        rng.normal(50, 5, (19, *grid)),
        rng.lognormal(2, 0.3, (19, *grid)),
    ):
        # Within a bin, patches are taken to spread evenly.
        total = counted(norms.astype(np.float32), layout)
        assert total.threshold == pytest.approx(outer_fence(norms), rel=BIN)


def test_planted_artefacts_are_found_with_their_share(xp: Any) -> None:
    grid = (7, 11)
    layout = Layout(grid=grid, patch_size=7, prefix_tokens=("cls",), blocks=3, heads=2, dim=64)
    rng = np.random.default_rng(2)
    tokens = rng.normal(0, 1, (13, layout.tokens, 64)).astype(np.float32)
    planted = np.zeros((13, *grid), bool)
    for picture in range(0, 13, 2):  # in every other picture
        for _ in range(3):
            planted[picture, rng.integers(7), rng.integers(11)] = True
    for picture, y, x in np.argwhere(planted):
        tokens[picture, 1 + y * 11 + x] *= 5
    outputs = {"block_02/residual": xp.asarray(tokens)}
    stage: Any = vx.Norms().fit_stage(layout)
    total = stage.summary(stage.compute(outputs, layout, [None] * 13))
    probe = vx.Norms().learn(total, layout)
    assert probe.fit_stage(layout) is None
    results = probe.compute(outputs, layout, [None] * 13)
    found = np.stack([np.asarray(result.artefacts) for result in results])
    np.testing.assert_array_equal(found, planted)
    share = planted.mean()
    assert probe.finding_of(total, layout).share_beyond == pytest.approx(share, abs=1e-9)
    finding = probe.finding_of(total, layout)
    assert f"{share:.2%} of the patches" in "; ".join(finding.details)
    one = results[0].finding
    np.testing.assert_array_equal(np.asarray(one.masks)[0], planted[0])
    assert f"{planted[0].mean():.1%}" in one.outlined


@pytest.mark.parametrize("sizes", [(1,) * 7, (2, 5), (4, 0, 3)], ids=str)
def test_merged_counts_are_those_of_all(layout: Layout, sizes: tuple[int, ...]) -> None:
    norms = slow_norms(random_tokens(layout, 7), layout).astype(np.float32)
    whole = counted(norms, layout)
    parts, start = [], 0
    for size in sizes:
        parts.append(counted(norms[start : start + size], layout) if size else NormCounts())
        start += size
    for seed in range(3):
        random.Random(seed).shuffle(parts)
        total = NormCounts()
        for part in parts:
            total = total.merge(part)
        assert total.count == whole.count == 7
        np.testing.assert_array_equal(total.patches, whole.patches)
        assert total.threshold == whole.threshold


def test_the_histogram_counts_every_patch(layout: Layout) -> None:
    norms = slow_norms(random_tokens(layout, 5), layout).astype(np.float32)
    norms[0, 0, 0] = 0
    norms[1, 0, 0] = 1e-30
    norms[2, 0, 0] = 1e18
    finding = vx.Norms().finding_of(counted(norms, layout), layout)
    assert isinstance(finding, Histogram)
    assert finding.counts.sum() == norms.size
    edges = np.asarray(finding.edges, np.float64)
    assert len(edges) == len(finding.counts) + 1
    assert (np.diff(edges) > 0).all()
    inside = norms[(norms > edges[0]) & (norms < edges[-1])]
    # The logarithm that finds a bin is rounded: what lies at an edge may be on either side.
    expected, _ = np.histogram(inside, edges)
    moved = np.abs(np.asarray(finding.counts)[1:-1] - expected[1:-1]).sum()
    assert moved <= 2
    assert finding.threshold == pytest.approx(outer_fence(norms), abs=fence_error(norms))


def test_counts_are_whole_numbers(layout: Layout) -> None:
    norms = slow_norms(random_tokens(layout, 2), layout)
    finding = vx.Norms().finding_of(counted(norms, layout), layout)
    assert np.asarray(finding.counts).dtype == np.int64


def test_a_given_threshold_is_that_of_the_histogram(layout: Layout) -> None:
    norms = np.linspace(1, 9, 5 * layout.patches).reshape(5, *layout.grid)
    probe = vx.Norms(threshold=7.0)
    finding = probe.finding_of(counted(norms, layout), layout)
    assert finding.threshold == 7
    above = float((norms > 7).mean())
    assert finding.share_beyond == pytest.approx(above, abs=BIN * 7 / 8 + 0.02)


# --- With an engine ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    return coarse_pictures([(61 + 2 * number, 47 + number) for number in range(11)], seed=10)


def total_of(engine: vx.Engine, pictures: Any, probe: vx.Norms) -> Any:
    return engine.total(pictures, probe)


@pytest.mark.parametrize("in_graph", [True, None, False])
@pytest.mark.parametrize(
    ("kind", "block"),
    [("plain", -1), ("plain", 0), ("registers", -1), ("distilled", -2), ("pooled", -1)],
)
def test_the_residual_stream_is_measured_and_no_norm_goes_over_it(
    exported: Exported, pictures: list[Any], kind: str, block: int, in_graph: bool | None
) -> None:
    engine = open_engine(exported(kind), in_graph)
    tokens = engine.run(pictures)[f"block_{block % 2:02}/tokens"]
    expected = slow_norms(tokens, engine.layout)
    results = engine.probe(pictures, vx.Norms(block=block))
    fence, error = outer_fence(expected), fence_error(expected)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.norms, wanted, rtol=SINGLE)
        assert result.threshold == pytest.approx(fence, abs=error)
        np.testing.assert_array_equal(result.artefacts, result.norms > result.threshold)
    assert len({result.threshold for result in results}) == 1
    # After the final norm all would be about as long as each other, and others than these.
    after = slow_norms(normalised(tokens, initializers(exported(kind))), engine.layout)
    assert np.abs(after / expected - 1).mean() > 0.1


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_totals_of_all_pictures(
    exported: Exported, pictures: list[Any], in_graph: bool | None
) -> None:
    engine = open_engine(exported("registers"), in_graph)
    expected = slow_norms(engine.run(pictures)["block_01/tokens"], engine.layout)
    finding = total_of(engine, pictures, vx.Norms())
    assert isinstance(finding, Histogram)
    assert finding.counts.sum() == expected.size
    assert finding.threshold == pytest.approx(outer_fence(expected), abs=fence_error(expected))
    parts = []
    for share in (pictures[5:], pictures[:1], pictures[1:5]):
        stream = engine.stream(share, [vx.Norms()])
        for result in stream:
            assert result.norms.artefacts is None
        parts.append(stream.summary["norms"])
    merged: Any = parts[0].merge(parts[1]).merge(parts[2])
    np.testing.assert_array_equal(merged.patches, finding.counts)
    fitted = engine.fitted(pictures, vx.Norms())
    assert fitted.threshold == pytest.approx(finding.threshold, rel=1e-12)
    (alone,) = engine.probe(pictures[3:4], fitted)
    np.testing.assert_array_equal(alone.artefacts, alone.norms > fitted.threshold)
    given = total_of(engine, pictures, vx.Norms(threshold=9.5))
    assert given.threshold == 9.5
    np.testing.assert_array_equal(given.counts, finding.counts)


def test_no_pictures_are_refused(exported: Exported) -> None:
    engine = open_engine(exported("plain"))
    nothing: Iterator[NDArray[np.uint8]] = iter(())
    with pytest.raises(UsageError, match="picture"):
        engine.total(nothing, vx.Norms())
    with pytest.raises(UsageError, match="picture"):
        engine.fitted(nothing, vx.Norms())
    assert engine.probe(nothing, vx.Norms()) == []
    with pytest.raises(UsageError, match="picture"):
        vx.Norms().learn(NormCounts(), engine.layout)


def test_padding_is_no_patch_of_a_picture(exported: Exported) -> None:
    # Scaled to the input's width, these are three of its five rows of patches high.
    rng = np.random.default_rng(11)
    wide = [rng.integers(0, 256, (120, 280, 3), np.uint8) for _ in range(2)]
    engine = vx.Engine(exported("plain"), device="cpu", threads=1, fit="pad")
    results = engine.probe(wide, vx.Norms())
    assert {result.inside for result in results} == {(0.0, 0.2, 1.0, 0.8)}
    assert total_of(engine, wide, vx.Norms()).counts.sum() == 2 * 3 * 7
    inside = np.stack([result.norms[1:4] for result in results])
    assert results[0].threshold == pytest.approx(outer_fence(inside), abs=fence_error(inside))


def test_pictures_may_come_in_one_array_that_is_used_again(
    exported: Exported, pictures: list[Any]
) -> None:
    same_size = [np.ascontiguousarray(picture[:47, :61]) for picture in pictures]

    def reused() -> Iterator[NDArray[np.uint8]]:
        array = np.empty_like(same_size[0])
        for picture in same_size:
            array[...] = picture
            yield array

    engine = open_engine(exported("plain"))
    for probe in (vx.Norms(threshold=9.0), vx.Norms()):
        expected = engine.probe(same_size, probe)
        for found, wanted in zip(engine.probe(reused(), probe), expected, strict=True):
            np.testing.assert_allclose(found.norms, wanted.norms, rtol=SINGLE)
    assert (
        total_of(engine, reused(), vx.Norms()).threshold
        == total_of(engine, same_size, vx.Norms()).threshold
    )


@pytest.fixture(scope="module")
def normed_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tapped encoder whose norms are behind each sum."""
    folder = tmp_path_factory.mktemp("normed")
    onnx.save(ForeignViT(norm_first=False).model(), folder / "model.onnx")
    vx.tap_model(folder / "model.onnx", folder / "out.onnx", preprocess="imagenet")
    return folder / "out.onnx"


@pytest.mark.parametrize("in_graph", [True, None, False])
@pytest.mark.parametrize("block", [0, -1])
def test_encoders_that_normalise_the_stream_are_refused(
    normed_behind: Path, pictures: list[Any], in_graph: bool | None, block: int
) -> None:
    engine = open_engine(normed_behind, in_graph)
    free, given = vx.Norms(block=block), vx.Norms(block=block, threshold=3.0)
    calls: list[Callable[[], Any]] = [
        lambda: engine.fitted(pictures, free),
        *(lambda probe=probe: engine.probe(pictures, probe) for probe in (free, given)),
        *(lambda probe=probe: engine.total(pictures, probe) for probe in (free, given)),
        *(lambda probe=probe: engine.stream(pictures, [probe]) for probe in (free, given)),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="normalises its residual stream") as raised:
            call()
        assert str(raised.value).endswith(".")


def test_others_that_are_tapped_are_measured(tmp_path: Path, pictures: list[Any]) -> None:
    onnx.save(ForeignViT(prefix=5, suffix=2).model(), tmp_path / "model.onnx")
    vx.tap_model(tmp_path / "model.onnx", tmp_path / "out.onnx", preprocess="imagenet")
    engine = open_engine(tmp_path / "out.onnx")
    expected = slow_norms(engine.run(pictures)["block_01/tokens"], engine.layout)
    for result, wanted in zip(engine.probe(pictures, vx.Norms()), expected, strict=True):
        np.testing.assert_allclose(result.norms, wanted, rtol=SINGLE)


def test_the_command(
    exported: Exported,
    pictures: list[Any],
    desk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = []
    for number, picture in enumerate(pictures):
        names.append(f"{number:02}.png")
        Image.fromarray(picture).save(names[-1])
    usual = ["probe", "norms", str(exported("plain")), "--device", "cpu", "--threads", "1"]
    assert main([*usual, *names, "-o", "x.npz", "--histogram", "h.npz"]) == 0
    said = capsys.readouterr().err
    engine = open_engine(exported("plain"))
    expected = engine.probe(names, vx.Norms())
    with np.load("x.npz", allow_pickle=False) as saved:
        assert set(saved) == {"norms", "artefacts", "threshold", "crop", "files", "skipped"}
        assert (saved["norms"].shape, saved["norms"].dtype) == ((11, 5, 7), np.float32)
        assert (saved["artefacts"].shape, saved["artefacts"].dtype) == ((11, 5, 7), np.bool_)
        assert float(saved["threshold"]) == pytest.approx(expected[0].threshold)
        share = saved["artefacts"].mean()
        for found, wanted in zip(saved["norms"], expected, strict=True):
            np.testing.assert_allclose(found, wanted.norms, rtol=SINGLE)
    assert f"{share:.2%} of the patches" in said
    with np.load("h.npz", allow_pickle=False) as histogram:
        assert histogram["counts"].sum() == 11 * 35
    more = ["--threshold", "9", "--quiet", "-o", "y.npz"]
    assert main([*usual, *names, *more]) == 0
    with np.load("y.npz", allow_pickle=False) as saved:
        assert float(saved["threshold"]) == 9
        np.testing.assert_array_equal(saved["artefacts"], saved["norms"] > 9)
        assert 0 < saved["artefacts"].mean() < 1


def test_the_command_refuses_encoders_that_normalise_the_stream(
    normed_behind: Path, pictures: list[Any], desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(pictures[0]).save("0.png")
    code = main(["probe", "norms", str(normed_behind), "0.png", "--device", "cpu", "--quiet"])
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert "norm" in line
    assert line.endswith(".")
    assert [file.name for file in desk.iterdir()] == ["0.png"]
