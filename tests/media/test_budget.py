"""Memory that decoding threads share: nobody has too much, and nobody waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitonnx.media._budget import Budget


def test_all_are_served_and_never_too_many_at_once() -> None:
    budget, lock = Budget(101), threading.Lock()
    taken = most = 0

    def work(wanted: int) -> int:
        nonlocal taken, most
        with budget.share(wanted):
            with lock:
                taken += min(wanted, 101)
                most = max(most, taken)
            time.sleep(0.0005)
            with lock:
                taken -= min(wanted, 101)
        return wanted

    wanted = np.random.default_rng(0).integers(0, 150, 400).tolist()
    with ThreadPoolExecutor(13) as pool:
        assert list(pool.map(work, wanted, timeout=60)) == wanted
    assert most <= 101
    assert budget.free == 101


def test_who_comes_first_is_served_first() -> None:
    """A large picture isn't passed by the small ones that come after it."""
    budget, order = Budget(100), list[str]()

    def work(name: str, wanted: int | None) -> None:
        with budget.share(wanted):
            order.append(name)

    with budget.share(60):
        threads = []
        for place, (name, wanted) in enumerate([("all", None), ("small", 1), ("huge", 900)]):
            threads.append(threading.Thread(target=work, args=(name, wanted)))
            threads[-1].start()
            while len(budget._waiting) <= place:
                time.sleep(0.001)
        assert order == []
    for thread in threads:
        thread.join(10)
    assert order == ["all", "small", "huge"]


def test_an_error_gives_it_back() -> None:
    budget = Budget(100)
    with pytest.raises(KeyError), budget.share(70):
        raise KeyError
    assert budget.free == 100


def test_who_leaves_the_queue_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C comes while the main thread waits."""
    budget = Budget(100)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(budget._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), budget.share(10):
            pass
    with budget.share(100):
        assert budget.free == 0


def test_an_interrupt_as_it_is_taken_loses_none() -> None:
    """Ctrl-C may come as soon as the bytes are taken, and before the block is entered."""

    class Interrupted(threading.Condition):
        armed = True

        def __exit__(self, *raised: object) -> None:
            super().__exit__(*raised)  # type: ignore[arg-type]
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt

    budget = Budget(100)
    budget._changed = Interrupted()
    with pytest.raises(KeyboardInterrupt), budget.share(70):
        pass
    assert budget.free == 100


FORKING = """
import os, signal, sys, threading
from vitonnx.media import open_picture
from vitonnx.media._budget import DECODING
taken, done = threading.Event(), threading.Event()
def hold():
    with DECODING.share(None):
        taken.set()
        done.wait()
threading.Thread(target=hold).start()
taken.wait()
child = os.fork()
if child == 0:
    signal.alarm(5)  # ends it, if it waits
    open_picture(sys.argv[1])
    os._exit(0)
_, status = os.waitpid(child, 0)
done.set()
print(status)
"""


def assert_ends_well(program: str, folder: Path) -> None:
    """Run a program that reads a picture in a forked process, and prints how that one ended."""
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    command = [sys.executable, "-W", "ignore", "-c", program, str(folder / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_waits_for_nobody(tmp_path: Path) -> None:
    assert_ends_well(FORKING, tmp_path)


HEADERS = """
import os, signal, sys, threading, time
from vitonnx.media import open_picture
from vitonnx.media._picture_file import _limit_of
inside = threading.Event()
def hold():
    with _limit_of(5):
        inside.set()
        time.sleep(0.3)
threading.Thread(target=hold).start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(5)
    open_picture(sys.argv[1])
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_waits_for_headers_that_are_read(tmp_path: Path) -> None:
    """What is set for the whole process while they are is back in the child, too."""
    assert_ends_well(HEADERS, tmp_path)


BLOCKS = """
import sys
from PIL import Image
if int(sys.argv[1]):
    Image.core.set_block_size(int(sys.argv[1]))
import vitonnx.media
print(Image.core.get_block_size())
"""


@pytest.mark.parametrize(
    ("called", "environment", "expected"),
    [(0, {}, 2**26), (2**20, {}, 2**20), (0, {"PILLOW_BLOCK_SIZE": "16m"}, 2**24)],
)
def test_who_has_set_pillows_blocks_keeps_them(
    called: int, environment: dict[str, str], expected: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKS, str(called)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
        timeout=30,
    )
    assert int(done.stdout) == expected
