"""What a killed process left goes at the next start; what another one is at work in stays."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from vitonnx.media import atomic_folder, atomic_path, check_writable, passing_folder
from vitonnx.media._passing import LOCK, remove_leftovers

# Makes something, says so, and waits to be told to go on, or to be killed.
MAKER = """
import sys
from pathlib import Path
from vitonnx.media import atomic_folder, atomic_path, atomic_with_companions

how, target = sys.argv[1], Path(sys.argv[2])
make = {
    "file": atomic_path,
    "companions": atomic_with_companions,
    "folder": lambda path: atomic_folder(path, record=".ours"),
}[how]
with make(target) as passing:
    file = passing / "note.txt" if how == "folder" else passing
    file.write_text("half")
    print("half", flush=True)
    input()
    file.write_text("whole")
print("whole", flush=True)
"""


@contextmanager
def maker(how: str, target: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of its work."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER, how, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "half\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("how", ["file", "companions", "folder"])
def test_the_dead_go_and_the_living_stay(how: str, tmp_path: Path) -> None:
    with maker(how, tmp_path / "dead"):
        pass
    (left,) = names(tmp_path)
    assert left.startswith(".vitonnx-")
    with maker(how, tmp_path / "living") as living:
        (at_work,) = names(tmp_path)  # its start has removed what was left
        assert at_work != left
        remove_leftovers(tmp_path)
        assert names(tmp_path) == [at_work]
        said, _ = living.communicate("\n", timeout=60)
    assert said == "whole\n"
    made = tmp_path / "living" / "note.txt" if how == "folder" else tmp_path / "living"
    assert made.read_text() == "whole"
    assert names(tmp_path) == ["living"]


def leave(folder: Path) -> Path:
    """Make what a killed process leaves."""
    left = folder / ".vitonnx-0123456789abcdef"
    left.mkdir(mode=0o700)
    (left / "work").mkdir()
    (left / "work" / "map.png").write_text("half")
    (left / LOCK).touch()
    return left


@pytest.mark.parametrize("start", ["check", "file", "folder"])
def test_any_start_removes_them(start: str, tmp_path: Path) -> None:
    leave(tmp_path)
    if start == "check":
        check_writable(tmp_path / "map.png")
    elif start == "file":
        with atomic_path(tmp_path / "map.png") as passing:
            passing.touch()
    else:
        with atomic_folder(tmp_path / "map.png", record=".ours"):
            pass
    assert set(names(tmp_path)) <= {"map.png"}


def test_what_is_only_called_so_stays(tmp_path: Path) -> None:
    others = ["vitonnx-demo", ".vitonnx-cache", ".vitonnx-0123456789abcdef0", "vitonnx-x"]
    for name in others:
        (tmp_path / name).mkdir()
        (tmp_path / name / LOCK).touch()
    (tmp_path / ".vitonnx-fedcba9876543210").write_text("a file")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / LOCK).touch()
    (tmp_path / "vitonnx-fedcba9876543210").symlink_to(tmp_path / "mine")
    before = names(tmp_path)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == before
    assert names(tmp_path / "mine") == [LOCK]


def test_links_and_pipes_in_them_lead_nowhere(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "mine.txt").write_text("mine")
    home = tmp_path / "home"
    home.mkdir()
    left = leave(home)
    (left / "work" / "link").symlink_to(mine)
    os.mkfifo(left / "work" / "pipe")
    remove_leftovers(home)
    assert names(home) == []
    left = leave(home)
    (left / LOCK).unlink()
    (left / LOCK).symlink_to(mine / "mine.txt")
    remove_leftovers(home)
    assert (mine / "mine.txt").read_text() == "mine"


def test_killed_before_it_was_locked(tmp_path: Path) -> None:
    """An empty folder goes; where it is somebody's who is about to lock it, they make another."""
    (tmp_path / ".vitonnx-0123456789abcdef").mkdir(mode=0o700)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_in_one_process_one_does_not_remove_the_others(tmp_path: Path) -> None:
    with passing_folder(tmp_path) as one, passing_folder(tmp_path) as other:
        remove_leftovers(tmp_path)
        assert one.is_dir()
        assert other.is_dir()
    assert names(tmp_path) == []


def test_without_locks_all_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network drive: nobody knows what is left, and nothing fails."""
    left = leave(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    remove_leftovers(tmp_path)
    with atomic_path(tmp_path / "map.png") as passing:
        passing.write_text("whole")
    assert names(tmp_path) == [left.name, "map.png"]


def test_makers_and_sweepers_at_once(tmp_path: Path) -> None:
    """Whatever comes between making a folder and locking it, everybody's work is done."""
    done = threading.Event()

    def sweep() -> None:
        while not done.is_set():
            remove_leftovers(tmp_path)

    sweepers = [threading.Thread(target=sweep) for _ in range(3)]
    for each in sweepers:
        each.start()
    try:
        for number in range(300):
            with atomic_path(tmp_path / "note.txt") as passing:
                passing.write_text(str(number))
            assert (tmp_path / "note.txt").read_text() == str(number)
    finally:
        done.set()
        for each in sweepers:
            each.join()
    assert names(tmp_path) == ["note.txt"]


def test_nobody_else_can_look_into_them(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with passing_folder(tmp_path) as folder:
            assert folder.parent.stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)


@pytest.mark.parametrize("whose", ["left", "ours"])
def test_a_folder_that_is_exchanged_for_a_link(
    whose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any moment before it is emptied: what the link leads to stays."""
    mine, home = tmp_path / "mine", tmp_path / "home"
    (mine / "work").mkdir(parents=True)
    (mine / "work" / "thesis.txt").write_text("mine")
    home.mkdir()

    def exchange(place: Path) -> None:
        place.rename(tmp_path / "aside")
        place.symlink_to(mine)

    if whose == "ours":
        with passing_folder(home) as folder:
            exchange(folder.parent)
    else:
        place = leave(home)
        remove = shutil.rmtree

        @wraps(remove)
        def late(*arguments: Any, **options: Any) -> None:
            if place.is_dir() and not place.is_symlink():
                exchange(place)
            remove(*arguments, **options)

        monkeypatch.setattr(shutil, "rmtree", late)
        remove_leftovers(home)
    assert names(home)
    assert names(mine) == ["work"]
    assert names(mine / "work") == ["thesis.txt"]


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
def test_what_others_can_enter_stays(mode: int, locked: bool, tmp_path: Path) -> None:
    """vitonnx makes none such: somebody else has a hand in it."""
    left = tmp_path / ".vitonnx-0123456789abcdef"
    left.mkdir()
    left.chmod(mode)
    if locked:
        (left / LOCK).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [left.name]


def test_what_is_another_users_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = leave(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [left.name]


FORKED = """
import os, sys
from pathlib import Path
from vitonnx.media import passing_folder, remove_own

with passing_folder(Path(sys.argv[1])) as folder:
    child = os.fork()
    if child == 0:
        remove_own()
        os._exit(0)
    os.waitpid(child, 0)
    print(folder.is_dir())
"""


def test_a_child_leaves_what_is_its_parents(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "True\n"
    assert names(tmp_path) == []
