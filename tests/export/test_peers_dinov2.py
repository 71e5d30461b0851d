"""DINOv2's own files, ported, against torch: timm's network, filled by hand as the authors say.

facebookresearch/dinov2, ``models/vision_transformer.py`` (class token, position embedding and its
resampling, registers behind it), ``hub/backbones.py`` (offset 0.1; with registers antialiased
without it) and ``hub/classifiers.py`` (linear heads).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peer_models import TimmTaps, normalised, shake
from vitonnx.contract import attention_name, tokens_name

pytestmark = pytest.mark.peers

# Of the tensor's largest magnitude; attention absolute.
TOLERANCE = 1e-5
DIM, BLOCKS, HEADS, PATCH, SIDE = 42, 3, 3, 14, 5
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSES = 11


@pytest.fixture
def no_gradients() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        yield


def authors_file(registers: int, chunk: int) -> dict[str, Any]:
    """Draw a state dict with the names, shapes and order of DINOv2's own, in small."""
    import torch

    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int, spread: float = 0.3) -> Any:
        return torch.randn(*shape, generator=generator) * spread

    state = {
        "cls_token": draw(1, 1, DIM),
        "pos_embed": draw(1, 1 + SIDE * SIDE, DIM),
        "mask_token": draw(1, DIM),
        "patch_embed.proj.weight": draw(DIM, 3, PATCH, PATCH, spread=0.04),
        "patch_embed.proj.bias": draw(DIM),
        "norm.weight": 1 + draw(DIM),
        "norm.bias": draw(DIM),
    }
    if registers:
        state["register_tokens"] = draw(1, registers, DIM)
    for block in range(BLOCKS):
        name = f"blocks.{block // chunk}.{block}" if chunk else f"blocks.{block}"
        for part, shape in (
            ("attn.qkv", (3 * DIM, DIM)),
            ("attn.proj", (DIM, DIM)),
            ("mlp.fc1", (4 * DIM, DIM)),
            ("mlp.fc2", (DIM, 4 * DIM)),
        ):
            state[f"{name}.{part}.weight"] = draw(*shape, spread=shape[1] ** -0.5)
            state[f"{name}.{part}.bias"] = draw(shape[0])
        for part in ("norm1", "norm2"):
            state[f"{name}.{part}.weight"] = 1 + draw(DIM)
            state[f"{name}.{part}.bias"] = draw(DIM)
        for part in ("ls1", "ls2"):
            state[f"{name}.{part}.gamma"] = 1 + draw(DIM)
    return state


def reference(state: dict[str, Any], registers: int, size: tuple[int, int]) -> Any:
    """Fill timm's network by hand, with the positions that the authors' code would resample."""
    import torch
    from timm.models.vision_transformer import VisionTransformer

    rows, columns = size[0] // PATCH, size[1] // PATCH
    positions = state["pos_embed"]
    if (rows, columns) != (SIDE, SIDE):
        patches = positions[:, 1:].reshape(1, SIDE, SIDE, DIM).permute(0, 3, 1, 2)
        way: dict[str, Any] = (
            {"size": (rows, columns), "antialias": True}
            if registers
            else {"scale_factor": ((rows + 0.1) / SIDE, (columns + 0.1) / SIDE)}
        )
        patches = torch.nn.functional.interpolate(patches, mode="bicubic", **way)
        assert patches.shape[2:] == (rows, columns)
        patches = patches.permute(0, 2, 3, 1).reshape(1, rows * columns, DIM)
        positions = torch.cat([positions[:, :1], patches], 1)
    model = VisionTransformer(
        img_size=size,
        patch_size=PATCH,
        embed_dim=DIM,
        depth=BLOCKS,
        num_heads=HEADS,
        num_classes=0,
        init_values=1.0,
        reg_tokens=registers,
        no_embed_class=True,
    ).eval()
    filled = {}
    for name, value in state.items():
        part = name.split(".")
        if part[0] == "blocks" and part[2].isdigit():
            del part[1]
        filled[".".join(part)] = value
    del filled["mask_token"]
    filled["cls_token"] = state["cls_token"] + positions[:, :1]
    filled["pos_embed"] = positions[:, 1:]
    if registers:
        filled["reg_token"] = filled.pop("register_tokens")
    model.load_state_dict(filled)
    return model


def describe(folder: Path, registers: int, classes: int) -> Path:
    fields = {
        "name": "tiny_dinov2",
        "image_size": SIDE * PATCH,
        "patch_size": PATCH,
        "dim": DIM,
        "blocks": BLOCKS,
        "heads": HEADS,
        "prefix_tokens": ["cls", *(f"reg{number}" for number in range(registers))],
        "position_prefix": [],
        # As the registry has it.
        "position_interpolation": "timm" if registers else "dino",
        "layer_scale": True,
        "pooling": "cls+mean" if classes else "cls",
        "classes": classes,
        "preprocessing": {"mean": MEAN, "std": STD},
    }
    if not registers:
        fields["position_prefix"] = ["cls"]
    path = folder / "dinov2.json"
    path.write_text(json.dumps(fields))
    return path


def export(config: Path, *weights: Path, output: Path) -> Path:
    from vitonnx.cli import main

    words = ["export", "--config", str(config), "-o", str(output), "--quiet"]
    for file in weights:
        words += ["--weights", str(file)]
    assert main(words) == 0
    return output


def assert_equal(name: str, got: np.ndarray, expected: np.ndarray, scale: float) -> None:
    assert got.shape == expected.shape
    error = float(np.abs(got - expected).max()) / scale
    assert error <= TOLERANCE, f"{name}: {error:.1e}"


@pytest.mark.usefixtures("no_gradients")
@pytest.mark.parametrize(("registers", "chunk"), [(0, 0), (4, 0), (0, 2), (4, 1)])
@pytest.mark.parametrize("size", [(70, 70), (42, 154)])
def test_the_authors_file(
    registers: int, chunk: int, size: tuple[int, int], tmp_path: Path
) -> None:
    import torch

    from vitonnx import Engine

    state = authors_file(registers, chunk)
    head = torch.nn.Linear(2 * DIM, CLASSES)
    torch.save(state, tmp_path / "dinov2_pretrain.pth")
    torch.save(head.state_dict(), tmp_path / "dinov2_linear_head.pth")
    file = export(
        describe(tmp_path, registers, CLASSES),
        tmp_path / "dinov2_pretrain.pth",
        tmp_path / "dinov2_linear_head.pth",
        output=tmp_path / "model.onnx",
    )
    engine = Engine(file, device="cpu", size=size)
    images = np.random.default_rng(1).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    got = engine.run_pixels(images, engine.outputs)

    model = reference(state, registers, size)
    taps = TimmTaps(model)
    features = model.forward_features(normalised(images, MEAN, STD))
    class_token, patches = features[:, 0], features[:, 1 + registers :]
    logits = head(torch.cat([class_token, patches.mean(1)], 1)).numpy()
    assert_equal("logits", got["logits"], logits, float(np.abs(logits).max()))
    # Ours interleaves what the head reads.
    assert_equal(
        "embedding",
        got["embedding"][:, ::2],
        class_token.numpy(),
        float(class_token.abs().max()),
    )
    for block, (attention, tokens) in enumerate(zip(taps.attention, taps.tokens, strict=True)):
        assert_equal(attention_name(block), got[attention_name(block)], attention, 1.0)
        scale = float(np.abs(tokens).max())
        assert_equal(tokens_name(block), got[tokens_name(block)], tokens, scale)


@pytest.mark.usefixtures("no_gradients")
@pytest.mark.parametrize("kind", ["Dinov2", "Dinov2WithRegisters"])
def test_transformers_dinov2(kind: str, tmp_path: Path) -> None:
    """Its file, under its names, by its own description."""
    import transformers

    from vitonnx import Engine

    configuration = getattr(transformers, f"{kind}Config")(
        hidden_size=DIM,
        num_hidden_layers=BLOCKS,
        num_attention_heads=HEADS,
        image_size=SIDE * PATCH,
        patch_size=PATCH,
        num_labels=CLASSES,
    )
    model = getattr(transformers, f"{kind}ForImageClassification")(configuration).eval()
    shake(model)
    model.save_pretrained(tmp_path)
    weights, output = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    file = export(tmp_path / "config.json", weights, output=output)
    for size in ((70, 70), (42, 154)):
        engine = Engine(file, device="cpu", size=size)
        images = np.random.default_rng(1).integers(0, 256, (2, *size, 3), dtype=np.uint8)
        got = engine.run_pixels(images, ["logits"])["logits"]
        logits = model(normalised(images, MEAN, STD)).logits.numpy()
        assert_equal("logits", got, logits, float(np.abs(logits).max()))
