"""Parts of a run may come from anywhere: what none can hold is a sentence, at once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from terminal import Outcome, assert_refused, contents
from vitonnx.cli import main

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]
Change = Callable[[dict[str, Any]], Any]

PARTS = ("0.part", "1.part")


@pytest.fixture
def call(desk: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, on the desk."""

    def call(*words: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return call


@pytest.fixture(scope="module")
def made(
    exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, bytes]]:
    """Two parts each of some questions, of which one is of no picture's own."""
    folder = tmp_path_factory.mktemp("made")
    generator = np.random.default_rng(19)
    files = []
    for number in range(5):
        files.append(folder / f"{number}.png")
        Image.fromarray(generator.integers(0, 256, (43, 61, 3), np.uint8)).save(files[-1])
    files[3].write_text("Dear picture")
    found: dict[str, dict[str, bytes]] = {}
    for probe in ("distance", "cka", "pca", "norms"):
        found[probe] = {}
        for number, part in enumerate(PARTS):
            words = ["probe", probe, exported("plain"), *files, "--shard", f"{number}/2"]
            assert main([*map(str, words), "-o", str(folder / part), "--quiet"]) in (0, 1)
            found[probe][part] = (folder / part).read_bytes()
    return found


@pytest.fixture(params=["distance", "cka", "pca", "norms"])
def probe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def lay(parts: dict[str, bytes], desk: Path) -> None:
    for name, content in parts.items():
        (desk / name).write_bytes(content)


def signed(content: Any) -> str:
    """Write a part as one who knows how the checksum is made."""
    text = json.dumps(content, sort_keys=True)
    return json.dumps(
        {"vitonnx_part": content, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    )


def refuse(call: Call, desk: Path, part: str = "0.part", *parts: str) -> None:
    """Merge, and find one sentence about the part, soon, and nothing written."""
    before = contents(desk)
    begun = time.monotonic()
    outcome = call("merge", *PARTS, "-o", "x.npz", "--quiet")
    assert time.monotonic() - begun < 20
    assert outcome.code in (1, 2), outcome
    assert_refused(outcome, outcome.code, *parts)
    assert part in outcome.errors[0] or "1.part" in outcome.errors[0], outcome
    assert contents(desk) == before


def test_parts_as_they_are_merge(
    probe: str, call: Call, made: dict[str, dict[str, bytes]], desk: Path
) -> None:
    lay(made[probe], desk)
    outcome = call("merge", *PARTS, "-o", "x.npz", "--quiet")
    assert outcome.code == 1  # one picture is bad
    assert outcome.out == "x.npz\n"
    # And so they do when they are written again, as any program writes JSON.
    (desk / "0.part").write_text(signed(json.loads(made[probe]["0.part"])["vitonnx_part"]))
    assert call("merge", *PARTS, "-o", "x.npz", "--quiet") == outcome


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"part"',
        b"12",
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b'{"vitonnx_part": ' + b"9" * 100_000 + b', "sha256": ""}',
        b'{"vitonnx_part": {}, "sha256": null}',
        b'{"vitonnx_part": NaN, "sha256": "x"}',
    ],
    ids=range(13),
)
def test_what_is_no_part(
    content: bytes, call: Call, made: dict[str, dict[str, bytes]], desk: Path
) -> None:
    lay(made["distance"], desk)
    (desk / "0.part").write_bytes(content)
    refuse(call, desk, "0.part", "no part")


def test_every_damaged_byte_is_found(
    call: Call, made: dict[str, dict[str, bytes]], desk: Path
) -> None:
    lay(made["distance"], desk)
    whole = made["distance"]["0.part"]
    generator = np.random.default_rng(23)
    for _ in range(13):
        damaged = bytearray(whole)
        place = int(generator.integers(len(whole)))
        damaged[place] ^= 1 << int(generator.integers(7))
        (desk / "0.part").write_bytes(damaged)
        if _means(bytes(damaged)) == _means(whole):  # a space became another one
            continue
        refuse(call, desk, "0.part")
    for size in (1, len(whole) // 3, len(whole) - 4):
        (desk / "0.part").write_bytes(whole[:size])
        refuse(call, desk, "0.part")


def _means(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def put(*keys: Any, value: Any) -> Change:
    """Put a value to a place deep in a part."""

    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def drop(name: str) -> Change:
    return lambda content: content.pop(name)


DEEP: Any = 1
for _ in range(500):
    DEEP = [DEEP]

HOSTILE: dict[str, Change] = {
    **{
        f"no {name}": drop(name)
        for name in ("form", "question", "options", "models", "number", "parts", "settings")
    },
    **{f"no {name}": drop(name) for name in ("files", "surveys")},
    "another form": put("form", value=2),
    "a form that is a list": put("form", value=[1]),
    "an unknown question": put("question", value="nobody"),
    "a question of weights": put("question", value="filters"),
    "a question that is a number": put("question", value=3),
    "options that are a list": put("options", value=[["a", 1]]),
    "options that are a word": put("options", value="renormalize"),
    "an unknown option": put("options", "nobody", value=1),
    "no options": put("options", value={}),
    "no models": put("models", value={}),
    "models that are a list": put("models", value=["plain"]),
    "a model that is nothing": put("models", value={"plain": None}),
    "a model that is no manifest": put("models", value={"plain": "{}"}),
    "a model that is deep": put("models", value={"plain": "[" * 100_000}),
    "a number below 0": put("number", value=-1),
    "a number beyond": put("number", value=7),
    "a number that is a word": put("number", value="one"),
    "a number that is infinite": put("number", value=float("inf")),
    "a number that is none": put("number", value=float("nan")),
    "a number that is huge": put("number", value=10**400),
    "a number that is a half": put("number", value=0.5),
    "no parts": put("parts", value=0),
    "more parts than there are": put("parts", value=10**9),
    "parts without end": put("parts", value=10**400),
    "infinite parts": put("parts", value=float("inf")),
    "settings that are a list": put("settings", value=[1]),
    "settings that are deep": put("settings", value={"a": DEEP}),
    "files that are nothing": put("files", value=None),
    "files that are a number": put("files", value=3),
    "surveys that are nothing": put("surveys", value=None),
    "no surveys": put("surveys", value=[]),
    "surveys that are words": put("surveys", value=["a"]),
    "a count below 0": put("surveys", 0, "count", value=-1),
    "a count that is another": put("surveys", 0, "count", value=10**30),
    "a count that is a word": put("surveys", 0, "count", value="2"),
    "a count of infinity": put("surveys", 0, "count", value=float("inf")),
    "a count of none": put("surveys", 0, "count", value=0),
    "no numbers": put("surveys", 0, "parts", value={}),
    "numbers that are words": put("surveys", 0, "parts", value={"a": "b"}),
    "numbers that are deep": put("surveys", 0, "parts", value=DEEP),
    "skipped that is a list": put("surveys", 0, "skipped", value=["a"]),
    "crops that are words": put("surveys", 0, "crops", value=["left"]),
    "crops that are short": put("surveys", 0, "crops", value=[[1, 2, 3]]),
    "crops that are no numbers": put("surveys", 0, "crops", value=[[None] * 4]),
    "crops that are infinite": put("surveys", 0, "crops", value=[[float("inf")] * 4]),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_no_part_can_hold(
    how: str, call: Call, made: dict[str, dict[str, bytes]], desk: Path
) -> None:
    lay(made["distance"], desk)
    content = json.loads(made["distance"]["0.part"])["vitonnx_part"]
    HOSTILE[how](content)
    (desk / "0.part").write_text(signed(content))
    refuse(call, desk)


def each_number(entry: dict[str, Any]) -> list[Change]:
    """Change every number of a total to what can't be, or to a shape that it hasn't."""
    changes: list[Change] = []
    for name in entry["parts"]:
        for value in (
            float("nan"),
            float("inf"),
            "x",
            None,
            [],
            [[[1.0]]],
            [[1.0], [2.0, 3.0]],
            {"shape": [2, 2], "float64": "AAAA"},
            {"shape": [10**18, 10**18], "float64": ""},
            {"shape": [-1], "float64": ""},
            {"shape": [1], "float64": "é"},
        ):
            changes.append(put("surveys", 0, "parts", name, value=value))
    return changes


def test_fewer_samples_than_none(call: Call, made: dict[str, dict[str, bytes]], desk: Path) -> None:
    lay(made["cka"], desk)
    content = json.loads(made["cka"]["0.part"])["vitonnx_part"]
    content["surveys"][0]["parts"]["samples"] = -3.0
    (desk / "0.part").write_text(signed(content))
    refuse(call, desk, "0.part", "-3 samples")


def test_numbers_that_cannot_be(
    probe: str, call: Call, made: dict[str, dict[str, bytes]], desk: Path
) -> None:
    lay(made[probe], desk)
    whole = json.loads(made[probe]["0.part"])["vitonnx_part"]
    for change in each_number(whole["surveys"][0]):
        content = json.loads(json.dumps(whole))
        change(content)
        if json.dumps(content) == json.dumps(whole):
            continue
        (desk / "0.part").write_text(signed(content))
        refuse(call, desk)
