"""What is asked by hand: clicks, keys, sliders and words."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.browser import Person
from app.page_alone import EVIL

pytestmark = pytest.mark.page


def test_a_click_asks_the_same_pixel_of_all_models(anyone: Person, pictures: Path) -> None:
    anyone.show(pictures / "broad.png")
    anyone.point(0, 0.51, 0.26)
    # The first model sees 240 columns from the 40th on.
    query, same = [each["options"]["query"] for each in anyone.asked()]
    assert query == same
    assert query in ("122,102", "122,103", "121,102")
    assert anyone.framed(0) == (3, 1)
    assert anyone.framed(1) == (2, 3)  # of 480 columns, 80 of them padding at each side
    assert f"query: pixel y {query.replace(',', ', x ')}" in anyone.caption(1)


def test_a_click_on_a_padded_map_finds_its_pixel(person: Person, pictures: Path) -> None:
    person.show(pictures / "tall.png")
    person.point(1, 0.99, 0.01)
    (y, x) = map(int, person.asked()[0]["options"]["query"].split(","))
    assert abs(y - 198) <= 1
    assert abs(x - 1) <= 1


def test_arrow_keys_go_from_patch_to_patch(viewer: Person) -> None:
    viewer.map(0).focus()
    for key, patch in [
        ("ArrowUp", (3, 3)),  # the first key asks the middle
        ("ArrowUp", (2, 3)),
        ("ArrowRight", (2, 4)),
        ("ArrowLeft", (2, 3)),
        ("ArrowDown", (3, 3)),
    ]:
        with viewer.answer():
            viewer.page.keyboard.press(key)
        assert viewer.framed(0) == patch
    assert viewer.map(0).evaluate("place => place === document.activeElement")
    with viewer.answer():
        viewer.page.keyboard.press("Home")
    assert viewer.framed(0) is None
    assert "query: cls" in viewer.caption()


def test_only_the_latest_question_counts(viewer: Person) -> None:
    viewer.page.evaluate("() => { window.slowness = 150; }")
    before = len(viewer.told())
    viewer.map(0).focus()
    for key in ["ArrowUp", *["ArrowLeft"] * 3, *["ArrowDown"] * 2]:
        viewer.page.keyboard.press(key)
    viewer.wait()
    assert viewer.framed(0) == (5, 0)
    assert len(viewer.told()) - before <= 2 * 3, "what was left behind is not asked"


def test_a_block_that_a_model_lacks_is_its_last(viewer: Person) -> None:
    assert viewer.option("block").get_attribute("max") == "5"
    viewer.slide("block", 4)
    assert [each["options"] for each in viewer.asked()] == [{}, {"block": "4"}]
    assert "block 3" in viewer.caption(0)
    assert "block 4" in viewer.caption(1)
    viewer.slide("block", 5)
    assert [each["options"] for each in viewer.asked()] == [{}, {}]


def test_a_share_is_outlined(viewer: Person) -> None:
    viewer.slide("mass", 0.6)
    assert viewer.asked()[0]["options"] == {"mass": "0.6"}
    assert viewer.map(0).get_attribute("data-outlined") == "true"
    assert "outlined: the fewest patches with 0.6" in viewer.caption()
    viewer.slide("mass", 0)
    assert viewer.map(0).get_attribute("data-outlined") == "false"


def test_a_head_is_chosen_in_all_models(anyone: Person, pictures: Path) -> None:
    anyone.show(pictures / "broad.png")
    before, asked = anyone.colours(), len(anyone.told())
    tile = anyone.card(0).locator(".tile").nth(3)
    tile.focus()
    anyone.page.keyboard.press("Enter")
    assert anyone.caption(1).startswith("head 2")
    assert tile.get_attribute("aria-pressed") == "true"
    assert (anyone.colours() != before).any()
    assert len(anyone.told()) == asked, "nothing is asked for it"


def test_models_are_chosen(viewer: Person) -> None:
    assert viewer.models() == ["small", EVIL]
    box = viewer.page.locator(f"#models input[value='{EVIL}']")
    with viewer.answer():
        box.uncheck()
    assert viewer.models() == ["small"]
    assert viewer.option("block").get_attribute("max") == "3"
    assert viewer.page.locator("#models input[value=small]").is_disabled(), "one stays"
    with viewer.answer():
        box.check()
    assert viewer.models() == ["small", EVIL]


def test_words_are_chosen(viewer: Person) -> None:
    with viewer.answer():
        viewer.option("query").select_option("dist")
    assert viewer.asked()[0]["options"] == {"query": "dist"}
    viewer.ask("rollout")
    assert viewer.asked()[0]["options"] == {}
    with viewer.answer():
        viewer.option("fusion").select_option("max")
    viewer.slide("discard", 0.9)
    assert viewer.asked()[0]["options"] == {"fusion": "max", "discard": "0.9"}
    assert viewer.caption() == "rollout · fusion: max · discard: 0.9"
    with viewer.answer():
        viewer.option("fusion").select_option("mean")
    assert viewer.asked()[0]["options"] == {"discard": "0.9"}


def test_classes_are_asked_by_name(viewer: Person) -> None:
    viewer.ask("attribution")
    assert viewer.page.locator("#classes option").count() == 3
    with viewer.answer():
        viewer.option("target").fill("<b>dog</b>")
        viewer.option("target").press("Enter")
    assert viewer.asked()[0]["options"] == {"target": ["<b>dog</b>"]}
    assert viewer.caption() == "<b>dog</b> · method: legrad · target: <b>dog</b>"


def test_a_switch_and_a_number(viewer: Person) -> None:
    viewer.ask("distance")
    with viewer.answer():
        viewer.option("renormalize").check()
    assert viewer.asked()[0]["options"] == {"renormalize": "true"}
    viewer.ask("filters")
    with viewer.answer():
        viewer.option("components").fill("3")
        viewer.option("components").press("Enter")
    assert viewer.asked()[0]["options"] == {"components": "3"}


def test_what_fails_is_said_in_its_card(viewer: Person) -> None:
    viewer.slide("block", 1)
    assert viewer.card(0).locator("[role=alert]").inner_text() == "The block is out of order."
    assert viewer.card(0).locator(".map").count() == 0, "no map of another question stays"
    viewer.slide("block", 2)
    assert viewer.card(0).locator("[role=alert]").inner_text() == ""


def test_a_refused_probe_says_why(viewer: Person) -> None:
    viewer.ask("flow")
    assert viewer.card(0).locator(".error").inner_text() == "Flow is not asked here."
    assert not any(each.get("ask") == "flow" for each in viewer.told())


@pytest.mark.parametrize(
    ("probe", "shown"),
    [
        ("heads", ".tile"),
        ("rollout", ".side .map"),
        ("attribution", ".side .map"),
        ("pca", ".side .map"),
        ("lens", ".legend li"),
        ("distance", "canvas.plot"),
        ("cka", "canvas.matrix"),
        ("filters", ".plate canvas"),
        ("positions", "canvas.matrix"),
    ],
)
def test_every_shape_is_drawn(viewer: Person, probe: str, shown: str) -> None:
    if probe != "heads":
        viewer.ask(probe)
    for model in (0, 1):
        assert viewer.card(model).locator(shown).first.is_visible()
        assert viewer.card(model).locator(".error").inner_text() == ""


def test_weights_need_no_picture(person: Person) -> None:
    assert person.page.locator("#hint").is_visible()
    person.ask("filters")
    assert not person.page.locator("#hint").is_visible()
    assert person.card(0).locator(".plate canvas").count() == 15
    assert person.asked()[0]["seen"] is None
