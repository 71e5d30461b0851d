"""Try a reader on case after case until its time is over."""

from __future__ import annotations

import time
from pathlib import Path

from fuzz.cases import make_case
from fuzz.limits import Limits
from fuzz.material import lay_out
from fuzz.readers import Reader
from fuzz.tally import Tally
from fuzz.verdict import Verdict
from fuzz.worker import Worker

__all__ = ["fuzz"]

LONGEST = 2000  # letters of a traceback, whose end says most


def fuzz(
    reader: Reader,
    *,
    seed: int,
    seconds: float,
    folder: Path,
    found: Path,
    limits: Limits | None = None,
) -> Tally:
    """Try a reader.

    Parameters
    ----------
    reader : Reader
        Which.
    seed : int
        Of the cases.
    seconds : float
        For how long, from when the first process is ready; the files as they should be are read in
        any case.
    folder : Path
        To work in.
    found : Path
        Where files are kept that a fault was found with, one for each kind of fault.
    limits : Limits, optional
        Of a case.

    Returns
    -------
    Tally
    """
    tally, seen = Tally(reader.name, seed), set[tuple[str, str]]()
    desk = lay_out(folder / "desk")
    files = reader.seeds(desk)
    with Worker(reader.read, desk, limits) as worker:
        until, number = time.monotonic() + seconds, 0
        while number < len(files) or time.monotonic() < until:
            case = folder / f"case{reader.suffix}"
            content = make_case(reader, files, seed, number)
            case.write_bytes(content)
            verdict = worker.ask(case)
            if number < len(files) and verdict.outcome == "refused":
                raise AssertionError(f"{case} is as it should be, and refused: {verdict.detail}")
            tally.counts[verdict.outcome] += 1
            if verdict.is_fault and (verdict.outcome, verdict.place) not in seen:
                seen.add((verdict.outcome, verdict.place))
                kept = _keep(found, f"{reader.name}-{seed}-{number}{reader.suffix}", content)
                tally.faults.append(_told(reader, kept, verdict))
            number += 1
    return tally


def _keep(found: Path, name: str, content: bytes) -> Path:
    found.mkdir(parents=True, exist_ok=True)
    path = found / name
    path.write_bytes(content)
    return path


def _told(reader: Reader, kept: Path, verdict: Verdict) -> str:
    again = f"PYTHONPATH=tests python -m fuzz {reader.name} {kept}"
    detail = verdict.detail[-LONGEST:]
    return f"{verdict.outcome}: {verdict.place}\n{detail}\nAgain: {again}"
