"""Names of files: addresses that are none, and what is no text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vitonnx.errors import ModelFileError, UsageError
from vitonnx.filenames import refuse_address, shown, shown_json
from vitonnx.modelfile import require_model_file


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("https://x.org/a b.png", ["https://x.org/a b.png is", "curl -LO https://x.org/a b.png"]),
        ("https:/x.org/a.png", ["https://x.org/a.png is", "curl"]),  # as a path has it
        ("HTTP://x.org/a.png", ["http://x.org/a.png is", "curl"]),
        ("s3://birds/a.png", ["aws s3 cp s3://birds/a.png ."]),
        ("gs:/birds/a.png", ["gcloud storage cp gs://birds/a.png ."]),
        ("ftp://x.org/a.png", ["ftp://x.org/a.png is a URL", "download it first"]),
        ("file:///home/a%20b.png", ["give the file by its name, /home/a b.png."]),
        ("file:/home/a.png", ["give the file by its name, /home/a.png."]),
    ],
)
def test_an_address_is_refused(name: str, parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_address(name)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a.png", "http/a.png", "https", "C:/a.png", "hf://org/model", "files:/a", "/https:/a"]
)
def test_names_are_none(name: str) -> None:
    refuse_address(name)


def test_what_is_no_text_is_escaped() -> None:
    assert shown(os.fsdecode(b"caf\xe9 \xff.png")) == r"caf\xe9 \xff.png"
    assert shown("a\ud800b") == r"a\ud800b"  # half of a pair


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\nerror: b", r"a\nerror: b"),
        ("a\r\tb\0\x7f", r"a\r\tb\x00\x7f"),
        ("\x1b[2J\x1b]52;c;QQ==\x07", r"\x1b[2J\x1b]52;c;QQ==\x07"),
        ("\x9b2J\x85", r"\x9b2J\x85"),  # the same in one byte, and a line's end
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\u202egnp.exe\u2066\u2069\u200f\u061c", r"\u202egnp.exe\u2066\u2069\u200f\u061c"),
    ],
)
def test_what_says_something_to_a_terminal_is_escaped(text: str, seen: str) -> None:
    assert shown(text) == seen
    assert json.loads(shown_json(json.dumps(text, ensure_ascii=False))) == text
    assert shown(shown_json(json.dumps(text, ensure_ascii=False))).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "C:\\temp\\new bird.png",
        "café 猫 🐦 👩‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f ❤️",  # joined and tagged signs, too
        "תמונה.png صورة.png می‌خواهم",
        "Screenshot at 1.00.00\u202fPM.png",  # as macOS calls them
        "a\u3000b\xa0c",
    ],
)
def test_letters_of_every_kind_stay(text: str) -> None:
    assert shown(text) == text


def test_a_model_with_such_a_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    file.write_bytes(b"model")
    with pytest.raises(
        ModelFileError, match=r"caf\\xe9\.onnx has a name that is not UTF-8.*rename"
    ):
        require_model_file(file)
