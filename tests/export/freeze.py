"""The recipe of the frozen cases in ``data/``: tiny models of timm and transformers, run once.

    PYTHONPATH=tests python tests/export/freeze.py

Made with torch 2.13.0, timm 1.0.31 and transformers 5.23.0 on x86-64; `freeze.py` stands beside
the tests so that anybody can make them again, with other versions too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import transformers
from safetensors.torch import save_file

from peer_models import TimmTaps, normalised, shake

DATA = Path(__file__).with_name("data")
SIZE = (24, 40)
SMALL: dict[str, Any] = {
    "img_size": SIZE,
    "patch_size": 8,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
}
TIMM: dict[str, tuple[str, dict[str, Any]]] = {
    "timm_plain": ("vit_tiny_patch16_224", {}),
    "timm_registers": ("vit_tiny_patch16_224", {"reg_tokens": 4}),
    "timm_registers_unplaced": (
        "vit_tiny_patch16_224",
        {"reg_tokens": 4, "no_embed_class": True, "init_values": 0.3},
    ),
    "timm_pooled": ("vit_tiny_patch16_224", {"global_pool": "avg", "class_token": False}),
    "timm_distilled": ("deit_tiny_distilled_patch16_224", {}),
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def images(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(11).integers(0, 256, (2, *size, 3), dtype=np.uint8)


def outputs(taps: Any, **ends: torch.Tensor) -> dict[str, np.ndarray]:
    return {
        **{f"block_{i:02d}/attention": array for i, array in enumerate(taps.attention)},
        **{f"block_{i:02d}/tokens": array for i, array in enumerate(taps.tokens)},
        **{name: tensor.numpy() for name, tensor in ends.items()},
    }


def freeze_timm(name: str, architecture: str, options: dict[str, Any]) -> None:
    arguments = SMALL | options
    model = timm.create_model(architecture, num_classes=7, **arguments).eval()
    shake(model)
    taps = TimmTaps(model)
    pixels = images(SIZE)
    features = model.forward_features(normalised(pixels, MEAN, STD))
    ends = {
        "embedding": model.forward_head(features, pre_logits=True),
        "logits": model.forward_head(features),
    }
    config = {
        "architecture": architecture,
        "num_classes": 7,
        "model_args": arguments,
        "pretrained_cfg": {"mean": MEAN, "std": STD, "input_size": [3, *SIZE]},
    }
    write(name, config, model.state_dict(), pixels, outputs(taps, **ends))


def freeze_hugging_face() -> None:
    config = transformers.ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        image_size=32,
        patch_size=8,
        num_labels=7,
    )
    config._attn_implementation = "eager"
    model = transformers.ViTForImageClassification(config).eval()
    shake(model)
    pixels = images((32, 32))
    said = model(
        normalised(pixels, (0.5,) * 3, (0.5,) * 3),
        output_attentions=True,
        output_hidden_states=True,
    )
    expected = {f"block_{i:02d}/attention": a.numpy() for i, a in enumerate(said.attentions)}
    expected["block_00/tokens"] = said.hidden_states[1].numpy()
    expected["logits"] = said.logits.numpy()
    described = config.to_dict() | {"architectures": [type(model).__name__]}
    write("hugging_face", described, model.state_dict(), pixels, expected)


def write(
    name: str,
    config: dict[str, Any],
    weights: dict[str, torch.Tensor],
    pixels: np.ndarray,
    expected: dict[str, np.ndarray],
) -> None:
    (DATA / f"{name}.json").write_text(json.dumps(config, indent=1) + "\n")
    save_file(weights, DATA / f"{name}.safetensors")
    np.savez_compressed(DATA / f"{name}.npz", allow_pickle=False, images=pixels, **expected)


def freeze_positions() -> None:
    """Position embeddings resampled by torch as timm, DINO and transformers call it."""
    table = torch.randn((1, 3, 7, 7), generator=torch.Generator().manual_seed(0))
    frozen = {"table": table.numpy()}
    for rows, columns in ((11, 5), (4, 13), (8, 7)):
        ways: dict[str, dict[str, Any]] = {
            "timm": {"size": (rows, columns), "antialias": True},
            "huggingface": {"size": (rows, columns)},
            "dino": {"scale_factor": ((rows + 0.1) / 7, (columns + 0.1) / 7)},
        }
        for name, options in ways.items():
            resampled = torch.nn.functional.interpolate(table, mode="bicubic", **options)
            frozen[f"{name}_{rows}x{columns}"] = resampled.numpy()
    np.savez_compressed(DATA.parents[1] / "data" / "positions.npz", allow_pickle=False, **frozen)


if __name__ == "__main__":
    with torch.no_grad():
        for name, (architecture, options) in TIMM.items():
            freeze_timm(name, architecture, options)
        freeze_hugging_face()
        freeze_positions()
