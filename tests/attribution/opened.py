"""A model of torch opened in double precision: what its blocks compute can be seen, and nudged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

Tensor = Any
# From embedding (batch, dim) and logits (batch, classes) to what is explained: scalars (batch,).
Score = Callable[[Tensor, Tensor], Tensor]
ATTENTION = "vitonnx-tests-opened"


@dataclass(frozen=True)
class Seen:
    """What one forward pass computes, with torch's graph behind it.

    Parameters
    ----------
    attention : list of (batch, heads, tokens, tokens)
        The very softmax weights that values are multiplied by, first block first.
    tokens : list of (batch, tokens, dim)
        After each block.
    normed : (batch, tokens, dim)
        After the first norm of the last block.
    embedding, logits : (batch, dim), (batch, classes)
        What the head reads, and what it says.
    """

    attention: list[Tensor]
    tokens: list[Tensor]
    normed: Tensor
    embedding: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Opened:
    """A model, and the places in it that attribution methods speak of.

    Parameters
    ----------
    model : torch.nn.Module
        In double precision.
    patch : int
        Side of a patch, in pixels.
    prefix : int
        Tokens in front of the patches.
    read : list of int
        The tokens that the head reads.
    weights, blocks : list of torch.nn.Module
        Modules that give softmax weights, and tokens.
    first_norm : torch.nn.Module
        Of the last block.
    readout : callable
        From pixels to embedding and logits, by the model's own code.
    readout_of_mean : callable
        The same from one vector (batch, dim) in place of all that the head reads.
    """

    model: Any
    patch: int
    prefix: int
    read: list[int]
    weights: list[Any]
    blocks: list[Any]
    first_norm: Any
    readout: Callable[[Tensor], tuple[Tensor, Tensor]] = field(repr=False)
    readout_of_mean: Callable[[Tensor], tuple[Tensor, Tensor]] = field(repr=False)

    def run(self, pixels: Tensor, nudges: dict[Any, Tensor] | None = None) -> Seen:
        """Run normalised pixels (batch, 3, height, width); add nudges to what modules give."""
        nudges = nudges or {}
        given: dict[Any, Tensor] = {}

        def hook(module: Any, inputs: Any, result: Any) -> Any:
            value = result[0] if isinstance(result, tuple) else result
            if module in nudges:
                value = value + nudges[module]
            given[module] = value
            return (value, *result[1:]) if isinstance(result, tuple) else value

        with ExitStack() as hooks:
            for module in (*self.weights, *self.blocks, self.first_norm):
                hooks.callback(module.register_forward_hook(hook).remove)
            embedding, logits = self.readout(pixels)
        return Seen(
            [given[module] for module in self.weights],
            [given[module] for module in self.blocks],
            given[self.first_norm],
            embedding,
            logits,
        )


def open_timm(model: Any) -> Opened:
    """Open timm's VisionTransformer, its distilled DeiT, or its Eva (DINOv3)."""
    model = copy.deepcopy(model).double().eval()
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    prefix, distilled = model.num_prefix_tokens, hasattr(model, "head_dist")
    tokens = range(prefix + model.patch_embed.num_patches)
    read = {"token": tokens[: 2 if distilled else 1], "map": tokens}

    def readout(pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = model.forward_features(pixels)
        return model.forward_head(features, pre_logits=True), model.forward_head(features)

    def readout_of_mean(mean: Tensor) -> tuple[Tensor, Tensor]:
        vector = model.norm(mean)
        if distilled:
            return vector, (model.head(vector) + model.head_dist(vector)) / 2
        if model.attn_pool is not None:
            vector = model.attn_pool(vector[:, None])
        vector = model.fc_norm(vector)
        return vector, model.head(vector)

    return Opened(
        model=model,
        patch=model.patch_embed.patch_size[0],
        prefix=prefix,
        read=list(read.get(model.global_pool, tokens[prefix:])),
        weights=[block.attn.attn_drop for block in model.blocks],
        blocks=list(model.blocks),
        first_norm=model.blocks[-1].norm1,
        readout=readout,
        readout_of_mean=readout_of_mean,
    )


def open_hugging_face(model: Any) -> Opened:
    """Open transformers' ViTForImageClassification.

    Its own attention goes through single precision even where everything else is in double.
    """
    import torch
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)
    model = copy.deepcopy(model).double().eval()
    model.config._attn_implementation = ATTENTION
    blocks = list(model.vit.layers)
    for block in blocks:
        block.attention.given_weights = torch.nn.Identity()

    def readout(pixels: Tensor) -> tuple[Tensor, Tensor]:
        vector = model.vit(pixels).last_hidden_state[:, 0]
        return vector, model.classifier(vector)

    def readout_of_mean(mean: Tensor) -> tuple[Tensor, Tensor]:
        vector = model.vit.layernorm(mean)
        return vector, model.classifier(vector)

    return Opened(
        model=model,
        patch=model.config.patch_size,
        prefix=1,
        read=[0],
        weights=[block.attention.given_weights for block in blocks],
        blocks=blocks,
        first_norm=blocks[-1].layernorm_before,
        readout=readout,
        readout_of_mean=readout_of_mean,
    )


def open_two_parts(model: Any) -> Opened:
    """Open a network with a head on two things: class token and mean of the patches."""
    import torch

    opened = open_timm(model.vit)
    head = copy.deepcopy(model.head).double()

    def readout(pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = opened.model.forward_features(pixels)
        both = torch.cat([features[:, 0], features[:, opened.prefix :].mean(1)], 1)
        return both, head(both)

    def readout_of_mean(mean: Tensor) -> tuple[Tensor, Tensor]:
        vector = opened.model.norm(mean)
        both = torch.cat([vector, vector], 1)
        return both, head(both)

    patches = range(opened.prefix, opened.prefix + opened.model.patch_embed.num_patches)
    return replace(opened, read=[0, *patches], readout=readout, readout_of_mean=readout_of_mean)


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, **_: Any
) -> tuple[Tensor, None]:
    assert mask is None
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    mixed = module.given_weights(scores.softmax(-1)) @ value
    return mixed.transpose(1, 2).contiguous(), None
