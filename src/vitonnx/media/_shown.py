"""Names of files as they can be shown: on Linux a name is any bytes, and not always text."""

from __future__ import annotations

import re

__all__ = ["shown"]

NO_CHARACTER = re.compile("[\ud800-\udfff]")
BYTES = range(0xDC80, 0xDD00)  # what Python makes of a name's bytes that are no UTF-8


def shown(text: str) -> str:
    r"""Escape what no encoding has, so that a text can be written anywhere.

    Examples
    --------
    >>> shown("caf\udce9.png")
    'caf\\xe9.png'
    """
    return NO_CHARACTER.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number - 0xDC00:02x}" if number in BYTES else f"\\u{number:04x}"
