"""Names of files, as people give them and as they can be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from vitonnx.errors import UsageError

__all__ = ["refuse_address", "shown"]

# Paths make one slash of two.
HUB = re.compile(r"https?://(?:www\.)?huggingface\.co/([\w.-]+/[\w.-]+)", re.IGNORECASE)
ADDRESS = re.compile(r"(https?|ftps?|sftp|s3|gs|gcs|az|abfss?|file):/+", re.IGNORECASE)
WAYS = {
    "http": "curl -LO {address}",
    "https": "curl -LO {address}",
    "s3": "aws s3 cp {address} .",
    "gs": "gcloud storage cp {address} .",
}

NO_CHARACTER = re.compile("[\ud800-\udfff]")
BYTES = range(0xDC80, 0xDD00)  # what Python makes of a name's bytes that are no UTF-8


def refuse_address(name: str) -> None:
    """Refuse an address of the net where a file is asked for, and say how to get the file.

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
    vitonnx.errors.UsageError: s3://birds/1.png is an address, and only files of this machine are \
read and written: download it first, and give the file's name (aws s3 cp s3://birds/1.png .).
    """
    found = ADDRESS.match(name)
    if found is None:
        return
    scheme, rest = found[1].lower(), name[found.end() :]
    if scheme == "file":
        path = unquote(urlsplit(f"file:///{rest}").path)
        raise UsageError(f"{name} is an address: give the file by its name, {path}.")
    address = f"{scheme}://{rest}"
    hub = HUB.match(address)
    if hub is not None:
        raise UsageError(
            f"{address} is an address: a model of the hub is named hf://{hub[1]}, hf://ORG/REPO in "
            "general; any other file of it is to be downloaded first."
        )
    way = f" ({WAYS[scheme].format(address=address)})" if scheme in WAYS else ""
    raise UsageError(
        f"{address} is an address, and only files of this machine are read and written: download "
        f"it first, and give the file's name{way}."
    )


def shown(text: str) -> str:
    r"""Escape what no encoding has, so that a text can be written anywhere.

    On Linux a name is any bytes, and not always text.

    Examples
    --------
    >>> shown("caf\udce9.png")
    'caf\\xe9.png'
    """
    return NO_CHARACTER.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number - 0xDC00:02x}" if number in BYTES else f"\\u{number:04x}"
