"""Hugging Face's description of a model: the ``config.json`` of its hub repositories."""

from __future__ import annotations

import re

from vitonnx.errors import UsageError
from vitonnx.models._config import Activation, Pooling, ViTConfig
from vitonnx.models._fields import Fields
from vitonnx.models._recipe_huggingface import read_recipe
from vitonnx.models._spec import ModelSpec

__all__ = ["from_huggingface", "read_classes"]

# What reads the tokens, by the class's name without "ViT" or "DeiT": None means no classifier.
HEADS: dict[str, Pooling | None] = {
    "Model": None,
    "ForMaskedImageModeling": None,
    "ForImageClassification": "cls",
    "ForImageClassificationWithTeacher": "cls+dist",
}
ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
PLACEHOLDER = re.compile(r"LABEL_\d+")


def from_huggingface(fields: Fields, preprocessor: Fields) -> ModelSpec:
    """Read a ViT or DeiT from Hugging Face's ``config.json``.

    Parameters
    ----------
    fields : Fields
        Of ``config.json``.
    preprocessor : Fields
        Of ``preprocessor_config.json``; empty where there is none.

    Returns
    -------
    ModelSpec

    Raises
    ------
    UsageError
        If it is of another type of model, or asks for what vitonnx has not.

    References
    ----------
    transformers 5, ``models/vit`` and ``models/deit``.
    """
    family = fields.text("model_type")
    if family not in ("vit", "deit"):
        raise UsageError(
            f"{fields.path} is of the model type {family!r}, which vitonnx does not have: "
            "it has vit and deit."
        )
    pooling = _pooling(fields, family)
    classes, names = read_classes(fields) if pooling else (0, None)
    prefix = ("cls",) if family == "vit" else ("cls", "dist")
    if fields.integer("num_channels", 3) != 3:
        raise fields.error("num_channels", "3, for red, green and blue")
    config = ViTConfig(
        image_size=fields.size("image_size", (224, 224)),
        patch_size=fields.side("patch_size", 16),
        dim=fields.integer("hidden_size", 768),
        blocks=fields.integer("num_hidden_layers", 12),
        heads=fields.integer("num_attention_heads", 12),
        mlp_dim=fields.integer("intermediate_size", 3072),
        prefix_tokens=prefix,
        position_prefix=prefix,
        position_interpolation="huggingface",
        pooling=pooling or "cls",
        classes=classes,
        activation=ACTIVATIONS[fields.choice("hidden_act", ACTIVATIONS, "gelu")],
        epsilon=fields.number("layer_norm_eps", 1e-12),
        qkv_bias=fields.flag("qkv_bias", True),
    )
    return ModelSpec(
        name=_name(fields),
        family=family,
        config=config,
        preprocessing=read_recipe(preprocessor, family, config.image_size),
        classes=names,
    )


def _pooling(fields: Fields, family: str) -> Pooling | None:
    """Tell from the class's name whether it has a classifier, or two."""
    names = fields.texts("architectures")
    prefix = {"vit": "ViT", "deit": "DeiT"}[family]
    if len(names) != 1 or names[0].removeprefix(prefix) not in HEADS:
        known = ", ".join(prefix + head for head in HEADS)
        raise fields.error("architectures", f"a list with one of {known}")
    return HEADS[names[0].removeprefix(prefix)]


def read_classes(fields: Fields) -> tuple[int, tuple[str, ...] | None]:
    """Give number and names of the classes; no names where they are transformers' placeholders."""
    labels = fields.inner("id2label").values
    if not labels:
        return fields.integer("num_labels", 2), None
    names = [
        name for number in range(len(labels)) if isinstance(name := labels.get(str(number)), str)
    ]
    if len(names) != len(labels):
        raise fields.error("id2label", "an object that names the classes by 0, 1, 2 …")
    named = not all(PLACEHOLDER.fullmatch(name) for name in names)
    return len(names), tuple(names) if named else None


def _name(fields: Fields) -> str:
    """Take the last part of the name it was published by, else the folder's."""
    published = fields.text("_name_or_path", "").rstrip("/").rpartition("/")[2]
    return published or fields.path.absolute().parent.name or fields.path.stem
