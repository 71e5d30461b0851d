"""Read the file of users and passwords."""

from __future__ import annotations

from pathlib import Path

from vitonnx.errors import UsageError
from vitonnx.regular import refuse_special

__all__ = ["read_users"]


def read_users(path: Path) -> list[tuple[str, str]]:
    """Read a file with ``user:password`` in each line; empty lines are passed over.

    It is UTF-8, with or without a mark in front. What is after the first colon is the password,
    whatever it is. Raise a UsageError, which tells nothing of what stands in it, if it can't be
    read, a line is of another form, a user is named twice, or there is none.
    """
    refuse_special(path, UsageError)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"can't read {path}: {reason}.") from error
    users: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        user, colon, password = line.partition(":")
        user = user.strip()
        if not (user and colon and password):
            raise UsageError(f"{path}, line {number}: the form is not user:password.")
        if user in users:
            raise UsageError(f"{path}, line {number}: this user is named twice.")
        users[user] = password
    if not users:
        raise UsageError(f"{path} names no user: write a line of the form user:password.")
    return list(users.items())
