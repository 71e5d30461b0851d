"""Vision Transformers of PyTorch's own encoder, as tutorials and papers build them.

``nn.TransformerEncoderLayer`` norms behind its sums by default, and takes the batch second.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from tap.zoo.specimen import CLS, HALF, Facts, Family, Reference, Specimen, sharpen


@dataclass(frozen=True, kw_only=True)
class Encoder(Family):
    batch_first: bool = True
    norm_first: bool = False
    counted: bool = False  # by ``len``, which tracers make a constant


_DEFAULT = Encoder(prefix=CLS, recipe=HALF, blocks=3, heads=4, classes=7)
FAMILIES = {
    "encoder": _DEFAULT,
    "encoder-tokens-first": dataclasses.replace(_DEFAULT, batch_first=False),
    "encoder-counted": dataclasses.replace(_DEFAULT, counted=True),
    "encoder-normed-first": dataclasses.replace(_DEFAULT, norm_first=True),
}
ATTENTIONS = ("multihead",)


def build(family: str, attention: str) -> Specimen:
    import torch

    torch.manual_seed(0)
    # Or else the encoder is one operator, which no exporter knows.
    torch.backends.mha.set_fastpath_enabled(False)
    kind = FAMILIES[family]
    model = _network(kind).eval()
    sharpen(model)
    facts, reference = kind.facts("pytorch", family, attention), copy.deepcopy(model)
    return Specimen(facts, model, ("logits",), lambda: _measure(reference, kind, facts))


def _network(kind: Encoder) -> Any:
    import torch
    from torch import nn

    rows, columns = (side // kind.patch for side in kind.size)

    def forward(self: Any, pixels: Any) -> tuple[Any]:
        patches = self.patches(pixels).flatten(2).transpose(1, 2)
        batch = len(patches) if kind.counted else patches.shape[0]
        token = self.token.expand(batch, -1, -1)
        tokens = torch.cat([token, patches], 1) + self.positions
        if not kind.batch_first:
            tokens = tokens.transpose(0, 1)
        found = self.encoder(tokens)
        return (self.head(found[:, 0] if kind.batch_first else found[0]),)

    model = type("Network", (nn.Module,), {"forward": forward})()
    model.patches = nn.Conv2d(3, kind.dim, kind.patch, kind.patch)
    model.token = nn.Parameter(torch.zeros(1, 1, kind.dim))
    model.positions = nn.Parameter(torch.zeros(1, 1 + rows * columns, kind.dim))
    layer = nn.TransformerEncoderLayer(
        kind.dim,
        kind.heads,
        2 * kind.dim,
        batch_first=kind.batch_first,
        norm_first=kind.norm_first,
    )
    model.encoder = nn.TransformerEncoder(layer, kind.blocks, enable_nested_tensor=False)
    model.head = nn.Linear(kind.dim, kind.classes)
    return model


def _measure(model: Any, kind: Encoder, facts: Facts) -> Reference:
    """Run the model, asking each block's attention for its weights too."""
    import torch

    attention: list[np.ndarray] = []
    tokens: list[np.ndarray] = []

    def ask(module: Any, inputs: Any, options: dict[str, Any]) -> Any:
        return inputs, options | {"need_weights": True, "average_attn_weights": False}

    def keep(module: Any, inputs: Any, result: Any) -> None:
        tokens.append((result if kind.batch_first else result.transpose(0, 1)).numpy())

    for block in model.encoder.layers:
        block.self_attn.register_forward_pre_hook(ask, with_kwargs=True)
        block.self_attn.register_forward_hook(
            lambda module, inputs, result: attention.append(result[1].numpy())
        )
        block.register_forward_hook(keep)
    with torch.no_grad():
        (logits,) = model(torch.from_numpy(facts.pixels()))
    return Reference(attention, tokens, {"logits": logits.numpy()})
