"""What one does today, on the device: timm's models with hooks, transformers' `output_attentions`.

Pixels are ready there, normalised, and the answers stay there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.gpu.card import Card
from benchmarks.gpu.material import TIMM, name_of
from benchmarks.peers import HuggingFace, Timm, roll_out
from vitonnx.manifest import Manifest

Peer = Callable[[Any], Any]
NONE_SEEN = "timm, fused attention, none seen"
LAST_BLOCK = "timm, hook on the last block"
HOOKS = "timm, hooks"
TRANSFORMERS = "transformers, output_attentions"
CATCHING_ALL = (HOOKS, "timm, hooks, rollout", TRANSFORMERS, "transformers, rollout")


def timm_ways(model: str, manifest: Manifest, card: Card) -> dict[str, Peer]:
    """Give the ways of timm: from normalised pixels to a map that stays where it is."""
    import timm
    import torch

    name, size = TIMM[name_of(model)], {}
    if manifest.size != (224, 224):
        size = {"img_size": manifest.size}
    fused = timm.create_model(name, pretrained=False, **size).eval().to(card.device, card.half)

    def plain(pixels: Any) -> Any:
        with torch.inference_mode():
            return fused(pixels)

    options: dict[str, Any] = {"device": card.device, "dtype": card.half}
    every = Timm(name, manifest, **options)
    last = Timm(name, manifest, **options, last_block_only=True)
    return {
        NONE_SEEN: plain,
        LAST_BLOCK: heads_of(last),
        HOOKS: heads_of(every),
        "timm, hooks, rollout": _rollout_of(every),
    }


def transformers_ways(manifest: Manifest, card: Card) -> dict[str, Peer]:
    """Give the ways of transformers, likewise."""
    peer = HuggingFace(manifest, card.device, dtype=card.half)
    return {TRANSFORMERS: heads_of(peer), "transformers, rollout": _rollout_of(peer)}


def heads_of(peer: Timm | HuggingFace) -> Peer:
    """Read the class token's row of the last block; the attention of all is let go."""

    def heads(pixels: Any) -> Any:
        caught = peer.look(pixels)
        answer = caught[-1][:, :, 0, 1:].clone()
        caught.clear()
        return answer

    return heads


def _rollout_of(peer: Timm | HuggingFace) -> Peer:
    def rollout(pixels: Any) -> Any:
        caught = peer.look(pixels)
        answer = roll_out(caught)[:, 0, 1:]
        caught.clear()
        return answer

    return rollout
