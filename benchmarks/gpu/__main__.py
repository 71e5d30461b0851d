"""Prove, check and measure vitonnx on a GPU: `python -m benchmarks gpu`; exit code 1 if it fails.

Every row goes to FOLDER/rows.jsonl at once, all tables to FOLDER/report.md at the end. What the
budget has no time for is left out, and said. `--device cpu` tries all of it without a GPU.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from multiprocessing import active_children
from pathlib import Path
from threading import Timer

from benchmarks.gpu import check, sections
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.compare import verdict
from benchmarks.gpu.proof import prove
from benchmarks.gpu.rows import Row, Rows
from benchmarks.tables import machine
from vitonnx.engine.devices import Device

SECTIONS = ("prove", "check", *sections.MEASURED)
CHECKING = 0.35  # of the time, at most
GRACE = 15  # seconds for the step that is under way when the time is over
# What a runtime can be told is tried, and needn't be had.
TRIED = ("kernels", "options")


def main(words: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    asked = parser().parse_args(words)
    budget = Budget(asked.budget)
    rows = Rows.to(asked.out / "rows.jsonl")
    title = f"# {asked.device} ({Device(asked.device).title})"
    head = [title, "", *machine(), "", f"`python -m benchmarks gpu {shlex.join(words)}`", ""]
    print("\n".join(head), flush=True)
    late = Timer(asked.budget + GRACE, give_up, (asked, rows, head))
    late.daemon = True
    late.start()
    if "prove" not in asked.sections or prove(asked.device, rows):
        if "check" in asked.sections:
            alone = asked.sections in (["check"], ["prove", "check"])
            with rows.tried(section="check", model="-", mode="fp32", path="all", what="all"):
                check.check(asked, rows, budget if alone else budget.share(CHECKING))
        sections.measure(asked, rows, budget)
    late.cancel()
    return finish(asked, rows, head)


def finish(asked: argparse.Namespace, rows: Rows, head: Sequence[str]) -> int:
    """Write the report; give the exit code."""
    report = sections.report(rows)
    if "check" in asked.sections:
        report += check.report(asked, rows)
    report += [*left_out(rows), last_line(asked, rows)]
    (asked.out / "report.md").write_text("\n".join([*head, *report]) + "\n")
    print("\n".join(report), flush=True)
    return 0 if report[-1].startswith("passed") else 1


def give_up(asked: argparse.Namespace, rows: Rows, head: Sequence[str]) -> None:
    """End a run in which a step doesn't, with what was found until then."""
    rows.add(section="all", what="the rest", skipped="out of time")
    code = finish(asked, rows, head)
    for process in active_children():
        process.kill()
    os._exit(code)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    add = found.add_argument
    add("--device", choices=("cuda", "cpu"), default="cuda")
    add("--budget", type=float, default=540, help="seconds that all may take")
    add("--models", nargs="+", default=["B16", "S16", "S8@480", "L16"], help="also NAME@SIZE")
    add("--sections", nargs="+", default=list(SECTIONS), choices=SECTIONS)
    add("--out", type=Path, default=Path("build/gpu"), help="folder of the results")
    add("--batches", nargs="+", type=int, default=[32, 8, 128, 1])
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=0.06, help="that a way takes in one round, at least a run")
    add("--pictures", type=int, default=512, help="from files")
    add("--unique", type=int, default=64, help="files, read again and again")
    add("--jobs", type=int, default=8, help="processes at a time that check, or make graphs")
    return found


def left_out(rows: Rows) -> list[str]:
    """List what was left out, or failed, and why."""
    names = ("section", "model", "mode", "path", "batch", "way", "option", "what")
    lines = []
    for row in rows.rows:
        why = row.get("failed") or row.get("skipped")
        if why is None and verdict_of(row) is False:
            numbers = {
                name: row[name] for name in ("error", "rank", "least", "said") if name in row
            }
            why = ", ".join(f"{name} {value}" for name, value in numbers.items()) or "it is not so"
        if why is not None:
            lines.append(f"- {', '.join(str(row[name]) for name in names if name in row)}: {why}")
    return ["## Left out, or failed", "", *lines, ""] if lines else []


def verdict_of(row: Row) -> bool | None:
    """Judge a row of any section: in half a gigabyte less, what is too large is no failure."""
    if row["section"] in ("prove", "check"):
        return verdict(row)
    if row["section"] in TRIED or row.get("failed") == "out of memory":
        return None
    return False if "failed" in row else None


def last_line(asked: argparse.Namespace, rows: Rows) -> str:
    judged = [verdict_of(row) for row in rows.rows]
    bad, skipped = judged.count(False), sum("skipped" in row for row in rows.rows)
    counts = f"{len(judged)} rows, {bad} bad, {skipped} left out"
    if bad:
        return f"failed on {asked.device}: {counts}"
    if not any("failed" not in row and "skipped" not in row for row in rows.rows):
        return f"failed on {asked.device}: nothing was done in {asked.budget:.0f} s"
    whole = ", but for what was left out" if skipped else ""
    return f"passed on {asked.device}{whole}: {counts}"


if __name__ == "__main__":
    sys.exit(main())
