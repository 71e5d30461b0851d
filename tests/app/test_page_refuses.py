"""What a visitor reads when something can't be."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.browsing import Person

pytestmark = pytest.mark.page


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.jpg", b"these are words"),
        ("page.png", b"<html><script>alert(1)</script></html>"),
        ("drawing.webp", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(
    name: str, content: bytes, person: Person, picture: Path, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    person.page.set_input_files("#picture input[type=file]", file)
    assert f"{name} is not a picture" in person.said()
    person.show(picture)
    assert person.models() == ["scenes_vit", "scenes_dino"]


def test_a_file_that_is_too_large_is_refused_in_words(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(bytes(32_000_000))
    person.page.set_input_files("#picture input[type=file]", file)
    assert "30" in person.said()


def test_no_model_is_chosen(person: Person, picture: Path) -> None:
    person.show(picture)
    for model in ("scenes_vit", "scenes_dino"):
        person.page.locator("#models label", has_text=model).click()
    assert "No model is chosen" in person.said()


def test_one_model_less_and_another_picture(person: Person, picture: Path, another: Path) -> None:
    person.show(picture)
    person.page.locator("#models label", has_text="scenes_vit").click()
    person.wait_for_models("scenes_dino")
    person.show(another)
    person.wait_for_models("scenes_dino")
    person.page.locator("#models label", has_text="scenes_vit").click()
    person.wait_for_models("scenes_vit", "scenes_dino")


def test_examples_and_pictures_take_turns(person: Person, picture: Path) -> None:
    for _ in range(2):
        with person.another_picture():
            person.page.get_by_role("button", name="example butterfly.png").click()
        assert person.prediction(0)[0] == "butterfly"
        person.show(picture)
        assert person.prediction(0)[0] != "butterfly"


def test_a_picture_is_run_once_however_often_gradio_tells_of_it(
    person: Person, picture: Path, another: Path
) -> None:
    for file in (picture, another, picture):
        person.show(file)
        shown = person.page.locator(".viewer").get_attribute("data-visit")
        person.page.wait_for_timeout(700)  # in which it tells of some for the second time
        assert person.page.locator(".viewer").get_attribute("data-visit") == shown
