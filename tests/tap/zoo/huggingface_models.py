"""Hugging Face's Vision Transformers, small and with random weights, each by its own class."""

from __future__ import annotations

from typing import Any

import numpy as np

from tap.zoo.attention import WAYS, register
from tap.zoo.huggingface_families import FAMILIES, SHUFFLED, HuggingFace
from tap.zoo.specimen import Facts, Reference, Specimen, sharpen

ATTENTIONS = ("eager", "sdpa")


def build(family: str, attention: str) -> Specimen:
    """Build a model; `attention` is transformers' own "eager" or "sdpa", or one of `WAYS`."""
    kind = (FAMILIES | SHUFFLED)[family]
    facts = kind.facts("huggingface", family, attention)
    model, reference = (_create(kind, each) for each in (attention, "eager"))
    reference.load_state_dict(model.state_dict())
    return Specimen(
        facts, _exportable(model, kind), kind.outputs, lambda: _measure(reference, kind, facts)
    )


def _create(kind: HuggingFace, attention: str) -> Any:
    import torch
    import transformers

    torch.manual_seed(0)
    sides: dict[str, Any] = {"image_size": kind.size, "patch_size": kind.patch}
    labels = {"num_labels": kind.classes} if kind.classes else {}
    config = getattr(transformers, kind.config)(
        hidden_size=kind.dim,
        num_hidden_layers=kind.blocks,
        num_attention_heads=kind.heads,
        intermediate_size=4 * kind.dim,
        **(sides | labels | kind.options),
    )
    config._attn_implementation = register(attention) if attention in WAYS else attention
    model = getattr(transformers, kind.architecture)(config).eval()
    sharpen(model)
    return model


def _arguments(kind: HuggingFace, pixels: Any) -> dict[str, Any]:
    """Give what the model's forward pass needs beside pixels."""
    import torch

    if kind.interpolate:
        return {"interpolate_pos_encoding": True}
    patches = (kind.size[0] // kind.patch) * (kind.size[1] // kind.patch)
    if kind.noise == "in order":
        return {"noise": torch.arange(patches).expand(pixels.shape[0], -1)}
    if kind.noise == "permuted":
        return {"noise": torch.arange(patches).roll(3).expand(pixels.shape[0], -1)}
    return {}


def _exportable(model: Any, kind: HuggingFace) -> Any:
    """Wrap a model so that it gives its outputs as a plain tuple."""
    import torch

    def forward(self: Any, pixels: Any) -> tuple[Any, ...]:
        result = self.model(pixels, **_arguments(kind, pixels))
        return tuple(result[name] for name in kind.outputs)

    module = type("Exportable", (torch.nn.Module,), {"forward": forward})()
    module.model = model
    return module.eval()


def _measure(model: Any, kind: HuggingFace, facts: Facts) -> Reference:
    """Run the eager model: its own word on attention, and what its blocks give."""
    import torch

    passed: list[tuple[np.ndarray, np.ndarray]] = []

    # Not `hidden_states`: whether its last entry is normed depends on the family.
    def keep(module: Any, inputs: Any, result: Any) -> None:
        leaving = result[0] if isinstance(result, tuple) else result
        passed.append((inputs[0].numpy(), leaving.numpy()))

    for module in model.modules():
        is_block = hasattr(module, "mlp") or hasattr(module, "intermediate")
        if type(module).__name__.endswith("Layer") and is_block:
            module.register_forward_hook(keep)
    pixels = torch.from_numpy(facts.pixels())
    with torch.no_grad():
        result = model(pixels, output_attentions=True, **_arguments(kind, pixels))
    # What the next block reads: YOLOS adds positions in between.
    tokens = [entering for entering, _ in passed[1:]] + [passed[-1][1]]
    assert len(tokens) == kind.blocks
    return Reference(
        [each.numpy() for each in result.attentions],
        tokens,
        {name: result[name].numpy() for name in kind.outputs},
    )
