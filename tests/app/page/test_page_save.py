"""What is kept: figure, arrays, the words that make them again, and the link."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from app.browser import Person
from app.page_alone import EVIL

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page


def saved(person: Person, button: str, folder: Path) -> Path:
    with person.page.expect_download() as started:
        person.page.locator(button).click()
    path = folder / str(started.value.suggested_filename)
    started.value.save_as(path)
    return path


def only(person: Person, model: str) -> None:
    for box in person.page.locator("#models input").all():
        if box.get_attribute("value") != model:
            with person.answer():
                box.uncheck()


def test_arrays_are_those_of_the_command(person: Person, pictures: Path, tmp_path: Path) -> None:
    person.show(pictures / "it's a cat.jpg")
    only(person, "small")
    person.point(0, 0.5, 0.5)
    path = saved(person, "#save-arrays", tmp_path)
    assert path.name == "it's a cat.heads.npz"
    with Image.open(pictures / "it's a cat.jpg") as opened:
        width, height = opened.size
    with np.load(path, allow_pickle=False) as arrays:
        found = dict(arrays)
    types = {name: (str(each.dtype), each.shape) for name, each in found.items()}
    assert types == {
        "attention": ("float32", (1, 3, 6, 6)),
        "query": ("int64", (1,)),
        "inside": ("bool", (1, 2)),
        "crop": ("float64", (1, 4)),
        "files": ("<U14", (1,)),
        "skipped": ("<U1", (0,)),
    }
    query = found["query"].item()
    assert query == np.ravel_multi_index(person.framed() or (0, 0), (6, 6))
    assert found["inside"].tolist() == [[True, False]]
    assert found["files"].tolist() == ["it's a cat.jpg"]
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    assert found["crop"].tolist() == [[left, top, left + side, top + side]]
    at = np.arange(36, 4 * 36)
    expected = (((at * 7 + at // 36 + query * 3) % 36) / 36 / 10).astype(np.float32)
    np.testing.assert_array_equal(found["attention"].ravel(), expected)


def test_two_pictures_stand_on_the_first_axis(
    person: Person, pictures: Path, tmp_path: Path
) -> None:
    person.show(pictures / "broad.png")
    only(person, "small")
    person.ask("similarity")
    person.show(pictures / "tall.png", "second")
    with np.load(saved(person, "#save-arrays", tmp_path)) as arrays:
        assert arrays["similarity"].shape == (2, 6, 6)
        assert arrays["files"].tolist() == ["broad.png", "tall.png"]


def test_weights_have_no_pictures(person: Person, tmp_path: Path) -> None:
    person.ask("filters")
    only(person, "small")
    path = saved(person, "#save-arrays", tmp_path)
    assert path.name == "small.filters.npz"
    with np.load(path) as arrays:
        assert arrays.files == ["filters"]
        assert arrays["filters"].shape == (12, 8, 8, 3)


@pytest.mark.parametrize("probe", ["heads", "lens", "distance", "positions"])
def test_the_figure_is_what_is_shown(viewer: Person, tmp_path: Path, probe: str) -> None:
    if probe != "heads":
        viewer.ask(probe)
    path = saved(viewer, "#save-figure", tmp_path)
    box = viewer.page.locator("#maps").bounding_box()
    assert box is not None
    with Image.open(path) as opened:
        assert opened.width == int(2 * (box["width"] + 32))
        pixels = np.asarray(opened.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    assert pixels[0, 0].min() > 240, "as light as paper"


def test_the_command_line_and_python_say_the_same(person: Person, pictures: Path) -> None:
    person.show(pictures / "it's a cat.jpg")
    person.point(0, 0.5, 0.5)
    person.slide("block", 2)
    query = person.asked()[0]["options"]["query"]
    person.page.get_by_text("Command line").click()
    line = person.page.locator("pre[aria-label='Command line']").inner_text()
    assert shlex.split(line) == [
        *("vitonnx", "probe", "heads", "small.onnx", "it's a cat.jpg", "--block", "2"),
        *("--query", query, "--compare", "wide one.onnx", "-o", "heads.npz"),
    ]
    person.page.get_by_text("Python").click()
    lines = person.page.locator("pre[aria-label=Python]").inner_text()
    y, x = query.split(",")
    asked = f"vx.Heads(block=2, query=({y}, {x}))"
    assert 'engine = vx.Engine("wide one.onnx")' in lines
    assert f"""engine.probe(["it's a cat.jpg"], {asked})[-1]["heads"]""" in lines
    compile(lines, "lines", "exec")


def test_the_link_restores_what_it_was_copied_from(
    person: Person, browser: Browser, alone: str
) -> None:
    with person.answer():
        person.page.get_by_role("button", name="Example broad.png").first.click()
    only(person, EVIL)
    person.point(0, 0.5, 0.5)
    person.slide("block", 2)
    person.card(0).locator(".tile").nth(1).click()
    person.page.wait_for_url("**tile=1**")
    address = person.page.url
    assert address.startswith(f"{alone}#")
    other = Person(browser, address)
    other.map(0).wait_for()
    other.wait()
    assert other.models() == [EVIL]
    assert other.caption() == person.caption()
    assert other.asked()[0] == person.asked()[0]
    assert other.complaints == []
    other.page.close()
