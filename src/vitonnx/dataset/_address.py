"""Addresses of files elsewhere, and how they are shown: without what lets somebody in."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from vitonnx.errors import UsageError

__all__ = ["in_folder", "is_address", "parts_of", "shown_address", "without_secrets"]

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
READ = ("s3", "gs", "gcs", "hf", "https", "http")
BUCKETS = ("s3", "gs", "gcs")
WEB = ("https", "http")
SHORTEST_SECRET = 3  # letters: to take out shorter ones would make sentences unreadable


def is_address(name: str) -> bool:
    """Tell whether a name is a URL.

    Raises
    ------
    UsageError
        If it is one of a kind that isn't read.

    Examples
    --------
    >>> is_address("s3://birds/val.tar"), is_address("birds/val.tar")
    (True, False)
    """
    found = SCHEME.match(name)
    if found is None or found[1].lower() == "file":
        return False  # Whoever opens files says how to give this one.
    if found[1].lower() not in READ:
        kinds = ", ".join(f"{kind}://" for kind in READ if kind != "gcs")
        raise UsageError(f"can't read {shown_address(name)}: a URL must begin with one of {kinds}.")
    return True


def parts_of(address: str) -> tuple[str, str, str, str]:
    """Divide a URL into scheme, authority, path and query.

    In a bucket and on a hub the path is a name as it is, with signs that a web page's address would
    have to escape.

    Examples
    --------
    >>> parts_of("s3://birds/100% wild?.tar?region=eu-north-1")
    ('s3', 'birds', '/100% wild?.tar', 'region=eu-north-1')
    """
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()
    if scheme in WEB:
        split = urlsplit(address)
        return scheme, split.netloc, split.path, split.query
    authority, slash, path = rest.partition("/")
    query = ""
    if scheme in BUCKETS:
        holder = path if slash else authority
        found = re.fullmatch(r"(.*?)\?(\w+=[^/?]*)", holder, re.DOTALL)
        if found is not None:
            path, authority = (found[1], authority) if slash else ("", found[1])
            query = found[2]
    return scheme, authority, slash + path, query


def shown_address(address: str) -> str:
    """Give a URL as messages and ids have it: with no name, password or token in it.

    Of a query a short digest is left, which tells two addresses apart.

    Examples
    --------
    >>> shown_address("https://me:secret@birds.org/robin.jpg")
    'https://birds.org/robin.jpg'
    >>> shown_address("https://birds.org/picture?id=1") == shown_address(
    ...     "https://birds.org/picture?id=2"
    ... )
    False
    """
    scheme, authority, path, query = parts_of(address)
    digest = hashlib.sha256(query.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    ending = f"?…{digest}" if query else ""
    return f"{scheme}://{authority.rpartition('@')[2]}{path}{ending}"


def without_secrets(text: str, address: str) -> str:
    """Take out of what a library says whatever `shown_address` leaves out.

    Examples
    --------
    >>> without_secrets("404 at https://a.org/b?token=abc", "https://a.org/b?token=abc")
    '404 at https://a.org/b?…'
    """
    _, authority, _, query = parts_of(address)
    user = authority.rpartition("@")[0]
    secrets = {query, user, *user.split(":"), *(value for _, value in parse_qsl(query))}
    secrets |= {unquote(secret) for secret in secrets}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "…")
    return text


def in_folder(address: str, relative: str) -> str:
    """Give the URL of a file below that of a folder.

    Examples
    --------
    >>> in_folder("s3://birds/val/?region=eu-north-1", "robin.jpg")
    's3://birds/val/robin.jpg?region=eu-north-1'
    """
    scheme, authority, path, query = parts_of(address)
    ending = f"?{query}" if query else ""
    return f"{scheme}://{authority}{path.rstrip('/')}/{relative}{ending}"
