"""What one does today, on the device: timm's models with hooks, transformers' `output_attentions`.

Pixels are ready there, normalised, and the answers stay there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.gpu.card import Card
from benchmarks.gpu.material import TIMM, name_of
from benchmarks.peers import HuggingFace, Timm, roll_out
from vitonnx.manifest import Manifest

Peer = Callable[[Any], Any]
LAST_BLOCK = "timm, hook on the last block"
HOOKS = "timm, hooks"
TRANSFORMERS = "transformers, output_attentions"
CATCHING_ALL = (HOOKS, f"{HOOKS}, rollout", TRANSFORMERS, "transformers, rollout")


def peers_of(model: str, manifest: Manifest, card: Card) -> dict[str, Peer]:
    """Give the ways of peers: from normalised pixels to a map that stays where it is."""
    import timm

    name = TIMM[name_of(model)]
    size = {} if manifest.size == (224, 224) else {"img_size": manifest.size}
    fused = timm.create_model(name, pretrained=False, **size).eval().to(card.device, card.half)
    every = Timm(name, manifest, card.device, dtype=card.half)
    last = Timm(name, manifest, card.device, dtype=card.half, last_block_only=True)
    transformers = HuggingFace(manifest, card.device, dtype=card.half)
    return {
        "timm, fused attention, none seen": partial(_answer, fused),
        LAST_BLOCK: partial(heads, last),
        HOOKS: partial(heads, every),
        f"{HOOKS}, rollout": partial(rollout, every),
        TRANSFORMERS: partial(heads, transformers),
        "transformers, rollout": partial(rollout, transformers),
    }


def _answer(network: Any, pixels: Any) -> Any:
    import torch

    with torch.inference_mode():
        return network(pixels)


def heads(peer: Timm | HuggingFace, pixels: Any) -> Any:
    """Read the class token's row of the last block; the attention of all is let go."""
    caught = peer.look(pixels)
    answer = caught[-1][:, :, 0, 1:].clone()
    caught.clear()
    return answer


def rollout(peer: Timm | HuggingFace, pixels: Any) -> Any:
    caught = peer.look(pixels)
    answer = roll_out(caught)[:, 0, 1:]
    caught.clear()
    return answer
