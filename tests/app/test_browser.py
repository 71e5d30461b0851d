"""What a visitor does first, at a desk and with a phone, in a real browser."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from browsing import Person, launch
from pages_served import Served
from vitonnx.demo import demo_models
from vitonnx.engine import Engine, best_classes
from vitonnx.probes import Heads

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph that is not square, so that both models see a part of it."""
    from PIL import Image
    from skimage.data import chelsea

    path = tmp_path_factory.mktemp("pictures") / "my cat.png"
    Image.fromarray(chelsea()).save(path)
    return path


@pytest.fixture(params=[False, True], ids=["desk", "phone"])
def person(browser: Browser, served: Served, request: pytest.FixtureRequest) -> Iterator[Person]:
    person = Person(browser, served.address, phone=request.param)
    yield person
    person.page.close()
    assert person.complaints == []
    assert person.strangers == []


def first_visit(person: Person, picture: Path, folder: Path) -> None:
    """What a person does first; the numbers that come out are those of ``vitonnx probe``."""
    person.show(picture)
    assert person.models() == ["scenes_vit", "scenes_dino"]
    engine = Engine(demo_models()["scenes_vit"])
    (found,) = engine.probe([picture], Heads())
    assert found.logits is not None
    best = best_classes(found.logits, engine.manifest.classes, 5)
    assert person.prediction(0) == [each.label for each in best]
    assert "query: cls" in person.captions("heads")[0]

    person.point(0, 0.25, 0.75)
    asked = person.captions("heads")
    assert "query: pixel" in asked[0]
    assert asked[0] == asked[1], "both models are asked the same pixel"
    assert person.asked(0) == person.asked(1) == (1, 4)  # of 6 by 6 patches

    before = person.colours(0)
    person.slide("block", 1)
    assert "block 1" in person.captions("heads")[0]
    assert (person.colours(0) != before).any()

    mean = person.colours(1)
    person.head(1, 2)
    assert person.captions("heads")[1].startswith("head 2")
    assert (person.colours(1) != mean).any()

    rollout = person.colours(0, "rollout")
    person.pick("fusion", "max")
    assert "max" in person.captions("rollout")[0]
    assert (person.colours(0, "rollout") != rollout).any()

    _save(person, picture, folder)


def _save(person: Person, picture: Path, folder: Path) -> None:
    person.tab("Save")
    person.page.click("#write")
    links = person.page.locator("#written a[download]")
    links.nth(1).wait_for()
    saved = []
    for place in range(2):
        with person.page.expect_download() as download:
            links.nth(place).click()
        saved.append(folder / download.value.suggested_filename)
        download.value.save_as(saved[-1])
    assert [file.name for file in saved] == ["my cat.heads.png", "my cat.heads.npz"]
    assert saved[0].read_bytes().startswith(b"\x89PNG")

    words = shlex.split(person.page.locator("#command .cm-content").inner_text())
    theirs = folder / "theirs.npz"
    words[words.index(picture.name)] = str(picture)
    words[words.index("-o") + 1] = str(theirs)
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    ours, probed = np.load(saved[1]), np.load(theirs)
    assert sorted(ours) == sorted(probed)
    assert ours["files"].tolist() == [picture.name]
    for name in set(ours) - {"files"}:
        # What a plan and the raw outputs differ by, where `vitonnx probe` has planned before.
        np.testing.assert_allclose(*_numbers(ours[name], probed[name]), atol=1e-6)


def _numbers(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Words as whole numbers, so that both are compared alike."""
    if arrays[0].dtype.kind != "U":
        return arrays
    words = sorted({*arrays[0].ravel(), *arrays[1].ravel()})
    return tuple(np.searchsorted(words, array) for array in arrays)


def test_a_first_visit(person: Person, picture: Path, tmp_path: Path) -> None:
    first_visit(person, picture, tmp_path)
