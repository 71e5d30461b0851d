"""A full disk: a sentence, no half of a file, and what was there before stays."""

from __future__ import annotations

import resource
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from terminal import VITONNX, Outcome, assert_plain, contents, environment, finished

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse to write more, as it does at the end of a disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(outcome: Outcome, *parts: str) -> None:
    assert outcome.code == 1
    assert outcome.out == ""
    (error,) = outcome.errors
    for part in parts:
        assert part in error
    assert_plain(error)


@pytest.mark.parametrize(
    ("output", "size"),
    [("map.png", 9000), ("map.svg", 9000), ("map.pdf", 9000), ("map.npz", 1000), (None, 9000)],
)
def test_a_probe(
    output: str | None, size: int, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    target = output or "landscape.heads.png"
    (desk / target).write_bytes(b"older")
    words = ["-o", output] if output else []
    model = exported("plain")
    with files_of_at_most(size):
        outcome = call("probe", "heads", model, pictures / "landscape.png", *words)
    refused(outcome, target, "can't write")
    assert contents(desk) == {target: b"older"}


@pytest.mark.parametrize("output", ["x.npz", "x.json", "x.csv", "x.png", None])
def test_distances_go_to_stdout_instead(
    output: str | None, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    """Hours of work must not be lost with a file."""
    words = ["probe", "distance", exported("plain"), pictures]
    assert call(*words, "-o", "good.csv").code == 0
    with files_of_at_most(100):
        outcome = call(*words, *(["-o", output] if output else []))
    assert outcome.code == 1
    assert outcome.out.splitlines() == Path("good.csv").read_text().splitlines()
    (error,) = outcome.errors
    assert f"can't write {output or 'plain.distance.png'}" in error
    assert error.endswith("The numbers are on stdout instead, as a .csv.")
    assert_plain(error)
    assert list(contents(desk)) == ["good.csv"]


def test_a_page(call: Call, exported: Exported, desk: Path) -> None:
    model = exported("plain")
    with files_of_at_most(9000):  # in the middle of its files
        outcome = call("app", "--static", "page", "--cdn", model)
    refused(outcome, "can't write page")
    assert contents(desk) == {}


def test_an_export(call: Call, described: str, desk: Path) -> None:
    (desk / "out.onnx").write_bytes(b"older")
    before = contents(desk)
    with files_of_at_most(1000):
        outcome = call("export", "--config", described, "--weights", "random", "-o", "out.onnx")
    refused(outcome, "out.onnx", "can't write")
    assert contents(desk) == before


def test_the_disk_of_the_output_is_full(exported: Exported, pictures: Path, desk: Path) -> None:
    """A real one, of 16 kB, in a world of its own."""
    (desk / "disk").mkdir()
    words = ["probe", "rollout", str(exported("plain")), str(pictures), "-q", "-o", "disk/map.png"]
    script = "; ".join(
        [
            "mount -t tmpfs -o size=16k tmpfs disk || exit",
            "echo older > disk/map.png",
            shlex.join([*VITONNX, *words]),
            "echo code $?",
            "ls -A disk",
            "cat disk/map.png",
        ]
    )
    try:
        outcome = finished(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script])
    except FileNotFoundError:
        pytest.skip("no unshare here to mount a small disk with")
    if "code" not in outcome.out:
        pytest.skip(f"no small disk can be mounted here: {outcome.err.strip()}")
    assert outcome.out.splitlines() == ["code 1", "map.png", "older"]
    (error,) = outcome.errors
    assert "disk/map.png: the disk is full" in error
    assert_plain(error)


@pytest.mark.parametrize("words", ["models", "models --quiet", "inspect {} --json", "--help"])
def test_the_disk_of_standard_output_is_full(words: str, exported: Exported, desk: Path) -> None:
    """Also what Python holds back until it ends must be an error, and one sentence."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("w") as stdout:
        done = subprocess.run(
            [*VITONNX, *words.format(exported("plain")).split()],
            env=environment(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    refused(Outcome(done.returncode, "", done.stderr), "the disk is full", "free some space")
    assert len(done.stderr.splitlines()) == 1
