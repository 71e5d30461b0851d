"""The access log: a line for each request, and nothing that helps to open somebody's picture."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import ASKED, Served
from app.rude_clients import join, send

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} [\w.:?-]+ [A-Z]+ /[!-~…]* (\d{3}|-) \d+ ms"
)


@pytest.fixture
def written(served: Served) -> list[str]:
    """Lines from before the test; the last comes after its answer."""
    time.sleep(0.3)
    return served.log.read_text("utf-8").splitlines()


def lines(served: Served, before: list[str]) -> list[str]:
    time.sleep(0.3)
    return served.log.read_text("utf-8").splitlines()[len(before) :]


def test_a_visit_leaves_lines_and_no_trace(
    served: Served, written: list[str], picture: Path
) -> None:
    with Visitor(served.address) as visitor:
        uploaded = visitor.upload(picture, "my secret holiday.jpg")
        visitor.call("receive", uploaded, *ASKED)
        files, _, _ = visitor.call("save", "heads", *ASKED)
        for file in (uploaded, *files):
            visitor.http.get(f"/gradio_api/file={file['path']}")
        with visitor.http.stream("GET", f"/gradio_api/heartbeat/{visitor.session}"):
            pass
        with pytest.raises(RefusedError):
            visitor.call("receive", visitor.upload(b"words", "private letter.png"), *ASKED)
        session = visitor.session
    log = "\n".join(lines(served, written))
    assert log.count("POST /gradio_api/queue/join 200") == 3
    assert log.count("GET /gradio_api/file=") == 3
    for private in ("secret", "holiday", "letter", session, Path(uploaded["path"]).parent.name):
        assert private not in log
    assert [line for line in log.splitlines() if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize(
    "path",
    [
        "/%0a2026-01-01T00:00:00+0000 127.0.0.1 GET /forged 200 1 ms".replace(" ", "%20"),
        "/%0d%0aforged",
        "/%1b[31mred",
        "/%00",
        "/%c2%85forged",
        "/%e2%80%a8forged",
        "/%ff%fe",
        "/" + "a" * 9000,
        "/gradio_api/file=%0aforged",
        "/gradio_api/heartbeat/%0aforged",
        "/gradio_api/call/%0aforged/x",
    ],
)
def test_nobody_forges_a_line(path: str, served: Served, written: list[str]) -> None:
    assert send(served.address, path).status in (400, 404, 403, 405, 414, 200)
    found = lines(served, written)
    assert len(found) <= 1
    assert all(LINE.fullmatch(line) for line in found)
    assert not any(line.startswith("forged") for line in found)


def test_a_header_is_not_believed_for_an_address(served: Served, written: list[str]) -> None:
    """Else anybody is somebody else, in the log and for whoever counts tries to log in."""
    for address in ("8.8.8.8", "8.8.8.8 GET /forged 200 1 ms", "\x1b[31m"):
        send(served.address, "/healthz", headers={"X-Forwarded-For": address})
    assert all(LINE.fullmatch(line) for line in lines(served, written))


def test_a_broken_question_writes_no_value_of_it(served: Served, written: list[str]) -> None:
    with Visitor(served.address) as visitor:
        asked = [*ASKED[:2], "PRIVATE\nforged", *ASKED[3:]]
        with pytest.raises(RefusedError):
            visitor.call("look", *asked)
    join(served.address, {"fn_index": 99, "data": ["PRIVATE"], "session_hash": "PRIVATE"})
    log = "\n".join(lines(served, written))
    assert "\nforged" not in log
