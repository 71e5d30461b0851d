"""Whatever is sent to any address is answered by a sentence, and hurts nobody else."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.visitor import RefusedError, Visitor
from PIL import Image

from app.pages_served import MODELS, Served, serve_within
from app.rude_clients import connect, hear, send
from media import picture_bombs as bombs
from vitonnx.demo import demo_models
from vitonnx.probes import PROBES, find_probe, options_of

pytestmark = pytest.mark.usefixtures("unharmed")

LOOK = "/pictures?models=scenes_vit"
SECRET = b"root:"  # in /etc/passwd


@pytest.fixture(scope="module")
def visitor(served: Served) -> Iterator[Visitor]:
    with Visitor(served.address) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def seen(visitor: Visitor, picture: Path) -> dict[str, Any]:
    return visitor.look(picture, ["scenes_vit"])


def refused(served: Served, path: str, body: bytes = b"", method: str = "POST") -> str:
    answer = send(served.address, path, body, method=method)
    assert 400 <= answer.status < 500, answer
    assert "Traceback" not in answer.sentence
    assert "/tmp" not in answer.sentence
    return answer.sentence


OUTSIDE = [
    *("../../../../../../etc/passwd", "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd"),
    *("%2e%2e/%2e%2e/%2e%2e/etc/passwd", "%252e%252e/etc/passwd", "..%5c..%5cetc%5cpasswd"),
    *("/etc/passwd", "//etc/passwd", "x%00/../../etc/passwd", "%00", "file:///etc/passwd"),
    *("http://127.0.0.1:9/", "~/.ssh/id_rsa", "C:/Windows/win.ini", "%5c%5cserver%5cshare"),
    *("a" * 5000, "a/" * 2000, "_run.py", "../_run.py", "%ff%fe", "%c2%85", "%e2%80%a8"),
]


@pytest.mark.parametrize("place", ["/", "/examples/", "/pictures/", "/videos/", "/videos/x/file/"])
def test_no_file_of_the_machine_has_an_address(place: str, served: Served) -> None:
    for name in OUTSIDE:
        answer = send(served.address, place + name)
        assert 400 <= answer.status < 500, name
        assert SECRET not in answer.body
        assert b"import" not in answer.body
        assert answer.sentence


def test_the_working_folder_the_log_and_the_models_have_none(served: Served) -> None:
    for file in (*demo_models().values(), served.log, Path(__file__)):
        for place in ("/", "/examples/"):
            refused(served, f"{place}{file}", method="GET")
            refused(served, f"{place}{file.name}", method="GET")


def test_what_an_address_doesnt_take(served: Served) -> None:
    paths = ("/ask", "/pictures", "/videos", "/catalogue.json", "/healthz/", "/login", "/x/y")
    methods = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X")
    for asked in itertools.product(methods, paths):
        answer = send(served.address, asked[1], b"{}", method=asked[0])
        assert answer.status in (400, 404, 405, 422) or asked == ("GET", "/catalogue.json")
    assert send(served.address, "/catalogue.json", method="HEAD").body == b""


def test_nothing_of_the_machine_is_told(served: Served) -> None:
    told = send(served.address, "/catalogue.json").body.decode()
    assert not re.findall(r"/(?:home|root|tmp|usr|work|Users|opt)/[\w./-]+", told)


def png(height: int = 53, width: int = 71) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "picture"),
        (b"some words", "format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>", "format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n", "format"),
        (b"\x89PNG\r\n\x1a\n", "format"),
        (png()[:60], "damaged"),
        (bombs.png(60_000, 60_000), "million pixels"),
        (bombs.gif(1, 1, frame=(12_000, 12_000)), ""),
    ],
    ids=str,
)
def test_what_is_no_picture(content: bytes, words: str, served: Served) -> None:
    sentence = refused(served, f"{LOOK}&name=holiday.jpg", content)
    assert words in sentence
    assert "holiday.jpg" in sentence


def test_what_is_no_set_of_models(served: Served) -> None:
    for models in ("", "x", "scenes_vit&models=x", "&models=".join(["scenes_vit"] * 4), "%00"):
        sentence = refused(served, f"/pictures?models={models}", png())
        assert sentence == "Choose from 1 to 3 of the models scenes_vit, scenes_dino."


def test_two_hundred_megabytes_are_refused_before_they_are_read(served: Served) -> None:
    for path in (LOOK, "/videos?model=scenes_vit&probe=heads"):
        with connect(served.address) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n"
            line.sendall(head.encode())
            assert line.recv(65536).startswith(b"HTTP/1.1 413")
    for length in ("9" * 15, "9" * 20):
        answer = send(served.address, "/ask", method="POST", headers={"Content-Length": length})
        assert answer.status in (400, 413)
    assert "0.0625 MB" in refused(served, "/ask", bytes(2**17))


def test_a_body_without_an_end(served: Served) -> None:
    head = f"POST {LOOK} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(served.address) as line:
        line.sendall(head.encode())
        for _ in range(40):
            line.sendall(b"100000\r\n" + bytes(2**20) + b"\r\n")
        answer = hear(line)
    assert answer.status == 413
    assert answer.sentence == "More than the 30 MB that are allowed here."
    with connect(served.address) as line:
        line.sendall(head.encode() + b"nonsense\r\n\r\n")
        assert hear(line).status in (0, 400)


VALUES: list[Any] = [
    *(None, True, 3, -1.5, 1e308, 10**400, "", "x", "\0", "\ud800", "9" * 4000, [], {}),
    *([[]], [None], {"x": {}}, ["a"] * 1000, "../../etc/passwd", "NaN", float("nan")),
]


@pytest.mark.parametrize("field", ["picture", "first", "model", "probe", "options"])
def test_a_question_of_other_types(field: str, served: Served, seen: dict[str, Any]) -> None:
    good = {"picture": seen["key"], "first": None, "model": "scenes_vit", "probe": "heads"}
    for value in VALUES:
        if (field, value) in (("options", {}), ("first", None)):
            continue
        body = json.dumps({**good, "options": {}, field: value}).encode()
        refused(served, "/ask", body)


@pytest.mark.parametrize("probe", [each.name for each in PROBES])
def test_options_of_other_types(probe: str, served: Served, seen: dict[str, Any]) -> None:
    for option in options_of(find_probe(probe)):
        for value in [value for value in VALUES if value != ["a"]]:
            question = {"picture": seen["key"], "model": "scenes_vit", "probe": probe}
            body = json.dumps({**question, "options": {option.name: value}}).encode()
            if len(body) < 2**16:
                refused(served, "/ask", body)
        for words in ("1e999", "-" * 99, "٣", "1_0", " ", "predicted ", "embedding:/etc/passwd"):
            body = json.dumps({**question, "options": {option.name: words}}).encode()
            answer = send(served.address, "/ask", body, method="POST")
            assert answer.status in (200, 404, 422), (option.name, words)
            assert SECRET not in answer.body


def test_what_is_no_question(served: Served) -> None:
    deep = (b"[" * 60_000, b'{"a":' * 10_000, b"1" * 5000)
    for body in (b"", b"{", b"[]", b"null", b'"x"', b"\xff", *deep):
        assert refused(served, "/ask", body) == "What was asked must be an object of JSON."


def test_a_file_of_this_machine_is_no_option(visitor: Visitor, seen: dict[str, Any]) -> None:
    asked = {"pca": {"basis": "/x.npz"}, "attribution": {"target": "embedding:x"}}
    for probe, options in asked.items():
        with pytest.raises(RefusedError, match="reads none"):
            visitor.ask(seen, "scenes_vit", probe, options)


def test_a_picture_is_nobody_elses(visitor: Visitor, served: Served, picture: Path) -> None:
    """Who doesn't know its key finds nothing; and a removed one is gone at once."""
    mine = visitor.look(picture, ["scenes_vit"])
    assert len(mine["key"]) >= 20
    for key in ("", "x", mine["key"][:-1], mine["key"].upper(), "null", "*", "%2e"):
        assert send(served.address, f"/pictures/{key}").status in (404, 405)
    with pytest.raises(RefusedError, match="send it once more"):
        visitor.ask(mine, "scenes_dino", "heads")
    shown = visitor.http.get(f"pictures/{mine['key']}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["cache-control"] == "no-store"
    assert visitor.http.delete(f"pictures/{mine['key']}").status_code == 204
    with pytest.raises(RefusedError, match="no picture") as gone:
        visitor.ask(mine, "scenes_vit", "heads")
    assert gone.value.status == 404


def test_the_picture_before_makes_room(visitor: Visitor, picture: Path) -> None:
    """Also where the next one is refused: nothing of it stays."""
    before = visitor.look(picture, MODELS)
    with pytest.raises(RefusedError):
        visitor.look(b"words", MODELS, before=before)
    with pytest.raises(RefusedError, match="no picture"):
        visitor.ask(before, "scenes_vit", "heads")


def test_headers_of_every_answer(served: Served) -> None:
    answers = [
        send(served.address, path, method=method)
        for path in ("/", "/ask", "/healthz", "/catalogue.json", "/x", "/examples/car.png")
        for method in ("GET", "POST", "BAD METHOD")
    ]
    for start, status in (("x", 400), ("99999999-", 416)):
        part = {"Range": f"bytes={start}"}
        answers.append(send(served.address, "/examples/car.png", headers=part))
        assert (answers[-1].status, bool(answers[-1].sentence)) == (status, True)
    assert send(served.address, "/", method="BAD METHOD").sentence
    for headers in [answer.headers for answer in answers]:
        assert "frame-ancestors 'none'" in headers
        assert "script-src 'self' 'wasm-unsafe-eval'; style-src 'self';" in headers
        for each in ("nosniff", "no-referrer", "cross-origin-opener-policy: same-origin"):
            assert each in headers
        assert "server:" not in headers


def test_who_is_too_many(tmp_path: Path, picture: Path) -> None:
    """Of two pictures that are kept, the third makes the first be forgotten, in a sentence."""
    limits = "visitors=2, upload=100_000, pixels=200_000, seconds=1, models=1, waiting=1"
    with serve_within(tmp_path, limits) as small, Visitor(small.address) as visitor:
        first, second, third = [visitor.look(picture, MODELS[:1]) for _ in range(3)]
        for each in (second, third):
            assert visitor.ask(each, "scenes_vit", "heads")
        with pytest.raises(RefusedError, match="There is no picture, or it has been removed"):
            visitor.ask(first, "scenes_vit", "heads")
        for content, words in ((bytes(120_000), "0.0954 MB"), (png(500, 500), "0.2 million")):
            with pytest.raises(RefusedError, match=words):
                visitor.look(content, MODELS[:1])
        with pytest.raises(RefusedError, match="from 1 to 1"):
            visitor.look(picture, MODELS)
        assert httpx.get(f"{small.address}healthz").json()["requests"] == 0
