"""Files that PyTorch, timm and transformers write, live: the readers against their writers."""

from __future__ import annotations

import argparse
import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tiny_models as tiny
from vitonnx.models import ViTConfig, read_checkpoint, read_config_file

pytestmark = pytest.mark.peers

HEADLESS = tiny.CONFIGS["headless"]


@pytest.fixture
def backbone() -> Any:
    """A timm model with every weight drawn: a fresh one has zeros and ones in it."""
    import torch
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    model = VisionTransformer(
        img_size=HEADLESS.image_size,
        patch_size=HEADLESS.patch_size,
        embed_dim=HEADLESS.dim,
        depth=HEADLESS.blocks,
        num_heads=HEADLESS.heads,
        mlp_ratio=HEADLESS.mlp_dim / HEADLESS.dim,
        num_classes=0,
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


def assert_holds(tree: Mapping[str, NDArray[np.float32]], model: Any, config: ViTConfig) -> None:
    """Every parameter is there, and a few are the right ones, by PyTorch's own slicing."""
    assert list(tree) == list(config.parameters())
    block, dim = model.blocks[1], config.dim
    for index, part in enumerate(("query", "key", "value")):
        rows = slice(index * dim, (index + 1) * dim)
        kernel = block.attn.qkv.weight[rows].T.detach().numpy()
        np.testing.assert_array_equal(tree[f"block_01/attention/{part}/kernel"], kernel)
        bias = block.attn.qkv.bias[rows].detach().numpy()
        np.testing.assert_array_equal(tree[f"block_01/attention/{part}/bias"], bias)
    patches = model.patch_embed.proj.weight.permute(2, 3, 1, 0).detach().numpy()
    np.testing.assert_array_equal(tree["patch_embed/kernel"], patches)
    positions = model.pos_embed[0].detach().numpy()
    np.testing.assert_array_equal(tree["position_embedding"], positions)
    np.testing.assert_array_equal(tree["norm/bias"], model.norm.bias.detach().numpy())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_torch_saves(tmp_path: Path, backbone: Any, zipped: bool, protocol: int) -> None:
    import torch

    optimizer = torch.optim.AdamW(backbone.parameters())
    backbone(torch.ones(1, 3, *HEADLESS.image_size)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    state = backbone.state_dict()
    arguments = argparse.Namespace(arch="vit", output_dir=Path("here"), crops=(0.4, 1.0))
    contents = {
        "a state dict": state,
        "parameters": dict(backbone.named_parameters()),
        "DeiT's": {"model": state, "epoch": 3, "args": arguments},
        "DINO's": {
            "student": {f"module.backbone.{name}": 2 * value for name, value in state.items()},
            "teacher": {f"backbone.{name}": value for name, value in state.items()}
            | {"head.mlp.0.weight": torch.ones(5, HEADLESS.dim)},
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "args": arguments,
            "dino_loss": {"center": torch.zeros(1, 7)},
        },
        "timm's": {
            "arch": "vit_tiny",
            "state_dict": {name: 2 * value for name, value in state.items()},
            "state_dict_ema": state,
            "optimizer": optimizer.state_dict(),
            "metric": np.float64(81.5),
            "numpy": np.random.RandomState(1).get_state(),
            "torch": torch.get_rng_state(),
            "history": collections.defaultdict(list, loss=[1.0]),
        },
        "an average's": torch.optim.swa_utils.AveragedModel(backbone).state_dict(),
        "DeepSpeed's": {
            "module": {f"_forward_module.{name}": value for name, value in state.items()}
        },
    }
    for kind, content in contents.items():
        path = tmp_path / f"{kind}.pth"
        torch.save(
            content,
            path,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=zipped,
        )
        assert_holds(read_checkpoint([path], HEADLESS), backbone, HEADLESS)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_floats(tmp_path: Path, backbone: Any, zipped: bool, dtype: str) -> None:
    import torch

    backbone.to(getattr(torch, dtype))
    path = tmp_path / "m.pth"
    torch.save(backbone.state_dict(), path, _use_new_zipfile_serialization=zipped)
    assert_holds(read_checkpoint([path], HEADLESS), backbone.float(), HEADLESS)


def test_a_whole_module_is_refused_by_name(tmp_path: Path, backbone: Any) -> None:
    import torch

    from vitonnx.errors import CheckpointError

    torch.save(backbone, tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match=r"vision_transformer\.VisionTransformer"):
        read_checkpoint([tmp_path / "m.pth"], HEADLESS)


@pytest.mark.parametrize(
    "kind",
    [
        "ViTModel",
        "ViTForImageClassification",
        "DeiTModel",
        "DeiTForImageClassification",
        "DeiTForImageClassificationWithTeacher",
    ],
)
def test_what_transformers_saves(tmp_path: Path, kind: str) -> None:
    """Its files have old names, its models in memory new ones; both give the same tree."""
    import torch
    import transformers

    configuration = transformers.DeiTConfig if kind.startswith("DeiT") else transformers.ViTConfig
    model = getattr(transformers, kind)(
        configuration(
            hidden_size=21,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=34,
            image_size=40,
            patch_size=8,
            num_labels=11,
        )
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    model.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "v5.bin")
    config = read_config_file(tmp_path / "config.json").config
    old = read_checkpoint([tmp_path / "model.safetensors"], config)
    new = read_checkpoint([tmp_path / "v5.bin"], config)
    assert list(old) == list(new) == list(config.parameters())
    for name, array in old.items():
        np.testing.assert_array_equal(array, new[name], err_msg=name)
    base = getattr(model, model.base_model_prefix, model)
    query = base.layers[1].attention.q_proj.weight.T.detach().numpy()
    np.testing.assert_array_equal(old["block_01/attention/query/kernel"], query)


@pytest.mark.parametrize(
    "kind", ["Dinov2Model", "Dinov2WithRegistersForImageClassification", "ViTMAEForPreTraining"]
)
def test_what_transformers_saves_of_dinov2_and_mae(tmp_path: Path, kind: str) -> None:
    """Described by its own file; old names in files and new ones in memory give the same tree."""
    import torch
    import transformers

    family = kind.removesuffix("Model").partition("For")[0]
    model = getattr(transformers, kind)(
        getattr(transformers, f"{family}Config")(
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            image_size=40,
            patch_size=8,
            num_labels=11,
            **({"intermediate_size": 34} if family == "ViTMAE" else {"mlp_ratio": 3}),
        )
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    model.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "v5.bin")
    config = read_config_file(tmp_path / "config.json").config
    told: list[str] = []
    old = read_checkpoint([tmp_path / "model.safetensors"], config, tell=told.append)
    new = read_checkpoint([tmp_path / "v5.bin"], config)
    left = "decoder.*" if family == "ViTMAE" else "embeddings.mask_token"
    assert told == [f"model.safetensors: ignored {left}, not part of the model."]
    assert list(old) == list(new) == list(config.parameters())
    for name, array in old.items():
        np.testing.assert_array_equal(array, new[name], err_msg=name)
