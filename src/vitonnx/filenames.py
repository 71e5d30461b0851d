"""Names of files, as people give them and as they can be shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vitonnx.errors import UsageError

__all__ = ["as_path", "in_a_line", "is_text", "refuse_address", "shown", "shown_json"]

# Paths make one slash of two.
HUB = re.compile(r"https?://(?:www\.)?huggingface\.co/([\w.-]+/[\w.-]+)", re.IGNORECASE)
ADDRESS = re.compile(r"(https?|ftps?|sftp|s3|gs|gcs|az|abfss?|file):/+", re.IGNORECASE)
WAYS = {
    "http": "curl -LO {address}",
    "https": "curl -LO {address}",
    "s3": "aws s3 cp {address} .",
    "gs": "gcloud storage cp {address} .",
}

# What a terminal obeys instead of showing it (controls of ASCII and of Latin-1), what breaks a line
# or turns it about (Unicode's separators, and all with its property Bidi_Control), and what is no
# character at all. Letters of every script, signs, emoji and the joiners inside them stay.
UNSHOWN = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Of these, what breaks a line, steers whatever shows it, or is no text.
UNLINED = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
BYTES = range(0xDC80, 0xDD00)  # what Python makes of a name's bytes that are no UTF-8


def as_path(name: str | os.PathLike[str], what: str = "model") -> Path:
    """Take the name of a model, or of another file, as a path, which need not be there.

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> as_path("dino.onnx").suffix
    '.onnx'
    """
    if not isinstance(name, str | os.PathLike):
        raise UsageError(
            f"The {what} is given as {type(name).__name__}: give a path or a name, as text."
        )
    if not os.fspath(name):
        raise UsageError(f"The name of the {what} is empty: give a path or a name.")
    return Path(name)


def refuse_address(name: str) -> None:
    """Refuse a URL where a file is expected, and say how to get the file.

    Raises
    ------
    UsageError
        If the name begins as an address does.

    Examples
    --------
    >>> refuse_address("http/bird.png")
    >>> refuse_address("s3:/birds/1.png")  # as a path has it
    Traceback (most recent call last):
        ...
    vitonnx.errors.UsageError: s3://birds/1.png is a URL, but only files on this machine are read \
and written: download it first, and give the file's name (aws s3 cp s3://birds/1.png .).
    """
    found = ADDRESS.match(name)
    if found is None:
        return
    scheme, rest = found[1].lower(), name[found.end() :]
    if scheme == "file":
        path = unquote(urlsplit(f"file:///{rest}").path)
        raise UsageError(f"{name} is a URL: give the file by its name, {path}.")
    address = f"{scheme}://{rest}"
    hub = HUB.match(address)
    if hub is not None:
        raise UsageError(
            f"{address} is a URL: give a model on the hub as hf://{hub[1]} (in general "
            "hf://ORG/REPO), or download any other file first."
        )
    way = f" ({WAYS[scheme].format(address=address)})" if scheme in WAYS else ""
    raise UsageError(
        f"{address} is a URL, but only files on this machine are read and written: download it "
        f"first, and give the file's name{way}."
    )


def is_text(name: str) -> bool:
    r"""Tell whether a name is text: on Linux it may be any bytes.

    Examples
    --------
    >>> is_text("café\n"), is_text("caf\udce9")
    (True, False)
    """
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def shown(text: str) -> str:
    r"""Escape control characters, so that foreign text fits in a line and can't steer a terminal.

    A name may hold line breaks, and codes that clear a terminal or write backwards; on Linux it is
    any bytes, and not always text. A path without these is returned unchanged.

    Examples
    --------
    >>> shown("caf\udce9.png")
    'caf\\xe9.png'
    >>> print(shown("a\nerror: \x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"))
    a\nerror: \x1b[2J\u202egnp.exe
    """
    return UNSHOWN.sub(_escaped, text)


def in_a_line(text: str) -> str:
    r"""Escape what would break a line, and keep all letters and marks, for programs to read.

    Examples
    --------
    >>> in_a_line("a\nb.png")
    'a\\nb.png'
    >>> in_a_line("\N{RIGHT-TO-LEFT MARK}.png") == "\N{RIGHT-TO-LEFT MARK}.png"
    True
    """
    return UNLINED.sub(_escaped, text)


def shown_json(text: str) -> str:
    r"""Escape the same inside JSON, which stays the same JSON; its own line breaks stay.

    Examples
    --------
    >>> shown_json('{"name": "\N{RIGHT-TO-LEFT OVERRIDE}a"}')
    '{"name": "\\u202ea"}'
    """

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}"

    return UNSHOWN.sub(escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number in BYTES:
        return f"\\x{number - 0xDC00:02x}"
    if number >= 0xD800:
        return f"\\u{number:04x}"
    return found[0].encode("unicode_escape").decode()
