"""What became of one case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["FAULTS", "OUTCOMES", "Outcome", "Verdict", "place_in"]

Outcome = Literal[
    "refused",
    "accepted",
    "traceback",
    "unexpected",
    "bad sentence",
    "hang",
    "over 2 GB",
    "crash",
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
FAULTS = OUTCOMES[2:]

# A frame as `traceback` writes it, and as `faulthandler` does.
FRAME = re.compile(r'File "([^"]*)", line \d+,? in (\S+)')
INNERMOST = 3


@dataclass(frozen=True)
class Verdict:
    """What a reader made of a file.

    Parameters
    ----------
    outcome : Outcome
        "accepted" and "refused", by an error that vitonnx raises on purpose, are as they should
        be. "traceback" is one that was printed, whatever came of the case; "unexpected" another
        error than vitonnx's own, or what no reader may do; "bad sentence" a refusal that is no line
        for a person.
    detail : str
        The sentence, or the traceback.
    place : str
        Where it happened: faults of one outcome and place are taken for one.
    """

    outcome: Outcome
    detail: str = ""
    place: str = ""

    @property
    def is_fault(self) -> bool:
        return self.outcome in FAULTS


def place_in(traceback: str, *, innermost_last: bool = True) -> str:
    """Name the innermost frames of a traceback, and the last of vitonnx, innermost first."""
    frames = [
        (path, f"{'/'.join(path.split('/')[-2:])}:{function}")
        for path, function in FRAME.findall(traceback)
    ]
    if innermost_last:
        frames.reverse()
    ours = [name for path, name in frames if "/vitonnx/" in path][:1]
    return " < ".join(dict.fromkeys([name for _, name in frames[:INNERMOST]] + ours))
