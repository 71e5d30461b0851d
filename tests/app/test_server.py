"""How the page begins: where it listens, whom it knows, and sentences where it can't."""

from __future__ import annotations

import json
import socket
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.pages_served import MODELS, Served
from app.rude_clients import send
from vitonnx.app import Limits, open_socket, read_users
from vitonnx.cli import main
from vitonnx.cli._page import _note_memory
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.portable import kept_bytes


def test_it_is_well_and_nobody_but_this_machine_can_come(served: Served) -> None:
    answer, place = send(served.address, "/healthz"), urlsplit(served.address)
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok", "models": MODELS, "requests": 0}
    assert place.hostname == "127.0.0.1"
    own = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    others = [str(entry[4][0]) for entry in own if not str(entry[4][0]).startswith("127.")]
    for address in (*others, "127.0.0.2"):
        with pytest.raises(OSError), socket.create_connection((address, place.port), 5):  # noqa: PT011
            pass


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *(("--port 99999", "99999"), ("--port -1", "-1"), ("--host 192.0.2.1", "192.0.2.1")),
        *(("--host nowhere.invalid", "nowhere.invalid"), ("--upload 0", "upload")),
        *(("--waiting -3", "waiting"), ("--memory 0", "memory")),
        *(("--auth nothing.txt", "nothing.txt"), ("--auth empty.txt", "names no user")),
        *(("--auth wordless.txt", "line 1"), ("--auth .", "can't read")),
        ("--public lab.example", "no public address"),
        ("nothing.onnx", "There is no file nothing.onnx"),
    ],
)
def test_what_cant_be_served_is_said_in_a_sentence(
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    Path("wordless.txt").write_text("hunter2\n")
    code = main(["app", "--port", "0", *words.split()])
    out, err = capsys.readouterr()
    assert (code, out) == (1 if words.endswith(".onnx") else 2, ""), err
    assert err.splitlines()[-1].startswith("error: ")
    assert said in err
    assert "hunter" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", [each.name for each in fields(Limits)])
def test_a_limit_that_allows_nothing(name: str) -> None:
    for value in (0, -1):
        with pytest.raises(UsageError, match=f"{name} is {value}"):
            Limits(**{name: value})
    assert getattr(Limits(**{name: 1}), name) == 1


def test_a_port_that_is_none_or_taken(capsys: pytest.CaptureFixture[str]) -> None:
    for port in (-1, 65536, 10**9):
        with pytest.raises(UsageError, match=f"port {port} is out of range"):
            open_socket("127.0.0.1", port)
    with open_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match="another port"):
            open_socket("127.0.0.1", port)
        assert main(["app", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
    open_socket("127.0.0.1", port).close()


def test_that_not_even_one_picture_can_be_kept_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    engines = {name: Engine(file) for name, file in demo_models().items()}
    needed = sum(kept_bytes(engine.layout) for engine in engines.values())
    for limits, quiet, said in (
        (Limits(memory=needed), False, ""),
        (Limits(memory=needed - 1), True, ""),
        (Limits(memory=needed - 1, models=1), False, ""),
        (Limits(memory=needed - 1), False, "Allow it with --memory 1"),
    ):
        _note_memory(engines, limits, quiet=quiet)
        err = capsys.readouterr().err
        assert said in err
        assert bool(said) == bool(err)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.txt"


def test_a_user_a_line(file: Path) -> None:
    file.write_text("anna:secret\n\n  \nbjörn:pass:word with spaces \n", encoding="utf-8")
    assert read_users(file) == [("anna", "secret"), ("björn", "pass:word with spaces ")]
    file.write_bytes(b"\xef\xbb\xbfanna:secret\r\nbob:other\r\n")  # as Windows writes it
    assert read_users(file) == [("anna", "secret"), ("bob", "other")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        *((b"", "names no user"), (b"\n \n", "names no user"), (b"anna:\xff\xfe\n", "UTF-8")),
        *((b"anna:a\nbob\n", "line 2"), (b"anna:\n", "line 1"), (b":hunter2\n", "line 1")),
        *((b" :hunter2\n", "line 1"), (b"anna:a\nanna :hunter2\n", "line 2")),
        (b"anna:a\nbob:hunter2\nanna:hunter2\n", "line 3"),
    ],
)
def test_a_sentence_that_gives_nothing_away(content: bytes, said: str, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said) as refused:
        read_users(file)
    assert "users.txt" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "anna" not in str(refused.value)


def test_users_that_are_not_there_or_no_file(file: Path) -> None:
    for path in (file, file.parent):
        with pytest.raises(UsageError, match="can't read"):
            read_users(path)
