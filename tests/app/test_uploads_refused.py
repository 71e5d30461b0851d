"""Uploads that are too large, or no uploads: refused in a sentence, and nothing of them stays."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import ASKED, Served
from app.rude_clients import BORDER, connect, multipart, send
from media import picture_bombs as bombs

pytestmark = pytest.mark.usefixtures("unharmed")

UPLOAD = "/gradio_api/upload"
LARGEST = 30 * 2**20


@pytest.fixture(scope="module")
def visitor(served: Served) -> Iterator[Visitor]:
    with Visitor(served.address) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def folder(visitor: Visitor) -> Path:
    return Path(visitor.upload(b"x", "x.png")["path"]).parents[1]


def held(folder: Path) -> int:
    return sum(
        Path(place, name).stat().st_size for place, _, names in os.walk(folder) for name in names
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("holiday.jpg", b"some words"),
        (
            "drawing.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
        ),
        ("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("page.html", b"<!doctype html><img src=x onerror=alert(1)>"),
        ("letter.pdf", b"%PDF-1.4\n1 0 obj"),
        ("model.onnx", b"\x08\x0a\x12\x07pytorch"),
        ("script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file"),
        ("nothing.png", b""),
        ("bomb.png", bombs.png(60_000, 60_000)),
        ("bomb.tif", bombs.tiff(60_000, 60_000)),
        ("bomb.gif", bombs.gif(60_000, 60_000)),
        ("frame.gif", bombs.gif(1, 1, frame=(60_000, 60_000))),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
    ],
)
def test_what_is_no_picture(name: str, content: bytes, visitor: Visitor) -> None:
    with pytest.raises(RefusedError, match=name.replace(".", r"\.")) as refused:
        visitor.call("receive", visitor.upload(content, name), *ASKED)
    assert "/" not in str(refused.value).replace("and/or", "")


def test_two_hundred_megabytes_that_say_so(served: Served, folder: Path) -> None:
    before = held(folder)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BORDER}",
        "Content-Length": str(200 * 2**20),
    }
    answer = send(served.address, UPLOAD, b"x" * 1000, method="POST", headers=headers)
    assert answer.status == 413
    assert "30 MB" in answer.sentence
    assert held(folder) == before


def test_two_hundred_megabytes_that_say_nothing(served: Served, folder: Path) -> None:
    """In chunks, without a length: stopped on the way, and thrown away."""
    before = held(folder)
    body, headers = multipart(b"", "large.png")
    beginning = body[: body.index(b"\r\n\r\n") + 4]
    part = bytes(2**20)
    with connect(served.address) as line:
        line.sendall(
            f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Type: {headers['Content-Type']}\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
            + b"%x\r\n%s\r\n" % (len(beginning), beginning)
        )
        heard = b""
        with suppress(ConnectionError):
            for _ in range(200):
                line.sendall(b"%x\r\n" % len(part) + part + b"\r\n")
        with suppress(ConnectionError):
            heard = line.recv(65536)
    # Whoever goes on sending may find the line cut before the answer is read.
    assert not heard or b" 413 " in heard.split(b"\r\n")[0]
    # What was on its way is deleted as soon as it is refused.
    deadline = time.monotonic() + 10
    while held(folder) > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert held(folder) <= before


def test_a_length_that_is_too_small(served: Served, folder: Path) -> None:
    """What comes after it is no part of the upload, and no request."""
    body, headers = multipart(b"x" * 5000, "short.png")
    answer = send(
        served.address, UPLOAD, body, method="POST", headers={**headers, "Content-Length": "300"}
    )
    assert answer.status in (0, 400, 500) or (answer.status == 200 and answer.body)


def test_who_leaves_in_the_middle_leaves_nothing_behind(served: Served, folder: Path) -> None:
    before = held(folder)
    body, headers = multipart(bytes(5 * 2**20), "half.png")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    for _ in range(5):
        with connect(served.address) as line:
            line.sendall(head.encode() + body[: 4 * 2**20])
    deadline = time.monotonic() + 10
    while held(folder) > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert held(folder) <= before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"--\r\n\r\n----"),
        (f"multipart/form-data; boundary={BORDER}", b""),
        (f"multipart/form-data; boundary={BORDER}", b"nothing of it"),
        (f"multipart/form-data; boundary={BORDER}", f"--{BORDER}--\r\n".encode()),
        (
            f"multipart/form-data; boundary={BORDER}",
            f"--{BORDER}\r\n\r\nx\r\n--{BORDER}--".encode(),
        ),
        (f"multipart/form-data; boundary={'b' * 5000}", b"x"),
    ],
)
def test_what_is_no_upload(kind: str, body: bytes, served: Served) -> None:
    headers = {"Content-Type": kind}
    answer = send(served.address, UPLOAD, body, method="POST", headers=headers)
    assert answer.status in (200, 400, 422, 500)
    assert b"Traceback" not in answer.body
    if answer.status == 200:
        assert json.loads(answer.body) == []


def test_thousands_of_files_at_once(served: Served, folder: Path) -> None:
    part = (
        f'--{BORDER}\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\nx\r\n'
    ).encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={BORDER}"}
    body = part * 20_000 + f"--{BORDER}--\r\n".encode()
    before = sum(len(names) for _, _, names in os.walk(folder))
    answer = send(served.address, UPLOAD, body, method="POST", headers=headers)
    assert answer.status == 400
    assert b"Too many files" in answer.body
    assert sum(len(names) for _, _, names in os.walk(folder)) <= before + 1000


def test_exactly_the_largest_is_taken(served: Served, visitor: Visitor) -> None:
    place = Path(visitor.upload(bytes(LARGEST), "large.png")["path"])
    assert place.stat().st_size == LARGEST
    with pytest.raises(RefusedError, match="large"):
        visitor.upload(bytes(LARGEST + 20_000), "larger.png")


def test_what_was_before_a_refused_picture_is_over(visitor: Visitor, picture: Path) -> None:
    """Else its maps would go on beside the name of the new one."""
    visitor.call("receive", visitor.upload(picture, "bird.jpg"), *ASKED)
    with pytest.raises(RefusedError, match="is not a picture"):
        visitor.call("receive", visitor.upload(b"no picture", "cat.jpg"), *ASKED)
    for question in (["look"], ["save", "heads"]):
        with pytest.raises(RefusedError, match="There is no picture"):
            visitor.call(*question, *ASKED)
    assert visitor.call("receive", visitor.upload(picture, "bird.jpg"), *ASKED)[1]["models"]


def test_parts_that_gradio_does_not_take_are_counted_and_go(served: Served, folder: Path) -> None:
    body, headers = multipart(bytes(10_007), "x.png", field="other")
    before = {each for each in folder.rglob("*") if each.is_file()}
    answer = send(served.address, "/gradio_api/upload", body, method="POST", headers=headers)
    assert answer.status == 200
    stray = [each for each in folder.rglob("*") if each.is_file() and each not in before]
    assert [each.stat().st_size for each in stray] == [10_007]
    for each in stray:
        os.utime(each, (0, time.time() - 3601))
    send(served.address, "/gradio_api/upload", body, method="POST", headers=headers)
    assert not any(each.exists() for each in stray)
