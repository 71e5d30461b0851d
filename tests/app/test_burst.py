"""Thousands of slider events in a burst: who sends them is slowed down, and nobody else."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import ASKED, Served, serve_page

EVENTS = 10_000  # with --load; without, a fifth of it
LINES = 20  # at once
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page of its own, so that its memory is this test's."""
    with serve_page(tmp_path_factory.mktemp("burst")) as page:
        yield page


def memory(page: Served) -> int:
    """Bytes of the process that are in memory now."""
    status = Path(f"/proc/{page.process.pid}/status").read_text()
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


class Burst:
    """Sends slider events as fast as the page takes them, and listens to no answer."""

    def __init__(self, visitor: Visitor, events: int, *, alone: bool) -> None:
        self.statuses: Counter[int] = Counter()
        self.sentences: set[str] = set()
        self._visitor, self._alone = visitor, alone
        self._left = iter(range(events))
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._send) for _ in range(LINES)]
        for thread in self.threads:
            thread.start()

    def _send(self) -> None:
        place = self._visitor.places["look"]["id"]
        with httpx.Client(base_url=self._visitor.address, timeout=60) as http:
            while True:
                with self._lock:
                    number = next(self._left, None)
                if number is None:
                    return
                asked = [*ASKED[:2], None, number % 5, number % 20 / 20, "mean", 0]
                session = self._visitor.session if self._alone else f"stranger{number}"
                question = {"data": [None, *asked], "fn_index": place, "session_hash": session}
                reply = http.post("/gradio_api/queue/join", json=question)
                with self._lock:
                    self.statuses[reply.status_code] += 1
                    if reply.status_code != 200:
                        self.sentences.add(str(reply.json()["detail"]))


@pytest.mark.load
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("alone", [True, False], ids=["one visitor", "ever new ones"])
def test_nobody_else_is_harmed(alone: bool, page: Served, picture: Path, load: bool) -> None:
    events = EVENTS if load else EVENTS // 5
    with Visitor(page.address) as hasty, Visitor(page.address) as other:
        for visitor in (hasty, other):
            visitor.call("receive", visitor.upload(picture, "bird.jpg"), *ASKED)
        before = memory(page)
        burst = Burst(hasty, events, alone=alone)
        waits = []
        refused = 0
        while any(thread.is_alive() for thread in burst.threads):
            begun = time.monotonic()
            try:
                (shown,) = other.call("look", *ASKED)
            except RefusedError:  # the queue is full
                refused += 1
            else:
                assert not alone or shown["models"]
            waits.append(time.monotonic() - begun)
            time.sleep(0.2)
        for thread in burst.threads:
            thread.join()
        # Among ten thousand visitors the page forgets those who were not seen for longest.
        other.call("receive", other.upload(picture, "bird.jpg"), *ASKED)
        assert other.call("look", *ASKED)[0]["models"]
        assert memory(page) - before < 100 * MEGABYTE
        if alone:
            assert burst.statuses[429] > events / 2
            assert burst.sentences == {"Too many requests at once: wait a moment, then try again."}
            assert refused == 0
        # Seconds, on a machine with other work, whose two cores also send the burst.
        assert max(waits) < 15
