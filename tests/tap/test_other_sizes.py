"""A tapped file at another size gives what its own framework gives at that size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from peer_models import shake
from vitonnx.tap import tap

pytestmark = pytest.mark.peers

# As the contract has it: single precision, three blocks.
TOLERANCE = 1e-5
SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3}
OTHERS = {"patches of 14": [(84, 70), (126, 168)], "patches of 16": [(96, 80), (64, 176)]}


@dataclass(frozen=True)
class Peer:
    """A small model of transformers, and how it is called at a size of its own."""

    model: str
    config: str
    options: dict[str, Any]
    size: tuple[int, int]
    prefix: int
    call: dict[str, Any]
    said: dict[str, Any]  # to tap

    def build(self) -> Any:
        import torch
        import transformers

        torch.manual_seed(0)
        config = getattr(transformers, self.config)(**SMALL, **self.options)
        config._attn_implementation = "eager"
        model = getattr(transformers, self.model)(config).eval()
        shake(model)
        return model


HUGGINGFACE = {"interpolation": "huggingface"}
PEERS = {
    "dinov2": Peer(
        "Dinov2Model",
        "Dinov2Config",
        {"image_size": 98, "patch_size": 14},
        (98, 98),
        1,
        {},
        HUGGINGFACE,
    ),
    "dinov2 from larger positions": Peer(
        "Dinov2Model",
        "Dinov2Config",
        {"image_size": 154, "patch_size": 14},
        (70, 98),
        1,
        {},
        {},  # the graph tells
    ),
    "dinov2 with registers": Peer(
        "Dinov2WithRegistersModel",
        "Dinov2WithRegistersConfig",
        {"image_size": 70, "patch_size": 14, "num_register_tokens": 4},
        (70, 70),
        5,
        {},
        {"interpolation": "timm"},
    ),
    "dinov3": Peer(
        "DINOv3ViTModel",
        "DINOv3ViTConfig",
        {"image_size": 112, "patch_size": 16, "num_register_tokens": 4, "intermediate_size": 96},
        (80, 112),
        5,
        {},
        {},
    ),
    "beit": Peer(
        "BeitModel",
        "BeitConfig",
        {
            "image_size": 80,
            "patch_size": 16,
            "use_relative_position_bias": True,
            "intermediate_size": 96,
        },
        (80, 80),
        1,
        {"interpolate_pos_encoding": True},
        HUGGINGFACE,
    ),
}


@pytest.fixture(scope="module", params=PEERS)
def tapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a peer, its model, and what tap made of torch's export at the peer's own size."""
    peer, folder = PEERS[request.param], tmp_path_factory.mktemp("sizes")
    model = peer.build()
    _export(model, peer, folder / "foreign.onnx")
    found = tap(folder / "foreign.onnx", folder / "tapped.onnx", preprocess="half", **peer.said)
    assert found.manifest.resizable, found.warnings
    return peer, model, folder / "tapped.onnx"


@pytest.mark.parametrize("which", [0, 1], ids=["smaller or taller", "larger and wide"])
def test_heads_and_rollout_at_another_size(tapped: Any, which: int) -> None:
    peer, model, file = tapped
    size = OTHERS[f"patches of {peer.options['patch_size']}"][which]
    pixels = np.random.default_rng(which).integers(0, 256, (*size, 3), np.uint8)
    expected = _attention(model, peer, pixels)
    rows, columns = (side // peer.options["patch_size"] for side in size)
    for in_graph in (False, True):
        engine = vx.Engine(file, device="cpu", size=size, fit="squash", in_graph=in_graph)
        (heads,) = engine.probe([pixels], vx.Heads(query="cls"))
        (rollout,) = engine.probe([pixels], vx.Rollout())
        assert heads.attention.shape == (3, rows, columns)
        np.testing.assert_allclose(
            heads.attention.reshape(3, -1), expected[-1][:, 0, peer.prefix :], atol=TOLERANCE
        )
        np.testing.assert_allclose(
            rollout.rollout.ravel(), _rollout(expected)[0, peer.prefix :], atol=TOLERANCE
        )


def _export(model: Any, peer: Peer, path: Path) -> None:
    import torch

    def forward(self: Any, pixels: Any) -> Any:
        return self.model(pixels, **peer.call).last_hidden_state

    module = type("Tokens", (torch.nn.Module,), {"forward": forward})()
    module.model = model
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about its own way of exporting
        torch.onnx.export(
            module.eval(),
            (torch.zeros(1, 3, *peer.size),),
            path,
            input_names=["pixels"],
            dynamic_axes={"pixels": {0: "batch"}},
            opset_version=18 if "Registers" in peer.model else 17,
            dynamo="Registers" in peer.model,  # antialiasing is unknown to the older exporter
        )


def _attention(model: Any, peer: Peer, pixels: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    import torch

    scaled = (pixels.astype(np.float32) / 255 - 0.5) / 0.5
    with torch.no_grad():
        given = torch.from_numpy(scaled.transpose(2, 0, 1)[None])
        found = model(given, output_attentions=True, **peer.call).attentions
    return [each[0].double().numpy() for each in found]


def _rollout(attentions: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Abnar & Zuidema 2020, section 3, over the heads' mean."""
    joint = np.eye(attentions[0].shape[-1])
    for attention in attentions:
        mixed = attention.mean(0) + np.eye(attention.shape[-1])
        joint = mixed / mixed.sum(-1, keepdims=True) @ joint
    return joint
