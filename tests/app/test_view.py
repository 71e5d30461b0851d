"""What the viewer gets: maps as bytes that mean what the numbers say."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from recipes import slopes, with_recipe
from vitonnx.app import Limits
from vitonnx.app._answers import Answers
from vitonnx.app._questions import Question
from vitonnx.app._view import colours, view
from vitonnx.app._visit import Visit, receive
from vitonnx.engine import Engine
from vitonnx.manifest import Padding
from vitonnx.plots import scale_of
from vitonnx.probes import Distance, Heads, Rollout

KINDS = ("pooled", "registers", "headless")


@pytest.fixture(scope="module")
def answers(exported: Callable[[str], Path]) -> Answers:
    engines = {kind: Engine(exported(kind)) for kind in KINDS}
    return Answers(engines, memory=10**8, reopen=lambda name: engines[name])


@pytest.fixture(scope="module")
def visit(answers: Answers, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    path = tmp_path_factory.mktemp("pictures") / "noise.png"
    noise = np.random.default_rng(11).integers(0, 256, (83, 127, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return receive(path, "noise.png", answers.engines, Limits())


def asked(
    answers: Answers, visit: Visit, heads: Heads | None = None, *, pictures: bool = True
) -> list[dict[str, Any]]:
    question = Question(KINDS, heads or Heads(), Rollout())
    said = view(answers, visit, question, pictures=pictures)
    assert said["visit"] == visit.key
    assert said["name"] == "noise.png"
    models: list[dict[str, Any]] = json.loads(json.dumps(said, allow_nan=False))["models"]
    assert [model["name"] for model in models] == list(KINDS)
    return models


def read(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(text), np.uint8)


def test_each_map_has_a_byte_a_patch(answers: Answers, visit: Visit) -> None:
    for model in asked(answers, visit):
        assert model["grid"] == [5, 7]
        assert len(model["heads"]["maps"]) == 1 + 3
        assert len(model["rollout"]["maps"]) == 1
        for kind in ("heads", "rollout"):
            for encoded in model[kind]["maps"]:
                assert read(encoded).shape == (5 * 7,)


def test_bytes_are_the_numbers_on_the_scale(answers: Answers, visit: Visit) -> None:
    heads = Heads(block=1, query=(41, 67))
    for model in asked(answers, visit, heads):
        found = answers.look(visit, model["name"], heads)["heads"]
        scale = scale_of(found.finding)
        maps = [found.mean, *found.attention]
        for encoded, expected in zip(model["heads"]["maps"], maps, strict=True):
            # A byte is a 255th of the scale; what lies beyond its ends is its end.
            share = np.clip((expected - scale.low) / (scale.high - scale.low), 0, 1)
            assert np.abs(read(encoded) / 255 - share.ravel()).max() <= 0.5 / 255 + 1e-4
        assert (model["heads"]["low"], model["heads"]["high"]) == (scale.low, scale.high)


def test_the_highest_patch_is_named(answers: Answers, visit: Visit) -> None:
    for model in asked(answers, visit):
        found = answers.look(visit, model["name"], Heads())["heads"]
        for said, expected in zip(
            model["heads"]["highest"], [found.mean, *found.attention], strict=True
        ):
            assert expected[said["row"], said["column"]] == expected.max()
            assert said["value"] == pytest.approx(expected.max())


def test_masks_are_there_where_a_share_is_asked(answers: Answers, visit: Visit) -> None:
    for model in asked(answers, visit, Heads(mass=0.4)):
        found = answers.look(visit, model["name"], Heads(mass=0.4))["heads"]
        assert len(model["heads"]["masks"]) == 1 + 3
        for encoded, mask in zip(model["heads"]["masks"][1:], found.mask, strict=True):
            np.testing.assert_array_equal(read(encoded).astype(bool), mask.ravel())
    for model in asked(answers, visit, Heads()):
        assert set(model["heads"]["masks"]) == {None}


def test_the_patch_that_asks_is_named(answers: Answers, visit: Visit) -> None:
    for model in asked(answers, visit, Heads(query=(41, 67))):
        left, top, right, bottom = model["crop"]
        row, column = model["heads"]["patch"]
        # The middle of the patch is at most half a patch away from the pixel.
        assert abs(top + (row + 0.5) * (bottom - top) / 5 - 41) <= (bottom - top) / 10 + 1
        assert abs(left + (column + 0.5) * (right - left) / 7 - 67) <= (right - left) / 14 + 1
    for model in asked(answers, visit, Heads()):
        assert model["heads"]["patch"] is None


def test_a_query_outside_is_a_sentence_in_its_place(answers: Answers, visit: Visit) -> None:
    """The other models' maps, and its own rollout, are shown all the same."""
    for model in asked(answers, visit, Heads(query=(0, 0))):
        assert "lies outside" in model["error"]
        assert "heads" not in model
        assert model["rollout"]["maps"]


def test_one_model_has_the_token_and_another_does_not(answers: Answers, visit: Visit) -> None:
    pooled, registers, _ = asked(answers, visit, Heads(query="reg2"))
    assert "reg2" in pooled["error"]
    assert "error" not in registers
    assert "reg2" in str(registers["heads"]["words"])


def test_a_block_that_is_too_deep_is_the_last(answers: Answers, visit: Visit) -> None:
    last = asked(answers, visit, Heads(block=1))
    assert asked(answers, visit, Heads(block=10**9)) == last


def test_classes_are_named_with_their_shares(answers: Answers, visit: Visit) -> None:
    pooled, registers, headless = asked(answers, visit)
    for model in (pooled, registers):
        shares = [each["share"] for each in model["classes"]]
        assert len(shares) == 5
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1.0001
        assert all(each["label"].startswith("class ") for each in model["classes"])
    assert headless["classes"] == []


def test_pictures_are_sent_only_when_they_are_wanted(answers: Answers, visit: Visit) -> None:
    for model in asked(answers, visit, pictures=False):
        assert not {"picture", "distance"} & model.keys()
    for model in asked(answers, visit, pictures=True):
        kind, _, data = model["picture"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as portrait:
            left, top, right, bottom = model["crop"]
            shape = portrait.width / portrait.height
            assert shape == pytest.approx((right - left) / (bottom - top), rel=0.05)
        found = answers.look(visit, model["name"], Distance())["distance"]
        np.testing.assert_allclose(model["distance"], found.distance, atol=0.0005)


def test_there_are_256_colours() -> None:
    assert read(colours()).reshape(-1, 4).shape == (256, 4)
    assert len(np.unique(read(colours()).reshape(-1, 4), axis=0)) > 200


def test_what_is_padding_is_told_and_not_counted(
    exported: Callable[[str], Path], tmp_path: Path
) -> None:
    padding = Padding(colour=(7, 11, 13), place="end")
    file = with_recipe(
        exported("plain"), tmp_path / "pads.onnx", resize=None, crop=1.0, padding=padding
    )
    engines = {"pads": Engine(file)}
    answers = Answers(engines, memory=10**8, reopen=lambda name: engines[name])
    slopes(160, 112).save(tmp_path / "a.png")
    visit = receive(tmp_path / "a.png", "a.png", engines, Limits())
    said = view(answers, visit, Question(("pads",), Heads(), Rollout()), pictures=True)
    (model,) = said["models"]
    assert model["inside"] == pytest.approx([0, 0, 0.5, 1])
    assert model["crop"] == pytest.approx([0, 0, 224, 160])
    # The portrait is the picture alone.
    data = base64.b64decode(model["picture"].partition(",")[2])
    assert Image.open(io.BytesIO(data)).size == (112, 160)
    found = answers.look(visit, "pads", Rollout())
    scale = scale_of(found["rollout"].finding, found.inside)
    assert model["rollout"]["high"] == pytest.approx(scale.high)
    highest = model["rollout"]["highest"][0]
    assert highest["column"] < 4
    assert highest["value"] == pytest.approx(found.rollout.rollout[:, :4].max())
    outside = Question(("pads",), Heads(query=(20, 150)), Rollout())
    (model,) = view(answers, visit, outside, pictures=False)["models"]
    assert "x 0 to 111" in model["error"]
