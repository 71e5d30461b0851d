from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.browser import DESK, PHONE, Person, launch
from app.browser_folder import serve_folder
from app.page_alone import write_alone

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photograph that is broader than high, and one that is higher than broad."""
    folder = tmp_path_factory.mktemp("pictures")
    cat = Path(__file__).parents[3] / "examples" / "cat.jpg"
    with Image.open(cat) as opened:
        opened.resize((320, 240)).save(folder / "broad.png")
        opened.resize((120, 200)).save(folder / "tall.png")
    shutil.copy(cat, folder / "it's a cat.jpg")
    return folder


@pytest.fixture(scope="session")
def alone(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page, with an engine that makes up its answers."""
    folder = tmp_path_factory.mktemp("alone")
    write_alone(folder, pictures)
    with serve_folder(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@pytest.fixture
def person(browser: Browser, alone: str) -> Iterator[Person]:
    person = Person(browser, alone)
    yield person
    person.page.close()
    assert person.complaints == []
    assert person.strangers == []


@pytest.fixture
def viewer(person: Person, pictures: Path) -> Person:
    """Somebody who is already shown a picture."""
    person.show(pictures / "broad.png")
    return person


@pytest.fixture(params=["desk", "phone"])
def anyone(browser: Browser, alone: str, request: pytest.FixtureRequest) -> Iterator[Person]:
    """At a desk, or with a phone."""
    person = Person(browser, alone, **(PHONE if request.param == "phone" else DESK))
    yield person
    person.page.close()
    assert person.complaints == []
