"""The input of ``tap``: a local file, or a hub's files, laid out while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vitonnx.errors import UsageError
from vitonnx.names._choice import choose_model, is_graph
from vitonnx.names._desk import called_by_id, lay_out, open_desk
from vitonnx.names._hub_recipe import find_recipe, recipe_of
from vitonnx.names._id import HubId, is_hub_id
from vitonnx.names._kept import cache_folder, writable_folder
from vitonnx.names._listener import Listener, Say, ignore
from vitonnx.names._revision import at_hub
from vitonnx.names._snapshot import Snapshot

__all__ = ["Foreign", "open_foreign"]


@dataclass(frozen=True)
class Foreign:
    """A model that is to be tapped.

    Parameters
    ----------
    file : Path
        ONNX file, with its external weights beside it.
    preprocess : str or None
        Preprocessing recipe, as for `vitonnx.tap.tap`.
    name : str or None
        Name of the model, if its file doesn't tell.
    """

    file: Path
    preprocess: str | None = None
    name: str | None = None


@contextmanager
def open_foreign(
    model: str, preprocess: str | None = None, *, say: Say = ignore, progress: Say = ignore
) -> Iterator[Foreign]:
    """Open a model to tap; files laid out from a hub are removed when the block ends.

    Parameters
    ----------
    model : str
        A path, or ``hf://ORG/REPO[@REVISION][/FILE]``.
    preprocess : str, optional
        Preprocessing recipe as for ``--preprocess``, if not the repository's own.
    say, progress : callable
        As in `vitonnx.names.resolve`.

    Raises
    ------
    VitonnxError
        If it can't be fetched, has no recipe, or needs no tapping.
    """
    recipe = find_recipe(preprocess, say=say, progress=progress)
    if not is_hub_id(model):
        yield Foreign(Path(model), recipe)
        return
    asked, listener = HubId.parse(model), Listener(say, progress)
    with open_desk(writable_folder(cache_folder())) as desk:
        folder = desk / "source"

        def use(snapshot: Snapshot) -> tuple[Snapshot, str, Foreign]:
            file = _graph(snapshot)
            source = lay_out(snapshot, file, folder, listener)
            _refuse_ours(source, asked)
            own = recipe or recipe_of(snapshot, file, listener)
            return snapshot, file, Foreign(source, own, asked.name)

        snapshot, file, foreign = at_hub(asked, "source", use, listener)
        progress("tapping")
        with called_by_id(folder, snapshot, file):
            yield foreign


def _graph(snapshot: Snapshot) -> str:
    file = choose_model(snapshot)
    if not is_graph(file):
        raise snapshot.lacks(
            "no ONNX file",
            f"pass {snapshot.asked} to any command that takes a MODEL to export its checkpoint",
        )
    return file


def _refuse_ours(source: Path, asked: HubId) -> None:
    from vitonnx.modelfile import is_ours

    if is_ours(source):
        raise UsageError(
            f"{asked} needs no tapping, since vitonnx made it: pass it to any command that takes "
            "a MODEL."
        )
