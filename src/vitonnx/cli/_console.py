"""Printing: results go to stdout, everything else to stderr; no other module prints.

Much of the text comes from elsewhere: names of files and models, messages of libraries. All of it
is escaped here or in `Table`, so that no control character reaches a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

import rich.table
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.text import Text

from vitonnx.filenames import in_a_line, shown

__all__ = [
    "Gauge",
    "Stage",
    "Table",
    "complain",
    "give",
    "inform",
    "informing_once",
    "list_skipped",
    "results",
    "watch",
]

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


class Stage:
    """A spinner on stderr while a block runs, on a terminal only.

    The block gets a function that takes the current step, and shows it after the label.
    """

    def __init__(self, label: str, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._label = label
        self._status = None
        if not quiet and console.is_terminal:
            self._status = console.status(Text(shown(label)))

    def __enter__(self) -> Callable[[str], None]:
        if self._status is not None:
            self._status.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def _show(self, now: str) -> None:
        if self._status is not None:
            self._status.update(Text(shown(f"{self._label}: {now}")))


class Gauge:
    """A progress bar on stderr if a block takes long, on a terminal only.

    The block gets a function that takes the amount done, the total, and a word on the current step.
    """

    def __init__(self, label: str, *, quiet: bool) -> None:
        console = Console(stderr=True)
        disable = quiet or not console.is_terminal
        self._label, self._started = label, time.monotonic()
        self._progress = Progress(console=console, transient=True, disable=disable)
        self._task = self._progress.add_task(escape(shown(label)), total=None)

    def __enter__(self) -> Callable[..., None]:
        return self._show

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _show(self, done: int, total: int | None, word: str = "") -> None:
        words = escape(shown(f"{self._label}: {word}" if word else self._label))
        self._progress.update(self._task, completed=done, total=total, description=words)
        late = time.monotonic() - self._started > SHOW_AFTER_SECONDS
        if late and not self._progress.live.is_started:
            self._progress.start()


def watch(items: Iterable[Item], *, total: int | None, label: str, quiet: bool) -> Iterator[Item]:
    """Yield items, with a progress bar on stderr if that takes long, on a terminal only."""
    with Gauge(label, quiet=quiet) as show:
        for done, item in enumerate(items, 1):
            yield item
            show(done, total)


class Table(rich.table.Table):
    """Rich's table, whose cells are others' text: in one line each, and no markup."""

    def row(self, *cells: str) -> None:
        """Add a row."""
        self.add_row(*(Text(shown(cell)) for cell in cells))


def list_skipped(reasons: Sequence[object], pictures: int) -> None:
    """List why pictures were skipped.

    Parameters
    ----------
    reasons : sequence
        One reason per skipped picture.
    pictures : int
        Number of all pictures, skipped ones included.

    Raises
    ------
    typer.Exit
        With code 1 if there are any.
    """
    if not reasons:
        return
    for reason in reasons:
        complain(reason)
    if pictures > 1:
        others = "; the others are done" if len(reasons) < pictures else ""
        complain(f"{len(reasons)} of {pictures} pictures skipped{others}.")
    raise typer.Exit(1)
