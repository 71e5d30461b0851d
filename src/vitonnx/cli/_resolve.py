"""From MODEL on the command line to a file: a path, or a name.

Names are of the models inside the package, or of the registry, which are exported once.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from vitonnx.cli._cache import writable
from vitonnx.cli._console import inform, stage
from vitonnx.errors import ModelFileError, UnknownModelError

__all__ = ["resolve_model"]


def resolve_model(model: str, *, quiet: bool) -> Path:
    """Find the file of a model; export it into the user's cache if it is a name of the registry.

    Raises
    ------
    UnknownModelError
        If it is neither a file nor a name.
    """
    path = Path(model)
    if path.exists():
        return path
    from vitonnx.demo import demo_models
    from vitonnx.models import find_model

    if model in demo_models():
        return demo_models()[model]

    if path.suffix == ".onnx":
        raise ModelFileError(
            f"There is no file {model}: check the path, or make it with `vitonnx export`."
        )
    try:
        spec = find_model(model)
    except UnknownModelError as error:
        raise UnknownModelError(f"There is no file {model}, and {error}") from None
    import platformdirs

    # By version: what an older vitonnx wrote may follow an older contract.
    cached = platformdirs.user_cache_path("vitonnx") / version("vitonnx") / f"{spec.name}.onnx"
    if not cached.exists():
        from vitonnx.cli._extra import require_export

        require_export()
        cached = writable(cached)
        inform(f"exporting {spec.name} once, into {cached}", quiet=quiet)
        with stage(f"Exporting {spec.name}", quiet=quiet) as show:
            from vitonnx.export import export_model

            export_model(spec, cached, progress=show)
    return cached
