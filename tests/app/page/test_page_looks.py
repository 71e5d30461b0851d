"""The page for everybody: small screens, the dark, readers of screens, and old browsers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.browser import DESK, PHONE, Person
from app.page_alone import EVIL, PAGE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page

SHAPES = ["heads", "attribution", "similarity", "pca", "lens", "distance", "filters", "positions"]


@pytest.mark.parametrize("settings", [DESK, DESK | {"color_scheme": "dark"}, PHONE])
def test_nothing_serious_is_found(
    browser: Browser, alone: str, pictures: Path, settings: dict[str, object]
) -> None:
    person = Person(browser, alone, **settings)
    found = person.violations()
    person.show(pictures / "broad.png")
    for probe in SHAPES:
        if probe != "heads":
            person.ask(probe)
        found += person.violations()
    person.ask("flow")
    assert found + person.violations() == []
    person.page.close()


def test_a_phone_needs_no_scrolling_sideways(browser: Browser, alone: str, pictures: Path) -> None:
    person = Person(browser, alone, **PHONE)
    person.show(pictures / "broad.png")
    for probe in SHAPES:
        if probe != "heads":
            person.ask(probe)
        width = person.page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= 390, probe
    person.page.close()


def test_names_are_text(person: Person, pictures: Path) -> None:
    dialogs: list[str] = []
    person.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    person.show(pictures / "broad.png")
    for probe in SHAPES[1:]:
        person.ask(probe)
    assert person.models()[1] == EVIL
    assert person.page.locator("img[onerror], .classes b, .legend b").count() == 0
    assert dialogs == []


def test_a_reader_of_screens_hears_the_answer(viewer: Person) -> None:
    viewer.point(1, 0.1, 0.1)
    said = viewer.page.locator("#spoken")
    assert said.get_attribute("aria-live") == "polite"
    label = viewer.map(0).get_attribute("aria-label") or ""
    assert label.startswith("mean of the heads of small, block 3, query: pixel y")
    assert "Most, 0.0972, is at row 5, column 3 of 6 by 6 patches." in label
    assert "Arrow keys" in label
    assert said.inner_text() in label
    bar = viewer.card(0).locator(".bar").get_attribute("aria-label") or ""
    assert bar.startswith("Colours: attention weight from 0 to 0.0972")


def test_without_a_camera_a_sentence_stands_there(browser: Browser, alone: str) -> None:
    page = browser.new_page()
    page.add_init_script("delete Navigator.prototype.mediaDevices;")
    page.goto(alone)
    page.get_by_text("a browser gives one to https:// and localhost only").first.wait_for()
    assert page.get_by_role("button", name="Camera").count() == 0
    page.close()


def test_a_folder_opened_as_a_file_says_what_to_run(browser: Browser) -> None:
    page = browser.new_page()
    page.goto((PAGE / "index.html").as_uri())
    page.get_by_text("python -m http.server").wait_for()
    assert page.locator("#layout").is_hidden()
    page.close()


def test_the_page_is_small() -> None:
    ours = [path for path in PAGE.iterdir() if path.suffix in (".js", ".css", ".html")]
    assert sum(path.stat().st_size for path in ours) <= 130_000
