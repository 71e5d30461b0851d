"""Addresses of files elsewhere, and how they are shown: without what lets somebody in."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, unquote

from vitonnx.errors import UsageError

__all__ = [
    "BUCKETS",
    "WEB",
    "is_address",
    "named",
    "parts_of",
    "refuse_unread",
    "shown_address",
    "with_path",
    "without_secrets",
]

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
READ = ("s3", "gs", "gcs", "hf", "https", "http")
BUCKETS = ("s3", "gs", "gcs")
WEB = ("https", "http")
SHORTEST_SECRET = 3  # letters: to take out shorter ones would make sentences unreadable


def is_address(name: str) -> bool:
    """Tell whether a name is a URL, also one of a kind that isn't read.

    Examples
    --------
    >>> is_address("s3://birds/val.tar"), is_address("birds/val.tar")
    (True, False)
    """
    found = SCHEME.match(name)
    # Whoever opens files says how to give one with file://.
    return found is not None and found[1].lower() != "file"


def refuse_unread(address: str) -> None:
    """Refuse a URL that is of no kind that is read, or names no bucket or server.

    Raises
    ------
    UsageError
        If it is one.
    """
    scheme, authority, _, _ = parts_of(address)
    if scheme in READ and authority:
        return
    kinds = ", ".join(f"{kind}://" for kind in READ if kind != "gcs")
    what = "that names no server or bucket" if scheme in READ else "that isn't read"
    raise UsageError(
        f"{shown_address(address)} is a URL {what}: give one that begins with {kinds} and a name, "
        "or download it first."
    )


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
    query = ""
    if scheme in WEB:
        rest, _, query = rest.partition("#")[0].partition("?")
    authority, slash, path = rest.partition("/")
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


def named(name: str) -> str:
    """Give a file's name as ids and results have it: a URL as it is shown, all others as given.

    Examples
    --------
    >>> named("https://me:secret@birds.org/robin.jpg"), named("me:secret@birds.org/robin.jpg")
    ('https://birds.org/robin.jpg', 'me:secret@birds.org/robin.jpg')
    """
    return shown_address(name) if is_address(name) else name


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


def with_path(address: str, path: str) -> str:
    """Give the URL of another file at the same server.

    Examples
    --------
    >>> with_path("s3://birds/val/?region=eu-north-1", "/val/robin.jpg")
    's3://birds/val/robin.jpg?region=eu-north-1'
    """
    scheme, authority, _, query = parts_of(address)
    ending = f"?{query}" if query else ""
    return f"{scheme}://{authority}{path}{ending}"
