"""Planted faults are seen, each as what it is, and the next file is read all the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz.limits import Limits
from fuzz.verdict import Outcome
from fuzz.worker import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is watched in /proc")

LIMITS = Limits(resident=2**28, seconds=5)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    desk = tmp_path_factory.mktemp("worker") / "desk"
    with Worker("fuzz.faulty:read", desk, LIMITS) as started:
        yield started


@pytest.mark.parametrize(
    ("content", "outcome", "says"),
    [
        ("accept", "accepted", ""),
        ("refuse", "refused", "case.png is no picture: give another."),
        ("raise", "unexpected", "KeyError: 'planted'"),
        ("log", "traceback", "a library complains"),
        ("mumble", "bad sentence", "empty"),
        ("babble", "bad sentence", "too long"),
        ("start", "unexpected", "subprocess.Popen ('true'"),
        ("peek", "unexpected", "open /etc/hostname"),
        ("exit", "crash", "exit code 3"),
        ("crash", "crash", "SIGSEGV"),
        ("hang", "hang", "faulty.py"),
        ("eat", "over 2 GB", "faulty.py"),
        ("gulp", "over 2 GB", ""),
        ("ask", "over 2 GB", "MemoryError"),
    ],
)
def test_a_planted_fault_is_seen(
    worker: Worker, content: str, outcome: Outcome, says: str, tmp_path: Path
) -> None:
    case = tmp_path / "case.png"
    case.write_text(content)
    verdict = worker.ask(case)
    assert verdict.outcome == outcome, verdict
    assert says in verdict.detail
    case.write_text("accept")
    assert worker.ask(case).outcome == "accepted"


def test_faults_of_one_place_are_one(worker: Worker, tmp_path: Path) -> None:
    case = tmp_path / "case.png"
    places = []
    for content in ("raise", "raise", "refuse"):
        case.write_text(content)
        places.append(worker.ask(case).place)
    assert places[0] == places[1] != places[2]
    assert "faulty.py:read" in places[0]
