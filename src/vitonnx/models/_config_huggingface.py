"""Hugging Face's description of a model: the ``config.json`` of its hub repositories."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from vitonnx.errors import UsageError
from vitonnx.manifest import safe_name
from vitonnx.models._config import MOST_REGISTERS, Activation, Pooling, ViTConfig
from vitonnx.models._fields import LARGEST, Fields, is_label
from vitonnx.models._recipe_huggingface import read_recipe
from vitonnx.models._spec import ModelSpec
from vitonnx.positions import Interpolation

__all__ = ["from_huggingface", "read_classes"]


class Family(NamedTuple):
    """Properties that a model type implies beyond its file."""

    name: str
    # How the names of its classes begin, and what reads the tokens, by how they end: None means
    # no classifier.
    classes: str
    heads: dict[str, Pooling | None]
    interpolation: Interpolation
    # Whose recipe it has where its repository has none: transformers' own is not the authors'.
    recipe: str


PLAIN: dict[str, Pooling | None] = {
    "Model": None,
    "ForMaskedImageModeling": None,
    "ForImageClassification": "cls",
    "ForImageClassificationWithTeacher": "cls+dist",
}
DINOV2: dict[str, Pooling | None] = {"Model": None, "ForImageClassification": "cls+mean"}
MAE: dict[str, Pooling | None] = {"Model": None, "ForPreTraining": None}
FAMILIES = {
    "vit": Family("vit", "ViT", PLAIN, "huggingface", "vit"),
    "deit": Family("deit", "DeiT", PLAIN, "huggingface", "deit"),
    "vit_mae": Family("mae", "ViTMAE", MAE, "huggingface", "deit"),
    "dinov2": Family("dinov2", "Dinov2", DINOV2, "huggingface", "deit"),
    # Antialiased, as timm's.
    "dinov2_with_registers": Family("dinov2", "Dinov2WithRegisters", DINOV2, "timm", "deit"),
}
ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
PLACEHOLDER = re.compile(r"LABEL_\d+")


def from_huggingface(fields: Fields, preprocessor: Fields) -> ModelSpec:
    """Read a ViT, DeiT, DINOv2 or MAE's encoder from Hugging Face's ``config.json``.

    The preprocessor's fields are empty if it has none. What vitonnx has not is refused.

    References
    ----------
    transformers 5, ``models/vit``, ``deit``, ``vit_mae``, ``dinov2``, ``dinov2_with_registers``.
    """
    kind = fields.text("model_type")
    if kind not in FAMILIES:
        raise UsageError(
            f"{fields.path} has the model type {kind!r}, which vitonnx doesn't support: it "
            f"supports {', '.join(FAMILIES)}."
        )
    family = FAMILIES[kind]
    pooling = _pooling(fields, family)
    classes, names = read_classes(fields) if pooling else (0, None)
    if fields.integer("num_channels", 3) != 3:
        raise fields.error("num_channels", "3, for red, green and blue")
    config = ViTConfig(
        image_size=fields.size("image_size", (224, 224)),
        dim=fields.integer("hidden_size", 768),
        blocks=fields.integer("num_hidden_layers", 12),
        heads=fields.integer("num_attention_heads", 12),
        position_interpolation=family.interpolation,
        pooling=pooling or "cls",
        classes=classes,
        activation=ACTIVATIONS[fields.choice("hidden_act", ACTIVATIONS, "gelu")],
        qkv_bias=fields.flag("qkv_bias", True),
        **(_dinov2(fields, kind) if family.name == "dinov2" else _plain(fields, kind)),
    )
    return ModelSpec(
        name=_name(fields),
        family=family.name,
        config=config,
        preprocessing=read_recipe(preprocessor, family.recipe, config.image_size),
        classes=names,
    )


def _plain(fields: Fields, kind: str) -> dict[str, Any]:
    prefix = ("cls", "dist") if kind == "deit" else ("cls",)
    return {
        "patch_size": fields.side("patch_size", 16),
        "mlp_dim": fields.integer("intermediate_size", 3072),
        "prefix_tokens": prefix,
        "position_prefix": prefix,
        "epsilon": fields.number("layer_norm_eps", 1e-12),
    }


def _dinov2(fields: Fields, kind: str) -> dict[str, Any]:
    if fields.flag("use_swiglu_ffn", False):
        raise fields.error("use_swiglu_ffn", "false: vitonnx doesn't support gated MLPs")
    registers = (
        fields.integer("num_register_tokens", 4, most=MOST_REGISTERS) if kind != "dinov2" else 0
    )
    return {
        "patch_size": fields.side("patch_size", 16 if registers else 14),
        "mlp_dim": int(fields.integer("hidden_size", 768) * fields.number("mlp_ratio", 4.0)),
        "prefix_tokens": ("cls", *(f"reg{number}" for number in range(registers))),
        "position_prefix": ("cls",),
        "epsilon": fields.number("layer_norm_eps", 1e-6),
        "layer_scale": True,
    }


def _pooling(fields: Fields, family: Family) -> Pooling | None:
    """Tell from the name of the class whether it has a classifier, or two."""
    names = fields.texts("architectures")
    if len(names) != 1 or names[0].removeprefix(family.classes) not in family.heads:
        known = ", ".join(family.classes + head for head in family.heads)
        raise fields.error("architectures", f"a list with one of {known}")
    return family.heads[names[0].removeprefix(family.classes)]


def read_classes(fields: Fields) -> tuple[int, tuple[str, ...] | None]:
    """Read the number and names of the classes; no names if they are transformers' placeholders."""
    labels = fields.inner("id2label").values
    if not labels:
        return fields.integer("num_labels", 2), None
    names = [name for number in range(len(labels)) if is_label(name := labels.get(str(number)))]
    if len(names) != len(labels) or len(names) > LARGEST:
        raise fields.error(
            "id2label", f"an object that names the classes by 0, 1, 2 …, at most {LARGEST:,}"
        )
    named = not all(PLACEHOLDER.fullmatch(name) for name in names)
    return len(names), tuple(names) if named else None


def _name(fields: Fields) -> str:
    """Take the last part of the name it was published by, else the folder's."""
    published = fields.text("_name_or_path", "").rstrip("/").rpartition("/")[2]
    return safe_name(published or fields.path.absolute().parent.name) or fields.path.stem
