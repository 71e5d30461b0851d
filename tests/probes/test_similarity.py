"""Cosines with one token: that of the first picture, or each picture's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from probes.token_models import coarse_pictures, initializers, layout_of, normalised, open_engine
from vitonnx.cli import main
from vitonnx.errors import PictureError, UsageError
from vitonnx.probes import Layout, cosine_similarity

Exported = Callable[[str], Path]
Floats = NDArray[np.floating[Any]]

# Single precision, of numbers up to 1: a few units in the last place.
SINGLE = 1e-6
# A plan and the file as it is sum in other orders, through two blocks.
PLANNED = 1e-5

# Prefix tokens, suffix tokens, grid.
LAYOUTS: list[tuple[tuple[str, ...], tuple[str, ...], tuple[int, int]]] = [
    ((), (), (3, 5)),
    (("cls",), (), (5, 3)),
    (("cls", "dist"), ("suffix0",), (2, 7)),
    (("cls", "reg0", "reg1", "reg2", "reg3"), ("suffix0", "suffix1"), (7, 1)),
]


@pytest.fixture(params=LAYOUTS, ids=str)
def layout(request: pytest.FixtureRequest) -> Layout:
    return layout_of(*request.param)


def random_tokens(layout: Layout, pictures: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(layout.tokens)
    tokens = rng.normal(0.5, 3, (pictures, layout.tokens, layout.dim))
    return tokens.astype(np.float32)


def slow_map(tokens: Floats, query: Floats, layout: Layout) -> NDArray[np.float64]:
    """Compare the patches of one picture with a token, number by number."""
    rows, columns = layout.grid
    found = np.zeros(layout.grid)
    for y, x in np.ndindex(rows, columns):
        token = [float(value) for value in tokens[layout.prefix + y * columns + x]]
        asked = [float(value) for value in query]
        length = math.hypot(*token) * math.hypot(*asked)
        dot = sum(one * other for one, other in zip(token, asked, strict=True))
        found[y, x] = dot / length if length else 0
    return found


def crop_of(layout: Layout) -> tuple[float, float, float, float]:
    """Of a picture as large as the input: its patches are 7 pixels wide."""
    return (0.0, 0.0, 7.0 * layout.grid[1], 7.0 * layout.grid[0])


def asked(
    probe: vx.Similarity, outputs: dict[str, Any], layout: Layout
) -> tuple[vx.Similarity, list[Any]]:
    """Fit a probe on the first picture of a batch, and ask all of them."""
    crop, pictures = crop_of(layout), next(iter(outputs.values())).shape[0]
    stage: Any = probe.fit_stage(layout)
    if stage is not None:
        found = stage.compute(outputs, layout, [stage.token(layout, crop)] * pictures)
        probe = probe.learn(stage.summary(found), layout)
        assert probe.fit_stage(layout) is None
    tokens = [probe.token(layout, crop)] * pictures
    return probe, probe.compute(outputs, layout, tokens)


def test_a_patch_of_the_first_picture_is_compared_with_all(xp: Any, layout: Layout) -> None:
    tokens = random_tokens(layout, 3)
    before = tokens.copy()
    rows, columns = layout.grid
    matrix = np.zeros((rows * columns,) * 2)
    for y, x in np.ndindex(rows, columns):
        probe = vx.Similarity(query=(7 * y + 3, 7 * x + 6))
        outputs = {"final_norm/tokens": xp.asarray(tokens)}
        _, results = asked(probe, outputs, layout)
        query = tokens[0, layout.prefix + y * columns + x]
        for result, own in zip(results, tokens, strict=True):
            found = np.asarray(result.similarity)
            assert found.shape == layout.grid
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, slow_map(own, query, layout), atol=SINGLE)
            assert result.patch == (y, x)
        first = np.asarray(results[0].similarity)
        assert first[y, x] == pytest.approx(1, abs=SINGLE)
        matrix[y * columns + x] = first.ravel()
    np.testing.assert_allclose(matrix, matrix.T, atol=SINGLE)
    assert np.abs(matrix).max() <= 1 + SINGLE
    np.testing.assert_array_equal(tokens, before)


def test_a_named_token_is_that_of_each_picture(xp: Any, layout: Layout) -> None:
    tokens = random_tokens(layout, 3)
    names = (*layout.prefix_tokens, *layout.suffix_tokens)
    for number, name in enumerate(names):
        behind = number - layout.prefix
        place = number if behind < 0 else layout.prefix + layout.patches + behind
        probe = vx.Similarity(query=name)
        assert probe.fit_stage(layout) is None
        assert probe.token(layout, crop_of(layout)) == place
        _, results = asked(probe, {"final_norm/tokens": xp.asarray(tokens)}, layout)
        for result, own in zip(results, tokens, strict=True):
            expected = slow_map(own, own[place], layout)
            np.testing.assert_allclose(np.asarray(result.similarity), expected, atol=SINGLE)
            assert result.patch is None
            assert result.finding.mark is None


def test_the_patch_in_the_middle_is_asked_by_default(xp: Any) -> None:
    for grid, middle in [((3, 5), (1, 2)), ((7, 1), (3, 0)), ((5, 11), (2, 5)), ((1, 1), (0, 0))]:
        layout = layout_of(("cls", "dist"), ("suffix0",), grid)
        tokens = random_tokens(layout, 2)
        _, results = asked(vx.Similarity(), {"final_norm/tokens": xp.asarray(tokens)}, layout)
        query = tokens[0, 2 + middle[0] * grid[1] + middle[1]]
        for result, own in zip(results, tokens, strict=True):
            expected = slow_map(own, query, layout)
            np.testing.assert_allclose(np.asarray(result.similarity), expected, atol=SINGLE)
            assert result.patch == middle


def test_zero_tokens_are_like_nothing(xp: Any, layout: Layout) -> None:
    tokens = random_tokens(layout, 2)
    last = layout.prefix + layout.patches - 1
    tokens[1, last] = 0
    first, results = asked(vx.Similarity(), {"final_norm/tokens": xp.asarray(tokens)}, layout)
    assert np.asarray(results[1].similarity).ravel()[-1] == 0
    assert np.isfinite(np.asarray(results[1].similarity)).all()
    assert first.token(layout, crop_of(layout)) is None
    tokens[0] = 0  # the query too
    _, results = asked(vx.Similarity(), {"final_norm/tokens": xp.asarray(tokens)}, layout)
    for result in results:
        np.testing.assert_array_equal(np.asarray(result.similarity), np.zeros(layout.grid))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_length_does_not_matter(xp: Any, scale: float) -> None:
    layout = layout_of(("cls",), (), (3, 5))
    tokens = random_tokens(layout, 2)
    expected = [slow_map(own, tokens[0, 8], layout) for own in tokens]
    scaled = xp.asarray((tokens * scale).astype(np.float32))
    _, results = asked(vx.Similarity(), {"final_norm/tokens": scaled}, layout)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(np.asarray(result.similarity), wanted, atol=SINGLE)


def test_cosines_by_hand(xp: Any) -> None:
    tokens = xp.asarray([[[3.0, 4.0], [0.0, -2.0]], [[0.0, 0.0], [-6.0, -8.0]]])
    found = np.asarray(cosine_similarity(tokens, xp.asarray([6.0, 8.0])))
    np.testing.assert_allclose(found, [[1.0, -0.8], [0.0, -1.0]], atol=SINGLE)
    own = np.asarray(cosine_similarity(tokens, tokens[:, :1, :]))
    np.testing.assert_allclose(own, [[1.0, -0.8], [0.0, 0.0]], atol=SINGLE)


def test_the_last_block_is_read_after_the_norm_and_others_before_any() -> None:
    layout = layout_of(("cls",), (), (3, 5))
    for query in (None, "cls", (3, 4)):
        assert vx.Similarity(query=query).reads(layout) == ("final_norm/tokens",)
        assert vx.Similarity(block=1, query=query).reads(layout) == ("block_01/tokens",)
    with pytest.raises(UsageError, match="no block 3; the model has blocks 0 to 2"):
        vx.Similarity(block=3).reads(layout)
    with pytest.raises(UsageError, match="no query token 'reg0'; there are cls, or a pixel"):
        vx.Similarity(query="reg0").reads(layout)
    wrong: Any
    for wrong in (3, (3,), (1.5, 2), [3, 4, 5]):
        with pytest.raises(UsageError, match="query"):
            vx.Similarity(query=wrong)


# --- With an engine -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """Seven pictures, of which the first is the largest."""
    return coarse_pictures([(131 - 11 * number, 97 - 7 * number) for number in range(7)], seed=8)


def last_tokens(engine: vx.Engine, file: Path, pictures: Any) -> NDArray[np.float64]:
    return normalised(engine.run(pictures)["block_01/tokens"], initializers(file))


def covering(result: Any, pixel: tuple[int, int], grid: tuple[int, int]) -> tuple[int, int]:
    """Find the patch that covers the centre of a pixel, patch by patch."""
    left, top, right, bottom = result.crop
    height, width = (bottom - top) / grid[0], (right - left) / grid[1]
    y, x = pixel[0] + 0.5, pixel[1] + 0.5
    (found,) = [
        (row, column)
        for row, column in np.ndindex(*grid)
        if top + row * height <= y < top + (row + 1) * height
        and left + column * width <= x < left + (column + 1) * width
    ]
    return found


@pytest.mark.parametrize("in_graph", [True, None, False])
@pytest.mark.parametrize("kind", ["plain", "registers", "distilled"])
def test_a_pixel_of_the_first_picture_is_sought_in_the_others(
    exported: Exported, pictures: list[Any], kind: str, in_graph: bool | None
) -> None:
    engine = open_engine(exported(kind), in_graph)
    pixel = (80, 113)  # outside the last pictures
    results = engine.probe(pictures, vx.Similarity(query=pixel))
    patch = covering(results[0], pixel, engine.layout.grid)
    assert patch[0] >= 3
    assert patch[1] >= 4
    tokens = last_tokens(engine, exported(kind), pictures)
    query = tokens[0, engine.layout.prefix + patch[0] * 7 + patch[1]]
    streamed = list(engine.stream(iter(pictures), [vx.Similarity(query=pixel)]))
    fitted = engine.fitted(pictures, vx.Similarity(query=pixel))
    again = engine.probe(pictures, fitted)
    for number, own in enumerate(tokens):
        expected = slow_map(own, query, engine.layout)
        for result in (results[number], streamed[number].similarity, again[number]):
            np.testing.assert_allclose(result.similarity, expected, atol=PLANNED)
            assert result.similarity.dtype == np.float32
            assert result.finding.mark == (patch if number == 0 else None)
            assert result.finding.values.shape == (1, 5, 7)
    assert results[0].similarity[patch] == pytest.approx(1, abs=SINGLE)


def test_a_residual_stream_is_read_before_the_last_block(
    exported: Exported, pictures: list[Any]
) -> None:
    engine = open_engine(exported("registers"))
    results = engine.probe(pictures, vx.Similarity(block=0, query="reg2"))
    tokens = engine.run(pictures)["block_00/tokens"]
    for result, own in zip(results, tokens, strict=True):
        expected = slow_map(own, own[3], engine.layout)
        np.testing.assert_allclose(result.similarity, expected, atol=PLANNED)
        assert result.finding.mark is None


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_pictures_may_come_in_one_array_that_is_used_again(
    exported: Exported, pictures: list[Any], in_graph: bool | None
) -> None:
    same_size = [np.ascontiguousarray(picture[:55, :60]) for picture in pictures]

    def reused() -> Iterator[NDArray[np.uint8]]:
        array = np.empty_like(same_size[0])
        for picture in same_size:
            array[...] = picture
            yield array

    engine = open_engine(exported("plain"), in_graph)
    for query in ((30, 20), None, "cls"):
        expected = engine.probe(same_size, vx.Similarity(query=query))
        probed: list[Any]
        for probed in (
            engine.probe(reused(), vx.Similarity(query=query)),
            [each.similarity for each in engine.stream(reused(), [vx.Similarity(query=query)])],
        ):
            for found, wanted in zip(probed, expected, strict=True):
                np.testing.assert_allclose(found.similarity, wanted.similarity, atol=PLANNED)


def test_a_stream_may_have_no_end(exported: Exported, pictures: list[Any]) -> None:
    def endless() -> Iterator[NDArray[np.uint8]]:
        while True:
            yield from pictures

    engine = open_engine(exported("plain"))
    stream = engine.stream(endless(), [vx.Similarity(query=(40, 50))])
    found = [next(stream).similarity.similarity for _ in range(15)]
    np.testing.assert_allclose(found[1], found[8], atol=PLANNED)
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_a_later_picture_does_not_become_the_first(exported: Exported, pictures: list[Any]) -> None:
    engine = open_engine(exported("plain"))
    fitted = engine.fitted(pictures[:1], vx.Similarity(query=(40, 50)))
    expected = engine.probe(pictures[:3], vx.Similarity(query=(40, 50)))
    (second,) = engine.probe(pictures[1:2], fitted)
    np.testing.assert_allclose(second.similarity, expected[1].similarity, atol=PLANNED)
    assert second.finding.mark is None


def test_files_are_told_apart_by_their_names(
    exported: Exported, pictures: list[Any], desk: Path
) -> None:
    for number, picture in enumerate(pictures[:3]):
        Image.fromarray(picture).save(f"{number}.png")
    engine = open_engine(exported("plain"))
    fitted = engine.fitted("0.png", vx.Similarity(query=(40, 50)))
    results = engine.probe(["2.png", "0.png", "1.png"], fitted)
    patch = covering(results[1], (40, 50), engine.layout.grid)
    assert [result.finding.mark for result in results] == [None, patch, None]
    assert [result.first for result in results] == ["0.png"] * 3


def test_a_query_outside_the_crop_is_refused(exported: Exported, pictures: list[Any]) -> None:
    engine = open_engine(exported("plain"))
    for pixel in ((0, 0), (96, 130), (400, 50), (50, 400)):
        words = rf"picture 0: .*y {pixel[0]}, x {pixel[1]} lies outside the crop"
        with pytest.raises(PictureError, match=words):
            engine.probe(pictures, vx.Similarity(query=pixel))
        with pytest.raises(PictureError, match=words):
            list(engine.stream(pictures, [vx.Similarity(query=pixel)]))


def test_a_first_picture_that_cannot_be_read_is_refused_and_later_ones_are_not(
    exported: Exported, pictures: list[Any], desk: Path
) -> None:
    Path("bad.png").write_text("Dear picture")
    engine = open_engine(exported("plain"))
    for first in ("bad.png", "none.png"):
        with pytest.raises(PictureError, match=first):
            engine.probe([first, *pictures], vx.Similarity())
        with pytest.raises(PictureError, match=first):
            list(engine.stream([first, *pictures], [vx.Similarity()]))
    stream = engine.stream([pictures[0], "bad.png", pictures[1], "none.png"], [vx.Similarity()])
    results = list(stream)
    assert [result.error is None for result in results] == [True, False, True, False]
    expected = engine.probe(pictures[:2], vx.Similarity())
    np.testing.assert_allclose(
        results[2].similarity.similarity, expected[1].similarity, atol=PLANNED
    )
    # With tokens of their own, pictures don't need the first.
    results = list(engine.stream(["bad.png", pictures[0]], [vx.Similarity(query="cls")]))
    assert [result.error is None for result in results] == [False, True]


@pytest.mark.parametrize("in_graph", [True, None, False])
def test_pixels_that_are_ready_are_compared_with_the_first_too(
    exported: Exported, in_graph: bool | None
) -> None:
    engine = open_engine(exported("plain"), in_graph)
    pixels = np.random.default_rng(9).integers(0, 256, (3, 40, 56, 3), np.uint8)
    results = engine.probe_pixels(pixels, vx.Similarity(query=(39, 8)))  # row 4, column 1
    values = engine.run_pixels(pixels, ["block_01/tokens"])["block_01/tokens"]
    tokens = normalised(values, initializers(exported("plain")))
    for result, own in zip(results, tokens, strict=True):
        expected = slow_map(own, tokens[0, 1 + 4 * 7 + 1], engine.layout)
        np.testing.assert_allclose(result.similarity, expected, atol=PLANNED)


def test_the_command(exported: Exported, pictures: list[Any], desk: Path) -> None:
    for number, picture in enumerate(pictures[:3]):
        Image.fromarray(picture).save(f"{number}.png")
    names = ["0.png", "1.png", "2.png"]
    usual = ["probe", "similarity", str(exported("plain")), "--device", "cpu", "--threads", "1"]
    assert main([*usual, *names, "--query", "40,50", "--quiet", "-o", "x.npz"]) == 0
    expected = open_engine(exported("plain")).probe(names, vx.Similarity(query=(40, 50)))
    with np.load("x.npz", allow_pickle=False) as saved:
        assert set(saved) == {"similarity", "crop", "files", "skipped"}
        assert (saved["similarity"].shape, saved["similarity"].dtype) == ((3, 5, 7), np.float32)
        for found, wanted in zip(saved["similarity"], expected, strict=True):
            np.testing.assert_allclose(found, wanted.similarity, atol=PLANNED)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("0,0", "0.png: the query pixel y 0, x 0 lies outside the crop"),
        ("reg0", "no query token 'reg0'"),
        ("patch", "patch"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    exported: Exported,
    pictures: list[Any],
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    query: str,
    part: str,
) -> None:
    Image.fromarray(pictures[0]).save("0.png")
    usual = ["probe", "similarity", str(exported("plain")), "--device", "cpu", "--quiet"]
    code = main([*usual, "0.png", "--query", query, "-o", "x.npz"])
    (line,) = capsys.readouterr().err.splitlines()
    assert code in (1, 2)
    assert line.startswith("error: ")
    assert line.endswith(".")
    assert part in line
    assert not Path("x.npz").exists()
