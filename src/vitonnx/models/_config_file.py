"""Read the description of a model outside the registry."""

from __future__ import annotations

import json
from pathlib import Path

from vitonnx.errors import UsageError
from vitonnx.media import atomic_path
from vitonnx.models._config_huggingface import from_huggingface
from vitonnx.models._config_own import from_own_fields, to_own_fields
from vitonnx.models._config_timm import from_timm
from vitonnx.models._fields import Fields, read_json
from vitonnx.models._spec import ModelSpec

__all__ = ["find_recipe", "open_recipe", "read_config_file", "write_config_file"]

# Where a recipe stands beside Hugging Face's config.json; the first that is there.
RECIPES = ("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json")


def read_config_file(path: str | Path) -> ModelSpec:
    """Read a model's description: timm's or Hugging Face's ``config.json``, or our own fields.

    The keys tell which of the three it is: timm's has ``architecture``, Hugging Face's
    ``model_type``, ours ``patch_size``.

    Parameters
    ----------
    path : path
        A JSON file. Beside Hugging Face's, ``preprocessor_config.json`` is read too, if it is
        there.

    Returns
    -------
    ModelSpec
        Spec without a place to download weights from.

    Raises
    ------
    UsageError
        If it can't be read, or describes what vitonnx does not have; the message names the key.

    Examples
    --------
    >>> import tempfile
    >>> fields = '''{"name": "mine", "image_size": 64, "patch_size": 8, "dim": 96, "blocks": 4,
    ...     "heads": 3, "classes": ["cat", "dog"],
    ...     "preprocessing": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mine.json")
    ...     _ = path.write_text(fields)
    ...     spec = read_config_file(path)
    >>> spec.config.grid, spec.classes
    ((8, 8), ('cat', 'dog'))
    """
    path = Path(path)
    fields = read_json(path)
    if "architecture" in fields:
        return from_timm(fields)
    if "model_type" in fields:
        return from_huggingface(fields, find_recipe(path.parent))
    if "patch_size" in fields:
        return from_own_fields(fields)
    raise UsageError(
        f"{path} describes no model: it has neither 'architecture' (timm), nor 'model_type' "
        "(Hugging Face), nor 'patch_size' (our own fields)."
    )


def find_recipe(folder: Path) -> Fields:
    """Read the recipe in a folder; without fields where there is none."""
    for name in RECIPES:
        if (folder / name).is_file():
            return open_recipe(read_json(folder / name))
    return Fields({}, folder / RECIPES[0])


def open_recipe(fields: Fields) -> Fields:
    """Take the recipe for pictures out of a processor's config, which also has one for text."""
    for key in ("image_processor", "video_processor"):
        if key in fields:
            return fields.inner(key)
    return fields


def write_config_file(spec: ModelSpec, path: str | Path) -> None:
    """Write a model's description by our own fields, for `read_config_file`.

    Parameters
    ----------
    spec : ModelSpec
        Spec to write; its aliases and the place of its weights are omitted.
    path : path
        Path of the JSON file.

    Raises
    ------
    VitonnxError
        If the file can't be written.
    """
    with atomic_path(path) as draft:
        draft.write_text(json.dumps(to_own_fields(spec), indent=2) + "\n", encoding="utf-8")
