"""A hub's recipe from picture to input: for a model of its own, or for any other."""

from __future__ import annotations

import os
from pathlib import Path

from vitonnx.errors import UsageError
from vitonnx.names._choice import GRAPHS, fetch_description
from vitonnx.names._id import HubId, is_hub_id
from vitonnx.names._listener import Listener, Say, ignore
from vitonnx.names._revision import at_hub
from vitonnx.names._snapshot import Snapshot

__all__ = ["find_recipe", "recipe_of"]


def find_recipe(word: str | None, *, say: Say = ignore, progress: Say = ignore) -> str | None:
    """Resolve a recipe on a hub to one that ``tap`` reads; return any other word unchanged.

    Parameters
    ----------
    word : str or None
        Recipe as for ``--preprocess``: ``hf://ORG/REPO``, optionally followed by ``@REVISION``,
        ``/FILE`` and changes such as ``,pad``.
    say, progress : callable
        As in `vitonnx.names.resolve`.

    Returns
    -------
    str or None
        ``hf:FILE`` with a file on this machine, followed by the changes.

    Raises
    ------
    VitonnxError
        If the repository has no recipe, or can't be reached.
    """
    if word is None or not is_hub_id(word):
        return word
    from vitonnx.tap import split_changes

    named, changes = split_changes(word)
    asked, listener = HubId.parse(named), Listener(say, progress)
    file = at_hub(asked, "recipe", lambda found: _fetch(found, listener), listener)
    return ",".join([f"hf:{file}", *changes])


def _fetch(snapshot: Snapshot, listener: Listener) -> Path:
    file = snapshot.asked.file
    found = fetch_description(snapshot, file or GRAPHS[0], listener)
    if file is not None and file.endswith(".json"):
        return snapshot.fetch(file, listener)
    if found is None:
        raise snapshot.lacks("no recipe (preprocessor_config.json, or timm's config.json)")
    return found


def recipe_of(snapshot: Snapshot, file: str, listener: Listener) -> str:
    """Return the recipe of a repository's own model, ``hf:FILE``.

    If it has none that can be followed, a UsageError says how to give another.
    """
    from vitonnx.models import read_description

    asked = snapshot.asked
    path = fetch_description(snapshot, file, listener)
    fault = "has no preprocessing recipe"
    if path is not None:
        try:
            read_description(path)
        except UsageError as error:
            reason = str(error).replace(f"{path.parent}{os.sep}", "").rstrip(".")
            fault = f"has a recipe that can't be followed ({reason})"
        else:
            return f"hf:{path}"
    line = f"vitonnx tap {asked} --preprocess imagenet -o {asked.name}.onnx"
    raise UsageError(
        f"{asked} {fault}: give one, as in `{line}`, and use that file instead. --preprocess also "
        "takes half, MEAN,STD, timm:NAME and hf://ORG/REPO."
    )
