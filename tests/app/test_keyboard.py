"""The page without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.browsing import Person

pytestmark = pytest.mark.page


def test_arrow_keys_ask_patch_after_patch(person: Person, picture: Path) -> None:
    person.show(picture)
    place = person.card(1).locator("figure.heads .map")
    place.focus()
    with person.answer():
        person.page.keyboard.press("ArrowUp")  # the first key asks the middle
    assert person.asked(1) == person.asked(0) == (3, 3)
    for key in ("ArrowUp", "ArrowRight", "ArrowRight"):
        with person.answer():
            person.page.keyboard.press(key)
    assert person.asked(1) == person.asked(0) == (2, 5)
    assert place.evaluate("place => place === document.activeElement"), "the focus stays"


def test_keys_faster_than_answers_end_where_the_hand_does(person: Person, picture: Path) -> None:
    person.show(picture)
    person.card(0).locator("figure.heads .map").focus()
    keys = ["ArrowUp", *["ArrowLeft"] * 3, *["ArrowDown"] * 2]
    for key in keys:
        person.page.keyboard.press(key)
    person.page.wait_for_function(
        """() => {
            const frame = document.querySelector("figure.heads svg rect");
            return frame?.getAttribute("x") === "0" && frame.getAttribute("y") === "5";
        }"""
    )


def test_home_asks_the_class_token_again(person: Person, picture: Path) -> None:
    person.show(picture)
    person.point(0, 0.5, 0.5)
    person.card(0).locator("figure.heads .map").focus()
    with person.answer():
        person.page.keyboard.press("Home")
    assert "query: cls" in person.captions("heads")[0]


def test_a_head_is_chosen_with_enter(person: Person, picture: Path) -> None:
    person.show(picture)
    tile = person.card(0).locator(".tile").nth(3)
    tile.focus()
    person.page.keyboard.press("Enter")
    assert person.captions("heads")[0].startswith("head 2")
    assert tile.get_attribute("aria-pressed") == "true"


def test_a_screen_reader_hears_the_answer(person: Person, picture: Path) -> None:
    person.show(picture)
    person.point(1, 0.1, 0.1)
    said = person.page.locator(".spoken")
    assert said.get_attribute("aria-live") == "polite"
    assert "scenes_dino" in said.inner_text()
    assert "query: pixel" in said.inner_text()
    label = person.card(1).locator("figure.heads .map").get_attribute("aria-label") or ""
    assert "of 6 by 6 patches" in label
    assert "Arrow keys" in label
