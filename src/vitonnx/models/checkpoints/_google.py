"""The names of Google's ViTs in Flax: the original's, and big_vision's.

google-research/vision_transformer, ``vit_jax/models_vit.py``; google-research/big_vision,
``models/vit.py``, which numbers its modules by kind, and may stack all blocks ("scanned").
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._rules import (
    BATCHED,
    HEADS_BIAS,
    HEADS_IN,
    HEADS_OUT,
    SAME,
    Convention,
    Layout,
    Rule,
    stacked,
)

__all__ = ["GOOGLE"]


class Modules(NamedTuple):
    """Flax's names for the parts of a block."""

    attention: str
    second_norm: str
    mlp: str


ORIGINAL = Modules("MultiHeadDotProductAttention_1", "LayerNorm_2", "MlpBlock_3")
BIG_VISION = Modules("MultiHeadDotProductAttention_0", "LayerNorm_1", "MlpBlock_0")


def _rules(config: ViTConfig, names: Collection[str]) -> Iterator[Rule]:
    original_positions = "Transformer/posembed_input/pos_embedding"
    positions = original_positions if original_positions in names else "pos_embedding"
    yield Rule("embedding/kernel", ("patch_embed/kernel",), SAME)
    yield Rule("embedding/bias", ("patch_embed/bias",), SAME)
    yield Rule("cls", ("cls_token",), BATCHED)
    yield Rule(positions, ("position_embedding",), BATCHED)
    blocks = [f"block_{block:02d}" for block in range(config.blocks)]
    scanned = any(name.startswith("Transformer/encoderblock/") for name in names)
    numbered_by_kind = any(f"/{BIG_VISION.attention}/" in name for name in names)
    for source, target, layout in _block_parts(BIG_VISION if numbered_by_kind else ORIGINAL):
        if scanned:
            targets = tuple(f"{block}/{target}" for block in blocks)
            yield Rule(f"Transformer/encoderblock/{source}", targets, stacked(layout))
        else:
            for number, block in enumerate(blocks):
                name = f"Transformer/encoderblock_{number}/{source}"
                yield Rule(name, (f"{block}/{target}",), layout)
    for part in ("scale", "bias"):
        yield Rule(f"Transformer/encoder_norm/{part}", (f"norm/{part}",), SAME)
    for part in ("kernel", "bias"):
        yield Rule(f"head/{part}", (f"head/{part}",), SAME)


def _block_parts(modules: Modules) -> Iterator[tuple[str, str, Layout]]:
    """Return name in the file, name in the tree and layout of each array of a block."""
    for norm, ours in (("LayerNorm_0", "norm1"), (modules.second_norm, "norm2")):
        for part in ("scale", "bias"):
            yield f"{norm}/{part}", f"{ours}/{part}", SAME
    for part in ("query", "key", "value"):
        yield f"{modules.attention}/{part}/kernel", f"attention/{part}/kernel", HEADS_IN
        yield f"{modules.attention}/{part}/bias", f"attention/{part}/bias", HEADS_BIAS
    yield f"{modules.attention}/out/kernel", "attention/output/kernel", HEADS_OUT
    yield f"{modules.attention}/out/bias", "attention/output/bias", SAME
    for dense, ours in (("Dense_0", "fc1"), ("Dense_1", "fc2")):
        for part in ("kernel", "bias"):
            yield f"{modules.mlp}/{dense}/{part}", f"mlp/{ours}/{part}", SAME


GOOGLE = Convention(
    name="Google's ViT in Flax",
    marker="embedding/kernel",
    rules=_rules,
    unused_without_head=("head/*", "pre_logits/*"),
    refused={
        "pre_logits/*": "a dense layer and tanh before its head, as in models of ImageNet-21k only",
        "MAPHead_0/*": "attention pooling (big_vision's MAP head)",
        "conv_root/*": "a ResNet in front (a hybrid)",
    },
)
