"""Exported files against timm's and transformers' own models, on the same weights and pixels.

Random weights, real architectures. Each cell is there for a reason; the whole cross product would
add hours and no reason.
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

# Of the tensor's largest magnitude; attention absolute. The same as the export's own.
RELATIVE = 2e-5
ABSOLUTE = 1e-5

TIMM = {
    "tiny/16 at 224: the plain ViT": ("vit_tiny_patch16_224", {}),
    "small/16 at 224 with 4 registers: 5 prefix tokens, all with positions": (
        "vit_small_patch16_224",
        {"reg_tokens": 4},
    ),
    "tiny/16 with registers and positions for patches only": (
        "vit_tiny_patch16_224",
        {"reg_tokens": 4, "no_embed_class": True},
    ),
    "small/8 at 224: 785 tokens": ("vit_small_patch8_224", {"num_classes": 0}),
    "base/16 at 224: 12 heads": ("vit_base_patch16_224", {}),
    "base/16 at 384: 577 tokens": ("vit_base_patch16_384", {}),
    "small/32 at 384: another patch": ("vit_small_patch32_384", {}),
    "tiny distilled: two tokens, two heads": ("deit_tiny_distilled_patch16_224", {}),
    "small/16 mean-pooled, no class token, norm after pooling": (
        "vit_small_patch16_224",
        {"global_pool": "avg", "class_token": False},
    ),
    "tiny/16 mean-pooled beside a class token": ("vit_tiny_patch16_224", {"global_pool": "avg"}),
    "tiny/16 with layer scale": ("vit_tiny_patch16_224", {"init_values": 0.3}),
    "a rectangle: 96x160": ("vit_tiny_patch16_224", {"img_size": (96, 160)}),
}


def assert_equal(name: str, got: np.ndarray, expected: np.ndarray, *, attention: bool) -> None:
    assert got.shape == expected.shape
    error = float(np.abs(got - expected).max())
    bound = ABSOLUTE if attention else RELATIVE * float(np.abs(expected).max())
    assert error <= bound, f"{name}: {error:.1e} above {bound:.1e}"


def export(config: Path, weights: Path, folder: Path, size: str | None = None) -> Path:
    """Export as a user does."""
    from vitonnx.cli import main

    file = folder / "model.onnx"
    words = ["export", "--config", str(config), "--weights", str(weights), "-o", str(file)]
    assert main([*words, *(["--size", size] if size else []), "--quiet"]) == 0
    return file


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


@pytest.fixture
def no_gradients() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        yield


@pytest.mark.usefixtures("no_gradients")
@pytest.mark.parametrize(("architecture", "options"), TIMM.values(), ids=TIMM.keys())
def test_timm(architecture: str, options: dict[str, Any], tmp_path: Path) -> None:
    import timm
    from safetensors.torch import save_file

    from vitonnx import Engine

    model = timm.create_model(architecture, pretrained=False, **options).eval()
    shake(model)
    recipe = model.pretrained_cfg
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    config = {
        "architecture": architecture,
        "num_classes": model.num_classes,
        "model_args": options,
        "pretrained_cfg": {key: recipe[key] for key in ("mean", "std", "interpolation", "crop_pct")}
        | {"input_size": [3, *model.patch_embed.img_size]},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    file = export(tmp_path / "config.json", tmp_path / "model.safetensors", tmp_path)

    taps = TimmTaps(model)
    images = pixels(*model.patch_embed.img_size)
    features = model.forward_features(normalised(images, recipe["mean"], recipe["std"]))
    expected = {
        "embedding": model.forward_head(features, pre_logits=True).numpy(),
        **({"logits": model.forward_head(features).numpy()} if model.num_classes else {}),
    }
    engine = Engine(file, device="cpu")
    got = engine.run_pixels(images, engine.outputs)
    for block, (attention, tokens) in enumerate(zip(taps.attention, taps.tokens, strict=True)):
        for name, values, is_attention in (
            (attention_name(block), attention, True),
            (tokens_name(block), tokens, False),
        ):
            assert_equal(name, got[name], values, attention=is_attention)
    for name, values in expected.items():
        assert_equal(name, got[name], values, attention=False)
    assert len(taps.attention) == engine.manifest.blocks
    assert set(got) == {
        *expected,
        *(attention_name(block) for block in range(engine.manifest.blocks)),
        *(tokens_name(block) for block in range(engine.manifest.blocks)),
    }


@pytest.mark.usefixtures("no_gradients")
@pytest.mark.parametrize("size", ["256x320", "384"])
def test_timm_at_another_size(size: str, tmp_path: Path) -> None:
    """The position embedding resampled as timm does, by its own code."""
    import timm
    from safetensors.torch import save_file

    from vitonnx import Engine
    from vitonnx.cli._options import parse_size

    sides = parse_size(size)
    assert sides is not None
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False).eval()
    shake(model)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "architecture": "vit_tiny_patch16_224",
                "num_classes": 1000,
                "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
            }
        )
    )
    file = export(tmp_path / "config.json", tmp_path / "model.safetensors", tmp_path, size)

    model.set_input_size(img_size=sides)
    taps = TimmTaps(model)
    images = pixels(*sides)
    mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    logits = model(normalised(images, mean, std)).numpy()
    engine = Engine(file, device="cpu")
    got = engine.run_pixels(images, engine.outputs)
    assert_equal("logits", got["logits"], logits, attention=False)
    for block, attention in enumerate(taps.attention):
        assert_equal(attention_name(block), got[attention_name(block)], attention, attention=True)


HUGGING_FACE = {
    "ViT tiny at 224": ("ViTForImageClassification", {"hidden_size": 192, "heads": 3}),
    "ViT small/8 without head": (
        "ViTModel",
        {"hidden_size": 384, "heads": 6, "patch_size": 8},
    ),
    "DeiT tiny with its teacher's head": (
        "DeiTForImageClassificationWithTeacher",
        {"hidden_size": 192, "heads": 3},
    ),
    "DeiT tiny, head on the class token": (
        "DeiTForImageClassification",
        {"hidden_size": 192, "heads": 3},
    ),
    "ViT tiny with the tanh GELU": (
        "ViTForImageClassification",
        {"hidden_size": 192, "heads": 3, "hidden_act": "gelu_pytorch_tanh"},
    ),
}


@pytest.mark.usefixtures("no_gradients")
@pytest.mark.parametrize(
    ("architecture", "options"), HUGGING_FACE.values(), ids=HUGGING_FACE.keys()
)
def test_hugging_face(architecture: str, options: dict[str, Any], tmp_path: Path) -> None:
    import transformers

    from vitonnx import Engine

    options = dict(options)
    heads, dim = options.pop("heads"), options["hidden_size"]
    kind = "DeiT" if architecture.startswith("DeiT") else "ViT"
    config = getattr(transformers, f"{kind}Config")(
        num_attention_heads=heads, intermediate_size=4 * dim, num_labels=37, **options
    )
    config._attn_implementation = "eager"
    model = getattr(transformers, architecture)(config).eval()
    shake(model)
    model.save_pretrained(tmp_path)
    file = export(tmp_path / "config.json", tmp_path / "model.safetensors", tmp_path)

    engine = Engine(file, device="cpu")
    recipe = engine.manifest.preprocessing
    images = pixels(*engine.manifest.size)
    # Not hidden_states: its last entry is normed in some versions.
    tokens_after: list[np.ndarray] = []

    def keep(module: Any, inputs: Any, result: Any) -> None:
        tokens_after.append((result[0] if isinstance(result, tuple) else result).numpy())

    for module in model.modules():
        if type(module).__name__ == f"{kind}Layer":
            module.register_forward_hook(keep)
    output = model(normalised(images, recipe.mean, recipe.std), output_attentions=True)
    got = engine.run_pixels(images, engine.outputs)
    assert len(tokens_after) == engine.manifest.blocks
    for block, attention in enumerate(output.attentions):
        assert_equal(
            attention_name(block), got[attention_name(block)], attention.numpy(), attention=True
        )
    for block, tokens in enumerate(tokens_after):
        assert_equal(tokens_name(block), got[tokens_name(block)], tokens, attention=False)
    if architecture == "ViTModel":
        normed = output.last_hidden_state[:, 0].numpy()
        assert_equal("embedding", got["embedding"], normed, attention=False)
        assert "logits" not in got
    else:
        assert_equal("logits", got["logits"], output.logits.numpy(), attention=False)
