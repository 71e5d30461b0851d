"""What a visitor sees of the queue: a place in it, or a polite refusal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.browsing import Person
from app.pages_served import ASKED, Served, serve_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page

OTHERS = 12


@contextmanager
def crowd(address: str, picture: Path) -> Iterator[list[str]]:
    """Others who want files again and again; gives what they were refused with."""
    refused: list[str] = []
    over = threading.Event()

    def want(visitor: Visitor) -> None:
        while not over.is_set():
            try:
                visitor.call("save", "heads", *ASKED)
            except RefusedError as refusal:
                refused.append(str(refusal))
                time.sleep(0.5)

    with ExitStack() as inside:
        visitors = [inside.enter_context(Visitor(address)) for _ in range(OTHERS)]
        for visitor in visitors:
            visitor.call("receive", visitor.upload(picture, picture.name), *ASKED)
        threads = [threading.Thread(target=want, args=[visitor]) for visitor in visitors]
        for thread in threads:
            thread.start()
        try:
            yield refused
        finally:
            over.set()
            for thread in threads:
                thread.join()


def test_the_place_in_the_queue_is_shown(person: Person, served: Served, picture: Path) -> None:
    person.show(picture)
    person.tab("Save")
    with crowd(served.address, picture) as refused:
        person.page.click("#write")
        person.page.wait_for_selector(r"text=/queue: \d+\/\d+/")
        person.page.locator("#written a[download]").nth(1).wait_for()
    assert refused == []


def test_whom_the_queue_does_not_take_it_tells_so(
    browser: Browser, picture: Path, tmp_path: Path
) -> None:
    with serve_page(tmp_path, ["--waiting", "1"]) as page:
        person = Person(browser, page.address)
        person.show(picture)
        person.tab("Save")
        with crowd(page.address, picture) as refused:
            while not refused:
                person.page.wait_for_timeout(50)
            person.page.click("#write")
            said = person.said()
        assert "busy" in said
        assert all("Queue is full" in sentence for sentence in refused)
        person.page.close()
