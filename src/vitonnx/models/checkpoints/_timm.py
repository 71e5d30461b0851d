"""The names of timm, DeiT, DINO and DINOv2, and of their followers (MAE, BEiT, iBOT).

Wightman, pytorch-image-models, ``vision_transformer.py``; facebookresearch/deit, ``models.py``;
facebookresearch/dino, ``vision_transformer.py`` and ``eval_linear.py``; facebookresearch/dinov2,
``models/vision_transformer.py`` and ``hub/classifiers.py``; microsoft/unilm, ``beit``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._rules import (
    BATCHED,
    CLASS_AND_MEAN,
    DENSE,
    PATCHES,
    QKV,
    QUERY_ALONE,
    SAME,
    Convention,
    Rule,
    torch_dense,
    torch_norm,
    torch_positions,
)

__all__ = ["TIMM"]

# DINOv2 trains its blocks in chunks; the second number is the block's own, through all of them.
CHUNKED = re.compile(r"blocks\.\d+\.(\d+)\.")


def _rules(config: ViTConfig, names: Collection[str]) -> Iterator[Rule]:
    yield Rule("patch_embed.proj.weight", ("patch_embed/kernel",), PATCHES)
    yield Rule("patch_embed.proj.bias", ("patch_embed/bias",), SAME)
    yield Rule("cls_token", ("cls_token",), BATCHED)
    yield Rule("dist_token", ("dist_token",), BATCHED)
    yield from torch_positions("pos_embed", "register_tokens", config, names)
    chunked = {int(found[1]): found[0] for name in names if (found := CHUNKED.match(name))}
    present = {name.rpartition(".")[2] for name in names}
    for block in range(config.blocks):
        source = chunked.get(block, f"blocks.{block}.").removesuffix(".")
        yield from _block_rules(source, f"block_{block:02d}", present)
    yield from torch_norm("fc_norm" if config.norm_after_pooling else "norm", "norm")
    # DINO and DINOv2 publish linear heads in files of their own.
    if config.pooling != "cls+mean":
        yield from torch_dense("head", "head")
    elif "linear_head.weight" in names:
        yield from torch_dense("linear_head", "head", CLASS_AND_MEAN)
    else:
        yield from torch_dense("linear", "head", DENSE)
    yield from torch_dense("head_dist", "head_dist")


def _block_rules(source: str, target: str, present: Collection[str]) -> Iterator[Rule]:
    """Return the rules of a block; ``present`` has the last parts of all names, to detect BEiT."""
    attention = f"{target}/attention"
    kernels, biases = (
        tuple(f"{attention}/{part}/{kind}" for part in ("query", "key", "value"))
        for kind in ("kernel", "bias")
    )
    yield Rule(f"{source}.attn.qkv.weight", kernels, QKV)
    if "q_bias" in present:
        if "k_bias" in present:
            yield Rule(f"{source}.attn.q_bias", biases[:1], SAME)
            yield Rule(f"{source}.attn.k_bias", biases[1:2], SAME)
        else:
            yield Rule(f"{source}.attn.q_bias", biases[:2], QUERY_ALONE)
        yield Rule(f"{source}.attn.v_bias", biases[2:], SAME)
    else:
        yield Rule(f"{source}.attn.qkv.bias", biases, QKV)
    yield from torch_dense(f"{source}.attn.proj", f"{attention}/output")
    for number in (1, 2):
        yield from torch_norm(f"{source}.norm{number}", f"{target}/norm{number}")
        yield from torch_dense(f"{source}.mlp.fc{number}", f"{target}/mlp/fc{number}")
        scale = f"gamma_{number}" if f"gamma_{number}" in present else f"ls{number}.gamma"
        yield Rule(f"{source}.{scale}", (f"{target}/scale{number}",), SAME)


TIMM = Convention(
    name="timm, DeiT, DINO or DINOv2",
    marker="patch_embed.proj.weight",
    rules=_rules,
    training=(
        # Masked pictures, and what is made of them: DINOv2, iBOT; MAE, SimMIM; BEiT.
        "mask_token",
        "masked_embed",
        "decoder.*",
        "decoder_*",
        "lm_head.*",
        # What DINO, DINOv2 and iBOT compare; contrastive learning.
        "dino_head.*",
        "ibot_head.*",
        "head.mlp.*",
        "head.last_layer.*",
        "head.last_layer2.*",
        "predictor.*",
        "projector.*",
        "projection_head.*",
        "prototypes.*",
        "queue",
        "queue_ptr",
        # Losses with arrays of their own, and the count of an average.
        "criterion.*",
        "loss.*",
        "loss_fn.*",
        "*_loss.*",
        "n_averaged",
    ),
    unused_without_head=("head.*", "head_dist.*", "linear.*", "linear_head.*"),
    refused={
        "norm_pre.*": "a layer norm before its blocks",
        "attn_pool.*": "attention pooling",
        "rope*": "rotary positions",
        "*.rope*": "rotary positions",
        "*relative_position*": "relative positions",
        "rel_pos_bias.*": "relative positions",
        "blocks.*.attn.q_norm.*": "layer norms on query and key",
        "blocks.*.mlp.fc1_g.*": "gated MLPs (SwiGLU)",
        "blocks.*.mlp.w12.*": "gated MLPs (SwiGLU)",
        "blocks.*.mlp.w1.*": "gated MLPs (SwiGLU)",
    },
    head_alone="linear_head.",
)
