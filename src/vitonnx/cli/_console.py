"""Where words go: results to stdout, everything else to stderr; nothing else here prints.

Much of what is said is others' text: names of files and models, what libraries say. All of it is
escaped here, or in `Table`, so that none of it reaches a terminal as anything but letters.
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
UNBROKEN = 1000  # columns: a name that grep looks for must not be cut in two

# What `inform` has said, where nothing is to be said twice.
_said: ContextVar[set[str] | None] = ContextVar("said", default=None)


def results() -> Console:
    """Give the console for results; what isn't a terminal gets plain text of its full width."""
    width = None if Console().is_terminal else UNBROKEN
    # Names may hold brackets and colons: they are no markup.
    return Console(highlight=False, markup=False, emoji=False, width=width)


def give(*lines: object) -> None:
    """Print results on stdout, each in a line of its own, and there at once.

    A path is one that a script opens: where no terminal shows it, marks that turn its letters about
    stay in it.
    """
    for line in lines:
        read = isinstance(line, Path) and not sys.stdout.isatty()
        print((in_a_line if read else shown)(str(line)), flush=True)


def complain(message: object) -> None:
    """Say on stderr what went wrong, in one line."""
    _say(f"error: {message}")


def inform(message: object, *, quiet: bool = False) -> None:
    """Say on stderr what is good to know."""
    said = _said.get()
    if quiet or (said is not None and str(message) in said):
        return
    if said is not None:
        said.add(str(message))
    _say(f"note: {message}")


def _say(line: str) -> None:
    """Write a line to stderr; where nobody takes it, the exit code must do."""
    with suppress(OSError):
        print(shown(line), file=sys.stderr, flush=True)


@contextmanager
def informing_once() -> Iterator[None]:
    """Say the same thing once only, as several commands run inside the block."""
    token = _said.set(set())
    try:
        yield
    finally:
        _said.reset(token)


@contextmanager
def stage(label: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Turn a spinner on stderr while something runs; on a terminal only.

    Yields
    ------
    callable
        Takes what is being done now, and shows it behind the label.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda now: None
    else:
        with console.status(Text(shown(label))) as status:
            yield lambda now: status.update(Text(shown(f"{label}: {now}")))


@contextmanager
def gauge(label: str, *, quiet: bool) -> Iterator[Callable[..., None]]:
    """Show on stderr how far something is, if it takes long; on a terminal only.

    Yields
    ------
    callable
        Takes how much is done, how much there is in all, and a word on it.
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
    """Pass items on, with a progress bar on stderr if it takes long; on a terminal only."""
    with gauge(label, quiet=quiet) as show:
        for done, item in enumerate(items, 1):
            yield item
            show(done, total)
