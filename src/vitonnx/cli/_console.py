"""Printing: results go to stdout, everything else to stderr; no other module prints.

Much of the text comes from elsewhere: names of files and models, messages of libraries. All of it
is escaped here or in `Table`, so that no control character reaches a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.text import Text

from vitonnx.filenames import in_a_line, shown

__all__ = ["complain", "gauge", "give", "inform", "informing_once", "results", "stage", "watch"]

Item = TypeVar("Item")

SHOW_AFTER_SECONDS = 2.0
UNBROKEN = 1000  # columns: a name that grep looks for must not be wrapped

# Notes that `inform` has printed, while none may be printed twice.
_said: ContextVar[set[str] | None] = ContextVar("said", default=None)


def results() -> Console:
    """Return the console for results; anything but a terminal gets unwrapped plain text."""
    width = None if Console().is_terminal else UNBROKEN
    # Names may hold brackets and colons, which aren't markup.
    return Console(highlight=False, markup=False, emoji=False, width=width)


def give(*lines: object) -> None:
    """Print results to stdout, one per line, unbuffered.

    A path keeps its bidirectional marks unless a terminal shows it: a script may open it.
    """
    for line in lines:
        read = isinstance(line, Path) and not sys.stdout.isatty()
        print((in_a_line if read else shown)(str(line)), flush=True)


def complain(message: object) -> None:
    """Print an error to stderr, in one line."""
    _say(f"error: {message}")


def inform(message: object, *, quiet: bool = False) -> None:
    """Print a note to stderr."""
    said = _said.get()
    if quiet or (said is not None and str(message) in said):
        return
    if said is not None:
        said.add(str(message))
    _say(f"note: {message}")


def _say(line: str) -> None:
    """Write a line to stderr; if that fails, the exit code must do."""
    with suppress(OSError):
        print(shown(line), file=sys.stderr, flush=True)


@contextmanager
def informing_once() -> Iterator[None]:
    """Print each note once only, while several commands run inside the block."""
    token = _said.set(set())
    try:
        yield
    finally:
        _said.reset(token)


@contextmanager
def stage(label: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show a spinner on stderr while the block runs, on a terminal only.

    Yields
    ------
    callable
        Takes the current step, and shows it after the label.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda now: None
    else:
        with console.status(Text(shown(label))) as status:
            yield lambda now: status.update(Text(shown(f"{label}: {now}")))


@contextmanager
def gauge(label: str, *, quiet: bool) -> Iterator[Callable[..., None]]:
    """Show a progress bar on stderr if the block takes long, on a terminal only.

    Yields
    ------
    callable
        Takes the amount done, the total, and a word on the current step.
    """
    with _bar(quiet=quiet) as progress:
        start = time.monotonic()
        task = progress.add_task(escape(shown(label)), total=None)

        def show(done: int, total: int | None, word: str = "") -> None:
            described = f"{label}: {word}" if word else label
            progress.update(task, completed=done, total=total, description=escape(shown(described)))
            if not progress.live.is_started and time.monotonic() - start > SHOW_AFTER_SECONDS:
                progress.start()

        yield show


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Progress]:
    console = Console(stderr=True)
    progress = Progress(console=console, transient=True, disable=quiet or not console.is_terminal)
    try:
        yield progress
    finally:
        progress.stop()


def watch(items: Iterable[Item], *, total: int | None, label: str, quiet: bool) -> Iterator[Item]:
    """Yield items, with a progress bar on stderr if that takes long, on a terminal only."""
    with gauge(label, quiet=quiet) as show:
        for done, item in enumerate(items, 1):
            yield item
            show(done, total)
