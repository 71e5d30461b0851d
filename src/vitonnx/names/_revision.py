"""Look up a repository's revision each time, or use its last commit if the hub doesn't answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vitonnx.names._id import HubId, is_commit
from vitonnx.names._kept import last_commit, remember
from vitonnx.names._listener import Listener
from vitonnx.names._refusals import UnansweredError
from vitonnx.names._snapshot import NotThereError, Snapshot, UnsureError, ask_hub, find_stored

__all__ = ["at_hub"]

Found = TypeVar("Found")


def at_hub(
    asked: HubId,
    purpose: str,
    use: Callable[[Snapshot], Found],
    listener: Listener,
    *,
    known: Callable[[str], Found | None] = lambda commit: None,
) -> Found:
    """Use a repository at the commit that its revision is at, or at the last one that served.

    A branch is looked up each time, a commit never; each purpose has its own last commit. ``use``
    turns the repository into the result, unless ``known`` gives what was made of the commit before.
    The listener is told if the hub doesn't answer.

    Raises
    ------
    VitonnxError
        If the hub says no, or doesn't answer and nothing of it is on this machine.
    """
    if is_commit(asked.revision) and (found := known(asked.revision)) is not None:
        return found
    last = last_commit(asked, purpose)
    listener.progress("asking the hub")
    try:
        snapshot = ask_hub(asked, patient=last is None)
    except UnansweredError as error:  # what it says no to, it no longer gives
        found = _without_hub(asked, last, use, known, error)
        _say_why(error, listener)
        return found
    found = known(snapshot.commit)
    if found is None:
        found = use(snapshot)
    remember(asked, purpose, snapshot.commit)
    return found


def _without_hub(
    asked: HubId,
    last: str | None,
    use: Callable[[Snapshot], Found],
    known: Callable[[str], Found | None],
    error: UnansweredError,
) -> Found:
    if last is not None and (found := known(last)) is not None:
        return found
    stored = find_stored(asked, last)
    if stored is None:
        raise error
    try:
        return use(stored)
    except UnsureError as unsure:
        raise UnansweredError(f"{error} {unsure}") from None
    except NotThereError:
        raise error from None  # the hub may have what isn't on this machine


def _say_why(error: UnansweredError, listener: Listener) -> None:
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE:
        listener.say(f"{error} Until then, the last known commit is used.")
