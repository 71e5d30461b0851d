import codecs
import os
from pathlib import Path

import pytest

from vitonnx.errors import UsageError
from vitonnx.media import read_lists


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*inputs: str | Path) -> list[str]:
    return list(read_lists(inputs))


@pytest.mark.parametrize("name", ["list.txt", "@list.txt", "LIST.TXT", "@list"])
def test_the_names_of_a_list_take_its_place(name: str, desk: Path) -> None:
    Path(name.removeprefix("@")).write_text("a.png\nsub/b c.jpg\n\n#3.png")
    assert names("x.png", name, Path("y")) == ["x.png", "a.png", "sub/b c.jpg", "#3.png", "y"]


def test_lists_of_other_systems(desk: Path) -> None:
    Path("list.txt").write_bytes(b"\xef\xbb\xbfa.png\r\nb.png\r\n")
    assert names("list.txt") == ["a.png", "b.png"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_lists_with_a_mark(encoding: str, desk: Path) -> None:
    """PowerShell writes UTF-16, in the order of bytes of Intel's processors."""
    Path("list.txt").write_bytes("猫.png\r\ncafé.png\r\n".encode(encoding))
    assert names("list.txt") == ["猫.png", "café.png"]


def test_the_other_order_of_bytes(desk: Path) -> None:
    Path("list.txt").write_bytes(codecs.BOM_UTF16_BE + "猫.png\n".encode("utf-16-be"))
    assert names("list.txt") == ["猫.png"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.png\n".encode("utf-16-le"), "list.txt is not a list of pictures, or it is in UTF-16"),
        ("a.png\n".encode("utf-16")[:-1], "list.txt is marked as UTF-16, but isn't"),
    ],
)
def test_lists_that_are_none(content: bytes, message: str, desk: Path) -> None:
    Path("list.txt").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        names("list.txt")


def test_names_of_unix_behind_a_mark(desk: Path) -> None:
    Path("list.txt").write_bytes(codecs.BOM_UTF8 + b"caf\xe9.png\n")
    assert os.fsencode(names("list.txt")[0]) == b"caf\xe9.png"


def test_an_address_is_no_list(desk: Path) -> None:
    with pytest.raises(UsageError, match=r"https://x\.org/list\.txt is a URL"):
        names("@https:/x.org/list.txt")


def test_names_that_are_no_text_are_those_on_the_disk(desk: Path) -> None:
    Path("list.txt").write_bytes(b"caf\xe9.png\n")
    assert os.fsencode(names("list.txt")[0]) == b"caf\xe9.png"


def test_a_name_with_an_at_is_a_name_if_it_exists(desk: Path) -> None:
    Path("@home.png").touch()
    Path("notes.txt").mkdir()
    assert names("@home.png", "notes.txt") == ["@home.png", "notes.txt"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.txt", "There is no list of pictures missing.txt"),
        ("@missing", "There is no list of pictures missing"),
        ("empty.txt", "empty.txt lists no pictures"),
        ("@folder", "as a list of pictures"),
    ],
)
def test_what_is_no_list(name: str, message: str, desk: Path) -> None:
    Path("empty.txt").write_text("\n\n")
    Path("folder").mkdir()
    with pytest.raises(UsageError, match=message):
        names(name)
