"""What repositories of a hub hold: small models by others, their recipes, and checkpoints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import save

from models import published_names
from tap.foreign_vit import ForeignViT
from tap.tapping import save_outside
from vitonnx.models import random_parameters, read_config_file

VIT = ForeignViT(blocks=1)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
RECIPE = {
    "image_processor_type": "BitImageProcessor",
    "do_center_crop": False,
    "size": {"height": VIT.size[0], "width": VIT.size[1]},
    "resample": 3,
    "image_mean": MEAN,
    "image_std": STD,
}
DESCRIBED = {
    "preprocessor_config.json": json.dumps(RECIPE).encode(),
    "config.json": b'{"model_type": "dinov2"}',
}
TIMM = {
    "architecture": "vit_tiny_patch8_40",
    "num_classes": 5,
    "model_args": {"img_size": [24, 40], "embed_dim": 21, "depth": 2, "num_heads": 3},
    "pretrained_cfg": {"mean": MEAN, "std": STD, "input_size": [3, 24, 40], "crop_pct": 0.9},
}


def graph(seed_of: ForeignViT = VIT) -> bytes:
    return seed_of.model().SerializeToString()


def half() -> ForeignViT:
    """The same in half precision."""
    return replace(VIT, precision="fp16")


def optimum(model: bytes | None = None) -> dict[str, bytes]:
    """What Optimum and transformers.js have: a graph in a folder under its descriptions."""
    return {"onnx/model.onnx": graph() if model is None else model, **DESCRIBED}


def with_weights_outside(folder: Path) -> dict[str, bytes]:
    """Give a graph whose weights lie in two files of other names."""
    model = VIT.model()
    names = [each for each in model.graph.initializer if each.data_type != onnx.TensorProto.INT64]
    save_outside(model, folder / "model.onnx", "model.onnx_data")
    whole = onnx.load(folder / "model.onnx")
    for number, tensor in enumerate(whole.graph.initializer):
        if tensor.name in {each.name for each in names}:
            location = f"model.onnx_data{'_1' if number % 2 else ''}"
            onnx.external_data_helper.set_external_data(tensor, location)
    for file in folder.iterdir():
        file.unlink()
    onnx.save(whole, folder / "model.onnx")
    return {f"onnx/{file.name}": file.read_bytes() for file in folder.iterdir()}


def checkpoint(folder: Path) -> dict[str, bytes]:
    """Give what timm's repositories hold."""
    (folder / "config.json").write_text(json.dumps(TIMM))
    config = read_config_file(folder / "config.json").config
    arrays = published_names.timm(random_parameters(config, 3), config)
    weights = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return {"config.json": json.dumps(TIMM).encode(), "model.safetensors": weights}
