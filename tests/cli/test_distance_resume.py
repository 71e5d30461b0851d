"""A run that was killed goes on where it was, and ends with the same bits."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terminal import Outcome, assert_refused, contents, environment

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

# The command as it is, but for how often it writes its state: at every chance.
EAGER = """
import sys
from vitonnx.cli import _counting, main
_counting.SAVE_EVERY_SECONDS, _counting.SAVING_SHARE = 0, 1
sys.exit(main(sys.argv[1:]))
"""
PICTURES = 1500


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of many names for seven pictures, one of which is none."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(13)
    for number in range(7):
        pixels = rng.integers(0, 256, (43 + number, 61, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "5.png").write_text("Dear picture")
    for number in range(7, PICTURES):
        os.link(folder / f"{rng.integers(7)}.png", folder / f"{number}.png")
    return folder


def words(model: Path, *more: str | Path) -> list[str]:
    return ["probe", "distance", *map(str, (model, *more)), "--threads", "2", "--quiet"]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", EAGER, *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*arguments: str) -> None:
    process = start(*arguments)
    out, err = process.communicate(timeout=100)
    # One picture is bad, so all is done but one.
    assert (process.returncode, out) == (1, f"{arguments[-1]}\n"), err


def position(state: Path) -> int:
    if not state.exists():
        return 0
    surveys = json.loads(state.read_text())["state"]["surveys"]
    return sum(int(found["position"]) for found in surveys)


@pytest.mark.load
def test_killed_at_any_moment_it_ends_with_the_same_bits(
    exported: Exported, many: Path, desk: Path, load: bool
) -> None:
    rng = random.Random(os.urandom(8))
    state = desk / "state.json"
    usual = words(exported("plain"), many, "--compare", exported("distilled"))
    finish(*usual, "-o", "whole.npz")
    positions = []
    for _ in range(10 if load else 2):
        before = position(state)
        process = start(*usual, "--resume", str(state), "-o", "resumed.npz")
        try:
            # Most moments of a short life are its start; wait until there is work to lose.
            deadline = time.monotonic() + 60
            while position(state) == before and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.1))
        finally:
            process.kill()
            _, err = process.communicate()
        assert process.returncode < 0, err
        assert not (desk / "resumed.npz").exists()
        positions.append(position(state))
    assert positions == sorted(set(positions))
    assert 0 < positions[0] < positions[-1] < 2 * PICTURES
    finish(*usual, "--resume", str(state), "-o", "resumed.npz")
    with np.load("whole.npz") as whole, np.load("resumed.npz") as resumed:
        assert set(whole) == set(resumed)
        for name in whole:
            np.testing.assert_array_equal(resumed[name], whole[name])
        assert whole["count"].tolist() == [PICTURES - len(whole["skipped"])] * 2
        assert len(whole["skipped"]) > 100
    # What was passing when it was killed has gone at the next start.
    assert not list(desk.glob(".*"))
    assert position(state) == 2 * PICTURES


def test_ctrl_c_leaves_the_state_alone(exported: Exported, many: Path, desk: Path) -> None:
    state = desk / "state.json"
    arguments = words(exported("plain"), many, "--resume", state, "-o", "x.npz")
    process = start(*arguments)
    try:
        deadline = time.monotonic() + 60
        while position(state) == 0 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, "", "error: interrupted.\n")
    assert [file.name for file in desk.iterdir()] == ["state.json"]
    assert 0 < position(state) < PICTURES


def test_a_finished_run_is_not_run_again(call: Call, exported: Exported, many: Path) -> None:
    usual = [*words(exported("plain"), many, "--limit", "21"), "--resume", "state.json"]
    assert call(*usual, "-o", "one.npz").code == 1
    before = Path("state.json").read_bytes()
    outcome = call(*usual, "-o", "two.npz")
    assert Path("state.json").read_bytes() == before
    assert outcome.errors[-1].endswith("of 21 pictures skipped; the others are done.")
    with np.load("one.npz") as one, np.load("two.npz") as two:
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])


def test_going_on_is_said(call: Call, exported: Exported, many: Path) -> None:
    usual = [*words(exported("plain"), many, "--limit", "21")[:-1], "--resume", "state.json"]
    call(*usual, "-o", "one.npz")
    assert "going on after 21 of 21." in call(*usual, "-o", "two.npz").notes


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (["--renormalize"], "the probe was distance and is now distance (renormalize=True)"),
        (["--limit", "20"], "the number of pictures was 21 and is now 20"),
        (["--seed", "3"], "the hash of the pictures' names"),
        (["--size", "24x88"], "model 1's input size was 40x56 and is now 24x88"),
        (["--threads", "1"], "model 1's threads was 2 and is now 1"),
        (["--compare", "DISTILLED"], "the number of models was 1 and is now 2"),
    ],
)
def test_the_state_of_another_run_is_refused(
    change: list[str], part: str, call: Call, exported: Exported, many: Path, desk: Path
) -> None:
    usual = [*words(exported("plain"), many, "--limit", "21"), "--resume", "state.json"]
    call(*usual, "-o", "one.npz")
    before = contents(desk)
    changed = [str(exported("distilled")) if word == "DISTILLED" else word for word in change]
    outcome = call(*usual, *changed, "-o", "two.npz")
    assert_refused(outcome, 2, "state.json holds the state of another run", part)
    assert contents(desk) == before


def test_another_model_is_refused(call: Call, exported: Exported, many: Path, desk: Path) -> None:
    model = desk / "model.onnx"
    model.write_bytes(exported("plain").read_bytes())
    usual = [*words(model, many, "--limit", "21"), "--resume", "state.json", "-o", "x.npz"]
    call(*usual)
    model.write_bytes(exported("headless").read_bytes())
    assert_refused(call(*usual), 2, "state.json", "model 1's hash")


def test_a_corrupt_state_is_refused_and_left_alone(
    call: Call, exported: Exported, many: Path, desk: Path
) -> None:
    usual = [*words(exported("plain"), many, "--limit", "21"), "--resume", "state.json"]
    call(*usual, "-o", "x.npz")
    whole = Path("state.json").read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole.replace(b"1", b"2", 1)):
        Path("state.json").write_bytes(damaged)
        before = contents(desk)
        assert_refused(call(*usual, "-o", "y.npz"), 1, "state.json holds no state")
        assert contents(desk) == before


def test_strict_keeps_the_state_of_the_batches_before(
    call: Call, exported: Exported, many: Path
) -> None:
    files = [*sorted(many.glob("[0-4].png")), many / "5.png"]
    usual = words(exported("plain"), *files, "--resume", "state.json", "-o", "x.npz")
    assert_refused(call(*usual, "--strict"), 1, "5.png")
    assert position(Path("state.json")) == 0
    assert not Path("x.npz").exists()
    # Without --strict the same run goes on.
    assert call(*usual).code == 1
    assert Path("x.npz").exists()
