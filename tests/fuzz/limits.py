"""How much a case may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Of memory and time.

    Parameters
    ----------
    resident : int
        Bytes of memory in use at once, above which a process is ended.
    data : int
        Bytes that a process can ask for at all, used or not: between two looks at it, it must not
        eat the machine.
    seconds : float
        Of a case, before it counts as one that hangs. Many times what the slowest takes on a
        machine that does other things as well.
    start : float
        Seconds until a process has imported what it needs.
    """

    resident: int = 2 * 2**30
    data: int = 8 * 2**30
    seconds: float = 30
    start: float = 300
