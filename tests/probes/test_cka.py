"""How alike blocks are, against CKA of Gram matrices of all samples at once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from probes import token_models
from probes.token_models import coarse_pictures, open_engine, save_pictures
from tap.foreign_vit import ForeignViT
from terminal import environment
from vitonnx.cli import main
from vitonnx.errors import UsageError
from vitonnx.probes import Layout, Matrix, _cka

Exported = Callable[[str], Path]
Floats = NDArray[np.floating[Any]]

GRID, DIM, BLOCKS = (3, 5), 11, 3
layout_of = partial(token_models.layout_of, grid=GRID, blocks=BLOCKS, dim=DIM)

# Sums of batches are in single precision, and those of batches in double.
SINGLE = 1e-6
# A plan and the file as it is sum in other orders, through a few blocks.
PLANNED = 1e-5

LAYOUTS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    ((), ()),
    (("cls",), ()),
    (("cls", "dist"), ("suffix0",)),
    (("cls", "reg0", "reg1", "reg2", "reg3"), ("suffix0", "suffix1")),
]


def random_blocks(layout: Layout, pictures: int, seed: int = 0) -> list[NDArray[np.float32]]:
    """Make tokens of blocks, each of which has something of the one before."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(pictures, layout.tokens, layout.dim))
    found = []
    for _ in range(layout.blocks):
        x = x + 0.7 * np.tanh(x @ rng.normal(size=(layout.dim, layout.dim)) / 2) + 0.1
        found.append(x.astype(np.float32))
    return found


def samples_of(tokens: Floats, layout: Layout, kind: str) -> NDArray[np.float64]:
    """Take samples, token by token: the class token, or all patches."""
    places = [0]
    if kind == "patches":
        places = [layout.prefix + patch for patch in range(layout.patches)]
    return np.stack([picture[place] for picture in tokens for place in places]).astype(np.float64)


def slow_hsic(x: Floats, y: Floats) -> float:
    """Estimate HSIC from Gram matrices, as in equation 5 of Song et al. 2012."""
    n = len(x)
    k, other = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(other, 0)
    one = np.ones(n)
    trace = np.trace(k @ other)
    sums = (one @ k @ one) * (one @ other @ one) / ((n - 1) * (n - 2))
    return float((trace + sums - 2 / (n - 2) * (one @ k @ other @ one)) / (n * (n - 3)))


def slow_cka(
    ones: Sequence[Sequence[Floats]], others: Sequence[Sequence[Floats]]
) -> NDArray[np.float64]:
    """Compare items, of which each is a list of minibatches of samples."""
    found = np.zeros((len(ones), len(others)))
    for row, column in np.ndindex(found.shape):
        of, with_ = ones[row], others[column]
        between = np.mean([slow_hsic(x, y) for x, y in zip(of, with_, strict=True)])
        own = [np.mean([slow_hsic(x, x) for x in each]) for each in (of, with_)]
        found[row, column] = between / np.sqrt(own[0] * own[1])
    return found


def summed(
    probe: vx.CKA,
    blocks: Sequence[Floats],
    layout: Layout,
    sizes: Sequence[int],
    xp: Any = np,
    seed: int | None = None,
) -> Any:
    """Merge the sums of batches of these sizes, in any order."""
    parts: list[Any] = [probe.nothing(layout)]
    start = 0
    for size in sizes:
        outputs = {
            f"block_{block:02}/tokens": xp.asarray(tokens[start : start + size])
            for block, tokens in enumerate(blocks)
        }
        start += size
        read = {name: outputs[name] for name in probe.reads(layout)}
        parts.append(probe.total(probe.condense(read, layout, None), size, layout))
    if seed is not None:
        random.Random(seed).shuffle(parts)
    total = parts[0]
    for part in parts[1:]:
        total = total.merge(part)
    assert total.count == sum(sizes)
    return total


def values_of(finding: Matrix) -> NDArray[np.float64]:
    values = np.asarray(finding.values)
    assert values.dtype == np.float64
    return values


@pytest.mark.parametrize("kind", ["cls", "patches"])
@pytest.mark.parametrize(("prefix", "suffix"), LAYOUTS[1:], ids=str)
def test_it_is_that_of_gram_matrices(
    xp: Any, prefix: tuple[str, ...], suffix: tuple[str, ...], kind: Any
) -> None:
    layout = layout_of(prefix, suffix)
    blocks = random_blocks(layout, 23)
    before = [tokens.copy() for tokens in blocks]
    probe = vx.CKA(tokens=kind)
    total = summed(probe, blocks, layout, [23], xp)
    items = [[samples_of(tokens, layout, kind)] for tokens in blocks]
    found = values_of(probe.finding_of(total, layout))
    assert found.shape == (BLOCKS, BLOCKS)
    np.testing.assert_allclose(found, slow_cka(items, items), atol=SINGLE)
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    for tokens, old in zip(blocks, before, strict=True):
        np.testing.assert_array_equal(tokens, old)


@pytest.mark.parametrize("kind", ["cls", "patches"])
@pytest.mark.parametrize("sizes", [(1,) * 23, (5, 1, 17), (2, 3, 18), (20, 3)], ids=str)
def test_it_does_not_depend_on_batches(xp: Any, kind: Any, sizes: tuple[int, ...]) -> None:
    layout = layout_of(("cls", "dist"), ("suffix0",))
    blocks = [
        # Whose means move from picture to picture, so that those of batches differ.
        tokens + np.linspace(-3, 3, 23, dtype=np.float32)[:, None, None]
        for tokens in random_blocks(layout, 23)
    ]
    probe = vx.CKA(tokens=kind)
    items = [[samples_of(tokens, layout, kind)] for tokens in blocks]
    expected = slow_cka(items, items)
    for seed in range(3):
        total = summed(probe, blocks, layout, sizes, xp, seed)
        found = values_of(probe.finding_of(total, layout))
        np.testing.assert_allclose(found, expected, atol=SINGLE)


def test_samples_far_from_zero_lose_nothing() -> None:
    layout = layout_of()
    blocks = [tokens + np.float32(100) for tokens in random_blocks(layout, 23)]
    probe = vx.CKA()
    total = summed(probe, blocks, layout, [7, 1, 15])
    items = [[samples_of(tokens, layout, "cls")] for tokens in blocks]
    # Means are rounded by a few units in the last place of 100, 1e-5, of deviations of about 1.
    np.testing.assert_allclose(
        values_of(probe.finding_of(total, layout)), slow_cka(items, items), atol=1e-4
    )


@pytest.mark.parametrize("kind", ["cls", "patches"])
def test_it_is_blind_to_rotation_scale_and_place(xp: Any, kind: Any) -> None:
    layout = layout_of(blocks=5)
    rng = np.random.default_rng(3)
    x, other = (rng.normal(size=(17, layout.tokens, DIM)) for _ in range(2))
    turned, _ = np.linalg.qr(rng.normal(size=(DIM, DIM)))
    blocks = [x, x @ turned, 41 * x, x + rng.normal(size=DIM), other]
    probe = vx.CKA(tokens=kind)
    total = summed(probe, [tokens.astype("f4") for tokens in blocks], layout, [4, 13], xp)
    found = values_of(probe.finding_of(total, layout))
    np.testing.assert_allclose(found[:4, :4], 1, atol=SINGLE)
    np.testing.assert_allclose(found[4, :4], found[4, 0], atol=SINGLE)
    # Nothing in common, but for chance: among 17 samples it may be a little below 0, too.
    assert abs(found[4, 0]) < 0.35


def test_class_tokens_are_compared_where_there_are_any() -> None:
    layout = layout_of()
    blocks = random_blocks(layout, 7)
    for default, said in [(layout, "cls"), (layout_of(()), "patches")]:
        tokens = [each[:, -default.tokens :] for each in blocks]
        words: Any = said
        given, free = vx.CKA(tokens=words), vx.CKA()
        np.testing.assert_array_equal(
            values_of(free.finding_of(summed(free, tokens, default, [7]), default)),
            values_of(given.finding_of(summed(given, tokens, default, [7]), default)),
        )
    with pytest.raises(UsageError, match="no class token: compare patches"):
        vx.CKA(tokens="cls").reads(layout_of(()))
    wrong: Any = "all"
    with pytest.raises(UsageError, match="tokens 'all' is unknown; there are cls, patches"):
        vx.CKA(tokens=wrong)


def test_chosen_blocks_are_compared_alone(xp: Any) -> None:
    layout = layout_of(blocks=7)
    blocks = random_blocks(layout, 13)
    whole = values_of(vx.CKA().finding_of(summed(vx.CKA(), blocks, layout, [13]), layout))
    for chosen, places in [((0, -1), [0, 6]), ((1, 2, 5), [1, 2, 5]), ((-3,), [4])]:
        probe = vx.CKA(blocks=chosen)
        assert probe.reads(layout) == tuple(f"block_{place:02}/tokens" for place in places)
        found = values_of(probe.finding_of(summed(probe, blocks, layout, [4, 9], xp), layout))
        np.testing.assert_allclose(found, whole[np.ix_(places, places)], atol=SINGLE)
        assert vx.CKA().narrowed(chosen).reads(layout) == probe.reads(layout)
    for outside in (7, -8):
        with pytest.raises(UsageError, match=f"no block {outside}; the model has blocks 0 to 6"):
            vx.CKA(blocks=(0, outside)).reads(layout)


@pytest.mark.parametrize("pictures", [1, 2, 3])
def test_fewer_than_four_samples_are_refused(pictures: int) -> None:
    layout, probe = layout_of(), vx.CKA()
    blocks = random_blocks(layout, 4)
    for sizes in ([pictures], [1] * pictures):
        total = summed(probe, blocks, layout, sizes)
        with pytest.raises(UsageError, match=f"at least 4 samples, and there are {pictures}"):
            probe.finding_of(total, layout)
    with pytest.raises(UsageError, match="at least 4 samples, and there are 0"):
        probe.finding_of(probe.nothing(layout), layout)
    one = vx.CKA(tokens="patches")
    assert np.isfinite(values_of(one.finding_of(summed(one, blocks, layout, [1]), layout))).all()
    four = values_of(probe.finding_of(summed(probe, blocks, layout, [1, 3]), layout))
    items = [[samples_of(tokens, layout, "cls")] for tokens in blocks]
    # Of four samples the estimate is a small difference of large sums.
    np.testing.assert_allclose(four, slow_cka(items, items), rtol=1e-4)


@pytest.mark.parametrize("sizes", [(13,), (1,) * 13, (4, 9)], ids=str)
def test_constant_tokens_give_no_number(xp: Any, sizes: tuple[int, ...]) -> None:
    layout = layout_of()
    blocks = random_blocks(layout, 13)
    # A third, whose mean over 13 isn't quite a third again.
    blocks[1][:] = np.linspace(1 / 3, 7 / 3, DIM)
    probe = vx.CKA()
    found = values_of(probe.finding_of(summed(probe, blocks, layout, sizes, xp), layout))
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()
    kept = [[samples_of(blocks[block], layout, "cls")] for block in (0, 2)]
    np.testing.assert_allclose(found[np.ix_([0, 2], [0, 2])], slow_cka(kept, kept), atol=SINGLE)


# --- Two models -------------------------------------------------------------------------------


def compared(
    probe: vx.CKA,
    ones: tuple[Layout, Sequence[Floats]],
    others: tuple[Layout, Sequence[Floats]],
    sizes: Sequence[int],
    xp: Any = np,
) -> NDArray[np.float64]:
    """Compare the blocks of two models, of batches of these sizes."""
    pair: Any = probe.between(ones[0], others[0])
    total, start = pair.nothing(ones[0]), 0
    for size in sizes:
        found = []
        for layout, blocks in (ones, others):
            outputs = {
                f"block_{block:02}/tokens": xp.asarray(tokens[start : start + size])
                for block, tokens in enumerate(blocks)
            }
            read = {name: outputs[name] for name in pair.part.reads(layout)}
            found.append(pair.part.compute(read, layout, [None] * size))
        start += size
        total = total.merge(pair.total(*found))
    return values_of(pair.finding_of(total, "one", "other"))


@pytest.mark.parametrize("kind", ["cls", "patches"])
@pytest.mark.parametrize("sizes", [(19,), (1,) * 19, (7, 12)], ids=str)
def test_models_of_other_depth_and_width(xp: Any, kind: Any, sizes: tuple[int, ...]) -> None:
    one = layout_of(blocks=2, dim=7)
    other = layout_of(("cls", "reg0", "reg1", "reg2", "reg3"), ("suffix0",), blocks=5, dim=13)
    ones, others = random_blocks(one, 19, 1), random_blocks(other, 19, 2)
    # So that the two have something in common.
    others[3][:, 0, :7] += 4 * ones[1][:, 0]
    others[3][:, 5:20, :7] += 4 * ones[1][:, 1:]
    found = compared(vx.CKA(tokens=kind), (one, ones), (other, others), sizes, xp)
    assert found.shape == (2, 5)
    items = [
        [[samples_of(tokens, layout, kind)] for tokens in blocks]
        for layout, blocks in ((one, ones), (other, others))
    ]
    np.testing.assert_allclose(found, slow_cka(*items), atol=SINGLE)
    assert found[1, 3] > 0.5
    turned = compared(vx.CKA(tokens=kind), (other, others), (one, ones), sizes, xp)
    np.testing.assert_allclose(turned, found.T, atol=SINGLE)
    itself = compared(vx.CKA(tokens=kind), (other, others), (other, others), sizes, xp)
    np.testing.assert_allclose(itself, slow_cka(items[1], items[1]), atol=SINGLE)


def test_models_that_cannot_be_compared() -> None:
    one, other = layout_of(), layout_of(grid=(5, 3), blocks=2)
    with pytest.raises(UsageError, match=r"3x5.*5x3|5x3.*3x5|patches"):
        vx.CKA(tokens="patches").between(one, other)
    assert compared(
        vx.CKA(), (one, random_blocks(one, 7)), (other, random_blocks(other, 7)), [7]
    ).shape == (3, 2)
    with pytest.raises(UsageError, match="compare patches"):
        vx.CKA(tokens="cls").between(one, layout_of(()))
    pair: Any = vx.CKA().between(one, other)
    with pytest.raises(UsageError, match="at least 4 samples"):
        pair.finding_of(pair.nothing(one), "one", "other")


# --- Minibatches ------------------------------------------------------------------------------


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave no memory for exact sums; what is planned for that is no plan for others."""
    monkeypatch.setattr(_cka, "MOST_BYTES", 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_exact_sums_fit_into_a_gibibyte() -> None:
    for blocks, dim, fits in [
        (12, 1290, True),
        (24, 640, True),
        (12, 1320, False),
        (24, 680, False),
    ]:
        layout = layout_of(blocks=blocks, dim=dim)
        assert vx.CKA().is_exact(layout) is fits
        advice = vx.CKA().advice(layout)
        if fits:
            assert advice is None
        else:
            assert advice is not None
            assert "batch" in advice
            assert "--block" in advice or "blocks" in advice
            assert advice.endswith(".")
    assert vx.CKA(blocks=(0, -1)).advice(layout_of(blocks=24, dim=768)) is None


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("kind", ["cls", "patches"])
@pytest.mark.parametrize("sizes", [(5, 8, 6, 4), (23,), (3, 11, 1, 8)], ids=str)
def test_minibatches_are_averaged(xp: Any, kind: Any, sizes: tuple[int, ...]) -> None:
    layout = layout_of(("cls", "dist"), ("suffix0",))
    blocks = random_blocks(layout, 23)
    probe = vx.CKA(tokens=kind)
    assert not probe.is_exact(layout)
    assert probe.advice(layout)
    items: list[list[Floats]] = [[] for _ in blocks]
    start = 0
    for size in sizes:
        for item, tokens in zip(items, blocks, strict=True):
            batch = samples_of(tokens[start : start + size], layout, kind)
            if len(batch) >= 4:  # others have no unbiased estimate
                item.append(batch)
        start += size
    expected = slow_cka(items, items)
    for seed in range(2):
        total = summed(probe, blocks, layout, sizes, xp, seed)
        finding = probe.finding_of(total, layout)
        # A batch of four or so is a small difference of large sums.
        np.testing.assert_allclose(values_of(finding), expected, atol=2e-5)
        assert "batches" in "; ".join(finding.details)


@pytest.mark.usefixtures("small_memory")
def test_minibatches_of_too_few_samples_are_refused() -> None:
    layout, probe = layout_of(), vx.CKA()
    with pytest.raises(UsageError, match="4 samples"):
        probe.finding_of(summed(probe, random_blocks(layout, 9), layout, [3, 3, 3]), layout)


@pytest.mark.usefixtures("small_memory")
def test_two_models_in_minibatches() -> None:
    one, other = layout_of(blocks=2, dim=7), layout_of(blocks=5, dim=13)
    ones, others = random_blocks(one, 19, 1), random_blocks(other, 19, 2)
    found = compared(vx.CKA(), (one, ones), (other, others), [7, 12])
    items = [
        [
            [samples_of(part, layout, "cls") for part in (tokens[:7], tokens[7:])]
            for tokens in blocks
        ]
        for layout, blocks in ((one, ones), (other, others))
    ]
    np.testing.assert_allclose(found, slow_cka(*items), atol=2e-5)


# --- With an engine ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    return coarse_pictures([(61 + 2 * number, 47 + number) for number in range(19)], seed=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: list[Any]) -> Path:
    return save_pictures(pictures, tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of another depth, width and size."""
    path = tmp_path_factory.mktemp("foreign")
    vit = ForeignViT(prefix=2, suffix=1, blocks=3, dim=15)
    onnx.save(vit.model(), path / "model.onnx")
    vx.tap_model(path / "model.onnx", path / "foreign.onnx", preprocess="imagenet")
    return path / "foreign.onnx"


def items_of(engine: vx.Engine, pictures: Any, kind: str) -> list[list[NDArray[np.float64]]]:
    outputs = engine.run(pictures)
    return [
        [samples_of(outputs[f"block_{block:02}/tokens"], engine.layout, kind)]
        for block in range(engine.layout.blocks)
    ]


@pytest.mark.parametrize("in_graph", [True, None, False])
@pytest.mark.parametrize(("model", "kind"), [("registers", "cls"), ("pooled", "patches")])
def test_totals_of_pictures(
    exported: Exported, pictures: list[Any], model: str, kind: str, in_graph: bool | None
) -> None:
    engine = open_engine(exported(model), in_graph)
    items = items_of(engine, pictures, kind)
    expected = slow_cka(items, items)
    assert expected[0, 1] < 0.99
    finding = engine.total(pictures, vx.CKA())
    assert isinstance(finding, Matrix)
    np.testing.assert_allclose(values_of(finding), expected, atol=PLANNED)
    parts = []
    for share in (pictures[11:], pictures[:1], pictures[1:11]):
        stream = engine.stream(share, [vx.CKA()])
        assert all(result.error is None for result in stream)
        parts.append(stream.summary["cka"])
    total: Any = parts[0].merge(parts[1]).merge(parts[2])
    merged = vx.CKA().finding_of(total, engine.layout)
    np.testing.assert_allclose(values_of(merged), expected, atol=PLANNED)


def test_one_picture_has_none(exported: Exported, pictures: list[Any]) -> None:
    engine = open_engine(exported("plain"))
    with pytest.raises(UsageError, match="total"):
        engine.probe(pictures, vx.CKA())
    with pytest.raises(UsageError, match="at least 4 samples, and there are 3"):
        engine.total(pictures[:3], vx.CKA())


@pytest.mark.usefixtures("small_memory")
def test_an_engine_averages_its_batches(exported: Exported, pictures: list[Any]) -> None:
    engine = open_engine(exported("plain"))
    size = engine.batch_size
    finding: Any = engine.total(pictures, vx.CKA(tokens="patches"))
    outputs = engine.run(pictures)
    items = [
        [
            samples_of(
                outputs[f"block_{block:02}/tokens"][start : start + size], engine.layout, "patches"
            )
            for start in range(0, len(pictures), size)
        ]
        for block in range(2)
    ]
    assert len(items[0]) == 3
    np.testing.assert_allclose(values_of(finding), slow_cka(items, items), atol=PLANNED)


def test_the_command(exported: Exported, folder: Path, desk: Path) -> None:
    usual = ["probe", "cka", str(exported("registers")), str(folder)]
    usual += ["--device", "cpu", "--threads", "1", "--quiet"]
    engine, files = open_engine(exported("registers")), sorted(folder.iterdir())
    for kind in ("cls", "patches"):
        assert main([*usual, "--tokens", kind, "-o", "x.npz"]) == 0
        items = items_of(engine, files, kind)
        with np.load("x.npz", allow_pickle=False) as saved:
            assert {"cka", "files", "skipped"} <= set(saved)
            assert (saved["cka"].shape, saved["cka"].dtype) == ((2, 2), np.float64)
            np.testing.assert_allclose(saved["cka"], slow_cka(items, items), atol=PLANNED)
    assert main([*usual, "--block", "-1", "-o", "one.npz"]) == 0
    with np.load("one.npz") as saved:
        np.testing.assert_allclose(saved["cka"], [[1]], atol=1e-12)


def test_the_command_compares_two_models(
    exported: Exported, foreign: Path, folder: Path, desk: Path
) -> None:
    usual = ["probe", "cka", str(exported("registers")), str(folder), "--device", "cpu"]
    usual += ["--threads", "1", "--quiet", "--compare", str(foreign)]
    files = sorted(folder.iterdir())
    ones = items_of(open_engine(exported("registers")), files, "cls")
    others = items_of(open_engine(foreign), files, "cls")
    assert main([*usual, "-o", "x.npz"]) == 0
    with np.load("x.npz", allow_pickle=False) as saved:
        assert (saved["cka"].shape, saved["cka"].dtype) == ((2, 3), np.float64)
        np.testing.assert_allclose(saved["cka"], slow_cka(ones, others), atol=PLANNED)
    assert main([*usual, "--tokens", "patches", "-o", "y.npz"]) == 2
    assert not Path("y.npz").exists()


@pytest.mark.usefixtures("small_memory")
def test_the_command_says_so_where_it_averages(
    exported: Exported, folder: Path, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ["probe", "cka", str(exported("plain")), str(folder), "--device", "cpu"]
    assert main([*usual, "--threads", "1", "-o", "x.npz"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if "batches" in line]
    assert any("--block" in line for line in notes)


def test_too_few_pictures_are_refused_by_the_command(
    exported: Exported, folder: Path, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ["probe", "cka", str(exported("plain")), str(folder), "--device", "cpu", "--quiet"]
    assert main([*usual, "--limit", "3", "-o", "x.npz"]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert "at least 4 samples, and there are 3" in line
    assert not Path("x.npz").exists()


# The command as it is, but for how often it writes its state: at every chance.
EAGER = """
import sys
from vitonnx.cli import _counting, main
_counting.SAVE_EVERY_SECONDS, _counting.SAVING_SHARE = 0, 1
sys.exit(main(sys.argv[1:]))
"""
PICTURES = 300


@pytest.mark.parametrize(
    ("both", "begun"),
    [(False, False), (False, True), (True, True)],
    ids=["before the first batch", "later", "two models"],
)
def test_killed_it_goes_on_and_ends_with_the_same_bits(
    exported: Exported,
    foreign: Path,
    folder: Path,
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    both: bool,
    begun: bool,
) -> None:
    many, state = desk / "many", desk / "cka.state"
    many.mkdir()
    files = sorted(folder.iterdir())
    for number in range(PICTURES):
        os.link(files[number * 7 % 19], many / f"{number:03}.png")
    words = ["probe", "cka", str(exported("registers")), str(many), "--device", "cpu"]
    words += ["--threads", "1"]
    words += ["--compare", str(foreign)] if both else []

    def is_time() -> bool:
        if not state.exists():
            return False
        surveys = json.loads(state.read_text())["state"]["surveys"]
        return not begun or any(found["position"] for found in surveys)

    resumed_run = ["--resume", str(state), "-o", "resumed.npz"]
    process = subprocess.Popen(
        [sys.executable, "-c", EAGER, *words, *resumed_run],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not is_time() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert process.returncode < 0
    assert not Path("resumed.npz").exists()
    for more in (resumed_run, ["-o", "whole.npz"]):
        capsys.readouterr()
        assert main([*words, *more]) == 0
        err = capsys.readouterr().err
        assert ("going on after" in err) is (begun and more == resumed_run)
    with np.load("whole.npz") as whole, np.load("resumed.npz") as resumed:
        assert set(whole) == set(resumed)
        for name in whole:
            np.testing.assert_array_equal(resumed[name], whole[name])
        assert np.isfinite(whole["cka"]).all()


def test_the_state_of_another_question_is_refused(
    exported: Exported, folder: Path, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ["probe", "cka", str(exported("registers")), str(folder), "--device", "cpu", "-q"]
    usual += ["--resume", "cka.state"]
    assert main([*usual, "-o", "x.npz"]) == 0
    for more in (["--tokens", "patches"], ["--block", "0"]):
        capsys.readouterr()
        assert main([*usual, *more, "-o", "y.npz"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "cka.state holds the state of another run" in line
        assert not Path("y.npz").exists()
