"""The page: served, opened in Chromium, given pictures, and asked for its numbers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from examples.baked_files import Baked
from vitonnx.modelfile import load_manifest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.examples

# Chromium's own WebGPU on the CPU, for a machine without a GPU.
WEBGPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")

PATIENCE = 60_000  # milliseconds, for 27 MB of runtime on a slow machine


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder as the README says, at a port that is free."""
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with server:
        try:
            assert server.stdout is not None
            said = re.search(r"http://[\d.:]+/", server.stdout.readline())
            assert said is not None
            yield said[0]
        finally:
            server.terminate()


@contextmanager
def launch(*flags: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", *flags]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@pytest.fixture
def site(examples: Path) -> Iterator[tuple[Path, str]]:
    """The page's folder, served, and its address."""
    with serve(examples / "web") as address:
        yield examples / "web", address


def ready(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function("!document.querySelector('#file').disabled", timeout=PATIENCE)


def look(page: Page, picture: Path) -> str:
    """Give the page a picture, wait, and tell what it says then."""
    page.set_input_files("#file", picture)
    page.wait_for_selector("#status:has-text('looked at')", timeout=PATIENCE)
    return str(page.inner_text("#status"))


def numbers(page: Page) -> dict[str, Any]:
    with page.expect_download() as download:
        page.click("text=Save numbers")
    found: dict[str, Any] = json.loads(download.value.path().read_text())
    return found


def shown(page: Page, element: str) -> NDArray[np.int_]:
    """What an element looks like, (height, width, 3)."""
    return read_rgb(BytesIO(page.locator(element).screenshot()))


def read_rgb(file: Path | BytesIO) -> NDArray[np.int_]:
    return np.asarray(Image.open(file).convert("RGB"), int)


@pytest.mark.parametrize(("flags", "runtime"), [((), "WebAssembly"), (WEBGPU, "WebGPU")])
def test_the_page_finds_what_vitonnx_finds(
    flags: tuple[str, ...], runtime: str, site: tuple[Path, str], baked: Baked
) -> None:
    folder, address = site
    shutil.copy(baked.model, folder / "model.onnx")
    if "distance" in baked.expected:
        runtime = "WebAssembly"  # WebGPU has no float64, and the page helps itself
    with launch(*flags) as browser:
        page = browser.new_page()
        ready(page, address)
        assert look(page, baked.picture).endswith(f"on {runtime}.")
        baked.check(numbers(page))
        assert page.locator("#prediction li").count() == (3 if baked.recipe.logits else 0)


@pytest.mark.parametrize(("flags", "runtime"), [((), "WebAssembly"), (WEBGPU, "WebGPU")])
def test_the_class_is_chosen(
    flags: tuple[str, ...], runtime: str, site: tuple[Path, str], by_class: Baked
) -> None:
    folder, address = site
    shutil.copy(by_class.model, folder / "model.onnx")
    classes = load_manifest(by_class.model).classes or ()
    with launch(*flags) as browser:
        page = browser.new_page()
        ready(page, address)
        assert page.is_hidden("#class")  # until there is a picture
        look(page, by_class.picture)
        choice = page.locator("#class option").all_inner_texts()
        assert choice == ["The likeliest", *classes]
        by_class.check(numbers(page))
        page.select_option("#map", "Head 1")
        for number in (0, 7):
            page.select_option("#class", classes[number])
            page.wait_for_selector(f"#status:has-text('for {classes[number]} in')")
            assert page.inner_text("#status").endswith(f"on {runtime}.")
            by_class.check(numbers(page), number)
        assert page.input_value("#map") == "Head 1"
        # The next picture is asked about the same class, and the likeliest can be had again.
        assert f"looked at noise.png for {classes[7]} in" in look(page, by_class.picture)
        page.select_option("#class", "The likeliest")
        page.wait_for_selector("#status:has-text('noise.png in')")
        by_class.check(numbers(page))


def test_a_file_without_classes_has_no_chooser(
    site: tuple[Path, str], wide: Baked, browser: Browser
) -> None:
    folder, address = site
    shutil.copy(wide.model, folder / "model.onnx")
    page = browser.new_page()
    ready(page, address)
    look(page, wide.picture)
    assert page.is_visible("#map")
    assert page.is_hidden("#class")
    page.close()


def test_the_map_lies_over_the_picture(
    site: tuple[Path, str], wide: Baked, browser: Browser, tmp_path: Path
) -> None:
    folder, address = site
    shutil.copy(wide.model, folder / "model.onnx")
    page = browser.new_page()
    ready(page, address)
    Image.new("RGB", (56, 40), "grey").save(tmp_path / "grey.png")
    look(page, tmp_path / "grey.png")
    values = np.asarray(numbers(page)["rollout"])
    with page.expect_download() as download:
        page.click("text=Save picture")
    for drawn in (shown(page, "#layers"), read_rgb(download.value.path())):
        rows, columns = values.shape
        height, width = drawn.shape[0] // rows, drawn.shape[1] // columns
        light = drawn[: rows * height, : columns * width].sum(axis=2)
        light = light.reshape(rows, height, columns, width).mean((1, 3))
        assert light.argmax() == values.argmax()
        assert np.ptp(drawn, axis=2).max() > 50  # colours, over grey

    row, column = np.unravel_index(values.argmax(), values.shape)
    place = f"row {row + 1} of 5, column {column + 1} of 7"
    said = page.get_attribute("#layers", "aria-label")
    assert said == f"grey.png with a heat map over it, brightest in {place}."
    page.fill("#strength", "0")
    # The corners are round, and the page that they show is nearly grey.
    assert np.ptp(shown(page, "#layers"), axis=2).max() < 10
    page.close()


def test_the_keyboard_is_enough(site: tuple[Path, str], wide: Baked, browser: Browser) -> None:
    folder, address = site
    shutil.copy(wide.model, folder / "model.onnx")
    page = browser.new_page()
    ready(page, address)
    look(page, wide.picture)
    page.evaluate("document.activeElement.blur()")
    stops = []
    for _ in range(5):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id"))
    assert stops == ["file", "map", "strength", "save-picture", "save-numbers"]
    page.focus("#map")
    page.keyboard.press("End")
    assert page.inner_text("#caption").startswith("Head 3: highest in row ")
    # A chooser opens where its input is clicked; the browser's own window is no matter of the page.
    page.evaluate(
        """document.querySelector('#file').addEventListener('click', event => {
             event.preventDefault();
             document.body.dataset.chosen = 'yes';
           })"""
    )
    page.focus("#file")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-chosen=yes]")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(
    scheme: Literal["light", "dark"], site: tuple[Path, str], wide: Baked, browser: Browser
) -> None:
    folder, address = site
    shutil.copy(wide.model, folder / "model.onnx")
    page = browser.new_page(viewport={"width": 320, "height": 640}, color_scheme=scheme)
    ready(page, address)
    look(page, wide.picture)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    corner = shown(page, "body")[0, 0]
    assert (corner > 240).all() if scheme == "light" else (corner < 40).all()
    page.close()


def test_what_is_wrong_is_said_in_a_sentence(
    site: tuple[Path, str], wide: Baked, browser: Browser
) -> None:
    folder, address = site
    shutil.copy(wide.model, folder / "model.onnx")
    shutil.copy(wide.recipe.source, folder / "source.onnx")
    page = browser.new_page()

    def complaint(address: str) -> str:
        page.goto(address)
        page.wait_for_selector("#error:not([hidden])", timeout=PATIENCE)
        return str(page.inner_text("#error"))

    assert complaint(f"{address}?model=nowhere.onnx").startswith("There is no nowhere.onnx beside")
    for file in ("source.onnx", "style.css"):
        assert complaint(f"{address}?model={file}").startswith(f"{file} is no baked file")

    ready(page, address)
    page.set_input_files("#file", Path(__file__))
    page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#error") == "test_page.py is no picture that this browser reads."
    look(page, wide.picture)  # and all goes on
    assert page.is_hidden("#error")

    (folder / "ort").rename(folder / "elsewhere")
    try:
        page.close()
        page = browser.new_page()
        assert "npm run runtime" in complaint(address)
    finally:
        (folder / "elsewhere").rename(folder / "ort")
    page.goto((folder / "index.html").as_uri())
    assert "python -m http.server" in page.inner_text("#status")
    page.close()
