"""Every probe inside has every surface that it can have, and is refused on every other.

What a probe can is read from what it says of itself; no test here knows a name.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from matplotlib.figure import Figure
from PIL import Image

import vitonnx as vx
from media.video_files import even, frames, look, write_video
from terminal import Outcome, assert_refused, contents, environment
from vitonnx.errors import VitonnxError
from vitonnx.probes import (
    PROBES,
    Attribution,
    ClassMaps,
    ColourMaps,
    GraphProbe,
    Maps,
    Matrix,
    Option,
    Plate,
    SumProbe,
    TableProbe,
    WeightProbe,
    options_of,
)

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]
Class = type[Any]

OF_WEIGHTS = [probe for probe in PROBES if issubclass(probe, WeightProbe)]
OF_PICTURES: list[Class] = [probe for probe in PROBES if probe not in OF_WEIGHTS]
TABLES = [probe for probe in OF_PICTURES if issubclass(probe, TableProbe)]
SUMS = [probe for probe in OF_PICTURES if issubclass(probe, SumProbe)]
SINGLE = [probe for probe in OF_PICTURES if probe not in (*TABLES, *SUMS)]
FITTED = [probe for probe in SINGLE if probe.learns]
UNFITTED = [probe for probe in SINGLE if probe not in FITTED]
RESUMED = [*TABLES, *SUMS, *FITTED]
MOVING = [
    probe
    for probe in OF_PICTURES
    if probe.gives in (Maps, ColourMaps, ClassMaps) and probe.in_videos
]
STILL = [probe for probe in PROBES if probe not in MOVING]
COMPILED = [probe for probe in OF_PICTURES if issubclass(probe, GraphProbe)]

# Rectangular grids, and one and five prefix tokens.
KINDS = ("plain", "registers")
QUIET = ("--device", "cpu", "--quiet")
MANY = 700

# The command as it is, but for how often it writes its state: at every chance.
EAGER = """
import sys
from vitonnx.cli import _counting, main
_counting.SAVE_EVERY_SECONDS, _counting.SAVING_SHARE = 0, 1
sys.exit(main(sys.argv[1:]))
"""


def each(probes: list[Class]) -> pytest.MarkDecorator:
    """Run a test for each probe of a list, which must not be empty unnoticed."""
    assert probes
    return pytest.mark.parametrize("probe", probes, ids=lambda probe: probe.name)


def other_value(option: Option) -> Any:
    """Give a value of an option that is not its default; None where only the probe knows one."""
    if option.choices:
        return next(each for each in option.choices if each != option.default)
    if option.kind is bool:
        return not option.default
    if option.read is not None:
        return None
    if option.kind is int:
        return 0 if option.default == -1 else 1  # of two blocks, the last is 1
    return 0.625


def changed(probe: Class) -> list[Any]:
    """Make probes that differ from the default in one option each, where that can be alone."""
    values = ((option.name, other_value(option)) for option in options_of(probe))
    made = []
    for name, value in values:
        # The samples of attribution are for one of its methods, which isn't the default.
        if value is not None and (probe, name) != (Attribution, "samples"):
            made.append(replace(probe(), **{name: value}))
    return made


def words_for(question: Any) -> list[str]:
    """Write a probe as its own command's options."""
    words = []
    for option in options_of(type(question)):
        value = getattr(question, option.name)
        if value != option.default:
            words += [option.flag] if value is True else [f"{option.flag}={value}"]
    return words


def spelled(question: Any) -> str:
    """Write a probe as ``--probe`` takes it."""
    settings = [
        f"{option.name}={value}".replace("=True", "=true")
        for option in options_of(type(question))
        if (value := getattr(question, option.name)) != option.default
    ]
    return ":".join(filter(None, (question.name, ",".join(settings))))


def every_setting(probes: list[Class]) -> pytest.MarkDecorator:
    """Run a test for each probe as it is by default, and with each option changed."""
    questions = [one for probe in probes for one in (probe(), *changed(probe))]
    return pytest.mark.parametrize("question", questions, ids=spelled)


def every_setting_on_models(probes: list[Class]) -> pytest.MarkDecorator:
    """Run a test for each probe on both models, and for each changed option on one of them."""
    cases = [(probe(), kind) for probe in probes for kind in KINDS]
    for probe in probes:
        cases += zip(changed(probe), itertools.cycle(KINDS), strict=False)
    return pytest.mark.parametrize(
        ("question", "model"),
        cases,
        indirect=["model"],
        ids=lambda part: part if isinstance(part, str) else spelled(part),
    )


def assert_same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7)


def look_at(path: Path | str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def assert_alike(one: Path | str, other: Path | str) -> None:
    """Compare figures, to a level of 255.

    Whether a few pictures run as planned depends on what other tests left in the cache: the numbers
    then agree up to their rounding.
    """
    levels = [look_at(each).astype(int) for each in (one, other)]
    assert levels[0].shape == levels[1].shape
    assert np.abs(levels[0] - levels[1]).max() <= 1


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, exported: Exported) -> Path:
    return exported(request.param)


@pytest.fixture
def five(exported: Exported) -> Path:
    """A model of five prefix tokens."""
    return exported("registers")


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three pictures, no two alike."""
    folder = tmp_path_factory.mktemp("noise")
    generator = np.random.default_rng(31)
    paths = [folder / f"{number}.png" for number in range(3)]
    for path, sides in zip(paths, ((61, 83), (47, 190), (97, 53)), strict=True):
        Image.fromarray(generator.integers(0, 256, (*sides, 3), np.uint8)).save(path)
    return paths


@pytest.fixture(scope="module")
def many(noise: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of many names for three pictures."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(MANY):
        os.link(noise[number * number % 3], folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def six(many: Path) -> list[Path]:
    """As many pictures as every total needs."""
    return sorted(many.iterdir())[:6]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("walk") / "walk.mp4", frames(5), even(5))


# Pictures.


@every_setting_on_models(SINGLE)
def test_arrays_of_pictures(
    question: Any, model: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    words = words_for(question)
    outcome = call("probe", question.name, model, *noise, *words, "-o", "o.npz", *QUIET)
    assert (outcome.code, outcome.out, outcome.err) == (0, "o.npz\n", "")
    results = vx.Engine(model, device="cpu").probe(noise, question)
    with np.load("o.npz") as stored:
        assert stored["files"].tolist() == [result.file for result in results]
        assert_same(stored["crop"], [result.crop for result in results])
        names = results[0].arrays()
        assert names
        assert set(stored) >= set(names)
        for name in names:
            assert_same(stored[name], np.stack([result.arrays()[name] for result in results]))


@each(SINGLE)
def test_figures_of_pictures(
    probe: Class, exported: Exported, noise: list[Path], call: Call, desk: Path
) -> None:
    """Of a model of one prefix token: sheets are of one that has five."""
    model = exported("plain")
    outcome = call("probe", probe.name, model, noise[0], "-o", "command.png", *QUIET)
    assert (outcome.code, outcome.out) == (0, "command.png\n")
    (result,) = vx.Engine(model, device="cpu").probe(noise[:1], probe())
    assert isinstance(result.plot("plot.png"), Figure)
    vx.plot([result], "vx.png")
    for written in ("plot.png", "vx.png"):
        assert_alike(written, "command.png")


@each(SINGLE)
def test_sheets_of_pictures(
    probe: Class, five: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    assert call("probe", probe.name, five, *noise, "-o", "command.png", *QUIET).code == 0
    vx.plot(vx.Engine(five, device="cpu").probe(noise, probe()), "vx.png")
    assert_alike("vx.png", "command.png")


@each(SINGLE)
def test_pictures_have_no_totals(
    probe: Class, five: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    usual = ("probe", probe.name, five, noise[0])
    if probe in UNFITTED:
        assert_refused(call(*usual, "--resume", "state.json", "-o", "o.npz"), 2, "--resume")
    for name in ("o.json", "o.csv"):
        assert_refused(call(*usual, "-o", name), 2, name, ".npz")
    assert contents(desk) == {}


@each(OF_PICTURES)
def test_pictures_are_not_weights(probe: Class, five: Path, call: Call, desk: Path) -> None:
    with pytest.raises(VitonnxError, match="picture"):
        vx.Engine(five, device="cpu").probe_weights(probe())
    with pytest.raises(VitonnxError, match="picture"):
        vx.probe_weights(five, probe())
    outcome = call("probe", probe.name, five, "-o", "o.png")
    assert_refused(outcome, 2, "DATA")
    assert contents(desk) == {}


# Data sets.


@every_setting_on_models(TABLES)
def test_totals_of_a_data_set(
    question: Any, model: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    usual = ("probe", question.name, model, *noise, *words_for(question), *QUIET)
    for name in ("o.npz", "o.json", "o.csv"):
        outcome = call(*usual, "-o", name)
        assert (outcome.code, outcome.out, outcome.err) == (0, f"{name}\n", "")
    engine = vx.Engine(model, device="cpu")
    found = np.stack([next(iter(one.arrays().values())) for one in engine.probe(noise, question)])
    assert found.shape == (3, engine.layout.blocks, engine.layout.heads)
    assert 0 < found.min() <= found.max() <= question.largest(engine.layout) + 1e-6
    with np.load("o.npz") as stored:
        arrays = dict(stored)
    assert_same(arrays["mean"], found.mean(axis=0))
    assert_same(arrays["std"], found.std(axis=0))
    assert (arrays["count"], arrays["files"].tolist()) == (3, list(map(str, noise)))
    said = json.loads(Path("o.json").read_text())
    assert {name: arrays[name].tolist() for name in said} == said
    with Path("o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == arrays["mean"].size
    for row in rows:
        place = int(row["block"]), int(row["head"])
        assert float(row["mean"]) == arrays["mean"][place]
        assert float(row["std"]) == arrays["std"][place]
        assert int(row["count"]) == 3


@each(TABLES)
def test_figures_of_a_data_set(
    probe: Class, five: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    more = ("scenes_vit", *noise, *QUIET)  # trained: no figure says otherwise
    assert call("probe", probe.name, *more, "-o", "many.png").code == 0
    assert call("probe", probe.name, five, noise[0], "-o", "one.png", *QUIET).code == 0
    (result,) = vx.Engine(five, device="cpu").probe(noise[:1], probe())
    assert isinstance(result.plot("plot.png"), Figure)
    assert_alike("plot.png", "one.png")
    engine = vx.Engine("scenes_vit", device="cpu")
    stream = engine.stream(noise, [probe()])
    assert len(list(stream)) == 3
    finding = probe().table(stream.summary[probe.name])
    assert finding.count == 3
    vx.plot({engine.manifest.name: finding}, "vx.png")
    assert_alike("vx.png", "many.png")


@each([*TABLES, *SUMS])
def test_lists_samples_and_bad_pictures(
    probe: Class, five: Path, six: list[Path], call: Call, desk: Path
) -> None:
    Path("none.png").write_text("Dear picture")
    Path("list.txt").write_text("\n".join([*map(str, six), "none.png"]) + "\n")
    outcome = call("probe", probe.name, five, "list.txt", "-o", "all.npz", *QUIET)
    assert outcome.code == 1
    assert "none.png" in outcome.err
    outcome = call(
        *("probe", probe.name, five, "list.txt", "--limit", "5", "-o", "five.npz", *QUIET)
    )
    assert outcome.code == 0
    with np.load("all.npz") as everything, np.load("five.npz") as sample:
        assert everything["files"].tolist() == list(map(str, six))
        assert everything["skipped"].tolist() == ["none.png"]
        assert sample["files"].tolist() == list(map(str, six[:5]))
    before = contents(desk)
    outcome = call("probe", probe.name, five, "list.txt", "--strict", "-o", "x.npz", *QUIET)
    assert_refused(outcome, 1, "none.png")
    assert contents(desk) == before


# All tables are counted by the same code, and so one of them is enough.
@each([*TABLES[:1], *SUMS, *FITTED])
def test_a_killed_run_goes_on_to_the_same_bits(
    probe: Class, five: Path, many: Path, call: Call, desk: Path
) -> None:
    usual = ["probe", probe.name, str(five), str(many), "--threads", "2", *QUIET]
    resumed = [*usual, "--resume", "state.json", "-o", "resumed.npz"]
    assert call(*usual, "-o", "whole.npz").code == 0
    process = subprocess.Popen([sys.executable, "-c", EAGER, *resumed], env=environment())
    try:
        deadline = time.monotonic() + 60
        while position(Path("state.json")) == 0 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        process.kill()
        process.wait()
    assert process.returncode < 0
    assert not Path("resumed.npz").exists()
    outcome = call(*(word for word in resumed if word != "--quiet"))
    assert outcome.code == 0
    (going_on,) = [note for note in outcome.notes if note.startswith("going on after")]
    done = int(re.findall(r"\d+", going_on)[0])
    assert 0 < done < MANY
    with np.load("whole.npz") as one, np.load("resumed.npz") as two:
        assert set(one) == set(two)
        for name in one:
            np.testing.assert_array_equal(two[name], one[name])
    # Another run's state is refused, and left alone.
    before = contents(desk)
    outcome = call(*resumed, "--limit", "5")
    assert_refused(outcome, 2, "state.json", "another run")
    assert contents(desk) == before


def position(state: Path) -> int:
    """Say how many pictures a state holds."""
    if not state.exists():
        return 0
    return sum(int(each["position"]) for each in json.loads(state.read_text())["state"]["surveys"])


# Each probe before another, after another, and before itself.
PAIRS = [*zip(RESUMED, [*RESUMED[1:], RESUMED[0]], strict=True), *((one, one) for one in RESUMED)]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda probe: probe.name)
def test_the_state_of_another_probe_is_refused(
    first: Class, second: Class, five: Path, six: list[Path], call: Call, desk: Path
) -> None:
    more = (five, *six, "--resume", "state.json", *QUIET)
    assert call("probe", first.name, *more, "-o", "1.npz").code == 0
    before = contents(desk)
    outcome = call("probe", second.name, *more, "-o", "2.npz")
    if first is second:
        assert outcome.code == 0
    else:
        assert_refused(outcome, 2, "state.json", "another run")
        assert contents(desk) == before


# Weights.


@every_setting(OF_WEIGHTS)
def test_arrays_of_weights(question: Any, model: Path, call: Call, desk: Path) -> None:
    outcome = call(*("probe", question.name, model, *words_for(question), "-o", "o.npz", "--quiet"))
    assert (outcome.code, outcome.out, outcome.err) == (0, "o.npz\n", "")
    result = vx.Engine(model, device="cpu").probe_weights(question)
    with np.load("o.npz") as stored:
        arrays = result.arrays()
        assert arrays
        assert set(stored) >= set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(stored[name], array)


@each(OF_WEIGHTS)
def test_figures_of_weights(probe: Class, model: Path, call: Call, desk: Path) -> None:
    outcome = call("probe", probe.name, model, "-o", "command.png", "--quiet")
    assert (outcome.code, outcome.out) == (0, "command.png\n")
    result = vx.probe_weights(model, probe())
    assert isinstance(result.plot("plot.png"), Figure)
    vx.plot(result, "vx.png")
    for written in ("plot.png", "vx.png"):
        assert_alike(written, "command.png")


@each(OF_WEIGHTS)
def test_weights_take_no_pictures(
    probe: Class, five: Path, noise: list[Path], walk: Path, call: Call, desk: Path
) -> None:
    assert_refused(call("probe", probe.name, five, noise[0], "-o", "o.png"), 2, noise[0].name)
    assert_refused(call("probe", probe.name, five, "--resume", "s.json"), 2, "--resume")
    for name in ("o.json", "o.csv"):
        assert_refused(call("probe", probe.name, five, "-o", name), 2, name)
    assert_refused(call("bake", five, "--probe", probe.name, "-o", "o.onnx"), 2, probe.name)
    outcome = call("probe", "video", five, walk, "--probe", probe.name, "-o", "o.mp4", *QUIET)
    assert_refused(outcome, 2, probe.name, "maps")
    engine = vx.Engine(five, device="cpu")
    for ask in (
        lambda: engine.probe(noise, probe()),
        lambda: engine.probe(noise, [probe()]),
        lambda: engine.stream(noise, [probe()]),
        lambda: engine.explain(probe()),
        lambda: vx.bake(engine, [probe()], "o.onnx"),
        lambda: vx.make_video(walk, [engine], probe(), "o.mp4"),
    ):
        with pytest.raises(VitonnxError, match=r"\.$"):
            ask()
    assert contents(desk) == {}


# The graph.


@every_setting_on_models(COMPILED)
def test_baked_files_give_what_the_host_gives(
    question: Any, model: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    engine = vx.Engine(model, device="cpu", in_graph=False)
    graph_form = question.graph_form
    words = ["--probe", spelled(graph_form), "-o", "baked.onnx", "--quiet"]
    if type(question) in FITTED and "basis" in {each.name for each in options_of(type(question))}:
        outcome = call("bake", model, *words)
        assert_refused(outcome, 2, "basis")
        words[1:2] = [spelled(question), "--basis", str(noise[0].parent)]
        graph_form = engine.fitted(sorted(noise), question)
    assert call("bake", model, *words).code == 0
    session = onnxruntime.InferenceSession("baked.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == [question.name]
    assert [each.name for each in session.get_inputs()] == ["images"]
    seen: list[Any] = engine.probe(noise, vx.Heads())
    pixels = np.stack([result.pixels for result in seen])
    (given,) = session.run(None, {"images": pixels})
    # What is baked is what all results are made of.
    told = graph_form.constants(engine.layout)
    outputs, layout = engine.run_informed(pixels, graph_form.reads(engine.layout), told)
    tokens: list[Any] = [graph_form.token(layout, (0, 0, 1, 1))] * len(noise)
    expected = graph_form.condense_on_host(outputs, layout, tokens)
    assert given.shape == expected.shape
    np.testing.assert_allclose(given, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


@each([probe for probe in COMPILED if probe not in SUMS])
def test_the_graph_and_the_host_agree(probe: Class, model: Path, noise: list[Path]) -> None:
    # By default on both models, and with each option changed on one of them.
    first = KINDS.index(model.stem)
    for question in (probe(), *changed(probe)[first::2]):
        compiled, on_host = (
            vx.Engine(model, device="cpu", in_graph=in_graph).probe(noise, question)
            for in_graph in (True, False)
        )
        for one, other in zip(compiled, on_host, strict=True):
            for name, array in other.arrays().items():
                if array.dtype.kind == "f":
                    np.testing.assert_allclose(one.arrays()[name], array, rtol=2e-4, atol=1e-6)


@each(COMPILED)
def test_plans_are_explained(
    probe: Class, five: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    outcome = call("probe", probe.name, five, noise[0], "--explain", "--device", "cpu")
    assert outcome.code == 0
    assert probe.name in outcome.out
    assert vx.Engine(five, device="cpu").explain(probe()).splitlines()[0] in outcome.out
    assert contents(desk) == {}


# Videos.


@each(MOVING)
def test_videos_of_maps(probe: Class, model: Path, walk: Path, call: Call, desk: Path) -> None:
    words = ("probe", "video", model, walk, "--probe", probe.name, "-o", "o.mp4", *QUIET)
    outcome = call(*words)
    assert (outcome.code, outcome.out) == (0, "o.mp4\n")
    seen = look(Path("o.mp4"))
    assert len(seen.pictures) == 5
    # The map is drawn over the frame: it isn't the video as it was.
    for drawn, frame in zip(seen.pictures, look(walk).pictures, strict=True):
        part = drawn[: frame.shape[0], : frame.shape[1]].astype(int)
        assert np.abs(part - frame[: part.shape[0], : part.shape[1]]).mean() > 5
    report = vx.make_video(walk, [vx.Engine(model, device="cpu")], probe(), "vx.mp4")
    assert report.frames == 5
    for one, other in zip(look(Path("vx.mp4")).pictures, seen.pictures, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).mean() < 1


@each(STILL)
def test_no_videos_of_anything_else(
    probe: Class, five: Path, walk: Path, call: Call, desk: Path
) -> None:
    outcome = call("probe", "video", five, walk, "--probe", probe.name, "-o", "o.mp4", *QUIET)
    assert_refused(outcome, 2, probe.name, "maps")
    with pytest.raises(VitonnxError, match=r"maps|asks for no picture"):
        vx.make_video(walk, [vx.Engine(five, device="cpu")], probe(), "o.mp4")
    assert contents(desk) == {}


# Reports.


@every_setting(list(PROBES))
def test_reports(question: Any, five: Path, six: list[Path], call: Call, desk: Path) -> None:
    words = ("--probe", spelled(question), "--show", "2", "-o", "o.html", *QUIET)
    outcome = call("report", five, *six[:5], *words)
    assert (outcome.code, outcome.out, outcome.err) == (0, "o.html\n", "")
    figures = re.findall(r'<img src="data:image/png;base64,[^"]{999,}" alt="([^"]+)"', page("o"))
    # Maps share a sheet, unless they have parts; what all pictures come to is a figure more.
    alone = type(question) in SINGLE
    parts = alone and question.parts(vx.Engine(five, device="cpu").layout)
    totalled = hasattr(type(question), "summary")
    assert len(figures) == (2 if parts else 1) + (1 if alone and totalled else 0)


def test_a_report_shows_every_probe(five: Path, six: list[Path], call: Call, desk: Path) -> None:
    """Whatever needs no extra, each with what its figure tells."""
    assert call("report", five, *six, "--show", "1", "-o", "o.html", *QUIET).code == 0
    told = dict(re.findall(r"<h2>([^<]+)</h2>\s*<p>([^<]+)</p>", page("o")))
    asked = [probe for probe in PROBES if probe is not vx.Flow]
    assert told.items() >= {each.__name__: escape(each.purpose) for each in asked}.items()


@each(list(PROBES))
def test_a_report_of_two_models(
    probe: Class, exported: Exported, six: list[Path], call: Call, desk: Path
) -> None:
    models = (exported("plain"), "--compare", exported("registers"))
    words = ("--probe", probe.name, "--show", "1", "-o", "o.html", *QUIET)
    assert call("report", models[0], *six, *models[1:], *words).code == 0
    assert "tiny_plain" in page("o")
    assert "tiny_registers" in page("o")


def page(name: str) -> str:
    return Path(f"{name}.html").read_text(encoding="utf-8")


# Results.


@each(list(PROBES))
def test_results_show_themselves(
    probe: Class, five: Path, noise: list[Path], six: list[Path], desk: Path
) -> None:
    engine = vx.Engine(five, device="cpu")
    if probe in SUMS:
        finding = engine.total(six, probe())
        assert isinstance(finding, probe.gives)
        assert isinstance(vx.plot({"model": finding}, "o.png"), Figure)
        with pytest.raises(VitonnxError, match="nothing in a single picture"):
            engine.probe(noise[:1], probe())
        return
    result = (
        engine.probe_weights(probe())
        if probe in OF_WEIGHTS
        else engine.probe(noise[:1], probe())[0]
    )
    assert isinstance(result.finding, probe.gives)
    said = repr(result)
    assert said.startswith(type(result).__name__ + "(")
    assert "[[" not in said  # shapes, and no numbers
    assert len(said) < 700
    shown = result._repr_png_()
    assert shown is not None
    assert shown.startswith(b"\x89PNG")
    if probe in OF_PICTURES:
        assert (result.file, result.error) == (str(noise[0]), None)
        assert len(result.crop) == 4


@each(OF_PICTURES)
def test_results_of_failures(probe: Class, five: Path, desk: Path) -> None:
    Path("none.png").write_text("Dear picture")
    (result,) = vx.Engine(five, device="cpu").stream(["none.png"], [probe()])
    assert "none.png" in str(result.error)
    assert result._repr_png_() is None
    with pytest.raises(VitonnxError, match=r"none\.png"):
        vx.plot([result])


# Names and options.


def test_help_lists_every_probe(call: Call) -> None:
    outcome = call("probe", "--help")
    assert outcome.code == 0
    for probe in PROBES:
        assert re.search(rf"│ {probe.name} ", outcome.out), probe.name


@each(list(PROBES))
def test_help_names_every_option(probe: Class, call: Call) -> None:
    outcome = call("probe", probe.name, "--help")
    assert outcome.code == 0
    assert probe.help[:40] in outcome.out
    for option in options_of(probe):
        assert option.flag in outcome.out
        assert option.help
    if probe in COMPILED:
        others = call("bake", "--help").out
        shared = [option for option in options_of(probe) if option.in_graph]
        assert all(option.flag in others for option in shared)


@each(list(PROBES))
def test_help_begins_with_a_verb(probe: Class) -> None:
    """And ends with a full stop."""
    for text in (probe.help, probe.purpose, *(option.help for option in options_of(probe))):
        assert re.match(r"[A-Z][a-z]+ ", text), text
        assert text.endswith("."), text


def test_a_name_misspelt(five: Path, noise: list[Path], walk: Path, call: Call, desk: Path) -> None:
    for name in ("nosuch", "headz", ""):
        ask = ("--probe", name)
        assert_refused(call("bake", five, *ask, "-o", "o.onnx"), 2, f"no probe '{name}'")
        assert_refused(call("report", five, noise[0], *ask, "-o", "o.html"), 2, "no probe")
        assert_refused(call("probe", "video", five, walk, *ask, "-o", "o.mp4"), 2, "no probe")
        assert call("probe", name, five, noise[0]).code == 2
    assert contents(desk) == {}


def foreign_options(probe: Class) -> list[Option]:
    """List the options of other probes that a probe hasn't, one of each name."""
    own = {option.name for option in options_of(probe)}
    own |= {f"{option.other_name}_" for option in options_of(probe)}
    others = (option for other in PROBES for option in options_of(other))
    return list({option.name: option for option in others if option.name not in own}.values())


@each(list(PROBES))
def test_options_of_other_probes(
    probe: Class, five: Path, noise: list[Path], walk: Path, call: Call, desk: Path
) -> None:
    foreign = foreign_options(probe)
    assert foreign
    pictures = [] if probe in OF_WEIGHTS else noise[:1]
    for option in foreign:
        value = other_value(option)
        words = [option.flag] if value is True else [f"{option.flag}={value or 7}"]
        named = f"{probe.name}:{option.name}={value or 7}"
        if not (probe in (*TABLES, *SUMS) and option.flag == "--block"):  # the command's own
            outcome = call("probe", probe.name, five, *pictures, *words, "-o", "o.png")
            assert_refused(outcome, 2, option.flag)
        asked: tuple[str | Path, ...] = ("report", five, noise[0], "--probe", named, "-o", "o.html")
        assert_refused(call(*asked), 2, option.name, probe.name)
        if probe in COMPILED:
            asked = ("bake", five, "--probe", probe.name, *words, "-o", "o.onnx")
            assert_refused(call(*asked), 2, option.flag)
            asked = ("bake", five, "--probe", named, "-o", "o.onnx")
            assert_refused(call(*asked), 2, option.name, probe.name)
        if probe in MOVING:
            asked = ("probe", "video", five, walk, "--probe", probe.name, *words, "-o", "o.mp4")
            assert_refused(call(*asked), 2, option.flag)
    assert contents(desk) == {}


def settings() -> list[Any]:
    """List settings that can't be, for every option of every probe."""
    found = []
    for probe in PROBES:
        for option in options_of(probe):
            wrong = ["nonsense"] if option.choices else []
            if option.read is None and option.kind in (int, float):
                wrong += ["x", "", "1e999x"]
                wrong += [f"{option.least - 1:g}"] if option.least is not None else []
                wrong += [f"{option.most + 1:g}"] if option.most is not None else []
            if option.kind is bool:
                wrong += ["perhaps", ""]
            if option.kind is float:
                wrong += ["nan"]
            found += [(probe, option, value) for value in wrong]
    return found


@pytest.mark.parametrize(
    ("probe", "option", "value"),
    settings(),
    ids=lambda part: getattr(part, "name", repr(part)),
)
def test_values_that_can_not_be(
    probe: Class,
    option: Option,
    value: str,
    five: Path,
    noise: list[Path],
    call: Call,
    desk: Path,
) -> None:
    named = f"{probe.name}:{option.name}={value}"
    assert_refused(call("report", five, noise[0], "--probe", named, "-o", "o.html"), 2, option.name)
    if option.kind is not bool:
        pictures = [] if probe in OF_WEIGHTS else noise[:1]
        outcome = call(
            *("probe", probe.name, five, *pictures, f"{option.flag}={value}", "-o", "o.png")
        )
        assert_refused(outcome, 2, option.name)
    assert contents(desk) == {}


@each(list(PROBES))
def test_settings_twice_or_of_nothing(
    probe: Class, five: Path, noise: list[Path], call: Call, desk: Path
) -> None:
    ask = ("report", five, noise[0], "-o", "o.html", "--probe")
    assert_refused(call(*ask, f"{probe.name}:nosuch=1"), 2, "nosuch", probe.name)
    assert_refused(call(*ask, probe.name, "--probe", probe.name), 2, "once")
    for option in options_of(probe):
        assert_refused(call(*ask, f"{probe.name}:{option.name}"), 2, option.name)
        value = other_value(option)
        setting = f"{option.name}={7 if value is None else value}".lower()
        twice = f"{probe.name}:{setting},{setting}"
        assert_refused(call(*ask, twice), 2, option.name, "twice")
    assert contents(desk) == {}


def test_no_shape_is_forgotten() -> None:
    """Each shape of findings has a probe here, so that every surface is tried."""
    assert {probe.gives for probe in PROBES} >= {Maps, ColourMaps, ClassMaps, Matrix, Plate}
    assert len({*SINGLE, *TABLES, *SUMS, *OF_WEIGHTS}) == len(PROBES)
