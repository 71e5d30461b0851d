"""Probe-ready files of torch's models: their weights ported, or exported by torch and tapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attribution.torch_models import BLOCKS, CLASSES, HEADS, Peer, arguments
from tap.zoo.exporters import silence
from vitonnx.cli import main

SIZE, PATCH = (35, 49), 7
MEAN, STD = (0.45, 0.5, 0.4), (0.25, 0.2, 0.3)
# Resizing to the input's own size changes nothing, and so pictures reach the model as they are.
RECIPE = {
    "mean": MEAN,
    "std": STD,
    "interpolation": "bicubic",
    "crop_pct": 1.0,
    "crop_mode": "squash",
    "input_size": [3, *SIZE],
}


def write(way: str, peer: Peer, folder: Path) -> Path:
    """Write a model as a user would who has its weights ("ported"), or its ONNX file ("tapped")."""
    model = peer.model(SIZE, PATCH)
    file = folder / "model.onnx"
    if way == "tapped":
        words = _exported_by_torch(peer, model, folder)
    elif hasattr(model, "vit") and hasattr(model, "classifier"):
        words = _saved_by_transformers(model, folder)
    elif hasattr(model, "vit"):
        words = _saved_as_dinov2(model, folder)
    else:
        words = _saved_by_timm(peer, model, folder)
    assert main([*words, "-o", str(file), "--quiet"]) == 0
    return file


def _exported_by_torch(peer: Peer, model: Any, folder: Path) -> list[str]:
    import torch

    foreign = folder / "foreign.onnx"
    rotary = peer.architecture.endswith("dinov3")  # which torch's older exporter doesn't know
    batch: dict[str, Any] = (
        {"dynamic_shapes": ({0: "batch"},), "opset_version": 20, "external_data": False}
        if rotary
        else {"dynamic_axes": {"pixels": {0: "batch"}}, "opset_version": 17}
    )
    with silence(), torch.no_grad():
        torch.onnx.export(
            model,
            (torch.randn(2, 3, *SIZE),),
            foreign,
            input_names=["pixels"],
            dynamo=rotary,
            **batch,
        )
    described = {"architecture": peer.architecture, "pretrained_cfg": RECIPE}
    (folder / "config.json").write_text(json.dumps(described | {"num_classes": CLASSES}))
    return ["tap", str(foreign)]


def _saved_by_timm(peer: Peer, model: Any, folder: Path) -> list[str]:
    from safetensors.torch import save_file

    save_file(model.state_dict(), folder / "model.safetensors")
    given = arguments(peer, SIZE, PATCH, BLOCKS)
    del given["pretrained"]
    config = {
        "architecture": peer.architecture,
        "num_classes": given.pop("num_classes"),
        "model_args": given,
        "pretrained_cfg": RECIPE,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return _port(folder / "config.json", folder / "model.safetensors")


def _saved_by_transformers(model: Any, folder: Path) -> list[str]:
    model.save_pretrained(folder)
    return _port(folder / "config.json", folder / "model.safetensors")


def _saved_as_dinov2(model: Any, folder: Path) -> list[str]:
    """Save backbone and head as DINOv2's authors do, with our own description of it."""
    import torch

    state = model.vit.state_dict() | {"mask_token": torch.zeros(1, model.vit.embed_dim)}
    torch.save(state, folder / "pretrain.pth")
    torch.save(model.head.state_dict(), folder / "linear_head.pth")
    fields = {
        "name": "two_parts",
        "image_size": SIZE,
        "patch_size": PATCH,
        "dim": model.vit.embed_dim,
        "blocks": BLOCKS,
        "heads": HEADS,
        "prefix_tokens": ["cls"],
        "position_prefix": ["cls"],
        "layer_scale": True,
        "pooling": "cls+mean",
        "classes": CLASSES,
        "preprocessing": {"mean": MEAN, "std": STD},
    }
    (folder / "dinov2.json").write_text(json.dumps(fields))
    return _port(folder / "dinov2.json", folder / "pretrain.pth", folder / "linear_head.pth")


def _port(config: Path, *weights: Path) -> list[str]:
    words = ["export", "--config", str(config)]
    for file in weights:
        words += ["--weights", str(file)]
    return words
