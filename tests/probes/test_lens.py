"""What the head makes of each block, against the head computed by hand from the file's weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from probes import token_models
from probes.token_models import coarse_pictures, initializers, normalised, open_engine
from tap.foreign_vit import ForeignViT
from vitonnx.cli import main
from vitonnx.errors import UsageError
from vitonnx.probes import ClassMaps, Layout, Maps

Exported = Callable[[str], Path]
Tapped = Callable[[ForeignViT], Path]
Floats = NDArray[np.floating[Any]]

# Probabilities, of logits of about 1 that single precision gives to six digits.
SINGLE = 1e-5
KINDS = ["plain", "registers", "distilled", "pooled", "dino_linear"]
GRID = (5, 7)


def softmax(logits: Floats) -> NDArray[np.float64]:
    weights = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def layout_of(classes: tuple[str, ...] | None = None, grid: tuple[int, int] = (3, 5)) -> Layout:
    return token_models.layout_of(("cls", "dist"), ("suffix0",), grid, classes=classes)


def random_logits(layout: Layout, classes: int, pictures: int = 2) -> dict[str, Any]:
    rng = np.random.default_rng(classes)
    shape = (pictures, layout.patches, classes)
    return {
        "block_01/patch_logits": rng.normal(0, 3, shape).astype(np.float32),
        "block_01/logits": rng.normal(0, 3, (pictures, classes)).astype(np.float32),
    }


@pytest.mark.parametrize("classes", [1, 2, 3, 5, 17])
@pytest.mark.parametrize("grid", [(3, 5), (7, 1), (2, 2)])
def test_classes_of_logits(xp: Any, classes: int, grid: tuple[int, int]) -> None:
    layout = layout_of(grid=grid)
    logits = random_logits(layout, classes)
    probe = vx.Lens(block=1)
    outputs = {name: xp.asarray(values) for name, values in logits.items()}
    results = probe.compute(outputs, layout, [None] * 2)
    best = min(classes, 5)
    for picture, result in enumerate(results):
        of_patches = softmax(logits["block_01/patch_logits"][picture])
        for patch in range(layout.patches):
            y, x = divmod(patch, grid[1])
            assert int(result.lens[y, x]) == np.argmax(of_patches[patch])
            likeliest = of_patches[patch].max()
            assert float(result.probability[y, x]) == pytest.approx(likeliest, abs=1e-6)
        read = softmax(logits["block_01/logits"][picture])
        order = np.argsort(-read)[:best]
        np.testing.assert_array_equal(np.asarray(result.top5), order)
        np.testing.assert_allclose(np.asarray(result.top5_probability), read[order], atol=1e-6)
        assert np.asarray(result.lens).dtype == np.asarray(result.top5).dtype == np.int64
        assert np.asarray(result.probability).dtype == np.float32
        assert np.asarray(result.top5_probability).dtype == np.float32
        assert (result.block, result.asked) == (1, None)


@pytest.mark.parametrize("scale", [1e4, 1e-4])
def test_logits_of_any_size(xp: Any, scale: float) -> None:
    layout = layout_of()
    logits = {
        name: (scale * values).astype(np.float32)
        for name, values in random_logits(layout, 7).items()
    }
    outputs = {name: xp.asarray(values) for name, values in logits.items()}
    results = vx.Lens(block=1).compute(outputs, layout, [None] * 2)
    for picture, result in enumerate(results):
        of_patches = softmax(logits["block_01/patch_logits"][picture])
        found = np.asarray(result.probability).ravel()
        np.testing.assert_allclose(found, of_patches.max(-1), atol=1e-6)
        read = softmax(logits["block_01/logits"][picture])
        np.testing.assert_allclose(
            np.asarray(result.top5_probability), np.sort(read)[:-6:-1], atol=1e-6
        )


NAMES = ("cat", "dog", "hen", "dog", "7", "Cat", "tench, Tinca tinca")


@pytest.mark.parametrize(
    ("class_", "index"),
    [(0, 0), (6, 6), ("cat", 0), ("hen", 2), ("tench, Tinca tinca", 6), ("3", 3), ("Cat", 5)],
)
def test_the_probability_of_a_class(xp: Any, class_: str | int, index: int) -> None:
    layout = layout_of(NAMES)
    logits = random_logits(layout, 7)
    outputs = {name: xp.asarray(values) for name, values in logits.items()}
    results = vx.Lens(block=1, class_=class_).compute(outputs, layout, [None] * 2)
    plain = vx.Lens(block=1).compute(outputs, layout, [None] * 2)
    for picture, (result, without) in enumerate(zip(results, plain, strict=True)):
        of_patches = softmax(logits["block_01/patch_logits"][picture])[:, index]
        found = np.asarray(result.probability)
        np.testing.assert_allclose(found, of_patches.reshape(3, 5), atol=1e-6)
        assert result.asked == index
        np.testing.assert_array_equal(np.asarray(result.lens), np.asarray(without.lens))
        np.testing.assert_array_equal(np.asarray(result.top5), np.asarray(without.top5))


def test_a_finding_of_one_class_is_its_probability() -> None:
    layout = layout_of(NAMES)
    outputs = random_logits(layout, 7)
    result = vx.Lens(block=1, class_="hen").compute(outputs, layout, [None] * 2)[1]
    finding = result.finding
    assert isinstance(finding, Maps)
    np.testing.assert_array_equal(np.asarray(finding.values)[0], result.probability)
    assert "hen" in " ".join((*finding.labels, finding.unit, *finding.details))


def test_a_finding_is_classes() -> None:
    layout = layout_of(NAMES)
    outputs = random_logits(layout, 7)
    result = vx.Lens(block=1).compute(outputs, layout, [None] * 2)[1]
    finding = result.finding
    assert isinstance(finding, ClassMaps)
    assert finding.classes == NAMES
    np.testing.assert_array_equal(np.asarray(finding.values)[0], result.lens)
    said = "; ".join(finding.details)
    assert "block 1" in said
    for index in result.top5:
        assert NAMES[index] in said


def test_classes_that_there_are_not() -> None:
    layout = layout_of(NAMES)
    unknown: list[tuple[str | int, str]] = [
        (7, "no class 7: it has classes 0 to 6"),
        (-1, "no class -1: it has classes 0 to 6"),
        ("8", "no class"),
        ("bird", "no class 'bird'. Give a number from 0 to 6"),
        ("", "no class ''"),
    ]
    for class_, words in unknown:
        with pytest.raises(UsageError, match=words):
            vx.Lens(class_=class_).reads(layout)
    # Of two classes of a name, either may be meant.
    with pytest.raises(UsageError, match="dog") as raised:
        vx.Lens(class_="dog").reads(layout)
    assert "1" in str(raised.value)
    assert "3" in str(raised.value)
    assert "number" in str(raised.value)
    with pytest.raises(UsageError, match="name"):
        vx.Lens(class_="cat").reads(layout_of())


def test_blocks_that_are_read() -> None:
    layout = layout_of()
    for block, name in [(-1, "block_02"), (2, "block_02"), (0, "block_00"), (-2, "block_01")]:
        assert vx.Lens(block=block).reads(layout) == (f"{name}/patch_logits", f"{name}/logits")
    for block in (3, -4):
        with pytest.raises(UsageError, match=f"no block {block}; the model has blocks 0 to 2"):
            vx.Lens(block=block).reads(layout)


# --- With an engine ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    return coarse_pictures([(61 + 2 * number, 47 + number) for number in range(7)], seed=14)


class Head:
    """Final norm and head of an exported file, in double precision."""

    def __init__(self, file: Path) -> None:
        self.kind = file.stem
        self.weights = initializers(file)

    def layer(self, x: Floats, name: str = "head") -> NDArray[np.float64]:
        return np.asarray(x @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"])

    def __call__(self, tokens: Floats) -> NDArray[np.float64]:
        """Give the logits of (tokens, dim)."""
        if self.kind == "pooled":
            return self.layer(normalised(tokens.mean(0), self.weights))
        normed = normalised(tokens, self.weights)
        if self.kind == "distilled":
            return (self.layer(normed[0]) + self.layer(normed[1], "head_dist")) / 2
        if self.kind == "dino_linear":
            both = np.stack([normed[0], normed[1:].mean(0)], axis=-1)
            return self.layer(both.reshape(-1))
        return self.layer(normed[0])

    def of_patches(self, tokens: Floats, layout: Layout) -> NDArray[np.float64]:
        """Give the logits of pictures whose every token is one patch's: (patches, classes)."""
        own = tokens[layout.prefix : layout.prefix + layout.patches]
        return np.stack([self(np.repeat(patch[None], layout.tokens, 0)) for patch in own])


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_by_hand_is_that_of_the_file(
    exported: Exported, pictures: list[Any], kind: str
) -> None:
    outputs = open_engine(exported(kind)).run(pictures)
    head = Head(exported(kind))
    for tokens, logits in zip(outputs["block_01/tokens"], outputs["logits"], strict=True):
        np.testing.assert_allclose(head(tokens.astype(np.float64)), logits, atol=SINGLE)


@pytest.mark.parametrize(
    ("kind", "in_graph"),
    [*((kind, True) for kind in KINDS), ("plain", None), ("registers", False), ("pooled", False)],
)
def test_every_block_is_read_as_the_last_is(
    exported: Exported, pictures: list[Any], kind: str, in_graph: bool | None
) -> None:
    engine, head = open_engine(exported(kind), in_graph), Head(exported(kind))
    outputs = engine.run(pictures)
    for block in range(2):
        results = engine.probe(pictures, vx.Lens(block=block))
        asked = engine.probe(pictures, vx.Lens(block=block, class_=3))
        tokens = outputs[f"block_{block:02}/tokens"].astype(np.float64)
        for own, result, third in zip(tokens, results, asked, strict=True):
            of_patches = softmax(head.of_patches(own, engine.layout))
            found = result.probability.ravel()
            np.testing.assert_allclose(found, of_patches.max(-1), atol=SINGLE)
            # Of two classes that are as likely, either may come first.
            chosen = of_patches[np.arange(35), result.lens.ravel()]
            np.testing.assert_allclose(chosen, of_patches.max(-1), atol=SINGLE)
            np.testing.assert_allclose(third.probability.ravel(), of_patches[:, 3], atol=SINGLE)
            assert result.lens.shape == result.probability.shape == GRID
            read = softmax(head(own))
            np.testing.assert_allclose(result.top5_probability, np.sort(read)[:-6:-1], atol=SINGLE)
            np.testing.assert_allclose(read[result.top5], result.top5_probability, atol=SINGLE)
            assert len(set(result.top5.tolist())) == 5
            np.testing.assert_array_equal(third.lens, result.lens)


@pytest.mark.parametrize(
    ("kind", "in_graph"),
    [
        ("plain", False),
        ("registers", True),
        ("distilled", False),
        ("pooled", None),
        ("dino_linear", True),
        ("sincos", None),
        ("registers_unplaced", True),
    ],
)
def test_after_the_last_block_it_is_the_prediction(
    exported: Exported, pictures: list[Any], kind: str, in_graph: bool | None
) -> None:
    engine = open_engine(exported(kind), in_graph)
    logits = engine.run(pictures)["logits"]
    results: list[Any] = engine.probe(pictures, vx.Lens())
    for result, own in zip(results, logits, strict=True):
        np.testing.assert_allclose(result.logits, own, atol=SINGLE)
        read = softmax(own)
        np.testing.assert_array_equal(result.top5, np.argsort(-own)[:5])
        np.testing.assert_allclose(result.top5_probability, read[result.top5], atol=SINGLE)
        assert result.prediction.index == result.top5[0]
        assert result.prediction.probability == pytest.approx(
            result.top5_probability[0], abs=SINGLE
        )
        assert result.block == 1


def test_patches_of_a_head_that_reads_the_class_token_are_not_the_prediction(
    exported: Exported, pictures: list[Any]
) -> None:
    # Or else a lens that gave every patch what the head says of the picture would pass, too.
    for kind in KINDS:
        (result,) = open_engine(exported(kind)).probe(pictures[:1], vx.Lens())
        assert result.probability.std() > 0.01
        assert len(np.unique(result.lens)) > 1


@pytest.mark.parametrize("class_", [3, "3", "class 3"])
def test_a_class_by_number_and_by_name(
    exported: Exported, pictures: list[Any], class_: str | int
) -> None:
    engine, head = open_engine(exported("plain")), Head(exported("plain"))
    tokens = engine.run(pictures)["block_00/tokens"].astype(np.float64)
    results = engine.probe(pictures, vx.Lens(block=0, class_=class_))
    for result, own in zip(results, tokens, strict=True):
        of_patches = softmax(head.of_patches(own, engine.layout))[:, 3]
        np.testing.assert_allclose(result.probability.ravel(), of_patches, atol=SINGLE)
        assert result.asked == 3


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_what_has_no_such_class_or_head_is_refused(
    exported: Exported, pictures: list[Any], in_graph: bool | None
) -> None:
    engine = open_engine(exported("plain"), in_graph)
    for class_ in (11, -1, "11", "class", "class 11"):
        for ask in (
            lambda class_=class_: engine.probe(pictures, vx.Lens(class_=class_)),
            lambda class_=class_: engine.stream(pictures, [vx.Lens(class_=class_)]),
        ):
            with pytest.raises(UsageError, match="the model has no class"):
                ask()
    headless = open_engine(exported("headless"), in_graph)
    with pytest.raises(UsageError, match=r"no head.*lens") as raised:
        headless.probe(pictures, vx.Lens())
    assert str(raised.value).endswith(".")
    with pytest.raises(UsageError, match="no head"):
        headless.stream(pictures, [vx.Lens(block=0)])


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory) -> Tapped:
    """Tap a ViT, once for all tests."""

    @cache
    def tapped(vit: ForeignViT) -> Path:
        folder = tmp_path_factory.mktemp("tapped")
        onnx.save(vit.model(), folder / "model.onnx")
        vx.tap_model(folder / "model.onnx", folder / "out.onnx", preprocess="imagenet")
        return folder / "out.onnx"

    return tapped


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_heads_that_pool_by_attention_are_refused(
    tapped: Tapped, pictures: list[Any], in_graph: bool | None
) -> None:
    file = tapped(ForeignViT(prefix=0, readout="latent"))
    engine = open_engine(file, in_graph)
    for block in (0, -1):
        with pytest.raises(UsageError, match=r"attention|product") as raised:
            engine.probe(pictures, vx.Lens(block=block))
        assert str(raised.value).endswith(".")


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_fewer_than_five_classes(
    tapped: Tapped, pictures: list[Any], in_graph: bool | None
) -> None:
    file = tapped(ForeignViT(prefix=2, suffix=1, classes=3))
    engine = open_engine(file, in_graph)
    logits = engine.run(pictures)["logits"]
    results = engine.probe(pictures, vx.Lens())
    for result, own in zip(results, logits, strict=True):
        np.testing.assert_array_equal(result.top5, np.argsort(-own))
        np.testing.assert_allclose(result.top5_probability, softmax(own)[result.top5], atol=SINGLE)
        assert result.lens.shape == (3, 5)
        assert isinstance(result.finding, ClassMaps)
        assert result.finding.classes is None
    # No name is known, and how many classes there are is known by the head alone.
    asked = engine.probe(pictures, vx.Lens(class_=2))
    assert [result.asked for result in asked] == [2] * 7
    with pytest.raises(UsageError, match="'cat'"):
        engine.probe(pictures, vx.Lens(class_="cat"))


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_numbers_beyond_the_classes_of_a_file_that_names_none(
    tapped: Tapped, pictures: list[Any], in_graph: bool | None
) -> None:
    engine = open_engine(tapped(ForeignViT(classes=3)), in_graph)
    for class_ in (3, 11, -1):
        with pytest.raises(UsageError, match=f"no class {class_}"):
            engine.probe(pictures, vx.Lens(class_=class_))


def test_heads_of_tapped_files_by_hand(tapped: Tapped, pictures: list[Any]) -> None:
    for vit in (ForeignViT(prefix=5, suffix=2), ForeignViT(prefix=0, suffix=1, readout="mean")):
        engine = open_engine(tapped(vit))
        weights = {name: values.astype(np.float64) for name, values in vit.weights().items()}
        tokens = engine.run(pictures)["block_00/tokens"].astype(np.float64)
        for result, own in zip(engine.probe(pictures, vx.Lens(block=0)), tokens, strict=True):
            x = own[vit.prefix : vit.prefix + 15]
            # 1e-5 is the epsilon that PyTorch, whose graphs these are, has by default.
            normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
            normed = normed * weights["norm"] + weights["norm.bias"]
            of_patches = softmax(normed @ weights["head"].T + weights["head.bias"])
            np.testing.assert_allclose(result.probability.ravel(), of_patches.max(-1), atol=SINGLE)
            chosen = of_patches[np.arange(15), result.lens.ravel()]
            np.testing.assert_allclose(chosen, of_patches.max(-1), atol=SINGLE)


def test_the_command(exported: Exported, pictures: list[Any], desk: Path) -> None:
    names = []
    for number, picture in enumerate(pictures):
        names.append(f"{number}.png")
        Image.fromarray(picture).save(names[-1])
    usual = ["probe", "lens", str(exported("plain")), *names, "--device", "cpu", "--quiet"]
    usual += ["--threads", "1"]
    assert main([*usual, "--block", "0", "-o", "x.npz"]) == 0
    expected = open_engine(exported("plain")).probe(names, vx.Lens(block=0))
    with np.load("x.npz", allow_pickle=False) as saved:
        assert set(saved) == {
            *("lens", "probability", "top5", "top5_probability"),
            *("crop", "files", "skipped"),
        }
        assert (saved["lens"].shape, saved["lens"].dtype) == ((7, *GRID), np.int64)
        assert (saved["probability"].shape, saved["probability"].dtype) == ((7, *GRID), np.float32)
        assert (saved["top5"].shape, saved["top5"].dtype) == ((7, 5), np.int64)
        assert (saved["top5_probability"].shape, saved["top5_probability"].dtype) == (
            (7, 5),
            np.float32,
        )
        for picture, result in enumerate(expected):
            np.testing.assert_array_equal(saved["lens"][picture], result.lens)
            np.testing.assert_array_equal(saved["top5"][picture], result.top5)
    assert main([*usual, "--class", "class 3", "-o", "y.npz"]) == 0
    assert main([*usual, "--class", "3", "-o", "z.npz"]) == 0
    with np.load("y.npz") as one, np.load("z.npz") as other:
        np.testing.assert_array_equal(one["probability"], other["probability"])


@pytest.mark.parametrize(
    ("kind", "words", "part"),
    [
        ("plain", ["--class", "11"], "the model has no class"),
        ("plain", ["--class", "-1"], "the model has no class"),
        ("plain", ["--class", "bird"], "the model has no class 'bird'"),
        ("plain", ["--block", "2"], "there is no block 2"),
        ("headless", [], "no head"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    exported: Exported,
    pictures: list[Any],
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    words: list[str],
    part: str,
) -> None:
    Image.fromarray(pictures[0]).save("0.png")
    usual = ["probe", "lens", str(exported(kind)), "0.png", "--device", "cpu", "--quiet"]
    code = main([*usual, *words, "-o", "x.npz"])
    (line,) = capsys.readouterr().err.splitlines()
    assert (code, line[:7], line[-1]) == (2, "error: ", ".")
    assert part in line
    assert not Path("x.npz").exists()
