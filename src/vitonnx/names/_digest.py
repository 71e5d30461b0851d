"""Whether a file came through whole: a hub's cache calls it by the digest that it has to have."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["is_whole"]

SHA1, SHA256 = 40, 64  # hexadecimal digits


def is_whole(path: Path) -> bool:
    """Compare a file in a hub's cache with the digest that it is called by.

    Parameters
    ----------
    path : Path
        Link to the file, as in a hub's cache. A regular file, which the cache has on some systems,
        or a name that is not a digest tells nothing of the expected content, and is trusted.
    """
    name = path.readlink().name if path.is_symlink() else ""
    if len(name) == SHA256:
        digests = [hashlib.sha256()]
    elif len(name) == SHA1:  # as Git calls what it keeps; or of the bytes alone, as mirrors do
        header = f"blob {path.stat().st_size}\0".encode()
        digests = [hashlib.sha1(start, usedforsecurity=False) for start in (header, b"")]
    else:
        return True
    with path.open("rb") as stream:
        while part := stream.read(2**20):
            for digest in digests:
                digest.update(part)
    return name in [digest.hexdigest() for digest in digests]
