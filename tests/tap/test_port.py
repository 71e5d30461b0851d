"""The same weights ported to TensorFlow, or exported by torch and tapped, give the same maps."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

from peer_models import shake
from vitonnx.cli import main

pytestmark = pytest.mark.peers

CAT = Path(skimage.data.data_dir) / "chelsea.png"
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("vit_tiny_patch16_224", {"img_size": [96, 160]}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "registers": ("vit_small_patch16_224", {"reg_tokens": 4, "no_embed_class": True}),
    "no class token": ("vit_tiny_patch16_224", {"global_pool": "avg", "class_token": False}),
}
SMALL = {"depth": 3, "embed_dim": 48, "num_heads": 3, "num_classes": 7}
# Each file's own error against torch is at most 1e-5; a rollout multiplies three blocks of it.
TOLERANCE = 2e-5


@pytest.mark.parametrize("name", MODELS)
def test_probes_find_the_same(name: str, tmp_path: Path) -> None:
    ported, tapped = _both_ways(*MODELS[name], tmp_path)
    probes = [["heads"], ["heads", "--block", "0", "--query", "150,220"], ["distance"]]
    # Rollout follows the class token.
    probes += [] if name == "no class token" else [["rollout"]]
    for probe, *options in probes:
        found = []
        for model in (ported, tapped):
            file = model.with_suffix(".npz")
            words = ["probe", probe, str(model), str(CAT), *options, "-o", str(file), "--quiet"]
            assert main(words) == 0
            with np.load(file) as arrays:
                found.append(dict(arrays))
        one, other = found
        assert one.keys() == other.keys()
        for key in one:
            if one[key].dtype.kind == "f":
                largest = max(1.0, float(np.abs(one[key]).max()))
                np.testing.assert_allclose(other[key], one[key], atol=TOLERANCE * largest)
            elif key != "models":
                np.testing.assert_array_equal(one[key], other[key])


def _both_ways(architecture: str, options: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Export the port of a model with random weights, and tap torch's own export of it."""
    import timm
    import torch
    from safetensors.torch import save_file

    arguments = {**SMALL, **options}
    model = timm.create_model(architecture, pretrained=False, **arguments).eval()
    shake(model)
    save_file(model.state_dict(), folder / "model.safetensors")
    size, recipe = model.patch_embed.img_size, model.pretrained_cfg
    keys = ("mean", "std", "interpolation", "crop_pct")
    classes = arguments.pop("num_classes")
    config = {
        "architecture": architecture,
        "num_classes": classes,
        "model_args": arguments,
        "pretrained_cfg": {key: recipe[key] for key in keys} | {"input_size": [3, *size]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    ported, foreign, tapped = (folder / f"{way}.onnx" for way in ("ported", "foreign", "tapped"))
    described = ["--config", str(folder / "config.json")]
    weights = ["--weights", str(folder / "model.safetensors")]
    assert main(["export", *described, *weights, "-o", str(ported), "--quiet"]) == 0
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about its own way of exporting
        pictures = (torch.randn(2, 3, *size),)
        batch = {"pixels": {0: "batch"}}
        torch.onnx.export(
            model, pictures, foreign, input_names=["pixels"], dynamic_axes=batch, dynamo=False
        )
    assert main(["tap", str(foreign), "-o", str(tapped), "--quiet"]) == 0  # config.json beside it
    return ported, tapped
