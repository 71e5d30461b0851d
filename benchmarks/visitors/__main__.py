"""Let visitors come to the page: `python -m benchmarks.visitors`; exit code 1 if it breaks."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.tables import machine, table
from benchmarks.visitors.album import make_album
from benchmarks.visitors.crowd import Crowd
from benchmarks.visitors.errands import Errand, foresee
from benchmarks.visitors.served import Memory, Page, serve
from benchmarks.visitors.tally import Tally
from vitonnx.demo import demo_models
from vitonnx.engine import Engine

MEGABYTE = 2**20
GROWTH = 200  # megabytes that the page may take more than before the visitors came
WARMING = 12  # pictures of one visitor alone, before memory is looked at for the first time
QUIET = 5.0  # seconds without any question, before memory is looked at
SHOWN = 20  # failures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visitors", description=__doc__)
    parser.add_argument("--visitors", type=int, default=50, help="at any time")
    parser.add_argument("--pictures", type=int, default=500, help="of all visitors together")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument(
        "--leaving", type=float, default=0, help="how likely one leaves after a picture, unheard"
    )
    parser.add_argument("--cores", type=int, default=2, help="for the page and its visitors")
    parser.add_argument("--models", nargs="+", default=[], help="files, if not the package's own")
    parser.add_argument("--out", type=Path, help="file to write the tables to")
    asked = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: asked.cores])
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), asked.models) as page:
        lines, broken = measure(asked, Path(folder), page)
    report = ["# Visitors of the page", "", *machine(), ""]
    report += [f"`python -m benchmarks.visitors {' '.join(sys.argv[1:])}`", "", *lines]
    text = "\n".join(report)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n")
    for sentence, times in Counter(broken).most_common(SHOWN):
        print(sentence if times == 1 else f"{times} times: {sentence}", file=sys.stderr)
    raise SystemExit(1 if broken else 0)


def measure(asked: argparse.Namespace, folder: Path, page: Page) -> tuple[list[str], list[str]]:
    """Let the visitors come; give the report, and what was broken of the promise."""
    print("pictures, and what must be answered …", file=sys.stderr)
    errands = prepare(asked, folder, page)
    memory = Memory(page.process.pid)
    alone = Crowd(page.address, visitors=1, seconds=0)
    alone.run(errands[:WARMING])
    start = memory.settled(QUIET)
    print(f"{asked.visitors} visitors …", file=sys.stderr)
    crowd = Crowd(page.address, asked.visitors, 60 * asked.minutes, asked.leaving)
    busy = page.seconds
    with memory.watched():
        seconds = crowd.run(errands[WARMING:])
        busy = page.seconds - busy
        end = memory.settled(QUIET)
    health = page.health()
    died = health.get("status") != "ok"
    code = page.stop()
    highest = max(memory.samples)
    tally = crowd.tally
    broken = []
    if died or code:
        early = ", before it was asked to" if died else ""
        broken.append(f"the page ended with exit code {code}{early}. It said:\n{page.last_words}")
    broken += _broken(asked, tally, page, health.get("requests", 0))
    broken += [*alone.tally.failures, *alone.tally.mixed, *tally.mixed, *tally.failures]
    if highest - start > GROWTH * MEGABYTE:
        broken.insert(0, f"memory grew by {(highest - start) / MEGABYTE:.0f} MB.")
    rows = [
        ["visitors at once", f"{asked.visitors}"],
        ["left without a word, and replaced", f"{tally.left}"],
        ["pictures", f"{tally.pictures:,}"],
        ["seconds", f"{seconds:.0f}"],
        ["answers, every one compared", f"{tally.answers:,}"],
        ["answers of somebody else's", f"{len(tally.mixed)}"],
        ["failures", f"{len(tally.failures)}"],
        ["polite refusals (HTTP 503, 429)", f"{tally.refusals[503]}, {tally.refusals[429]}"],
        [f"memory, {QUIET:.0f} s after {WARMING} pictures of one visitor", _megabytes(start)],
        ["memory, highest of every second", _megabytes(highest)],
        [f"memory, {QUIET:.0f} s after the last", _megabytes(end)],
        ["share of the cores that the page took", f"{busy / seconds / asked.cores:.0%}"],
        ["exit code at SIGTERM", f"{code}"],
    ]
    lines = table("The page under load", ("what", "measured"), rows)
    header = ("asked", "times", "median", "95 %", "longest")
    return [*lines, *table("Until an answer came", header, tally.rows())], broken


def prepare(asked: argparse.Namespace, folder: Path, page: Page) -> list[Errand]:
    """Draw the pictures, a few more for the start, and find the answers."""
    names = page.health()["models"]
    files: Sequence[str | Path] = asked.models or list(demo_models().values())
    engines = {name: Engine(file, in_graph=False) for name, file in zip(names, files, strict=True)}
    album = make_album(folder, WARMING + asked.pictures)
    return [foresee(number, picture, engines) for number, picture in enumerate(album)]


def _broken(asked: argparse.Namespace, tally: Tally, page: Page, inside: int) -> Iterator[str]:
    if tally.pictures != asked.pictures:
        yield f"{tally.pictures} pictures of {asked.pictures} were done."
    if inside:
        yield f"{inside} requests were still open when all visitors had left."
    if page.tracebacks:
        yield f"the page's log has {page.tracebacks} tracebacks."


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.0f} MB"


if __name__ == "__main__":
    main()
