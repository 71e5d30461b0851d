"""An option that several probes share goes to each; one behind a probe's name is its own alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from media.video_files import look
from terminal import Outcome, assert_refused, contents
from vitonnx.probes import PROBES, GraphProbe, Probe, options_of

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]
Baked = Callable[..., dict[str, NDArray[np.float32]]]

PIXELS = np.random.default_rng(53).integers(0, 256, (2, 40, 56, 3), np.uint8)


@pytest.fixture
def model(exported: Exported) -> Path:
    return exported("registers")


@pytest.fixture
def baked(model: Path, call: Call, desk: Path) -> Baked:
    """Bake with some words, and run the file."""

    def baked(*words: str) -> dict[str, NDArray[np.float32]]:
        outcome = call("bake", model, *words, "-o", "baked.onnx", "--quiet")
        assert (outcome.code, outcome.err) == (0, "")
        session = onnxruntime.InferenceSession("baked.onnx", providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, {"images": PIXELS}), strict=True))

    return baked


def asked(model: Path, probe: Probe[Any]) -> NDArray[np.float32]:
    """What a probe finds in the same pixels, on the host."""
    with vx.Engine(model, device="cpu", in_graph=False) as engine:
        results = engine.probe_pixels(PIXELS, probe)
    return np.stack([next(iter(result.arrays().values())) for result in results])


def test_each_probe_takes_what_it_knows(baked: Baked, model: Path) -> None:
    words = ("--probe", "heads", "--probe", "rollout", "--block", "1", "--fusion", "max")
    found = baked(*words)
    assert list(found) == ["heads", "rollout"]
    np.testing.assert_allclose(found["heads"], asked(model, vx.Heads(block=1)), rtol=1e-4)
    expected = asked(model, vx.Rollout(fusion="max"))
    np.testing.assert_allclose(found["rollout"], expected, rtol=1e-4)
    assert np.abs(expected - asked(model, vx.Rollout())).max() > 1e-4


def test_its_own_wins(baked: Baked, model: Path) -> None:
    first = asked(model, vx.Heads(block=0))
    assert np.abs(first - asked(model, vx.Heads(block=1))).max() > 1e-4
    for words in (
        ("--probe", "heads:block=0", "--block", "1"),
        ("--block", "1", "--probe", "heads:block=0"),
        ("--probe", "heads:block=0"),
        ("--probe", "heads", "--block", "0"),
        ("--probe", "heads:--block=0"),
    ):
        np.testing.assert_allclose(baked(*words)["heads"], first, rtol=1e-4)


@pytest.mark.parametrize(
    "words",
    [
        ("--probe", "heads:query=0,9,block=1"),
        ("--probe", "heads:block=1,query=0,9"),
        ("--probe", "heads:query=0,9", "--block", "1"),
        ("--probe", "heads", "--query", "0,9", "--block", "1"),
    ],
    ids=" ".join,
)
def test_commas_within_a_value(words: tuple[str, ...], model: Path, call: Call, desk: Path) -> None:
    outcome = call("bake", model, *words, "-o", "o.onnx")
    assert_refused(outcome, 2, "can't be baked with query (0, 9)")
    folder = desk / "frames"
    folder.mkdir()
    for number, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    more = ("--head", "0", "--style", "heatmap", "--device", "cpu", "--quiet")
    assert call("probe", "video", model, folder, *words, *more, "-o", "command.mp4").code == 0
    engine = vx.Engine(model, device="cpu")
    pictures = [look(Path("command.mp4")).pictures]
    for name, probe in (("same", vx.Heads(1, (0, 9))), ("other", vx.Heads(1))):
        vx.make_video(folder, engine, probe, f"{name}.mp4", head=0, style="heatmap")
        pictures.append(look(Path(f"{name}.mp4")).pictures)
    command, same, other = np.stack(pictures).astype(int)
    np.testing.assert_array_equal(command, same)
    assert np.abs(command - other).mean() > 3


def test_words_as_values(baked: Baked, model: Path) -> None:
    found = baked("--probe", "heads:query=reg2", "--probe", "rollout:fusion=min,discard=0.5")
    expected = asked(model, vx.Heads(query="reg2"))
    np.testing.assert_allclose(found["heads"], expected, rtol=1e-4)
    expected = asked(model, vx.Rollout(fusion="min", discard=0.5))
    np.testing.assert_allclose(found["rollout"], expected, rtol=1e-4)


def test_an_option_of_nobody(model: Path, call: Call, desk: Path) -> None:
    for words, parts in (
        (("--probe", "heads", "--fusion", "max"), ("--fusion", "heads")),
        (("--probe", "rollout", "--block", "1"), ("--block", "rollout")),
        (("--probe", "heads", "--probe", "rollout", "--renormalize"), ("--renormalize",)),
        # Also where the one that knows it is asked for something else.
        (("--probe", "rollout:fusion=max", "--block", "1"), ("--block",)),
        (("--probe", "heads:fusion=max", "--probe", "rollout"), ("heads", "fusion")),
        (("--probe", "heads:block=0 ,block=1"), ("block", "twice")),
        (("--probe", "heads:block=0,--block=1"), ("block", "twice")),
        (("--probe", "heads:query=nosuch"), ("nosuch",)),
        (("--probe", "heads:query=-1,9"), ("query",)),
        (("--probe", "heads:block=0;query=cls"), ("block",)),
        (("--probe", "heads,rollout"), ("heads,rollout",)),
        (("--probe", "Heads"), ("heads",)),
    ):
        assert_refused(call("bake", model, *words, "-o", "o.onnx"), 2, *parts)
    assert contents(desk) == {}


def test_every_option_of_a_graph_is_offered_once(call: Call) -> None:
    said = call("bake", "--help").out
    compiled = [probe for probe in PROBES if issubclass(probe, GraphProbe)]
    options = [option for probe in compiled for option in options_of(probe)]
    for option in options:
        assert said.count(f" {option.flag} ") == int(option.in_graph), option.flag
