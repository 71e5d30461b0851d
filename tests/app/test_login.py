"""Who may come: nothing without a password, and no guessing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import ASKED, Served, serve_page
from app.rude_clients import JSON, multipart, send

ANNA, BOB = ("anna", "correct horse: battery"), ("björn", "staple")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("guarded")
    users = folder / "users.txt"
    users.write_text("".join(f"{name}:{password}\n" for name, password in (ANNA, BOB)), "utf-8")
    with serve_page(folder, ["--auth", users]) as page:
        yield page


@pytest.fixture(scope="module")
def anna(guarded: Served, picture: Path) -> Iterator[Visitor]:
    with Visitor(guarded.address, user=ANNA) as visitor:
        visitor.call("receive", visitor.upload(picture, "bird.jpg"), *ASKED)
        yield visitor


def test_who_knows_the_password_is_answered(anna: Visitor, guarded: Served) -> None:
    assert anna.call("look", *ASKED)[0]["models"]
    with (
        Visitor(guarded.address, user=BOB) as visitor,
        pytest.raises(RefusedError, match="There is no picture"),
    ):
        visitor.call("look", *ASKED)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/config"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/queue/data?session_hash=x"),
        ("GET", "/gradio_api/call/look/x"),
        ("GET", "/gradio_api/upload_progress?upload_id=1"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/run/look"),
        ("POST", "/gradio_api/api/look"),
        ("POST", "/gradio_api/call/look"),
        ("POST", "/gradio_api/upload"),
    ],
)
@pytest.mark.parametrize("cookie", ["", "access-token=x", "access-token-unsecure-x=anna"])
def test_nobody_else_is(method: str, path: str, cookie: str, guarded: Served) -> None:
    body, headers = b"", {"Cookie": cookie}
    if method == "POST" and "upload" in path:
        body, more = multipart(b"x", "x.png")
        headers |= more
    elif method == "POST":
        question = {"data": [], "fn_index": 1, "session_hash": "x", "event_id": "x"}
        body, headers = json.dumps(question).encode(), headers | JSON
    answer = send(guarded.address, path, body, method=method, headers=headers)
    assert answer.status in (401, 403, 404)
    assert b"scenes_vit" not in answer.body


def test_nobody_else_opens_a_file(anna: Visitor, guarded: Served, picture: Path) -> None:
    place = anna.upload(picture, "bird.jpg")["path"]
    answer = send(guarded.address, f"/gradio_api/file={place}")
    assert answer.status == 401
    assert anna.http.get(f"/gradio_api/file={place}").status_code == 200


def test_the_page_shows_a_form_and_nothing_more(guarded: Served) -> None:
    answer = send(guarded.address, "/")
    assert answer.status in (200, 401)
    assert b"auth_required" in answer.body
    assert b"scenes_vit" not in answer.body


def test_whether_it_is_well_may_be_asked_by_all(guarded: Served) -> None:
    answer = send(guarded.address, "/healthz")
    assert answer.status == 200
    assert b"scenes_vit" not in answer.body


def test_guessing_is_refused_and_then_slowed(guarded: Served) -> None:
    """The last of these tests: it uses up this address's tries."""
    said: list[int] = []
    with httpx.Client(base_url=guarded.address) as http:
        for name, password in [
            ("anna", "staple"),
            ("anna", ""),
            ("", ""),
            ("ANNA", ANNA[1]),
            ("anna", ANNA[1].upper()),
            *[("anna", f"guess {number}") for number in range(20)],
        ]:
            reply = http.post("/login", data={"username": name, "password": password})
            said.append(reply.status_code)
            assert "access-token" not in str(reply.cookies)
    assert set(said) <= {400, 401, 422, 429}
    assert said[:3] != [429] * 3
    assert said[-5:] == [429] * 5
    with pytest.raises(RefusedError, match="wait a minute") as refused:
        Visitor(guarded.address, user=ANNA)
    assert refused.value.status == 429


def test_who_is_inside_stays_inside(anna: Visitor) -> None:
    assert anna.call("look", *ASKED)[0]["models"]


def test_no_password_is_in_the_log(guarded: Served) -> None:
    send(guarded.address, "/login", b"username=anna&password=hunter2", method="POST", headers=FORM)
    log = guarded.log.read_text()
    for secret in (ANNA[1], "horse", "staple", "guess", "hunter2", "access-token"):
        assert secret not in log
