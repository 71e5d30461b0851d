"""Pictures in the browser: decoded, scaled and cut exactly as the engine in Python does it."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.browser_folder import opened, serve_folder, write_folder
from vitonnx.engine import prepare
from vitonnx.manifest import Padding, PilFilter, Preprocessing
from vitonnx.media import open_picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.page

SIDES = (1, 2, 3, 7, 31, 32, 33, 64, 100, 199, 257, 400)
SIZES = ((32, 32), (32, 48), (48, 32), (63, 64), (64, 20))
ORIENTATION = 0x0112

PREPARE = """async cases => {
    const { prepare } = await import("./prepare.js");
    return cases.map(({ picture, recipe, covered }) => {
        const data = new Uint8ClampedArray(Uint8Array.fromBase64(picture.data));
        const made = prepare({ ...picture, data }, recipe, covered);
        return { ...made, pixels: made.pixels.toBase64() };
    });
}"""

DECODE = """async ([url, limits]) => {
    const { decode } = await import("./decode.js");
    const file = await (await fetch(url)).blob();
    const { width, height, data } = await decode(file, url, limits);
    return [height, width, new Uint8Array(data).toBase64()];
}"""

LIMITS = {"upload": 10**7, "pixels": 10**6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_folder(folder)
    return folder


@pytest.fixture(scope="module")
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    with serve_folder(folder) as address, opened(browser, address) as page:
        yield page


def recipes(draw: random.Random) -> Iterator[Preprocessing]:
    """Recipes of all kinds, without end."""
    while True:
        size = draw.choice(SIZES)
        crop = draw.choice((1.0, 0.95, 0.9, 0.875, 0.5))
        kind = draw.choice(("cut", "squash", "pad", "pad before", "own size"))
        padding = Padding(
            colour=(10, 120, 250),
            place="end" if draw.random() < 0.5 else "centre",
            before=kind == "pad before",
        )
        yield Preprocessing(
            resize=int(min(size) / crop + 1e-6) if kind == "cut" else None,
            size=size,
            crop=crop,
            interpolation=draw.choice(get_args(PilFilter)),
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            padding=padding if kind.startswith("pad") else None,
            multiple=draw.choice((7, 8, 16)) if kind == "own size" else None,
            rounding=draw.choice(("even", "down")),
        )


def sent(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """A picture as the page has it."""
    whole = np.dstack([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)])
    height, width, _ = whole.shape
    return {"width": width, "height": height, "data": b64encode(whole.tobytes()).decode()}


@pytest.mark.parametrize("seed", range(3))
def test_the_input_is_the_engines_to_the_bit(page: Page, seed: int) -> None:
    draw, noise = random.Random(seed), np.random.default_rng(seed)
    cases, expected = [], []
    for recipe, _ in zip(recipes(draw), range(150), strict=False):
        height, width = draw.choice(SIDES), draw.choice(SIDES)
        pixels = noise.integers(0, 256, (height, width, 3), np.uint8)
        if draw.random() < 0.3:  # where filters overshoot
            pixels = (pixels // 128 * 255).astype(np.uint8)
        covered = (recipe.size[0] // 8 * 8, recipe.size[1] // 8 * 8)
        own = recipe.multiple is not None
        found = prepare(Image.fromarray(pixels), recipe, None if own else covered)
        cases.append({"picture": sent(pixels), "recipe": recipe.to_fields(), "covered": covered})
        expected.append(found)

    for made, found in zip(page.evaluate(PREPARE, cases), expected, strict=True):
        assert made["size"] == list(found.place.size), found.place
        assert b64decode(made["pixels"]) == found.pixels.tobytes(), found.place
        assert made["crop"] == list(found.crop)
        assert made["inside"] == list(found.inside)


@pytest.mark.parametrize("sides", [(20_001, 3), (3, 20_001)], ids=["tall", "wide"])
@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_strips_are_scaled_in_part(page: Page, sides: tuple[int, int], before: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*sides, 3), np.uint8)
    for padding in (None, Padding(colour=(9, 9, 9), before=True) if before else None):
        recipe = Preprocessing(
            resize=None if padding else 32,
            size=(32, 32),
            crop=1.0,
            interpolation="bicubic",
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            padding=padding,
        )
        found = prepare(Image.fromarray(pixels), recipe)
        case = {"picture": sent(pixels), "recipe": recipe.to_fields(), "covered": [32, 32]}
        (made,) = page.evaluate(PREPARE, [case])
        assert b64decode(made["pixels"]) == found.pixels.tobytes()


FORMS = {
    "png": ("RGB", "RGBA", "L", "LA", "P", "1"),
    "webp": ("RGB", "RGBA"),
    "bmp": ("RGB", "L", "P", "1"),
    "gif": ("L", "P", "1"),
}


@pytest.mark.parametrize(
    ("form", "mode"), [(form, mode) for form, modes in FORMS.items() for mode in modes]
)
def test_pixels_are_decoded_to_the_bit(page: Page, folder: Path, form: str, mode: str) -> None:
    whole = Image.fromarray(np.random.default_rng(3).integers(0, 256, (13, 22, 4), np.uint8))
    picture = whole.convert("RGB").quantize(7) if mode == "P" else whole.convert(mode)
    path = folder / f"{mode}.{form}"
    picture.save(path, lossless=True, exact=True)  # what WebP is told, others don't hear
    assert_decoded(page, path, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["png", "jpg"])
def test_pictures_are_upright(page: Page, folder: Path, orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    smooth = Image.linear_gradient("L").resize((40, 24)).convert("RGB")
    smooth.paste((250, 20, 20), (0, 0, 8, 8))
    path = folder / f"turned-{orientation}.{form}"
    smooth.save(path, exif=exif, quality=95, subsampling=0)  # of a JPEG
    assert_decoded(page, path, 0 if form == "png" else 1)


def test_a_photograph_is_within_one_level(page: Page, folder: Path) -> None:
    photograph = Path(__file__).parents[2] / "examples" / "cat.jpg"
    (folder / "cat.jpg").write_bytes(photograph.read_bytes())
    assert_decoded(page, folder / "cat.jpg", 1)


def assert_decoded(page: Page, path: Path, levels: int) -> None:
    """See the same pixels as Pillow does, within some levels in the mean."""
    height, width, data = page.evaluate(DECODE, [path.name, LIMITS])
    found = np.frombuffer(b64decode(data), np.uint8).reshape(height, width, 4)[:, :, :3]
    expected = np.asarray(open_picture(path)).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() <= levels


def test_a_picture_that_is_too_large_is_refused(page: Page, folder: Path) -> None:
    Image.new("L", (1200, 1000)).save(folder / "large.png")
    with pytest.raises(Exception, match=r"has 1\.2 million pixels, and this page takes 1\.0"):
        page.evaluate(DECODE, ["large.png", LIMITS])


def test_other_files_are_refused(page: Page, folder: Path) -> None:
    (folder / "words.png").write_text("This is no picture.")
    with pytest.raises(Exception, match=r"words.png isn't a picture that this browser can read"):
        page.evaluate(DECODE, ["words.png", LIMITS])
    with pytest.raises(Exception, match=r"has 0.0 MB, and this page takes 0.0 MB"):
        page.evaluate(DECODE, ["words.png", {**LIMITS, "upload": 3}])
