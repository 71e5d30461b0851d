"""Questions that no page asks: each is refused, and nobody else notices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import ASKED, Served
from app.rude_clients import JSON, connect, join, send

pytestmark = pytest.mark.usefixtures("unharmed")

LEAKS = re.compile(r"Traceback|/(home|root|tmp|usr|work)/|\.py\b")


@pytest.fixture(scope="module")
def visitor(served: Served, picture: Path) -> Iterator[Visitor]:
    with Visitor(served.address) as visitor:
        visitor.call("receive", visitor.upload(picture, "bird.jpg"), *ASKED)
        yield visitor


PLACES = {"models": 0, "who": 1, "block": 2, "mass": 3, "fusion": 4, "discard": 5}
WRONG: dict[str, list[Any]] = {
    "models": ["x", 3, None, [], ["nope"], [["scenes_vit"]], [{}], [None], {"a": 1}, [1] * 50_000],
    "who": ["x", 3, [], {}, ["patch"], "reg0", "../x"],
    "block": ["x", None, 99, -3, [1], {}, 10**30, "1"],
    "mass": ["x", None, -1, 2, [0.5]],
    "fusion": ["x", 3, None, [], {"a": []}],
    "discard": ["x", None, 1, -1, [0.5]],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, wrong in WRONG.items() for value in wrong],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("handler", ["look", "save"])
def test_a_value_of_another_kind(handler: str, name: str, value: Any, visitor: Visitor) -> None:
    asked = list(ASKED)
    asked[PLACES[name]] = value
    more = ["heads"] if handler == "save" else []
    with pytest.raises(RefusedError) as refused:
        visitor.call(handler, *more, *asked)
    assert len(str(refused.value)) > 10
    assert not LEAKS.search(str(refused.value))


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"y": 1},
        {"y": None, "x": 1},
        {"y": [1], "x": {}},
        "x",
        [1, 2],
        3,
        {"y": 10**400, "x": 1},
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_click_nowhere(event: Any, visitor: Visitor) -> None:
    with pytest.raises(RefusedError, match="two whole numbers"):
        visitor.call("ask", *ASKED, event=event)


@pytest.mark.parametrize("event", [{"y": -1, "x": 5}, {"y": 10**15, "x": 5}, {"y": 5, "x": 2}])
def test_a_click_beside_what_the_models_see(event: Any, visitor: Visitor) -> None:
    shown, _, _ = visitor.call("ask", *ASKED, event=event)
    for model in shown["models"]:
        assert "lies outside" in model["error"]


@pytest.mark.parametrize("upload", ["x", 3, [], True, {}, [{}], {"meta": 3}, {"path": None}])
def test_no_file_where_one_should_be(upload: Any, visitor: Visitor) -> None:
    with pytest.raises(RefusedError) as refused:
        visitor.call("video", upload, "heads", "overlay", *ASKED)
    assert not LEAKS.search(str(refused.value))
    shown = None
    with suppress(RefusedError):
        _, shown, _, _ = visitor.call("receive", upload, *ASKED)
    assert shown is None


@pytest.mark.parametrize("probe", ["../../x", "x", 3, None, [], "filters"])
def test_nothing_else_can_be_saved(probe: Any, visitor: Visitor) -> None:
    with pytest.raises(RefusedError):
        visitor.call("save", probe, *ASKED)


@pytest.mark.parametrize("values", [[], [None], [None] * 50, ["x"] * 10_000])
def test_too_few_values_or_too_many(values: list[Any], served: Served, visitor: Visitor) -> None:
    place = visitor.places["look"]["id"]
    question = {"data": values, "fn_index": place, "session_hash": visitor.session}
    answer = join(served.address, question)
    assert answer.status == 200, "it is looked at in its turn"
    heard = visitor.http.get(
        "/gradio_api/queue/data", params={"session_hash": visitor.session}
    ).text
    assert "process_completed" in heard
    assert '"success":true' not in heard


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"3",
        b"null",
        b"\xff\xfe\x00",
        b"9" * 5000,
        b'{"a":' * 3,
        b"[" * 300_000,
        b'{"a":' * 150_000,
        b"[" * 300_000 + b"]" * 300_000,
        b'{"session_hash": {"a": 1}, "fn_index": 1, "data": []}',
        b'{"session_hash": ["a"], "fn_index": 1, "data": []}',
        b'{"session_hash": "' + b"a" * 900_000 + b'", "fn_index": 1, "data": []}',
        b'{"session_hash": "a", "fn_index": 1e400, "data": []}',
        b'{"session_hash": "a", "fn_index": 1, "data": [NaN]}',
        b'{"session_hash": "a", "fn_index": 1, "data": [-Infinity]}',
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
@pytest.mark.parametrize(
    "path",
    ["queue/join", "run/look", "reset"],
)
def test_what_is_no_question(path: str, body: bytes, served: Served) -> None:
    answer = send(served.address, f"/gradio_api/{path}", body, method="POST", headers=JSON)
    assert answer.status == 400
    assert answer.sentence.startswith("The request")


@pytest.mark.parametrize(
    "question",
    [
        {"fn_index": 99, "data": []},
        {"fn_index": -1, "data": []},
        {"fn_index": 10**30, "data": []},
        {"fn_index": "x", "data": []},
        {"fn_index": None, "data": []},
        {"fn_index": 1, "data": None},
        {"fn_index": 1, "data": "x"},
        {"data": []},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["queue/join", "run/predict", "api/predict", "call/nothing"])
def test_a_handler_that_is_not_there(path: str, question: dict[str, Any], served: Served) -> None:
    body = json.dumps({"session_hash": "somebody", **question}).encode()
    answer = send(served.address, f"/gradio_api/{path}", body, method="POST", headers=JSON)
    assert 400 <= answer.status <= 500
    assert json.loads(answer.body)["detail"]
    assert not LEAKS.search(answer.body.decode())


def test_nobody_passes_the_queue_by(served: Served, visitor: Visitor) -> None:
    """A direct request would run beside all others, however many there are."""
    for name in ("receive", "choose", "look", "ask", "save", "video", "filters", "positions"):
        question = {
            "data": [None] * len(visitor.places[name]["inputs"]),
            "fn_index": visitor.places[name]["id"],
            "session_hash": visitor.session,
        }
        for way in ("run", "api"):
            body = json.dumps(question).encode()
            path = f"/gradio_api/{way}/{name}"
            answer = send(served.address, path, body, method="POST", headers=JSON)
            assert answer.status in (401, 404), name


@pytest.mark.parametrize("index", [99, -99, "x", None, [0], {"a": 1}, 1.5])
def test_an_example_that_is_not_there(index: Any, served: Served, visitor: Visitor) -> None:
    (place,) = {
        each["id"] for each in visitor.config["dependencies"] if each["api_name"] == "example"
    }
    question = {"data": [index], "fn_index": place, "session_hash": visitor.session}
    body = json.dumps(question).encode()
    answer = send(served.address, "/gradio_api/run/predict", body, method="POST", headers=JSON)
    assert answer.status in (400, 500)
    assert not LEAKS.search(answer.body.decode())
    assert b"range" not in answer.body, "a sentence, and not Python's"


def test_ten_megabytes_of_json(served: Served) -> None:
    body = b'{"session_hash": "a", "fn_index": 1, "data": ["' + b"a" * 10**7 + b'"]}'
    answer = join(served.address, body)
    assert answer.status == 413
    assert "longer" in answer.sentence


def test_ten_megabytes_of_json_that_say_nothing_of_their_length(served: Served) -> None:
    part = b"%x\r\n" % 10**5 + b"a" * 10**5 + b"\r\n"
    headers = {**JSON, "Transfer-Encoding": "chunked", "Content-Length": ""}
    body = part * 100 + b"0\r\n\r\n"
    answer = send(served.address, "/gradio_api/queue/join", body, method="POST", headers=headers)
    assert answer.status == 413


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 5000, "0x10", "3, 4"])
def test_a_length_that_is_none(length: str, served: Served) -> None:
    headers = {**JSON, "Content-Length": length}
    answer = send(served.address, "/gradio_api/queue/join", b"{}", method="POST", headers=headers)
    assert answer.status in (400, 413)


def test_many_who_begin_and_never_end(served: Served, visitor: Visitor) -> None:
    """Half a request each, and then silence: whoever comes next is answered."""
    lines = [connect(served.address) for _ in range(101)]
    try:
        for number, line in enumerate(lines):
            beginning = b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: x\r\n"
            body = b"Content-Length: 500000\r\n\r\n{" if number % 2 else b"X-Slow: "
            line.sendall(beginning + body)
        # What needs no picture: of many visitors, the page forgets some.
        assert visitor.call("filters", ASKED[0])[0].startswith("<figure")
    finally:
        for line in lines:
            line.close()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_other_methods(method: str, served: Served) -> None:
    assert send(served.address, "/gradio_api/queue/join", method=method).status == 405
