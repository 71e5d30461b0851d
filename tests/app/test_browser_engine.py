"""The engine in the browser, on a model whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.browser import launch
from app.browser_folder import CLASSES, opened, serve_folder, write_folder
from vitonnx.engine import prepare
from vitonnx.manifest import Preprocessing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.page

SIDES = (40, 70)

# Passes everything on to the real runtime, says what runs, and may add to the numbers.
WRAPPER = """
export * from "./real.{name}";
import {{ InferenceSession as Real }} from "./real.{name}";
const channel = new BroadcastChannel("runs");
const wrapped = (session) => ({{
  inputNames: session.inputNames,
  outputNames: session.outputNames,
  release: () => session.release(),
  async run(...given) {{
    channel.postMessage(session.inputNames.join());
    const outputs = await session.run(...given);
    for (const {{ data }} of Object.values(outputs)) if ({added}) data[0] += {added};
    return outputs;
  }},
}});
export const InferenceSession = {{
  create: async (...given) => wrapped(await Real.create(...given)),
}};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One with a WebGPU, if only a slow one."""
    with launch("--enable-unsafe-webgpu") as browser:
        yield browser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (*SIDES, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    Image.fromarray(pixels[::-1]).save(tmp_path / "other.png")
    return tmp_path


@pytest.fixture
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    with serve_folder(folder) as address, opened(browser, address) as page:
        yield page


@pytest.fixture
def ready(page: Page) -> Page:
    """A page that has looked at a picture."""
    start(page)
    look(page)
    return page


def wrap_runtime(folder: Path, name: str, *, added: str = "0") -> None:
    """Put another runtime in the place of one."""
    real = (folder / "runtime").resolve()
    (folder / "runtime").unlink()
    (folder / "runtime").mkdir()
    for file in real.glob("ort*"):
        put = f"real.{name}" if file.name == name else file.name
        (folder / "runtime" / put).symlink_to(file)
    (folder / "runtime" / name).write_text(WRAPPER.format(name=name, added=added))


def tried(page: Page, work: str) -> Any:
    """Give what JavaScript gives, with arrays as lists, or its error."""
    return page.evaluate(f"() => tried(async () => {work})")


def start(page: Page, precision: str = "int8", *, limit: int = 10**6) -> str:
    """Load the model, as a file of some precision: int8 is for WASM. Give the backend."""
    tried(
        page,
        f"""{{
            catalogue.models[0].files[0].precision = "{precision}";
            catalogue.limits.memory = {limit};
            window.runs = [];
            new BroadcastChannel("runs").onmessage = ({{ data }}) => runs.push(data);
            await engine.open(catalogue);
            await engine.load("tiny", (share) => (window.share = share));
        }}""",
    )
    return str(page.evaluate("engine.backend('tiny')"))


def look(page: Page, file: str = "noise.png", name: str = "seen") -> Any:
    """Show the engine a picture."""
    given = f"{{name: '{file}', models: ['tiny']}}"
    return tried(page, f"window.{name} = await engine.look(await file('{file}'), {given})")


def ask(page: Page, probe: str, options: dict[str, Any], more: str = "{}") -> Any:
    return tried(page, f"engine.ask(seen, 'tiny', '{probe}', {options}, {more})")


def values(answer: Any) -> NDArray[np.float32]:
    found = answer["finding"]["values"]
    assert found["dtype"] == "float32"
    return np.asarray(found["data"], np.float32).reshape(found["shape"])


def expected(folder: Path, file: str = "noise.png") -> dict[str, NDArray[Any]]:
    """What the model says, by the engine's own preprocessing and onnxruntime."""
    grey = (0.5, 0.5, 0.5)
    recipe = Preprocessing(
        resize=18, size=(16, 24), crop=16 / 18, interpolation="bicubic", mean=grey, std=grey
    )
    with Image.open(folder / file) as picture:
        images = prepare(picture, recipe).pixels[None]
    session = onnxruntime.InferenceSession(folder / "fp32.onnx")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"images": images}), strict=True))


def test_a_picture_is_classified(page: Page, folder: Path) -> None:
    backend = start(page)
    seen = look(page)
    threads = page.evaluate("crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1")
    assert backend == f"WASM, {threads} thread{'s' if threads > 1 else ''} · int8"
    assert page.evaluate("share") == 1
    assert (seen["width"], seen["height"]) == (70, 40)
    model = seen["models"]["tiny"]
    assert model["inside"] == [0, 0, 1, 1]
    logits = expected(folder)["logits"][0].astype(float)
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    best = np.argsort(-shares)[:5]
    assert [entry["index"] for entry in model["classes"]] == best.tolist()
    assert [entry["label"] for entry in model["classes"]] == [CLASSES[at] for at in best]
    assert [entry["share"] for entry in model["classes"]] == pytest.approx(shares[best])


@pytest.mark.parametrize("block", [None, "0", "1", "7"])
def test_a_form_is_chosen_and_fed_with_a_block(
    ready: Page, folder: Path, block: str | None
) -> None:
    options = {} if block is None else {"block": block}
    attention = expected(folder)[f"attention_{0 if block == '0' else 1}"][0, 0]

    mean = ask(ready, "heads", {**options, "query": "mean"})
    token = ask(ready, "heads", {**options, "mass": "0.5"})
    clicked = ask(ready, "heads", {**options, "mass": "0.5", "query": "20,40"})

    assert values(mean) == pytest.approx(attention.mean(0)[1:].reshape(1, 2, 3), rel=1e-4)
    assert values(token) == pytest.approx(attention[0, 1:].reshape(1, 2, 3) / 2, rel=1e-4)
    # The crop is x 8.75 to 61.25, y 2.2 to 37.8: the pixel lies in its second row and column.
    assert values(clicked) == pytest.approx(attention[5, 1:].reshape(1, 2, 3) / 2, rel=1e-4)
    assert clicked["finding"]["mark"] == [1, 1]
    assert clicked["finding"]["unit"] == "attention"
    assert clicked["arrays"]["attention"] == clicked["finding"]["values"]
    assert "mark" not in token["finding"]
    assert "mark" not in mean["finding"]


def test_a_question_may_be_about_another_picture(page: Page, folder: Path) -> None:
    start(page)
    look(page, "other.png", "other")
    look(page)
    answer = ask(page, "heads", {"mass": "1", "query": "20,40"}, "{first: other}")
    attention = expected(folder, "other.png")["attention_1"][0, 0]
    assert values(answer) == pytest.approx(attention[5, 1:].reshape(1, 2, 3), rel=1e-4)


@pytest.mark.parametrize(
    ("target", "number"), [(None, -1), ("3", 3), ("Dog", 1), ("house cat", 0), (["newt"], 5)]
)
def test_a_class_is_its_number(ready: Page, target: Any, number: int) -> None:
    answer = ask(ready, "attribution", {} if target is None else {"target": target})
    assert values(answer).ravel().tolist() == [number] * 6


@pytest.mark.parametrize(
    ("probe", "options", "sentence"),
    [
        ("heads", {"query": "20,40"}, "can't ask heads with these options"),
        ("heads", {"mass": "1", "query": "20,2"}, "the pixel y 20, x 2 lies outside"),
        ("heads", {"mass": "1", "query": "reg0"}, "there are cls, or a pixel"),
        ("heads", {"mass": "much"}, "mass is much, which is no number"),
        ("attribution", {"target": "cow"}, "no class cow: give a number from 0 to 5"),
        ("attribution", {"target": "6"}, "no class 6: give a number"),
        ("attribution", {"target": ["1", "2"]}, "one class at a time"),
        ("flow", {}, "flow can't be asked here."),
    ],
)
def test_what_cant_be_asked(
    ready: Page, probe: str, options: dict[str, Any], sentence: str
) -> None:
    assert sentence in ask(ready, probe, options)["error"]


@pytest.fixture
def watched(browser: Browser, folder: Path) -> Iterator[Page]:
    """A page that counts what its runtime runs."""
    wrap_runtime(folder, "ort.wasm.min.mjs")
    with serve_folder(folder) as address, opened(browser, address) as page:
        yield page


def test_nothing_is_computed_twice(watched: Page) -> None:
    start(watched)
    look(watched)
    for options in ({"query": "mean", "block": block} for block in ("0", "0", "1")):
        ask(watched, "heads", options)
    for mass in ("0.5", "0.6"):
        ask(watched, "heads", {"mass": mass})
    runs = ["images", *["attention"] * 2, *["attention,query,scale"] * 2]
    assert watched.evaluate("runs") == runs


def test_what_finds_no_room_is_computed_again(watched: Page) -> None:
    start(watched, limit=500)
    look(watched)
    first = ask(watched, "heads", {"query": "mean"})
    look(watched, "other.png", "other")
    assert ask(watched, "heads", {"query": "mean"}) == first
    assert watched.evaluate("runs").count("images") == 3


def test_webgpu_answers_as_wasm_does(page: Page, folder: Path) -> None:
    assert start(page, "fp32") == "WebGPU · fp32"
    look(page)
    attention = expected(folder)["attention_1"][0, 0]
    answer = ask(page, "heads", {"mass": "1"})
    assert values(answer) == pytest.approx(attention[0, 1:].reshape(1, 2, 3), rel=1e-4)


@pytest.mark.parametrize(
    ("added", "fault"), [("1e6", "gives wrong numbers"), ("fail()", "can't run the model")]
)
def test_a_webgpu_that_fails_is_left(
    browser: Browser, folder: Path, added: str, fault: str
) -> None:
    wrap_runtime(folder, "ort.jspi.min.mjs", added=added)
    with serve_folder(folder, isolated=True) as address, opened(browser, address) as page:
        for _ in range(2):  # the verdict is kept
            assert f"threads: this WebGPU {fault} · fp32" in start(page, "fp32")
            look(page)
            attention = expected(folder)["attention_1"][0, 0]
            answer = ask(page, "heads", {"mass": "1"})
            assert values(answer) == pytest.approx(attention[0, 1:].reshape(1, 2, 3), rel=1e-4)
            page.reload()
            page.wait_for_selector("#ready", state="attached")


def test_a_webgpu_that_stops_is_left(browser: Browser, folder: Path) -> None:
    # The trial run has three outputs; what is run then fails.
    stops = "((self.outputs = (self.outputs ?? 0) + 1) > 3 ? fail() : 0)"
    wrap_runtime(folder, "ort.jspi.min.mjs", added=stops)
    with serve_folder(folder, isolated=True) as address, opened(browser, address) as page:
        assert start(page, "fp32") == "WebGPU · fp32"
        assert "models" in look(page)
        backend = page.evaluate("engine.backend('tiny')")
        assert "this WebGPU has stopped · fp32" in backend
        attention = expected(folder)["attention_1"][0, 0]
        answer = ask(page, "heads", {"mass": "1"})
        assert values(answer) == pytest.approx(attention[0, 1:].reshape(1, 2, 3), rel=1e-4)


def test_a_damaged_model_is_refused(page: Page, folder: Path) -> None:
    model = folder / "fp32.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    tried(page, "engine.open(catalogue)")
    error = tried(page, "engine.load('tiny', () => {})")["error"]
    assert error.endswith(
        "fp32.onnx is damaged, or of another version: reload the page, or copy it anew."
    )


def test_of_frames_only_the_newest_waits(page: Page, folder: Path) -> None:
    Image.linear_gradient("L").resize((1000, 999)).save(folder / "large.png")  # takes its time
    start(page)
    found = tried(
        page,
        """{
            const given = {name: "camera", models: ["tiny"]};
            const frame = () => createImageBitmap(new ImageData(30, 20));
            const frames = [await frame(), await frame(), await frame()];
            engine.look(await file("large.png"), given);
            return Promise.allSettled(frames.map((each) => engine.look(each, given))).then(
                (all) => all.map(({ value, reason }) => value?.width ?? reason?.name));
        }""",
    )
    assert found == ["AbortError", "AbortError", 30]


def test_a_forgotten_picture_isnt_answered_for(ready: Page) -> None:
    tried(ready, "engine.forget(seen)")
    assert "choose it again" in ask(ready, "heads", {"query": "mean"})["error"]
    assert (
        "isn't a picture"
        in tried(ready, "engine.look(new Blob(['?']), {name: 'p', models: []})")["error"]
    )


def test_without_a_service_worker_there_is_one_thread(browser: Browser, folder: Path) -> None:
    context = {"service_workers": "block"}
    with serve_folder(folder) as address, opened(browser, address, **context) as page:
        assert not page.evaluate("crossOriginIsolated")
        assert start(page) == "WASM, 1 thread · int8"
        assert "models" in look(page)


def test_it_works_offline_once_loaded(browser: Browser, folder: Path) -> None:
    with serve_folder(folder) as address, opened(browser, address) as page:
        assert page.evaluate("crossOriginIsolated")  # the service worker sets the headers
        start(page)
        page.evaluate("""async () => { while (!(await caches.match("class.onnx"))); }""")
        page.context.set_offline(True)
        page.reload()
        page.wait_for_selector("#ready", state="attached")
        start(page)
        picture = "await createImageBitmap(new ImageData(30, 20))"
        given = "{name: 'drawn', models: ['tiny']}"
        tried(page, f"window.seen = await engine.look({picture}, {given})")
        assert values(ask(page, "attribution", {"target": "4"})).ravel().tolist() == [4] * 6
