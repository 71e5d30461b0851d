"""How the page begins: where it listens, and sentences where it can't."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.pages_served import MODELS, Served
from app.rude_clients import send
from terminal import run
from vitonnx.app import Limits, open_socket
from vitonnx.cli import main
from vitonnx.cli._page import _note_memory
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.portable import kept_bytes


def own_addresses() -> set[str]:
    """Addresses of this machine by which others could come."""
    found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    return {str(entry[4][0]) for entry in found} - {"127.0.0.1"}


def test_nobody_but_this_machine_can_come(served: Served) -> None:
    place = urlsplit(served.address)
    assert place.hostname == "127.0.0.1"
    assert place.port
    for address in (*own_addresses(), "127.0.0.2"):
        if address.startswith("127.") and address != "127.0.0.2":
            continue
        with pytest.raises(OSError), socket.create_connection((address, place.port), 5):  # noqa: PT011
            pass


def test_it_is_well(served: Served) -> None:
    answer = send(served.address, "/healthz")
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok", "models": MODELS, "requests": 0}


def test_a_port_that_is_taken(served: Served) -> None:
    port = urlsplit(served.address).port
    outcome = run("app", "--port", str(port))
    assert outcome.code == 2
    assert outcome.out == ""
    (sentence,) = outcome.errors
    assert f"127.0.0.1:{port}" in sentence
    assert "another port" in sentence
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "99999"], "99999"),
        (["--port", "-1"], "-1"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
        (["--host", "nowhere.invalid"], "nowhere.invalid"),
        (["--upload", "0"], "upload"),
        (["--waiting", "-3"], "waiting"),
        (["--memory", "0"], "memory"),
        (["--auth", "nothing.txt"], "nothing.txt"),
        (["--auth", "empty.txt"], "names no user"),
        (["--auth", "wordless.txt"], "line 1"),
        (["--auth", "twice.txt"], "line 2"),
        (["--auth", "."], "can't read"),
        (["--public", "lab.example"], "no public address"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cant_be_served_is_said_in_a_sentence(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    Path("wordless.txt").write_text("hunter2\n")
    Path("twice.txt").write_text("anna:hunter2\nanna:hunter3\n")
    code = main(["app", "--port", "0", *words])
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.splitlines()[-1].startswith("error: ")
    assert said in err
    assert "hunter" not in err
    assert "Traceback" not in err


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["app", "--port", "0", "nothing.onnx"])
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.startswith("error: There is no file nothing.onnx")


@pytest.mark.parametrize(
    "name",
    ["upload", "pixels", "seconds", "waiting", "memory", "disk", "visitors", "models", "idle"],
)
def test_a_limit_that_allows_nothing(name: str) -> None:
    for value in (0, -1):
        with pytest.raises(UsageError, match=f"{name} is {value}"):
            Limits(**{name: value})
    assert getattr(Limits(**{name: 1}), name) == 1


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(UsageError, match=f"port {port} is out of range"):
        open_socket("127.0.0.1", port)


def test_two_cant_have_one_port() -> None:
    with open_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match="another port"):
            open_socket("127.0.0.1", port)
    open_socket("127.0.0.1", port).close()


def test_that_not_even_one_picture_can_be_kept_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    engines = {name: Engine(file) for name, file in demo_models().items()}
    needed = sum(kept_bytes(engine.layout) for engine in engines.values())
    _note_memory(engines, Limits(memory=needed), quiet=False)
    _note_memory(engines, Limits(memory=needed - 1), quiet=True)
    assert capsys.readouterr().err == ""
    _note_memory(engines, Limits(memory=needed - 1), quiet=False)
    assert "Allow it with --memory 1" in capsys.readouterr().err
    _note_memory(engines, Limits(memory=needed - 1, models=1), quiet=False)
    assert capsys.readouterr().err == ""
