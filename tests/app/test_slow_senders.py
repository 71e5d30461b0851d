"""Who is slow to ask, to send or to listen is shut out, and takes nobody's place meanwhile."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import Served, serve_within
from app.rude_clients import connect, hear, send

IDLE = 2  # seconds, instead of a minute
LOOK = b"POST /pictures?models=scenes_vit HTTP/1.1\r\nHost: localhost\r\n"
SIZE, CHUNKS = b"Content-Length: 1000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"
WELL = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_within(tmp_path_factory.mktemp("hasty"), f"idle={IDLE}, waiting=1") as page:
        yield page
        assert "Traceback" not in page.log.read_text()


def seconds_until_shut(line: socket.socket, drop: bytes = b"") -> float:
    """Send a byte now and then, until the other end closes."""
    begun = time.monotonic()
    line.settimeout(0.2)
    while time.monotonic() - begun < 6 * IDLE:
        try:
            if drop:
                line.sendall(drop)
            if not line.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("begun", "drop"),
    [
        *((b"", b""), (b"G", b""), (LOOK, b""), (LOOK + b"X: ", b"a"), (WELL + b"GET /hea", b"")),
        *((LOOK + SIZE, b""), (LOOK + SIZE, b"a"), (LOOK + CHUNKS, b"1\r\na\r\n")),
        (b"POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", b""),
    ],
    ids=["nothing", "a letter", "half a head", "drops", "next", "no body", "body", "chunks", "ask"],
)
def test_a_slow_one_is_shut(begun: bytes, drop: bytes, hasty: Served) -> None:
    with connect(hasty.address) as line:
        line.sendall(begun)
        taken = seconds_until_shut(line, drop)
    # With the five seconds that uvicorn keeps what has been answered.
    assert 0.8 * IDLE < taken < 3 * IDLE + 1


def test_slow_ones_reserve_nothing(hasty: Served, picture: Path) -> None:
    """More of them than may wait or run, and yet others are answered at once."""
    with ExitStack() as stack, Visitor(hasty.address) as visitor:
        for _ in range(50):
            line = stack.enter_context(connect(hasty.address))
            line.sendall(LOOK + SIZE + b"abc")
        seen = visitor.look(picture, ["scenes_vit"])
        assert visitor.ask(seen, "scenes_vit", "heads")
    time.sleep(0.5)
    assert httpx.get(f"{hasty.address}healthz").json()["requests"] == 0


def test_more_than_may_wait_are_asked_to_come_again(hasty: Served, picture: Path) -> None:
    """Five run or wait; others hear at once when to come, and nobody is forgotten."""
    with Visitor(hasty.address) as visitor:
        seen = visitor.look(picture, ["scenes_vit"])
        question = {"picture": seen["key"], "model": "scenes_vit", "probe": "flow"}
        ask = partial(httpx.post, json=question, timeout=60)
        with ThreadPoolExecutor(12) as pool:
            replies = [*pool.map(ask, [f"{hasty.address}ask"] * 12)]
        said = Counter(reply.status_code for reply in replies)
        assert said.keys() == {200, 503}
        assert said[200] >= 5
        assert all(reply.headers["retry-after"] for reply in replies if reply.status_code == 503)
        assert visitor.ask(seen, "scenes_vit", "heads")


def test_a_file_that_fills_the_disk(tmp_path: Path) -> None:
    with serve_within(tmp_path, "disk=3_000_000") as page, Visitor(page.address) as visitor:
        with pytest.raises(RefusedError, match="Too much is being sent at once") as refused:
            visitor.look(bytes(9_000_000), ["scenes_vit"])
        assert refused.value.status == 503


def test_a_long_body_that_comes_steadily_is_taken(hasty: Served, picture: Path) -> None:
    content = picture.read_bytes() + bytes(400_000)
    with connect(hasty.address) as line:
        line.sendall(LOOK + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(content))
        step = len(content) // 16
        for start in range(0, len(content), step):  # 4 s of them
            line.sendall(content[start : start + step])
            time.sleep(0.25)
        assert hear(line).status == 200


def test_who_doesnt_listen_is_shut(hasty: Served) -> None:
    """Forty pages of examples are asked for at once, and not one is read."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.connect(("127.0.0.1", int(hasty.address.rstrip("/").rpartition(":")[2])))
        line.settimeout(1)
        with suppress(OSError):
            for _ in range(20_000):
                line.sendall(WELL.replace(b"healthz", b"catalogue.json"))
        time.sleep(2 * IDLE)
        with pytest.raises(OSError):  # noqa: PT011
            line.sendall(bytes(10**8))


def test_more_connections_than_there_is_room_for(hasty: Served) -> None:
    with ExitStack() as stack:
        for _ in range(600):
            with suppress(OSError):
                stack.enter_context(connect(hasty.address))
        assert send(hasty.address, "/healthz").status == 200


def test_several_questions_at_once_are_answered_in_turn(hasty: Served) -> None:
    with connect(hasty.address) as line:
        line.sendall(WELL * 5 + b"nonsense\r\n\r\n")
        whole = hear(line)
    assert (whole.headers + whole.body.decode()).lower().count("http/1.1 200") == 5


def test_nonsense_behind_a_refused_body(hasty: Served) -> None:
    with connect(hasty.address) as line:
        line.sendall(LOOK.replace(b"scenes_vit", b"x") + CHUNKS)
        time.sleep(0.3)
        line.sendall(b"zzz\r\n\r\n")
        assert hear(line).status == 422
