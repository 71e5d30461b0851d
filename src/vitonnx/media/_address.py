"""Addresses of the net where a file's name is asked for."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from vitonnx.errors import UsageError

__all__ = ["refuse_address"]

# Paths make one slash of two.
ADDRESS = re.compile(r"(https?|ftps?|sftp|s3|gs|gcs|az|abfss?|file):/+", re.IGNORECASE)
BUCKETS = {
    "s3": "aws s3 cp {address} .",
    "gs": "gcloud storage cp {address} .",
    "http": "curl -LO {address}",
    "https": "curl -LO {address}",
}


def refuse_address(name: str) -> None:
    """Refuse an address, and say how to get the file.

    Raises
    ------
    UsageError
        If the name begins as an address does.

    Examples
    --------
    >>> refuse_address("http/bird.png")
    >>> refuse_address("https:/example.org/bird.png")
    Traceback (most recent call last):
        ...
    vitonnx.errors.UsageError: https://example.org/bird.png is an address, and files are read from \
this machine alone: download it first, and give the file's name (curl -LO \
https://example.org/bird.png).
    """
    found = ADDRESS.match(name)
    if found is None:
        return
    scheme = found[1].lower()
    if scheme == "file":
        path = unquote(urlsplit(f"file:///{name[found.end() :]}").path)
        raise UsageError(f"{name} is an address: give the file by its name, {path}.")
    address = f"{scheme}://{name[found.end() :]}"
    way = f" ({BUCKETS[scheme].format(address=address)})" if scheme in BUCKETS else ""
    raise UsageError(
        f"{address} is an address, and files are read from this machine alone: download it first, "
        f"and give the file's name{way}."
    )
