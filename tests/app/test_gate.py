"""Who may come: by the page's own name, from no foreign page, and with a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.visitor import Visitor

from app.pages_served import Served, serve_page
from app.rude_clients import Heard, send
from vitonnx.app._gate import Gate
from vitonnx.errors import UsageError

ANNA, BOB = ("anna", "correct horse: battery"), ("björn", "staple")
PATHS = [
    *(("GET", "/"), ("GET", "/catalogue.json"), ("GET", "/pictures/x"), ("GET", "/videos/x/file")),
    *(("POST", "/pictures"), ("POST", "/ask"), ("DELETE", "/videos/x")),
    ("GET", "/examples/car.png"),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page for two, behind a proxy at 127.0.0.1 that makes it known as lab.example."""
    folder = tmp_path_factory.mktemp("guarded")
    users = folder / "users.txt"
    users.write_text("".join(f"{name}:{password}\n" for name, password in (ANNA, BOB)), "utf-8")
    with pytest.MonkeyPatch.context() as proxy:
        proxy.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
        with serve_page(folder, ["--auth", users, "--public", "https://lab.example"]) as page:
            proxy.undo()
            yield page


def come(page: Served, user: tuple[str, str] | str, path: str = "/", address: str = "") -> Heard:
    """Ask with a password, by way of the proxy if there is an address."""
    word = user if isinstance(user, str) else base64.b64encode(":".join(user).encode()).decode()
    headers = {"Authorization": f"Basic {word}" if word else "", "X-Forwarded-For": address}
    return send(page.address, path, headers=headers)


def test_the_pages_own_names(served: Served) -> None:
    for host in ("localhost", "127.0.0.1:1", "[::1]", "LOCALHOST.:80"):
        assert send(served.address, "/healthz", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost@evil", "lab.example", "0.0.0.0", "x y"],
)
def test_a_foreign_name_leads_to_nothing(host: str, served: Served) -> None:
    """An attacker's name that was made to lead here would make a foreign page one of ours."""
    for method, path in (*PATHS, ("GET", "/healthz")):
        answer = send(served.address, path, method=method, headers={"Host": host})
        assert answer.status == 421
        assert "--public" in answer.sentence
    assert send(served.address, "/", headers={"Host": ""}).status == 400


def test_a_foreign_page_may_ask_nothing(served: Served) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:3000", "file://", "http://"):
        for method, path in PATHS:
            answer = send(served.address, path, method=method, headers={"Origin": origin})
            assert answer.status == 403
    for scheme in ("http", "https"):
        own = {"Host": "localhost:7", "Origin": f"{scheme}://localhost:7"}
        assert send(served.address, "/catalogue.json", headers=own).status == 200


def test_a_name_that_is_made_public(guarded: Served) -> None:
    for headers in ({"Host": "lab.example"}, {"Origin": "https://lab.example"}):
        assert send(guarded.address, "/healthz", headers=headers).status == 200
    assert send(guarded.address, "/", headers={"Origin": "http://lab.example"}).status == 403
    for url in ("lab.example", "ftp://lab.example", "https://", "https://x/y"):
        with pytest.raises(UsageError, match="no public address"):
            Gate(lambda *_: None, [], [], [url])  # type: ignore[arg-type]


def test_who_knows_the_password_is_answered(guarded: Served, picture: Path) -> None:
    for user in (ANNA, BOB):
        with Visitor(guarded.address, user=user) as visitor:
            assert visitor.ask(visitor.look(picture, ["scenes_vit"]), "scenes_vit", "heads")


def test_nobody_else_is(guarded: Served) -> None:
    for method, path in PATHS:
        answer = send(guarded.address, path, b"{}", method=method)
        assert answer.status == 401
        assert "www-authenticate: basic realm=" in answer.headers
        assert b"scenes" not in answer.body
    well = send(guarded.address, "/healthz")  # which all may ask
    assert well.status == 200
    assert json.loads(well.body) == {"status": "ok", "models": [], "requests": 0}


def test_what_is_no_password(guarded: Served) -> None:
    users: list[tuple[str, str] | str] = [
        *(("anna", "staple"), ("anna", ""), ("", ""), ("ANNA", ANNA[1]), ("", ":".join(ANNA))),
        *("!", "====", base64.b64encode(b"\xff:\xff").decode(), "Basic", "a" * 5000),
    ]
    for number, user in enumerate(users):
        assert come(guarded, user, address=f"10.0.0.{number}").status == 401, user


def test_guessing_is_refused_and_then_slowed(guarded: Served) -> None:
    """By the address that the named proxy tells; the right one is slowed, too, or would be told."""
    said = [come(guarded, ("anna", f"guess {n}"), address="10.1.1.1").status for n in range(15)]
    assert said == [401] * 10 + [429] * 5
    slowed = come(guarded, ANNA, address="10.1.1.1")
    assert slowed.status == 429
    assert "wait a minute" in slowed.sentence
    assert "retry-after: 60" in slowed.headers
    assert come(guarded, ANNA, "/catalogue.json", address="10.1.1.2").status == 200
    # What stands in front of the proxy's own word was said by the visitor, and counts for nothing.
    assert come(guarded, ANNA, address="10.9.9.9, 10.1.1.1").status == 429
    log = guarded.log.read_text()
    for secret in (ANNA[1], "horse", "staple", "guess", "Basic", "anna"):
        assert secret not in log


def test_a_proxy_that_isnt_named_is_not_believed(tmp_path: Path) -> None:
    """Else whoever guesses is somebody else each time."""
    users = tmp_path / "users.txt"
    users.write_text("anna:x\n")
    with serve_page(tmp_path, ["--auth", users]) as page:
        said = [come(page, ("anna", "y"), address=f"10.0.0.{n}").status for n in range(12)]
        assert said == [401] * 10 + [429] * 2
        assert come(page, ("anna", "x")).status == 429
