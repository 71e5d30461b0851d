"""From our tree of parameters back to the names and shapes that others publish: the way there.

Written out from `CHECKPOINTS` of each project, apart from the readers that go the way back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vitonnx.models import ViTConfig

Arrays = dict[str, NDArray[np.float32]]


def timm(tree: Mapping[str, NDArray[np.float32]], config: ViTConfig) -> Arrays:
    """timm, DeiT and DINO."""
    names = {"patch_embed.proj.weight": tree["patch_embed/kernel"].transpose(3, 2, 0, 1)}
    names["patch_embed.proj.bias"] = tree["patch_embed/bias"]
    for ours, theirs in (
        ("cls_token", "cls_token"),
        ("dist_token", "dist_token"),
        ("reg_tokens", "reg_token"),
        ("position_embedding", "pos_embed"),
    ):
        if ours in tree:
            names[theirs] = tree[ours][None]
    for index in range(config.blocks):
        ours, theirs = f"block_{index:02d}", f"blocks.{index}"
        parts = [f"{ours}/attention/{part}" for part in ("query", "key", "value")]
        names[f"{theirs}.attn.qkv.weight"] = np.vstack([tree[f"{part}/kernel"].T for part in parts])
        names[f"{theirs}.attn.qkv.bias"] = np.hstack([tree[f"{part}/bias"] for part in parts])
        names[f"{theirs}.attn.proj.weight"] = tree[f"{ours}/attention/output/kernel"].T
        names[f"{theirs}.attn.proj.bias"] = tree[f"{ours}/attention/output/bias"]
        for number in "12":
            names[f"{theirs}.norm{number}.weight"] = tree[f"{ours}/norm{number}/scale"]
            names[f"{theirs}.norm{number}.bias"] = tree[f"{ours}/norm{number}/bias"]
            names[f"{theirs}.mlp.fc{number}.weight"] = tree[f"{ours}/mlp/fc{number}/kernel"].T
            names[f"{theirs}.mlp.fc{number}.bias"] = tree[f"{ours}/mlp/fc{number}/bias"]
            if config.layer_scale:
                names[f"{theirs}.ls{number}.gamma"] = tree[f"{ours}/scale{number}"]
    norm = "fc_norm" if config.norm_after_pooling else "norm"
    names[f"{norm}.weight"], names[f"{norm}.bias"] = tree["norm/scale"], tree["norm/bias"]
    for head in ("head", "head_dist"):
        if f"{head}/kernel" in tree:
            theirs = "linear" if config.pooling == "cls+mean" else head
            names[f"{theirs}.weight"] = tree[f"{head}/kernel"].T
            names[f"{theirs}.bias"] = tree[f"{head}/bias"]
    return names


def dinov2(tree: Mapping[str, NDArray[np.float32]], config: ViTConfig, *, chunk: int = 0) -> Arrays:
    """DINOv2's authors: the class token has a position, registers have none; blocks in chunks."""
    names = timm(tree, config)
    if "reg_token" in names:
        names["register_tokens"] = names.pop("reg_token")
    names["mask_token"] = np.ones((1, config.dim), np.float32)
    if not chunk:
        return names
    numbered = re.compile(r"blocks\.(\d+)\.")
    return {
        numbered.sub(lambda found: f"blocks.{int(found[1]) // chunk}.{found[1]}.", name): array
        for name, array in names.items()
    }


def huggingface(
    tree: Mapping[str, NDArray[np.float32]], config: ViTConfig, *, version: int = 4
) -> Arrays:
    """Hugging Face transformers, without the prefix ``vit.`` or ``deit.``."""
    weight, bias = ".weight", ".bias"
    patches = "embeddings.patch_embeddings.projection"
    names = {patches + weight: tree["patch_embed/kernel"].transpose(3, 2, 0, 1)}
    names[patches + bias] = tree["patch_embed/bias"]
    names["embeddings.cls_token"] = tree["cls_token"][None]
    if "dist" in config.prefix_tokens:
        names["embeddings.distillation_token"] = tree["dist_token"][None]
    names["embeddings.position_embeddings"] = tree["position_embedding"][None]
    for index in range(config.blocks):
        ours = f"block_{index:02d}"
        theirs = f"encoder.layer.{index}" if version == 4 else f"layers.{index}"
        for norm, name in (("norm1", "layernorm_before"), ("norm2", "layernorm_after")):
            names[f"{theirs}.{name}.weight"] = tree[f"{ours}/{norm}/scale"]
            names[f"{theirs}.{name}.bias"] = tree[f"{ours}/{norm}/bias"]
        for dense, old, new in (
            ("attention/query", "attention.attention.query", "attention.q_proj"),
            ("attention/key", "attention.attention.key", "attention.k_proj"),
            ("attention/value", "attention.attention.value", "attention.v_proj"),
            ("attention/output", "attention.output.dense", "attention.o_proj"),
            ("mlp/fc1", "intermediate.dense", "mlp.fc1"),
            ("mlp/fc2", "output.dense", "mlp.fc2"),
        ):
            name = f"{theirs}.{old if version == 4 else new}"
            names[name + weight] = tree[f"{ours}/{dense}/kernel"].T
            names[name + bias] = tree[f"{ours}/{dense}/bias"]
    names["layernorm.weight"], names["layernorm.bias"] = tree["norm/scale"], tree["norm/bias"]
    heads = {"head": "classifier"}
    if config.pooling == "cls+dist":
        heads = {"head": "cls_classifier", "head_dist": "distillation_classifier"}
    for head, name in heads.items():
        if f"{head}/kernel" in tree:
            names[name + weight] = tree[f"{head}/kernel"].T
            names[name + bias] = tree[f"{head}/bias"]
    return names


def huggingface_dinov2(
    tree: Mapping[str, NDArray[np.float32]], config: ViTConfig, *, version: int = 4
) -> Arrays:
    """transformers' DINOv2, without prefix and classifier."""
    headless = replace(config, pooling="cls", classes=0)
    kept = {name: tree[name] for name in headless.parameters()}
    names: Arrays = {"embeddings.mask_token": np.ones((1, config.dim), np.float32)}
    for name, array in huggingface(kept, headless, version=version).items():
        name = re.sub(r"^layers", "encoder.layer", name)
        for old, new in (
            ("layernorm_before", "norm1"),
            ("layernorm_after", "norm2"),
            ("intermediate.dense", "mlp.fc1"),
        ):
            name = name.replace(old, new)
        names[re.sub(r"(?<!attention)\.output\.dense", ".mlp.fc2", name)] = array
    for index in range(config.blocks):
        for number in "12":
            scale = tree[f"block_{index:02d}/scale{number}"]
            names[f"encoder.layer.{index}.layer_scale{number}.lambda1"] = scale
    if "reg_tokens" in tree:
        names["embeddings.register_tokens"] = tree["reg_tokens"][None]
    return names


def google(
    tree: Mapping[str, NDArray[np.float32]], config: ViTConfig, *, big_vision: bool = False
) -> Arrays:
    """Google's original ViT, or big_vision's."""
    heads, width = config.heads, config.dim // config.heads
    attention, norm, mlp = (0, 1, 0) if big_vision else (1, 2, 3)
    names = {"embedding/kernel": tree["patch_embed/kernel"]}
    names["embedding/bias"] = tree["patch_embed/bias"]
    if "cls_token" in tree:
        names["cls"] = tree["cls_token"][None]
    if "position_embedding" in tree:
        place = "" if big_vision else "Transformer/posembed_input/"
        names[f"{place}pos_embedding"] = tree["position_embedding"][None]
    for index in range(config.blocks):
        ours, theirs = f"block_{index:02d}", f"Transformer/encoderblock_{index}"
        for part in ("scale", "bias"):
            names[f"{theirs}/LayerNorm_0/{part}"] = tree[f"{ours}/norm1/{part}"]
            names[f"{theirs}/LayerNorm_{norm}/{part}"] = tree[f"{ours}/norm2/{part}"]
        module = f"{theirs}/MultiHeadDotProductAttention_{attention}"
        for part in ("query", "key", "value"):
            dense = f"{ours}/attention/{part}"
            names[f"{module}/{part}/kernel"] = tree[f"{dense}/kernel"].reshape(-1, heads, width)
            names[f"{module}/{part}/bias"] = tree[f"{dense}/bias"].reshape(heads, width)
        dense = f"{ours}/attention/output"
        names[f"{module}/out/kernel"] = tree[f"{dense}/kernel"].reshape(heads, width, -1)
        names[f"{module}/out/bias"] = tree[f"{dense}/bias"]
        for part in ("kernel", "bias"):
            names[f"{theirs}/MlpBlock_{mlp}/Dense_0/{part}"] = tree[f"{ours}/mlp/fc1/{part}"]
            names[f"{theirs}/MlpBlock_{mlp}/Dense_1/{part}"] = tree[f"{ours}/mlp/fc2/{part}"]
    for part in ("scale", "bias"):
        names[f"Transformer/encoder_norm/{part}"] = tree[f"norm/{part}"]
    if "head/kernel" in tree:
        names["head/kernel"], names["head/bias"] = tree["head/kernel"], tree["head/bias"]
    return names


def scanned(names: Arrays, blocks: int) -> Arrays:
    """big_vision's stacked form: all blocks' arrays on top of each other."""
    stacked = {name: array for name, array in names.items() if "encoderblock_" not in name}
    first = "Transformer/encoderblock_0/"
    for part in [name.removeprefix(first) for name in names if name.startswith(first)]:
        stacked[f"Transformer/encoderblock/{part}"] = np.stack(
            [names[f"Transformer/encoderblock_{block}/{part}"] for block in range(blocks)]
        )
    return stacked
