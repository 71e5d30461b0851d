"""The names of timm, DeiT and DINO.

Wightman, pytorch-image-models, ``vision_transformer.py``; facebookresearch/deit, ``models.py``;
facebookresearch/dino, ``vision_transformer.py`` and ``eval_linear.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._prefixes import strip_each
from vitonnx.models.checkpoints._rules import (
    BATCHED,
    PATCHES,
    QKV,
    SAME,
    Convention,
    Rule,
    torch_dense,
    torch_norm,
)

__all__ = ["TIMM"]


def _rules(config: ViTConfig, names: Collection[str]) -> Iterator[Rule]:
    yield Rule("patch_embed.proj.weight", ("patch_embed/kernel",), PATCHES)
    yield Rule("patch_embed.proj.bias", ("patch_embed/bias",), SAME)
    yield Rule("cls_token", ("cls_token",), BATCHED)
    yield Rule("dist_token", ("dist_token",), BATCHED)
    yield Rule("reg_token", ("reg_tokens",), BATCHED)
    yield Rule("pos_embed", ("position_embedding",), BATCHED)
    for block in range(config.blocks):
        yield from _block_rules(f"blocks.{block}", f"block_{block:02d}")
    yield from torch_norm("fc_norm" if config.norm_after_pooling else "norm", "norm")
    # DINO publishes its linear head in a file of its own.
    yield from torch_dense("linear" if config.pooling == "cls+mean" else "head", "head")
    yield from torch_dense("head_dist", "head_dist")


def _block_rules(source: str, target: str) -> Iterator[Rule]:
    attention = f"{target}/attention"
    for stored, ours in (("weight", "kernel"), ("bias", "bias")):
        parts = tuple(f"{attention}/{part}/{ours}" for part in ("query", "key", "value"))
        yield Rule(f"{source}.attn.qkv.{stored}", parts, QKV)
    yield from torch_dense(f"{source}.attn.proj", f"{attention}/output")
    for number in (1, 2):
        yield from torch_norm(f"{source}.norm{number}", f"{target}/norm{number}")
        yield from torch_dense(f"{source}.mlp.fc{number}", f"{target}/mlp/fc{number}")
        yield Rule(f"{source}.ls{number}.gamma", (f"{target}/scale{number}",), SAME)


TIMM = Convention(
    name="timm, DeiT or DINO",
    marker="patch_embed.proj.weight",
    strip=strip_each("module.", "backbone."),
    rules=_rules,
    # DINO's full checkpoints: the head that it was trained with.
    unused=("head.mlp.*", "head.last_layer.*"),
    unused_without_head=("head.weight", "head.bias", "head_dist.*", "linear.weight", "linear.bias"),
    refused={
        "norm_pre.*": "a layer norm before its blocks",
        "attn_pool.*": "attention pooling",
        "blocks.*.attn.q_norm.*": "layer norms on query and key",
        "blocks.*.mlp.fc1_g.*": "gated MLPs (SwiGLU)",
        "blocks.*.mlp.w12.*": "gated MLPs (SwiGLU)",
    },
)
