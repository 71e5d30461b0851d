"""Read the file of users and passwords."""

from __future__ import annotations

from pathlib import Path

from vitonnx.errors import UsageError
from vitonnx.regular import refuse_special

__all__ = ["read_users"]


def read_users(path: Path) -> list[tuple[str, str]]:
    """Read a UTF-8 file with ``user:password`` in each line; empty lines are passed over.

    Raise a UsageError, which tells nothing of what stands in it, if that isn't what it holds.
    """
    refuse_special(path, UsageError)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"can't read {path}: {reason}.") from error
    users: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        user, _, password = line.partition(":")
        user = user.strip()
        if line.strip() and not (user and password):
            raise UsageError(f"{path}, line {number}: the form is not user:password.")
        if user in users:
            raise UsageError(f"{path}, line {number}: this user is named twice.")
        if user:
            users[user] = password
    if not users:
        raise UsageError(f"{path} names no user: write a line of the form user:password.")
    return list(users.items())
