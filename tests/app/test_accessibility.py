"""A scan by axe-core: nothing serious on the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.browsing import Person
from app.pages_served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page

SERIOUS = ("serious", "critical")

# What axe-core finds in Gradio's own components, by its rule: nothing, with today's Gradio and our
# theme. What is added here is drawn by Gradio, and to be mended there.
GRADIO: dict[str, str] = {}


def violations(person: Person) -> list[tuple[str, str]]:
    """Rules that are broken, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(person.page).response["violations"]
    return [
        (violation["id"], node["html"])
        for violation in found
        if violation["impact"] in SERIOUS and violation["id"] not in GRADIO
        for node in violation["nodes"]
    ]


def look_around(person: Person, picture: Path) -> list[tuple[str, str]]:
    """Open every tab, with a picture asked."""
    person.show(picture)
    person.point(0, 0.5, 0.5)
    person.slide("mass", 0.5)
    found = violations(person)
    for tab in ("Filters", "Positions", "Video", "Save"):
        person.tab(tab)
        if tab in ("Filters", "Positions"):
            person.page.locator(f"#{tab.lower()} img").wait_for()
        found += violations(person)
    return found


def test_nothing_serious_is_found(person: Person, picture: Path) -> None:
    assert look_around(person, picture) == []


def test_nothing_serious_is_found_in_the_dark(
    browser: Browser, served: Served, picture: Path
) -> None:
    assert look_around(Person(browser, served.address, dark=True), picture) == []


def test_the_scan_finds_what_is_wrong(person: Person, picture: Path) -> None:
    person.show(picture)
    person.page.evaluate(
        """() => document.querySelector(".viewer")
            .append(Object.assign(document.createElement("button"), { className: "tile" }))"""
    )
    assert "button-name" in [rule for rule, _ in violations(person)]


def test_every_picture_has_a_text_or_none(person: Person, picture: Path) -> None:
    person.show(picture)
    for kind in ("heads", "rollout"):
        label = person.card(0).locator(f"figure.{kind} .map").get_attribute("aria-label") or ""
        assert "of 6 by 6 patches" in label
        bar = person.card(0).locator(f"figure.{kind} .bar").get_attribute("aria-label") or ""
        assert bar.startswith(("Colours: attention weight", "Colours: rollout weight"))
    person.tab("Filters")
    shown = person.page.locator("#filters img")
    assert "scenes_vit" in (shown.get_attribute("alt") or "")
