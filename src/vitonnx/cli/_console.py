"""Where words go: results to stdout, everything else to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

__all__ = ["complain", "gauge", "inform", "informing_once", "results", "stage", "watch"]

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


def complain(message: object) -> None:
    """Say on stderr what went wrong, in one line."""
    print(f"error: {message}", file=sys.stderr)


def inform(message: object, *, quiet: bool = False) -> None:
    """Say on stderr what is good to know."""
    said = _said.get()
    if quiet or (said is not None and str(message) in said):
        return
    if said is not None:
        said.add(str(message))
    print(f"note: {message}", file=sys.stderr)


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
        with console.status(Text(label)) as status:
            yield lambda now: status.update(Text(f"{label}: {now}"))


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
        task = progress.add_task(label, total=None)

        def show(done: int, total: int | None, word: str = "") -> None:
            described = f"{label}: {word}" if word else label
            progress.update(task, completed=done, total=total, description=described)
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
