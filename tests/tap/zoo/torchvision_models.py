"""torchvision's Vision Transformer: one product gives queries, keys and values of all heads."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import numpy as np

from tap.zoo.specimen import CLS, IMAGENET, Facts, Family, Reference, Specimen, sharpen

FAMILIES = {
    "vit": Family(prefix=CLS, recipe=IMAGENET, size=(40, 40), classes=7),
}
ATTENTIONS = ("multihead",)


def build(family: str, attention: str) -> Specimen:
    import torch

    torch.manual_seed(0)
    kind = FAMILIES[family]
    model = importlib.import_module("torchvision.models").VisionTransformer(
        image_size=kind.size[0],
        patch_size=kind.patch,
        num_layers=kind.blocks,
        num_heads=kind.heads,
        hidden_dim=kind.dim,
        mlp_dim=4 * kind.dim,
        num_classes=kind.classes,
    )
    model.eval()
    sharpen(model)
    facts, reference = kind.facts("torchvision", family, attention), copy.deepcopy(model)
    return Specimen(facts, model, ("logits",), lambda: _measure(reference, facts))


def _measure(model: Any, facts: Facts) -> Reference:
    """Run the model, asking each block's attention for its weights too."""
    import torch

    attention: list[np.ndarray] = []
    tokens: list[np.ndarray] = []

    def ask(module: Any, inputs: Any, options: dict[str, Any]) -> Any:
        return inputs, options | {"need_weights": True, "average_attn_weights": False}

    for block in model.encoder.layers:
        block.self_attention.register_forward_pre_hook(ask, with_kwargs=True)
        block.self_attention.register_forward_hook(
            lambda module, inputs, result: attention.append(result[1].numpy())
        )
        block.register_forward_hook(lambda module, inputs, result: tokens.append(result.numpy()))
    with torch.no_grad():
        logits = model(torch.from_numpy(facts.pixels()))
    return Reference(attention, tokens, {"logits": logits.numpy()})
