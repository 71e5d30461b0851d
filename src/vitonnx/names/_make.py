"""Turn a hub repository into a probe-ready file: as is, tapped, or exported."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.errors import UsageError
from vitonnx.names._choice import CONFIG, choose_model, fetch_description, is_graph, nearest
from vitonnx.names._desk import called_by_id, keep, lay_out, open_desk
from vitonnx.names._hub_recipe import recipe_of
from vitonnx.names._id import HubId
from vitonnx.names._kept import cache_folder, kept_file, writable_folder
from vitonnx.names._listener import Listener
from vitonnx.names._revision import at_hub
from vitonnx.names._snapshot import Snapshot

if TYPE_CHECKING:
    from vitonnx.models import ModelSpec

__all__ = ["find_hub_model"]


def find_hub_model(asked: HubId, listener: Listener) -> Path:
    """Return the probe-ready file of a hub model, made once per commit, or raise a VitonnxError."""

    def known(commit: str) -> Path | None:
        kept = kept_file(asked, commit, cache_folder())
        return kept if kept.is_file() else None

    def make(snapshot: Snapshot) -> Path:
        return _make(snapshot, writable_folder(cache_folder()), listener)

    return at_hub(asked, "model", make, listener, known=known)


def _make(snapshot: Snapshot, home: Path, listener: Listener) -> Path:
    file = choose_model(snapshot)
    target = kept_file(snapshot.asked, snapshot.commit, home)
    listener.say(f"making {snapshot.asked} probe-ready once, into {target}")
    with open_desk(home) as desk:
        made = desk / "made"
        made.mkdir()
        if is_graph(file):
            _from_graph(snapshot, file, desk / "source", made / target.name, listener)
        else:
            _from_checkpoint(snapshot, file, made / target.name, listener)
        keep(made, target)
    return target


def _from_graph(
    snapshot: Snapshot, file: str, folder: Path, target: Path, listener: Listener
) -> None:
    from vitonnx.modelfile import is_ours
    from vitonnx.tap import tap

    source = lay_out(snapshot, file, folder, listener)
    if is_ours(source):
        source.rename(target)
        for beside in folder.iterdir():
            beside.rename(target.with_name(beside.name))
        return
    recipe = recipe_of(snapshot, file, listener)
    listener.progress("tapping")
    with called_by_id(folder, snapshot, file):
        tapped = tap(source, target, preprocess=recipe, name=snapshot.asked.name)
    for warning in tapped.warnings:
        listener.say(f"{warning}.")


def _from_checkpoint(snapshot: Snapshot, file: str, target: Path, listener: Listener) -> None:
    from vitonnx.extras import require_export

    spec = _describe(snapshot, file, listener)
    require_export()
    from vitonnx.export import export_model

    snapshot.fetch(file, listener)
    export_model(spec, target, progress=listener.progress, tell=listener.say)


def _describe(snapshot: Snapshot, file: str, listener: Listener) -> ModelSpec:
    """Describe a checkpoint: as the registry knows it, else by its ``config.json``."""
    from vitonnx.models import read_config_file, registry

    asked = snapshot.asked
    for spec in registry():
        if (spec.repository, spec.file) == (asked.repository, file):
            return replace(spec, revision=snapshot.commit)
    config = nearest(snapshot, CONFIG, file)
    if config is None:
        raise snapshot.lacks(f"no {CONFIG} that describes {file}")
    fetch_description(snapshot, config, listener)
    path = snapshot.fetch(config, listener)
    try:
        spec = read_config_file(path)
    except UsageError as error:
        reason = str(error).replace(f"{path.parent}{os.sep}", "").rstrip(".")
        raise snapshot.lacks(f"a checkpoint that vitonnx can't export ({reason})") from error
    return replace(
        spec, name=asked.name, repository=asked.repository, file=file, revision=snapshot.commit
    )
