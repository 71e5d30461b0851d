from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.visitor import Visitor
from PIL import Image, ImageOps

from app.browser import launch
from app.pages_served import MODELS, Served, serve_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page with the models of the package, one for all tests that leave it whole."""
    with serve_page(tmp_path_factory.mktemp("served")) as page:
        yield page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each file: Playwright bears no second one, such as that of the examples' tests."""
    with launch() as browser:
        yield browser


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph that is not square, so that both models see a part of it."""
    path = tmp_path_factory.mktemp("pictures") / "my cat.jpg"
    shutil.copy(Path(__file__).parents[2] / "examples" / "cat.jpg", path)
    return path


@pytest.fixture(scope="session")
def another(picture: Path) -> Path:
    """The same, but from the other side."""
    path = picture.with_name("another cat.png")
    with Image.open(picture) as opened:
        ImageOps.mirror(opened).save(path)
    return path


@pytest.fixture(scope="session")
def bystander(served: Served) -> Iterator[Visitor]:
    with Visitor(served.address) as visitor:
        yield visitor


@pytest.fixture
def unharmed(bystander: Visitor, served: Served, picture: Path) -> Iterator[None]:
    """Whatever the test does: afterwards, somebody else is answered, and no error is logged."""
    yield
    seen = bystander.look(picture, MODELS)
    finding, _ = bystander.ask(seen, "scenes_vit", "heads")
    assert finding["kind"] == "maps"
    assert bystander.http.get("healthz").json()["status"] == "ok"
    assert "Traceback" not in served.log.read_text()
