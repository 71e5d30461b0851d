"""What the options of the probes compute, against loops over the raw attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tiny_models as tiny
import vitonnx as vx
from terminal import Outcome

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]
Attention = NDArray[np.float32]

ROWS, COLUMNS = 5, 7


def assert_close(found: NDArray[Any], expected: NDArray[Any]) -> None:
    """Allow for float32 sums of 40 probabilities in another order."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def saved(call: Call, *words: str | Path) -> dict[str, NDArray[Any]]:
    outcome = call("probe", *words, "-o", "out.npz")
    assert (outcome.code, outcome.out, outcome.errors) == (0, "out.npz\n", [])
    with np.load("out.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def slow_heads(attention: Attention, queries: list[int], prefix: int) -> NDArray[np.float64]:
    """(heads, rows, columns), the mean over some queries."""
    maps = np.zeros((len(attention), ROWS, COLUMNS))
    for head in range(len(attention)):
        for row in range(ROWS):
            for column in range(COLUMNS):
                key = prefix + row * COLUMNS + column
                looks = [float(attention[head, query, key]) for query in queries]
                maps[head, row, column] = sum(looks) / len(looks)
    return maps


def slow_mask(maps: NDArray[np.float64], mass: float) -> NDArray[np.bool_]:
    """The largest patches one by one, until the share is reached."""
    mask = np.zeros(maps.shape, bool)
    for head in range(len(maps)):
        left = {place: float(value) for place, value in np.ndenumerate(maps[head])}
        wanted, held = mass * sum(left.values()), 0.0
        while held < wanted:
            largest = max(left, key=lambda place: left[place])
            held += left.pop(largest)
            mask[(head, *largest)] = True
    return mask


def slow_rollout(
    blocks: list[Attention], fuse: Callable[[list[float]], float], discard: float, prefix: int
) -> NDArray[np.float64]:
    """(rows, columns), entry by entry, from the class token or the mean over the patches."""
    tokens = blocks[0].shape[-1]
    class_token = 0 if prefix else None
    flow = np.eye(tokens)
    for attention in blocks:
        fused = np.zeros((tokens, tokens))
        for query in range(tokens):
            for key in range(tokens):
                fused[query, key] = fuse([float(value) for value in attention[:, query, key]])
        smallest = sorted(np.ndindex(tokens, tokens), key=lambda place: fused[place])
        for query, key in smallest[: int(discard * tokens * tokens)]:
            if query != key and class_token not in (query, key):
                fused[query, key] = 0
        mixed = fused / 2 + np.eye(tokens) / 2
        for query in range(tokens):
            mixed[query] /= sum(mixed[query])
        flow = mixed @ flow
    row = flow[:1] if prefix else flow
    maps: NDArray[np.float64] = row.mean(axis=0)[prefix:].reshape(ROWS, COLUMNS)
    return maps


@pytest.fixture
def both(pictures: Path) -> list[Path]:
    return [pictures / "landscape.png", pictures / "portrait.jpg"]


@pytest.mark.parametrize("block", [0, 1, -1, -2])
@pytest.mark.parametrize("kind", ["plain", "registers"])
def test_a_block(kind: str, block: int, call: Call, exported: Exported, both: list[Path]) -> None:
    raw = vx.Engine(exported(kind), device="cpu").run(both)[f"block_{block % 2:02d}/attention"]
    found = saved(call, "heads", exported(kind), *both, "--block", str(block))
    prefix = len(tiny.CONFIGS[kind].prefix_tokens)
    expected = np.stack([slow_heads(attention, [0], prefix) for attention in raw])
    assert_close(found["attention"], expected)
    assert_close(found["mean"], expected.mean(axis=1))
    assert "mask" not in found


@pytest.mark.parametrize(
    ("kind", "words", "queries"),
    [
        ("plain", "cls", [0]),
        ("plain", "mean", list(range(1, 36))),
        ("distilled", "dist", [1]),
        ("registers", "reg2", [3]),
        ("pooled", "mean", list(range(35))),
        ("pooled", None, list(range(35))),
    ],
)
def test_a_query(
    kind: str,
    words: str | None,
    queries: list[int],
    call: Call,
    exported: Exported,
    both: list[Path],
) -> None:
    raw = vx.Engine(exported(kind), device="cpu").run(both)["block_01/attention"]
    option = [] if words is None else ["--query", words]
    found = saved(call, "heads", exported(kind), *both, *option)
    prefix = len(tiny.CONFIGS[kind].prefix_tokens)
    expected = np.stack([slow_heads(attention, queries, prefix) for attention in raw])
    assert_close(found["attention"], expected)


# The landscape's crop goes from (20, 170) to (420, 730): its patches are 80 pixels a side.
@pytest.mark.parametrize(
    ("pixel", "patch"),
    [
        ("20,170", (0, 0)),
        ("99,249", (0, 0)),
        ("100,249", (1, 0)),
        ("99,250", (0, 1)),
        ("419,729", (4, 6)),
        ("200, 500", (2, 4)),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "registers", "pooled"])
def test_a_query_pixel_is_the_patch_that_covers_it(
    kind: str,
    pixel: str,
    patch: tuple[int, int],
    call: Call,
    exported: Exported,
    pictures: Path,
) -> None:
    file = pictures / "landscape.png"
    raw = vx.Engine(exported(kind), device="cpu").run(file)["block_01/attention"]
    found = saved(call, "heads", exported(kind), file, "--query", pixel)
    prefix = len(tiny.CONFIGS[kind].prefix_tokens)
    query = prefix + patch[0] * COLUMNS + patch[1]
    expected = slow_heads(raw[0], [query], prefix)
    assert_close(found["attention"][0], expected)


@pytest.mark.parametrize("mass", ["0.01", "0.6", "0.95", "1"])
def test_a_mass(mass: str, call: Call, exported: Exported, both: list[Path]) -> None:
    found = saved(call, "heads", exported("plain"), *both, "--mass", mass)
    for attention, mask in zip(found["attention"], found["mask"], strict=True):
        np.testing.assert_array_equal(mask, slow_mask(attention.astype(np.float64), float(mass)))
    assert found["mask"].dtype == bool


@pytest.mark.parametrize("discard", ["0", "0.5", "0.93"])
@pytest.mark.parametrize(("fusion", "fuse"), [("mean", np.mean), ("max", max), ("min", min)])
@pytest.mark.parametrize("kind", ["distilled", "pooled"])
def test_a_rollout(
    kind: str,
    fusion: str,
    fuse: Callable[[list[float]], float],
    discard: str,
    call: Call,
    exported: Exported,
    pictures: Path,
) -> None:
    file = pictures / "portrait.jpg"
    raw = vx.Engine(exported(kind), device="cpu").run(file)
    words = ["--fusion", fusion, "--discard", discard]
    found = saved(call, "rollout", exported(kind), file, *words)
    prefix = len(tiny.CONFIGS[kind].prefix_tokens)
    blocks = [raw[f"block_{block:02d}/attention"][0] for block in range(2)]
    expected = slow_rollout(blocks, fuse, float(discard), prefix)
    assert_close(found["rollout"][0], expected)


def test_by_default_rollout_is_the_published_one(
    call: Call, exported: Exported, pictures: Path
) -> None:
    file = pictures / "portrait.jpg"
    plain = saved(call, "rollout", exported("plain"), file)
    spelt = saved(call, "rollout", exported("plain"), file, "--fusion", "mean", "--discard", "0")
    np.testing.assert_array_equal(plain["rollout"], spelt["rollout"])


@pytest.mark.parametrize(
    ("size", "sides"), [("48x72", (48, 72)), ("64", (64, 64)), ("24X88", (24, 88))]
)
def test_another_size(
    size: str,
    sides: tuple[int, int],
    call: Call,
    exported: Exported,
    both: list[Path],
) -> None:
    found = saved(call, "heads", exported("plain"), *both, "--size", size)
    engine = vx.Engine(exported("plain"), device="cpu", size=sides)
    expected = engine.probe(both, vx.Heads())
    assert found["attention"].shape == (2, 3, sides[0] // 8, sides[1] // 8)
    np.testing.assert_array_equal(found["attention"], [result.attention for result in expected])
    np.testing.assert_array_equal(found["crop"], [result.crop for result in expected])
    upright = (found["crop"][:, 3] - found["crop"][:, 1]) / (
        found["crop"][:, 2] - found["crop"][:, 0]
    )
    # The scaled picture's sides are whole pixels, some 50 of them.
    np.testing.assert_allclose(upright, sides[0] / sides[1], rtol=0.02)


def test_the_command_gives_what_python_gives(
    call: Call, exported: Exported, both: list[Path]
) -> None:
    engine = vx.Engine(exported("distilled"), device="cpu", threads=1)
    heads = saved(
        call, "heads", exported("distilled"), *both, "--threads", "1", "--query", "dist",
        "--block", "0", "--mass", "0.7",
    )  # fmt: skip
    for place, result in enumerate(engine.probe(both, vx.Heads(block=0, query="dist", mass=0.7))):
        for name in ("attention", "mean", "mask"):
            np.testing.assert_array_equal(heads[name][place], getattr(result, name))
    words = ["--fusion", "max", "--discard", "0.8", "--threads", "1", "--device", "cpu"]
    rollout = saved(call, "rollout", exported("distilled"), *both, *words)
    expected = engine.probe(both, vx.Rollout(fusion="max", discard=0.8))
    np.testing.assert_array_equal(rollout["rollout"], [result.rollout for result in expected])


@pytest.mark.parametrize("orientation", [3, 6, 8, 5])
def test_a_picture_on_its_side_gives_the_map_of_the_upright_one(
    orientation: int, call: Call, exported: Exported, desk: Path
) -> None:
    upright = np.random.default_rng(orientation).integers(0, 256, (91, 127, 3), np.uint8)
    # How the camera held it, by the number that it wrote (EXIF 2.3, section 4.6.4).
    turned = {
        3: upright[::-1, ::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        8: np.rot90(upright, -1),
    }[orientation]
    Image.fromarray(upright).save("upright.png")
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(turned).save("turned.png", exif=exif)
    found = saved(call, "rollout", exported("plain"), "upright.png", "turned.png")
    np.testing.assert_array_equal(found["rollout"][0], found["rollout"][1])
    np.testing.assert_array_equal(found["crop"][0], found["crop"][1])
