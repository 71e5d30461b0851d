"""The file of users: what it may say, and sentences where it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitonnx.app import read_users
from vitonnx.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.txt"


def test_a_user_a_line(file: Path) -> None:
    file.write_text("anna:secret\n\n  \nbjörn:pass:word with spaces \n", encoding="utf-8")
    assert read_users(file) == [("anna", "secret"), ("björn", "pass:word with spaces ")]


def test_windows_wrote_it(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfanna:secret\r\nbob:other\r\n")
    assert read_users(file) == [("anna", "secret"), ("bob", "other")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "names no user"),
        (b"\n \n", "names no user"),
        (b"anna:a\nbob\n", "line 2"),
        (b"anna:\n", "line 1"),
        (b":hunter2\n", "line 1"),
        (b" :hunter2\n", "line 1"),
        (b"anna:a\nbob:hunter2\nanna:hunter2\n", "line 3"),
        (b"anna:a\nanna :hunter2\n", "line 2"),
        (b"anna:\xff\xfe\n", "UTF-8"),
    ],
)
def test_a_sentence_that_gives_nothing_away(content: bytes, said: str, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said) as refused:
        read_users(file)
    assert "users.txt" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "anna" not in str(refused.value)


def test_it_is_not_there_or_no_file(file: Path) -> None:
    for path in (file, file.parent):
        with pytest.raises(UsageError, match="can't read"):
            read_users(path)
