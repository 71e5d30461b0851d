"""The access log: a line for each request, and nothing that helps to open somebody's picture."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import MODELS, Served
from app.rude_clients import send

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} [\w.:?-]+ [A-Z]+ [/…][!-~…]* (\d{3}|-) \d+ ms"
)


@pytest.fixture
def written(served: Served) -> Callable[[], list[str]]:
    """Give the lines that the test adds, all of which are of the one form."""

    def lines() -> list[str]:
        time.sleep(0.3)  # the last comes after its answer
        return served.log.read_text("utf-8").splitlines()

    before = len(lines())

    def added() -> list[str]:
        found = lines()[before:]
        assert [line for line in found if not LINE.fullmatch(line)] == []
        return found

    return added


def test_a_visit_leaves_lines_and_no_trace(
    served: Served, written: Callable[[], list[str]], picture: Path
) -> None:
    with Visitor(served.address) as visitor:
        seen = visitor.look(picture, MODELS, name="my secret holiday.jpg")
        visitor.ask(seen, "scenes_vit", "heads")
        visitor.http.get(f"pictures/{seen['key']}")
        with pytest.raises(RefusedError):
            visitor.look(b"words", MODELS, name="private letter.png", before=seen)
        job = visitor.film(b"words", MODELS, "heads")
        for path in (f"videos/{job}", f"videos/{job}/file", f"examples/{seen['key'][:3]}"):
            visitor.http.get(path)
    log = "\n".join(written())
    for line, times in {"POST /pictures ": 2, "POST /ask 200": 1, "GET /videos/… ": 2}.items():
        assert log.count(line) == times
    for private in ("secret", "holiday", "letter", seen["key"], job):
        assert private not in log


@pytest.mark.parametrize(
    "path",
    [
        "/%0a2026-01-01T00:00:00+0000%20127.0.0.1%20GET%20/forged%20200%201%20ms",
        *("/%0d%0aforged", "/%1b[31mred", "/%00", "/%c2%85forged", "/%e2%80%a8forged", "/%ff%fe"),
        *("/" + "a" * 9000, "/pictures/%0aforged", "/videos/%0aforged/x", "*"),
        "http://x/pictures/forged",
    ],
)
def test_nobody_forges_a_line(path: str, served: Served, written: Callable[[], list[str]]) -> None:
    assert 400 <= send(served.address, path).status < 500
    found = written()
    assert len(found) <= 1
    assert not any(line.startswith("forged") or "/pictures/f" in line for line in found)


def test_a_header_is_not_believed_for_an_address(
    served: Served, written: Callable[[], list[str]]
) -> None:
    for address in ("8.8.8.8", "8.8.8.8 GET /forged 200 1 ms", "\x1b[31m"):
        send(served.address, "/healthz", headers={"X-Forwarded-For": address})
    assert not any("8.8" in line for line in written())
