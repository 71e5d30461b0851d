from typing import Any

import numpy as np
import pytest

from probes.random_attention import random_attention
from vitonnx.errors import PictureError, UsageError
from vitonnx.probes import Heads, HeadsResult, Layout, Probe, head_maps, mass_mask

PREFIXES: list[tuple[str, ...]] = [
    (),
    ("cls",),
    ("cls", "dist"),
    ("cls", "reg0", "reg1", "reg2", "reg3"),
]


def layout(*prefix_tokens: str) -> Layout:
    return Layout(grid=(3, 5), patch_size=7, prefix_tokens=prefix_tokens, blocks=3, heads=2)


def probe(heads: Heads, model: Layout, batch: int = 2, xp: Any = np) -> list[HeadsResult]:
    """Probe random attention; the crop has a pixel for every pixel of the input."""
    name = heads.reads(model)[0]
    attention = random_attention(batch, model.heads, model.tokens, model.tokens)
    crop = (0, 0, model.grid[1] * model.patch_size, model.grid[0] * model.patch_size)
    queries = [heads.token(model, crop)] * batch
    return heads.compute({name: xp.asarray(attention)}, model, queries)


@pytest.mark.parametrize("prefix_tokens", PREFIXES, ids=len)
def test_one_result_a_picture(xp: Any, prefix_tokens: tuple[str, ...]) -> None:
    model = layout(*prefix_tokens)
    results = probe(Heads(mass=0.6), model, xp=xp)
    attention = random_attention(2, model.heads, model.tokens, model.tokens)
    query = 0 if prefix_tokens else None
    maps = head_maps(attention, grid=(3, 5), prefix=model.prefix, query=query)
    assert len(results) == 2
    for result, expected in zip(results, maps, strict=True):
        np.testing.assert_array_equal(np.asarray(result.attention), expected)
        np.testing.assert_array_equal(np.asarray(result.mean), expected.mean(axis=0))
        np.testing.assert_array_equal(np.asarray(result.mask), mass_mask(expected[None], 0.6)[0])
        assert result.query == ("cls" if prefix_tokens else "mean")
        assert (result.block, result.mass, result.patch) == (2, 0.6, None)


def test_no_mass_no_mask() -> None:
    assert probe(Heads(), layout("cls"))[0].mask is None


def test_half_precision_becomes_single() -> None:
    model = layout("cls")
    attention = random_attention(1, 2, 16, 16).astype(np.float16)
    (result,) = Heads().compute({"block_02/attention": attention}, model, [0])
    assert result.attention.dtype == np.float32


@pytest.mark.parametrize(("query", "token"), [("cls", 0), ("dist", 1), (None, 0), ("mean", None)])
def test_tokens_by_name(query: str | None, token: int | None) -> None:
    assert Heads(query=query).token(layout("cls", "dist"), (0, 0, 35, 21)) == token


def test_the_mean_over_the_patches_is_there_for_every_model() -> None:
    model = layout("cls")
    attention = random_attention(2, 2, 16, 16)
    result = probe(Heads(query="mean"), model)[1]
    np.testing.assert_array_equal(
        result.attention, attention[1, :, 1:, 1:].mean(axis=1).reshape(2, 3, 5)
    )
    assert result.query == "mean"


def test_a_pixel_is_found_in_the_crop() -> None:
    # Of a picture 100 high and 200 wide, the model saw rows 20 to 79 and columns 50 to 149: a
    # patch is 20 high and 20 wide there.
    model, crop = layout("cls", "dist"), (50.0, 20.0, 150.0, 80.0)
    for pixel, patch in {
        (20, 50): (0, 0),
        (39, 69): (0, 0),
        (40, 69): (1, 0),
        (39, 70): (0, 1),
        (79, 149): (2, 4),
    }.items():
        token = Heads(query=pixel).token(model, crop)
        assert token is not None
        assert divmod(token - 2, 5) == patch


def test_a_pixel_query_knows_its_patch() -> None:
    result = probe(Heads(query=(20, 13)), layout("cls"))[0]
    assert (result.patch, result.query) == ((2, 1), "20,13")


def test_queries_may_differ_in_a_batch() -> None:
    model, attention = layout("cls"), random_attention(2, 2, 16, 16)
    first, second = Heads().compute({"block_02/attention": attention}, model, [0, 7])
    np.testing.assert_array_equal(first.attention, attention[0, :, 0, 1:].reshape(2, 3, 5))
    np.testing.assert_array_equal(second.attention, attention[1, :, 7, 1:].reshape(2, 3, 5))
    assert second.patch == (1, 1)


@pytest.mark.parametrize("pixel", [(19, 60), (80, 60), (30, 49), (30, 150), (-1, 60)])
def test_a_pixel_outside_the_crop(pixel: tuple[int, int]) -> None:
    message = f"y {pixel[0]}, x {pixel[1]} lies outside .*: y 20 to 79, x 50 to 149"
    with pytest.raises(PictureError, match=message):
        Heads(query=pixel).token(layout("cls"), (50.0, 20.0, 150.0, 80.0))


def test_the_range_of_a_fractional_crop_is_that_of_the_accepted_pixels() -> None:
    crop = (10.4, 10.6, 45.4, 31.6)
    message = "y 11 to 31, x 10 to 44"
    with pytest.raises(PictureError, match=message):
        Heads(query=(0, 0)).token(layout("cls"), crop)
    accepted = [(11, 10), (31, 44)]
    assert [Heads(query=pixel).token(layout("cls"), crop) for pixel in accepted] == [1, 15]
    for pixel in [(10, 10), (11, 9), (32, 44), (31, 45)]:
        with pytest.raises(PictureError):
            Heads(query=pixel).token(layout("cls"), crop)


def test_an_unknown_token_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="no query token 'dist'; there are cls, reg0, mean"):
        Heads(query="dist").reads(layout("cls", "reg0"))


def test_an_unknown_block_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="0 to 2"):
        Heads(block=3).reads(layout("cls"))


@pytest.mark.parametrize("query", [(1, 2, 3), (1.5, 2), 7, [1, 2]])
def test_a_query_of_another_form(query: Any) -> None:
    with pytest.raises(UsageError, match="neither a token's name nor a pixel"):
        Heads(query=query)


def test_mass_is_checked_at_once() -> None:
    with pytest.raises(UsageError, match=r"mass is 60"):
        Heads(mass=60)


def test_it_is_a_probe() -> None:
    heads: Probe[HeadsResult] = Heads()
    assert heads.name == "heads"
