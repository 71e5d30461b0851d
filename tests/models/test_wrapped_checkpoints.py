"""Checkpoints as training leaves them: wrapped, with other things beside, of several models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_models as tiny
from models import published_names as names
from models import torch_files as pth
from models.checkpoint_files import ONES, assert_same, read, under, write_npz, write_safetensors
from vitonnx.errors import CheckpointError
from vitonnx.models import random_parameters, read_checkpoint
from vitonnx.models.checkpoints._google import GOOGLE
from vitonnx.models.checkpoints._huggingface import HUGGINGFACE
from vitonnx.models.checkpoints._timm import TIMM

PLAIN = tiny.CONFIGS["plain"]
HEADLESS = tiny.CONFIGS["headless"]
TREE = random_parameters(PLAIN, 3)
OTHER = random_parameters(PLAIN, 4)
BACKBONE = {name: TREE[name] for name in HEADLESS.parameters()}

WRITERS: dict[str, Callable[[Path, Any], object]] = {
    "safetensors": write_safetensors,
    "torch": pth.write_torch,
    "npz": write_npz,
}


PREFIXES = [
    "_orig_mod.",
    "module.",
    "model.",
    "net.",
    "encoder.",
    "backbone.",
    "module._orig_mod.",
    "_orig_mod.module.model.",
    "_forward_module.model.net.encoder.",
    "a_name.that.nobody.knows.",
    "0.",
    "visual.trunk.",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("convention", [names.timm, names.huggingface])
@pytest.mark.parametrize("writer", WRITERS)
def test_any_wrapper(
    tmp_path: Path, prefix: str, convention: Callable[..., names.Arrays], writer: str
) -> None:
    WRITERS[writer](tmp_path / "m", under(prefix, convention(TREE, PLAIN)))
    tree, told = read(tmp_path / "m", PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == []


@pytest.mark.parametrize(
    "wrapper", ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]
)
def test_wrapped_blocks_and_layers(tmp_path: Path, wrapper: str) -> None:
    arrays = {
        name.replace("blocks.1.", f"blocks.1.{wrapper}.").replace(
            "mlp.fc1.", f"mlp.{wrapper}.fc1."
        ): array
        for name, array in under(f"{wrapper}.", names.timm(TREE, PLAIN)).items()
    }
    write_safetensors(tmp_path / "m", arrays)
    assert_same(read(tmp_path / "m", PLAIN)[0], TREE, PLAIN)


@pytest.mark.parametrize("convention", [names.timm, names.huggingface])
def test_a_head_beside_the_wrapped_backbone(
    tmp_path: Path, convention: Callable[..., names.Arrays]
) -> None:
    arrays = {
        f"model.{'' if name.startswith(('head', 'classifier')) else 'backbone.'}{name}": array
        for name, array in convention(TREE, PLAIN).items()
    }
    assert {"model.head.weight", "model.classifier.weight"} & arrays.keys()
    write_safetensors(tmp_path / "m", arrays)
    assert_same(read(tmp_path / "m", PLAIN)[0], TREE, PLAIN)


def test_two_heads_are_not_guessed_between(tmp_path: Path) -> None:
    arrays = under("model.backbone.", names.timm(TREE, PLAIN)) | {"model.head.weight": ONES}
    write_safetensors(tmp_path / "m", arrays)
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path / "m", PLAIN)
    for part in ("head.weight twice", "model.backbone.head.weight", "model.head.weight"):
        assert part in str(caught.value)


@pytest.mark.parametrize("legacy", [False, True])
def test_lightning_with_everything_beside(tmp_path: Path, legacy: bool) -> None:
    content = {
        "epoch": pth.whole(3),
        "pytorch-lightning_version": pth.text("2.5.1"),
        "state_dict": under("model.net.", names.timm(TREE, PLAIN)) | {"criterion.weight": ONES},
        "callbacks": {"ModelCheckpoint{'mode': 'max'}": {"best_model_score": ONES}},
        "optimizer_states": pth.several(),
        "lr_schedulers": {"0": {"last": ONES}},
        "hyper_parameters": {"lr": pth.whole(1), "name": pth.text("vit")},
    }
    pth.write_nested(tmp_path / "last.ckpt", content, legacy=legacy)
    tree, told = read(tmp_path / "last.ckpt", PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == [
        "last.ckpt: ignored callbacks, lr_schedulers, criterion.*, not part of the model."
    ]


@pytest.mark.parametrize("key", ["module", "model", "state_dict", "net", "weights.of.mine"])
def test_any_key_of_a_dict(tmp_path: Path, key: str) -> None:
    state = names.timm(TREE, PLAIN)
    content = {
        key: state,
        "optimizer": {"state": {"0": {"exp_avg": ONES}, "1": {"exp_avg": ONES}}},
        "queue": ONES,
    }
    tree, told = read(pth.write_nested(tmp_path / "m.pth", content), PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == ["m.pth: ignored optimizer, queue, not part of the model."]
    tree, told = read(pth.write_nested(tmp_path / "m.pth", {"saved": {"run": content}}), PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert "ignored saved.run.optimizer, saved.run.queue" in told[0]


@pytest.mark.parametrize("nested", [False, True])
def test_an_optimizers_moments_are_no_model(tmp_path: Path, nested: bool) -> None:
    state = names.timm(TREE, PLAIN)
    moments = names.timm(OTHER, PLAIN)
    path = tmp_path / "m"
    if nested:
        content = {"optimizer": {"exp_avg": moments, "exp_avg_sq": moments}, "net": state}
        pth.write_nested(path, content)
    else:
        write_safetensors(path, under("optimizer.exp_avg.", moments) | under("net.", state))
    tree, told = read(path, PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == [f"m: ignored optimizer{'' if nested else '.*'}, not part of the model."]


SEVERAL = {
    "timm's and DeiT's moving average": ("model_ema", "model", "moving average"),
    "timm's training script": ("state_dict_ema", "state_dict", "moving average"),
    "an average in a module": ("ema.module", "model", "moving average"),
    "DINO": ("teacher", "student", "DINO"),
    "DINOv2": ("teacher.backbone", "student.backbone", "DINO"),
    "I-JEPA": ("target_encoder", "encoder", "I-JEPA"),
    "MoCo v3": ("module.base_encoder", "module.momentum_encoder", "MoCo"),
    "BYOL": ("online_encoder", "target_encoder", "BYOL"),
}


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("form", ["nested", "flat", "flat, in safetensors"])
@pytest.mark.parametrize("turned", [False, True])
def test_several_models(tmp_path: Path, kind: str, form: str, turned: bool) -> None:
    taken, left, why = SEVERAL[kind]
    models = {taken: names.timm(TREE, PLAIN), left: names.timm(OTHER, PLAIN)}
    # What belongs to the other model goes with it.
    models[left]["only.here"] = ONES
    if turned:
        models = dict(reversed(models.items()))
    path = tmp_path / "m.pth"
    if form == "nested":
        pth.write_nested(path, {"epoch": pth.whole(3), **models})
    else:
        write = write_safetensors if "safetensors" in form else pth.write_torch
        write(path, {**under(f"{taken}.", models[taken]), **under(f"{left}.", models[left])})
    tree, told = read(path, PLAIN)
    assert_same(tree, TREE, PLAIN)
    (sentence,) = told
    assert f": using {taken}, " in sentence
    assert left in sentence
    assert why in sentence


def test_a_moving_average_beside_a_plain_model(tmp_path: Path) -> None:
    arrays = names.timm(OTHER, PLAIN) | under("ema.", names.timm(TREE, PLAIN))
    tree, told = read(pth.write_torch(tmp_path / "m.pth", arrays), PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == [
        "m.pth holds 2 models, one at its top and ema: using ema, the moving average, which "
        "timm loads too."
    ]


@pytest.mark.parametrize("nested", [False, True])
def test_two_models_that_nothing_tells_apart(tmp_path: Path, nested: bool) -> None:
    state = names.timm(TREE, PLAIN)
    if nested:
        path = pth.write_nested(tmp_path / "m.pth", {"left": state, "right": state})
    else:
        path = pth.write_torch(tmp_path / "m.pth", under("left.", state) | under("right.", state))
    with pytest.raises(CheckpointError, match="several models") as caught:
        read(path, PLAIN)
    for part in ("left.patch_embed", "right.patch_embed", "save the state_dict of one"):
        assert part in str(caught.value)


def test_two_keys_of_one_dict_are_one_model(tmp_path: Path) -> None:
    state = pth.mapping({"model": pth.ordered(pth.state_dict(names.timm(TREE, PLAIN))) + b"q\x07"})
    content = state + pth.text("state_dict") + b"h\x07s"
    path = pth.write_zip(tmp_path / "m.pth", content, names.timm(TREE, PLAIN))
    tree, told = read(path, PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == []


# One array of each that a method of training leaves behind.
LEFT_OVER = {
    "mask_token": "mask_token",
    "masked_embed": "masked_embed",
    "decoder.0.weight": "decoder.*",
    "decoder_blocks.0.attn.qkv.weight": "decoder_*",
    "decoder_pos_embed": "decoder_*",
    "lm_head.weight": "lm_head.*",
    "dino_head.mlp.0.weight": "dino_head.*",
    "dino_head.last_layer.weight_g": "dino_head.*",
    "ibot_head.mlp.2.bias": "ibot_head.*",
    "head.mlp.1.num_batches_tracked": "head.mlp.*",
    "head.last_layer.weight_v": "head.last_layer.*",
    "head.last_layer2.weight_v": "head.last_layer2.*",
    "dino_loss.center": "*_loss.*",
    "ibot_patch_loss.center": "*_loss.*",
    "predictor.0.weight": "predictor.*",
    "projector.3.weight": "projector.*",
    "projection_head.0.weight": "projection_head.*",
    "prototypes.weight": "prototypes.*",
    "queue": "queue",
    "queue_ptr": "queue_ptr",
    "criterion.weight": "criterion.*",
    "loss.weight": "loss.*",
    "loss_fn.weight": "loss_fn.*",
    "n_averaged": "n_averaged",
}


@pytest.mark.parametrize("name", LEFT_OVER)
@pytest.mark.parametrize("place", ["", "teacher.", "teacher.backbone."])
def test_what_training_leaves_is_named(tmp_path: Path, name: str, place: str) -> None:
    arrays = under("teacher.backbone.", names.timm(BACKBONE, HEADLESS)) | {place + name: ONES}
    write_safetensors(tmp_path / "m.st", arrays)
    tree, told = read(tmp_path / "m.st", HEADLESS)
    assert_same(tree, TREE, HEADLESS)
    assert told == [f"m.st: ignored {LEFT_OVER[name]}, not part of the model."]


@pytest.mark.parametrize("name", ["surplus", "neck.conv.weight", "blocks.0.extra", "blocks.2.x"])
@pytest.mark.parametrize("place", ["", "model.", "model.vit."])
def test_what_nobody_knows_is_refused_by_name(tmp_path: Path, name: str, place: str) -> None:
    arrays = under("model.vit.", names.timm(TREE, PLAIN)) | {place + name: ONES}
    write_safetensors(tmp_path / "m", arrays)
    with pytest.raises(CheckpointError, match=rf"it also has {name}\."):
        read(tmp_path / "m", PLAIN)


def test_a_projection_in_place_of_the_head(tmp_path: Path) -> None:
    arrays = names.timm(BACKBONE, HEADLESS) | {
        "head.0.weight": ONES,
        "head.1.running_mean": ONES[0],
    }
    write_safetensors(tmp_path / "m", arrays)
    assert_same(read(tmp_path / "m", HEADLESS)[0], TREE, HEADLESS)
    with pytest.raises(
        CheckpointError, match=r"lacks head\.weight, head\.bias; it also has head\.0"
    ):
        read(tmp_path / "m", PLAIN)


@pytest.mark.parametrize(
    ("convention", "left"),
    [(names.timm, "head.*"), (names.huggingface, "classifier.*"), (names.google, "head/*")],
)
def test_a_head_that_is_left_out_is_named(
    tmp_path: Path, convention: Callable[..., names.Arrays], left: str
) -> None:
    write_safetensors(tmp_path / "m", convention(TREE, PLAIN))
    tree, told = read(tmp_path / "m", HEADLESS)
    assert_same(tree, TREE, HEADLESS)
    assert told == [f"m: ignored {left}, not part of the model."]


def test_googles_other_towers_are_named(tmp_path: Path) -> None:
    arrays = under("params/img/", names.google(TREE, PLAIN))
    arrays |= {"params/txt/head/bias": ONES, "params/t": ONES, "opt/0/count": ONES}
    write_npz(tmp_path / "m.npz", arrays)
    tree, told = read(tmp_path / "m.npz", PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == ["m.npz: ignored opt/*, params/t, params/txt/*, not part of the model."]


@pytest.mark.parametrize("key_bias", [False, True])
def test_beits_biases_and_scales(tmp_path: Path, key_bias: bool) -> None:
    config = replace(PLAIN, layer_scale=True)
    tree = random_parameters(config, 3)
    arrays = names.timm(tree, config)
    for block in range(config.blocks):
        query, key, value = np.split(arrays.pop(f"blocks.{block}.attn.qkv.bias"), 3)
        arrays[f"blocks.{block}.attn.q_bias"] = query
        arrays[f"blocks.{block}.attn.v_bias"] = value
        if key_bias:
            arrays[f"blocks.{block}.attn.k_bias"] = key
        else:
            tree[f"block_{block:02d}/attention/key/bias"] = np.zeros_like(key)
        for number in "12":
            gamma = arrays.pop(f"blocks.{block}.ls{number}.gamma")
            arrays[f"blocks.{block}.gamma_{number}"] = gamma
    write_safetensors(tmp_path / "m", arrays)
    assert_same(read(tmp_path / "m", config)[0], tree, config)
    del arrays["blocks.1.attn.v_bias"]
    write_safetensors(tmp_path / "m", arrays)
    with pytest.raises(CheckpointError, match=r"lacks blocks\.1\.attn\.v_bias\. "):
        read(tmp_path / "m", config)


@pytest.mark.parametrize(
    ("convention", "name", "says"),
    [
        (names.timm, "rope.periods", "rotary"),
        (names.timm, "blocks.1.attn.rope.freqs", "rotary"),
        (names.timm, "blocks.0.attn.relative_position_index", "relative positions"),
        (names.timm, "blocks.0.attn.relative_position_bias_table", "relative positions"),
        (names.timm, "rel_pos_bias.relative_position_bias_table", "relative positions"),
        (names.timm, "blocks.0.7.mlp.w12.weight", "SwiGLU"),
        (names.huggingface, "encoder.layer.0.mlp.weights_in.weight", "SwiGLU"),
        (names.huggingface, "rope_embeddings.inv_freq", "rotary"),
        (
            names.huggingface,
            "encoder.layer.1.attention.attention.relative_position_bias.relative_position_index",
            "relative positions",
        ),
    ],
)
def test_parts_that_no_vit_of_ours_has(
    tmp_path: Path, convention: Callable[..., names.Arrays], name: str, says: str
) -> None:
    """Buffers that could be derived tell of a network that is another."""
    write_safetensors(tmp_path / "m", convention(TREE, PLAIN) | {name: ONES})
    with pytest.raises(CheckpointError, match=f"with {says}|with gated MLPs .{says}"):
        read(tmp_path / "m", PLAIN)


def test_every_known_name_is_tried_here() -> None:
    assert set(TIMM.training) == set(LEFT_OVER.values())
    assert HUGGINGFACE.training == ("embeddings.mask_token", "decoder.*")
    assert GOOGLE.training == ()


def test_numbers_and_settings_of_a_training_script(tmp_path: Path) -> None:
    """NumPy's scalars, default dicts, Lightning's attributes: inert, and no reason to refuse."""
    dtype = pth.call(pth.ask("numpy", "dtype"), pth.text("f8"), b"\x89", b"\x88")
    encoded = pth.call(pth.ask("_codecs", "encode"), pth.text("\x00" * 8), pth.text("latin1"))
    attributes = pth.ask("lightning_fabric.utilities.data", "AttributeDict") + b")\x81"
    content = {
        "model": names.timm(TREE, PLAIN),
        "best_acc": pth.call(pth.ask("numpy._core.multiarray", "scalar"), dtype, encoded),
        "history": pth.mapping(
            {"loss": pth.whole(3)},
            pth.call(pth.ask("collections", "defaultdict"), pth.ask("__builtin__", "dict")),
        ),
        "hyper_parameters": pth.mapping({"lr": pth.whole(3)}, attributes),
    }
    tree, told = read(pth.write_nested(tmp_path / "m.pth", content), PLAIN)
    assert_same(tree, TREE, PLAIN)
    assert told == []


def test_a_sharded_checkpoint(tmp_path: Path) -> None:
    arrays = list(under("model.vit.", names.timm(TREE, PLAIN)).items())
    files = [tmp_path / f"model-0000{part}-of-00003.safetensors" for part in (1, 2, 3)]
    for part, file in enumerate(files):
        write_safetensors(file, dict(arrays[part::3]))
    for order in (files, files[::-1]):
        assert_same(read_checkpoint(order, PLAIN), TREE, PLAIN)


def test_a_second_file_with_nothing_of_a_model(tmp_path: Path) -> None:
    arrays = names.timm(TREE, PLAIN)
    backbone = pth.write_torch(tmp_path / "backbone.pth", arrays)
    two = pth.write_nested(tmp_path / "two.pth", {"a": {"x": ONES}, "b": {"x": ONES}})
    with pytest.raises(CheckpointError, match=r"two\.pth holds no model, only arrays under a, b"):
        read_checkpoint([backbone, two], PLAIN)
    rest = pth.write_nested(tmp_path / "rest.pth", {"optimizer": {"state": {"x": ONES}}})
    with pytest.raises(CheckpointError, match="under nothing of a model"):
        read_checkpoint([backbone, rest], PLAIN)
