"""Resolve a name to a file: of a model inside the package, in the registry, or on a hub."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.errors import ModelFileError, UnknownModelError
from vitonnx.filenames import as_path, refuse_address
from vitonnx.names._id import HubId, is_hub_id
from vitonnx.names._kept import cache_folder, writable
from vitonnx.names._listener import Listener, Say, ignore
from vitonnx.places import is_address

if TYPE_CHECKING:
    from vitonnx.models import ModelSpec

__all__ = ["resolve"]


def resolve(model: str | os.PathLike[str], *, say: Say = ignore, progress: Say = ignore) -> Path:
    """Find the file of a model; what is published is fetched and made probe-ready once.

    Parameters
    ----------
    model : str or path
        A file; a name of the models that come with vitonnx, or of the registry; of a hub,
        ``hf://ORG/REPO[@REVISION][/FILE]``; or the URL of a probe-ready file, ``https://``,
        ``s3://`` or ``gs://``.
    say : callable
        Called with a sentence worth knowing.
    progress : callable
        Called with the current step.

    Returns
    -------
    Path
        Probe-ready file, in the user's cache if it was made; an existing file is returned as is.

    Raises
    ------
    UnknownModelError
        If it is neither a file, nor a known name, nor a repository on the hub.
    VitonnxError
        If it can't be fetched, or nothing can be made of it.

    Examples
    --------
    >>> resolve("scenes_dino").name
    'scenes_dino.onnx'
    """
    path, word = as_path(model), str(model)
    listener = Listener(say, progress)
    if is_hub_id(word):
        from vitonnx.names._make import find_hub_model

        return find_hub_model(HubId.parse(word), listener)
    if is_address(word):
        from vitonnx.names._fetch import fetch_model

        return fetch_model(word, listener)
    if path.exists():
        return path
    from vitonnx.demo import demo_models
    from vitonnx.models import find_model

    if word in demo_models():
        return demo_models()[word]
    refuse_address(word)
    if path.suffix == ".onnx":
        raise ModelFileError(
            f"There is no file {model}: check the path, or make it with `vitonnx export`."
        )
    try:
        spec = find_model(word, also=demo_models())
    except UnknownModelError as error:
        raise UnknownModelError(f"There is no file {model}, and {error}") from None
    return _export_once(spec, listener)


def _export_once(spec: ModelSpec, listener: Listener) -> Path:
    # By version: what an older vitonnx wrote may follow an older contract.
    kept = cache_folder() / version("vitonnx") / f"{spec.name}.onnx"
    if not kept.exists():
        from vitonnx.extras import require_export

        require_export()
        kept = writable(kept)
        listener.say(f"exporting {spec.name} once, into {kept}")
        from vitonnx.export import export_model

        export_model(spec, kept, progress=listener.progress, tell=listener.say)
    return kept
