"""Ctrl-C, SIGTERM, SIGHUP: an exit code of their own, one word, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from media.video_files import frames, write_video
from terminal import VITONNX, Outcome, contents, environment, finished, interrupt, run

Exported = Callable[[str], Path]


def hidden(folder: Path) -> bool:
    """Whether work has begun: what passes has a name with a dot in front."""
    return any(file.name.startswith(".") for file in folder.iterdir())


@pytest.fixture
def many(pictures: Path, tmp_path: Path) -> Path:
    """More pictures than anybody waits for."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1500):
        os.link(pictures / "landscape.png", folder / f"{number}.png")
    return folder


def test_during_an_export(described: str, desk: Path) -> None:
    (desk / "out.onnx").write_bytes(b"older")
    before = contents(desk)
    words: list[str | Path] = ["export", "--config", described, "--weights", "random"]
    outcome = interrupt([*words, "-o", "out.onnx"], lambda: hidden(desk))
    assert outcome == Outcome(130, "", "error: interrupted.\n")
    assert contents(desk) == before


def test_while_drawing_a_file_a_picture(exported: Exported, many: Path, desk: Path) -> None:
    words: list[str | Path] = ["probe", "rollout", exported("plain"), many, "--quiet"]
    outcome = interrupt(words, lambda: len(list(desk.glob("[0-9]*.png"))) > 2)
    assert (outcome.code, outcome.err) == (130, "error: interrupted.\n")
    # What is done is done, and whole; and what was printed is there.
    done = {file.name for file in desk.iterdir()}
    assert set(outcome.out.splitlines()) <= done
    assert 2 < len(done) < 1500
    assert len(done) - len(outcome.out.splitlines()) <= 1
    for name in done:
        with Image.open(desk / name) as picture:
            picture.load()


def test_while_probing_for_one_file(exported: Exported, many: Path, desk: Path) -> None:
    (desk / "r.npz").write_bytes(b"older")
    start = time.monotonic()
    words: list[str | Path] = ["probe", "rollout", exported("plain"), many, "-q", "-o", "r.npz"]
    # It takes a second or two to start, and many more to end.
    outcome = interrupt(words, lambda: time.monotonic() - start > 3)
    assert outcome == Outcome(130, "", "error: interrupted.\n")
    assert contents(desk) == {"r.npz": b"older"}


def wait_for(process: subprocess.Popen[str], seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not seen():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def start(*words: str | Path, program: Sequence[str] = VITONNX) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*program, *map(str, words)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def filming(folder: Path) -> bool:
    """Whether a part of a video is written, in the folder in which it passes."""
    return any(file.stat().st_size > 0 for file in folder.glob(".vitonnx-*/work/*.mp4"))


@pytest.mark.parametrize(
    ("number", "word"),
    [(signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung up"), (signal.SIGINT, "interrupted")],
)
def test_signals_clean_up_alike(
    number: signal.Signals, word: str, exported: Exported, many: Path, desk: Path
) -> None:
    """Sent twice, as `timeout` does it, one is one."""
    process = start("probe", "rollout", exported("plain"), many, "-q")
    try:
        wait_for(process, lambda: any(desk.glob("[0-9]*.png")))
        process.send_signal(number)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err) == (128 + number, f"error: {word}.\n")
    assert not hidden(desk)


def test_a_video_that_is_terminated_is_kept_as_far_as_it_is(exported: Exported, desk: Path) -> None:
    write_video(desk / "walk.mp4", frames(400))
    words: list[str | Path] = ["probe", "video", exported("plain"), "walk.mp4", "-o", "out.mp4"]
    process = start(*words, "--scale", "fixed")
    try:
        wait_for(process, lambda: filming(desk))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143
    assert "what was done until then is in out.partial.mp4." in err
    assert sorted(file.name for file in desk.iterdir()) == ["out.partial.mp4", "walk.mp4"]


def test_what_a_kill_leaves_goes_at_the_next_start(
    exported: Exported, pictures: Path, desk: Path
) -> None:
    write_video(desk / "walk.mp4", frames(400))
    process = start("probe", "video", exported("plain"), "walk.mp4", "--scale", "fixed")
    try:
        wait_for(process, lambda: filming(desk))
    finally:
        process.kill()
        process.communicate()
    assert hidden(desk)
    bird = pictures / "landscape.png"
    assert run("probe", "rollout", exported("plain"), bird, "-q", "-o", "r.png").code == 0
    assert sorted(file.name for file in desk.iterdir()) == ["r.png", "walk.mp4"]


IGNORING = """
import signal, sys
from vitonnx.cli import main
signal.signal(signal.SIGHUP, signal.SIG_IGN)
code = main(["models", "--quiet"])
assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
sys.exit(code)
"""


def test_who_ignores_signals_goes_on_doing_so() -> None:
    """As `nohup` has it; and who calls us from Python has their own back."""
    outcome = finished([sys.executable, "-c", IGNORING])
    assert (outcome.code, outcome.err) == (0, "")


# A Ctrl-C that comes in a finaliser is swallowed by Python; one that comes in a library may be
# turned into any other exception.
SWALLOWED = """
import os, signal, sys, time
import vitonnx.cli._app as tree
from vitonnx.cli import main

class Noisy:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

def app(words, **more):
    if sys.argv[1] == "finaliser":
        Noisy()
        time.sleep(30)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    except KeyboardInterrupt as error:
        if sys.argv[1] == "library":
            raise ImportError("half a module") from error
    return 0

tree.app = app
sys.exit(main(["models"]))
"""


@pytest.mark.parametrize("how", ["finaliser", "library", "nobody"])
def test_a_swallowed_ctrl_c_is_one(how: str) -> None:
    outcome = finished([sys.executable, "-c", SWALLOWED, how])
    assert outcome == Outcome(130, "", "error: interrupted.\n")
