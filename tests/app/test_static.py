"""The folder that `vitonnx app --static` writes, in a browser: its numbers are the engine's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from app.browser import Person, launch
from app.browser_folder import runtime_folder, serve_folder
from vitonnx.app import write_static
from vitonnx.demo import demo_models

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page

# Of the largest value: single precision on both sides, in another order.
TOLERANCE = 1e-4
WEBGPU = "--enable-unsafe-webgpu"  # in software


@pytest.fixture(scope="module")
def models() -> dict[str, vx.Engine]:
    return {name: vx.Engine(file, device="cpu") for name, file in demo_models().items()}


@pytest.fixture(scope="module")
def address(
    models: dict[str, vx.Engine], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("static") / "page"
    write_static(models, folder, runtime=runtime_folder(), space=True)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("---\n")
    assert "sdk: static" in readme
    assert "| scenes_vit |" in readme
    own = [path for path in folder.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in own) <= 150_000
    with serve_folder(folder, isolated=True) as address:
        yield address


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    with Image.open(Path(__file__).parents[2] / "examples" / "cat.jpg") as opened:
        opened.resize((331, 241)).save(folder / "cat.png")
        opened.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "other.png")
        opened.save(folder / "cat.jpg", quality=93)
    return folder


@pytest.fixture(scope="module", params=["WASM", "WebGPU"])
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    with launch(*([WEBGPU] if request.param == "WebGPU" else [])) as browser:
        browser.backend = request.param
        yield browser


@pytest.fixture
def person(browser: Browser, address: str, pictures: Path) -> Iterator[Person]:
    person = Person(browser, address)
    person.show(pictures / "cat.png")
    yield person
    person.page.close()
    assert person.complaints == []
    assert person.strangers == []


def saved(person: Person, folder: Path) -> list[dict[str, Any]]:
    """Save the arrays of all models that stand side by side."""
    count, found = len(person.models()), []
    downloads: list[Any] = []
    person.page.on("download", lambda download: downloads.append(download))
    person.page.locator("#save-arrays").click()
    while len(downloads) < count:
        person.page.wait_for_timeout(20)
    for number, each in enumerate(downloads):
        each.save_as(folder / f"{number}.npz")
        with np.load(folder / f"{number}.npz", allow_pickle=False) as arrays:
            found.append(dict(arrays))
    return found


def alike(found: dict[str, Any], result: Any, tolerance: float = TOLERANCE) -> None:
    """Hold arrays that were saved to those of the engine."""
    for name, right in result.arrays().items():
        if name not in found:
            assert name in ("target", "score", "probability")  # which no map shows
            continue
        given, right = found[name][0].astype(float), np.asarray(right, float)
        assert given.shape == right.shape
        assert np.abs(given - right).max() <= tolerance * np.abs(right).max(), name
    np.testing.assert_allclose(found["crop"][0], result.crop)


def test_which_of_the_two_runs_is_shown(person: Person, browser: Browser) -> None:
    said = person.card(0).locator("h2").inner_text()
    assert browser.backend in said


@pytest.mark.parametrize(
    ("probe", "asked"),
    [
        (vx.Heads(), {}),
        (vx.Heads(block=1, mass=0.6), {"block": 1, "mass": 0.6}),
        (vx.Rollout(), {}),
        (vx.Rollout(fusion="max", discard=0.7), {"fusion": "max", "discard": 0.7}),
        (vx.Distance(), {}),
        (vx.Entropy(), {}),
        (vx.Similarity(block=2), {"block": 2}),
        (vx.Norms(block=0), {"block": 0}),
        (vx.PCA(), {}),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else None,
)
def test_numbers_are_the_engines(
    probe: Any,
    asked: dict[str, Any],
    person: Person,
    models: dict[str, vx.Engine],
    pictures: Path,
    tmp_path: Path,
) -> None:
    if probe.name != "heads":
        person.ask(probe.name)
    for name, value in asked.items():
        if isinstance(value, str):
            with person.answer():
                person.option(name).select_option(value)
        else:
            person.slide(name, value)
    found = saved(person, tmp_path)
    assert len(found) == len(models) == 2
    for arrays, engine in zip(found, models.values(), strict=True):
        alike(arrays, engine.probe(pictures / "cat.png", probe)[0])


def test_a_click_asks_its_patch(
    person: Person, models: dict[str, vx.Engine], pictures: Path, tmp_path: Path
) -> None:
    person.point(0, 0.3, 0.7)
    found = re.search(r"pixel y (\d+), x (\d+)", person.caption())
    assert found is not None
    y, x = map(int, found.groups())
    for arrays, engine in zip(saved(person, tmp_path), models.values(), strict=True):
        alike(arrays, engine.probe(pictures / "cat.png", vx.Heads(query=(y, x)))[0])


def test_classes(
    person: Person, models: dict[str, vx.Engine], pictures: Path, tmp_path: Path
) -> None:
    (box,) = person.page.locator("#models input[value=scenes_dino]").all()
    with person.answer():
        box.uncheck()
    engine = models["scenes_vit"]
    (expected,) = engine.probe(pictures / "cat.png", vx.Lens())
    assert expected.prediction is not None
    assert str(expected.prediction.label) in person.card(0).inner_text()
    person.ask("lens")
    alike(saved(person, tmp_path)[0], expected)
    person.ask("attribution")
    with person.answer():
        person.option("target").fill("2")
        person.option("target").press("Enter")
    for method in ("legrad", "grad-cam"):
        if method != "legrad":
            with person.answer():
                person.option("method").select_option(method)
        found = saved(person, tmp_path)[0]
        alike(found, engine.probe(pictures / "cat.png", vx.Attribution(method=method, target=2))[0])


def test_a_second_picture_is_compared_with_the_first(
    person: Person, models: dict[str, vx.Engine], pictures: Path, tmp_path: Path
) -> None:
    person.ask("similarity")
    person.show(pictures / "other.png", "second")
    engine = models["scenes_vit"]
    both = [pictures / "cat.png", pictures / "other.png"]
    _, expected = engine.probe(both, vx.Similarity())
    said = re.search(
        r"at row (\d+), column (\d+)", str(person.map(0, 1).get_attribute("aria-label"))
    )
    assert said is not None
    values = np.asarray(expected.similarity)
    row, column = (int(number) - 1 for number in said.groups())
    assert values[row, column] >= values.max() - 1e-5


def test_a_jpeg_ranks_patches_alike(
    person: Person, models: dict[str, vx.Engine], pictures: Path, tmp_path: Path
) -> None:
    """Decoders of JPEG differ by a level here and there."""
    person.show(pictures / "cat.jpg")
    person.ask("rollout")
    for arrays, engine in zip(saved(person, tmp_path), models.values(), strict=True):
        (expected,) = engine.probe(pictures / "cat.jpg", vx.Rollout())
        ranks = [
            np.argsort(np.argsort(np.ravel(each))) for each in (arrays["rollout"], expected.rollout)
        ]
        correlation = np.corrcoef(ranks[0], ranks[1]).item(0, 1)
        assert correlation >= 0.999


def test_what_weights_tell_and_what_a_page_cannot(person: Person) -> None:
    person.ask("filters")
    person.ask("positions")
    for refused in ("flow", "cka"):
        person.ask(refused)
        assert "vitonnx" in person.card(0).inner_text()


def test_no_serious_violation(person: Person) -> None:
    assert person.violations() == []
