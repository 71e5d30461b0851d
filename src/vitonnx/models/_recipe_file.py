"""Read from a published config what a graph doesn't tell of its model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vitonnx.errors import UsageError
from vitonnx.manifest import Preprocessing
from vitonnx.models._config import MOST_REGISTERS
from vitonnx.models._config_file import find_recipe, open_recipe
from vitonnx.models._config_huggingface import read_classes
from vitonnx.models._config_timm import picture_size, read_class_names, read_timm_recipe
from vitonnx.models._fields import Fields, read_json
from vitonnx.models._recipe_huggingface import names_class, read_recipe

__all__ = ["Description", "read_description"]

CONFIG = "config.json"


class Kind(NamedTuple):
    """What one of Hugging Face's types of models implies beyond its file."""

    # The class, in lower case, whose recipe a file means that names none.
    processor: str = "vit"
    # Tokens beside the registers; None where they are unknown.
    prefix: tuple[str, ...] | None = None
    # Where the file doesn't say how many.
    registers: int = 0
    interpolation: str = "huggingface"


KINDS = {
    "beit": Kind("beit", ("cls",)),
    "clip_vision_model": Kind("clip", ("cls",)),
    "data2vec-vision": Kind("beit", ("cls",)),
    "deit": Kind("deit", ("cls", "dist")),
    "depth_anything": Kind("dpt"),
    "dinov2": Kind("bit", ("cls",)),
    # Antialiased, as timm's.
    "dinov2_with_registers": Kind("bit", ("cls",), registers=4, interpolation="timm"),
    "dinov3_vit": Kind("dinov3vit", ("cls",)),
    "dpt": Kind("dpt"),
    "ijepa": Kind(prefix=()),
    "owlv2": Kind("owlv2"),
    "owlvit": Kind("owlvit"),
    "siglip": Kind("siglip", ()),
    "siglip_vision_model": Kind("siglip", ()),
    "vit": Kind(prefix=("cls",)),
    "vit_mae": Kind(prefix=("cls",)),
    "vit_msn": Kind(prefix=("cls",)),
    "yolos": Kind("yolos"),
}


@dataclass(frozen=True)
class Description:
    """Facts about a model that its graph doesn't tell.

    Parameters
    ----------
    preprocessing : Preprocessing
        Recipe from a picture to the input.
    classes : tuple of str or None
        Names of the logits, where they are given.
    prefix_tokens : tuple of str or None
        Names of the prefix tokens, if given.
    interpolation : str or None
        How the family's own code resamples positions, if known: see `vitonnx.positions`.
    """

    preprocessing: Preprocessing
    classes: tuple[str, ...] | None = None
    prefix_tokens: tuple[str, ...] | None = None
    interpolation: str | None = None


def read_description(path: str | Path, size: tuple[int, int] | None = None) -> Description:
    """Read recipe, classes and prefix tokens, of any family, from timm's or Hugging Face's files.

    Parameters
    ----------
    path : path
        timm's ``config.json``, or Hugging Face's ``preprocessor_config.json``,
        ``processor_config.json``, ``video_preprocessor_config.json`` or ``config.json``; if both a
        preprocessor's and the model's file are there, both are read.
    size : (height, width), optional
        Input size of the model, if it differs from that of the config.

    Raises
    ------
    UsageError
        If it can't be read, or lacks the recipe.
    """
    path = Path(path)
    fields = read_json(path)
    if "architecture" in fields:
        return _timm(fields, size)
    folder = path.parent
    if "model_type" in fields:
        config, recipe = fields, find_recipe(folder)
    else:
        config, recipe = _beside(folder / CONFIG), open_recipe(fields)
    name = config.text("model_type", "")
    kind = KINDS.get(name, Kind())
    normalises = recipe.flag("do_normalize", True)
    if "image_mean" not in recipe and normalises and not names_class(recipe):
        raise UsageError(
            f"{recipe.path} doesn't say how pictures are normalised (image_mean, image_std): give "
            "--preprocess MEAN,STD, imagenet or half."
        )
    size_there = config.size("image_size", (224, 224))
    preprocessing = read_recipe(recipe, kind.processor, size_there, own=True)
    return Description(
        preprocessing=preprocessing if size is None else preprocessing.at(size),
        classes=read_classes(config)[1],
        prefix_tokens=_huggingface_prefix(config, kind),
        interpolation=kind.interpolation if name else None,
    )


def _beside(path: Path) -> Fields:
    return read_json(path) if path.is_file() else Fields({}, path)


def _huggingface_prefix(config: Fields, kind: Kind) -> tuple[str, ...] | None:
    if kind.prefix is None:
        return None
    registers = config.integer("num_register_tokens", kind.registers, most=MOST_REGISTERS)
    return kind.prefix + tuple(f"reg{number}" for number in range(registers))


def _timm(fields: Fields, size: tuple[int, int] | None) -> Description:
    pretrained = fields.inner("pretrained_cfg") if "pretrained_cfg" in fields else fields
    named = fields if "label_names" in fields else pretrained
    count = fields.integer("num_classes", pretrained.integer("num_classes", 1000))
    own = picture_size(pretrained, (224, 224))
    return Description(
        preprocessing=read_timm_recipe(pretrained, own if size is None else size),
        classes=read_class_names(named, count),
        prefix_tokens=("cls", "dist") if "distilled" in fields.text("architecture") else None,
        interpolation="timm",
    )
