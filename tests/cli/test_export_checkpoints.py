"""``vitonnx export --weights``: checkpoints as their authors and as training leave them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_models as tiny
from models import published_names as names
from models.checkpoint_files import ONES, under, write_safetensors
from models.torch_files import write_nested, write_torch
from terminal import Outcome, assert_refused, contents
from vitonnx import Engine
from vitonnx.models import find_model, random_parameters

Call = Callable[..., Outcome]

# DINOv2 in small: as timm and the registry lay its tokens out, and as the authors do.
TIMMS = replace(
    tiny.BASE,
    prefix_tokens=tiny.REGISTERS,
    position_prefix=(),
    classes=0,
    layer_scale=True,
    mlp_dim=42,
)
AUTHORS = replace(TIMMS, position_prefix=("cls",))


@pytest.fixture
def dinov2(desk: Path) -> str:
    """The name of a file on the desk that describes it."""
    described = {
        "name": "tiny_dinov2",
        "image_size": [40, 56],
        "patch_size": 8,
        "dim": 21,
        "blocks": 2,
        "heads": 3,
        "mlp_dim": 42,
        "prefix_tokens": tiny.REGISTERS,
        "position_prefix": [],
        "layer_scale": True,
        "classes": 0,
        "preprocessing": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]},
    }
    (desk / "dinov2.json").write_text(json.dumps(described))
    return "dinov2.json"


def test_dinov2s_own_file(call: Call, dinov2: str, desk: Path) -> None:
    tree = random_parameters(AUTHORS, 3)
    write_torch(desk / "dinov2_reg4_pretrain.pth", names.dinov2(tree, AUTHORS, chunk=1))
    positions = tree["position_embedding"]
    tree |= {"cls_token": tree["cls_token"] + positions[:1], "position_embedding": positions[1:]}
    write_safetensors(desk / "timm.safetensors", names.timm(tree, TIMMS))

    words = ["export", "--config", dinov2, "--weights", "dinov2_reg4_pretrain.pth"]
    outcome = call(*words, "-o", "authors.onnx")
    assert outcome.code == 0, outcome.err
    assert outcome.notes == ["dinov2_reg4_pretrain.pth: ignored mask_token, not part of the model."]
    hushed = call(*words, "-o", "quiet.onnx", "--quiet")
    assert hushed == Outcome(0, "quiet.onnx\n", "")
    words[-1] = "timm.safetensors"
    assert call(*words, "-o", "timm.onnx", "-q") == Outcome(0, "timm.onnx\n", "")

    images = np.random.default_rng(5).integers(0, 256, (2, 40, 56, 3), np.uint8)
    one, other = (Engine(f"{name}.onnx", device="cpu") for name in ("authors", "timm"))
    assert one.manifest.prefix_tokens == tiny.REGISTERS
    expected = other.run_pixels(images, other.outputs)
    for name, array in one.run_pixels(images, one.outputs).items():
        # The same numbers in the same graph.
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_a_published_backbone_with_a_head_of_ones_own(call: Call, desk: Path) -> None:
    published = find_model("vit_tiny_patch16_224").config
    config = replace(published, classes=37)
    arrays = names.timm(random_parameters(config, 3), config)
    content = {
        "state_dict": under("model.net.", arrays),
        "state_dict_ema": under("model.net.", arrays | {"head.bias": arrays["head.bias"] + 1}),
        "optimizer": {"state": {"0": {"exp_avg": ONES}}},
    }
    write_nested(desk / "birds.ckpt", content)
    outcome = call("export", "vit_tiny_patch16_224", "--weights", "birds.ckpt", "-o", "birds.onnx")
    assert outcome.code == 0, outcome.err
    assert outcome.notes == [
        "birds.ckpt has a head of 37 classes, where vit_tiny_patch16_224.augreg_in21k_ft_in1k has "
        "one of 1000.",
        "birds.ckpt holds 2 models, state_dict.model.net and state_dict_ema.model.net: "
        "using state_dict_ema.model.net, the moving average, which timm loads too.",
        "birds.ckpt: ignored optimizer, not part of the model.",
    ]
    engine = Engine("birds.onnx", device="cpu")
    assert engine.manifest.classes is None
    images = np.zeros((1, 224, 224, 3), np.uint8)
    assert engine.run_pixels(images, ["logits"])["logits"].shape == (1, 37)


def test_a_config_says_the_number_of_classes(call: Call, described: str, desk: Path) -> None:
    config = replace(tiny.BASE, mlp_dim=42, classes=37)
    arrays = names.timm(random_parameters(config, 3), config)
    write_safetensors(desk / "birds.safetensors", arrays)
    before = contents(desk)
    outcome = call("export", "--config", described, "--weights", "birds.safetensors")
    assert_refused(
        outcome, 1, "head.weight (37, 21) instead of (11, 21)", "Its head has 37 classes: set that"
    )
    assert contents(desk) == before
    fields = json.loads(Path(described).read_text()) | {"classes": 37}
    Path(described).write_text(json.dumps(fields))
    words = ["export", "--config", described, "--weights", "birds.safetensors", "-q"]
    assert call(*words) == Outcome(0, "tiny.onnx\n", "")


def test_two_models_are_not_guessed_between(call: Call, described: str, desk: Path) -> None:
    config = replace(tiny.BASE, mlp_dim=42)
    arrays = names.timm(random_parameters(config, 3), config)
    write_nested(desk / "both.pth", {"left": arrays, "right": under("net.", arrays)})
    before = contents(desk)
    outcome = call("export", "--config", described, "--weights", "both.pth")
    assert_refused(outcome, 1, "left.patch_embed", "right.net.patch_embed", "save the state_dict")
    assert contents(desk) == before
