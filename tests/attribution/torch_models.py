"""Small models of torch with random weights that all count, for attribution to be compared on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from attribution.opened import Opened, open_hugging_face, open_timm, open_two_parts
from peer_models import shake

CLASSES, BLOCKS, HEADS = 11, 3, 2
Size = tuple[int, int]


@dataclass(frozen=True)
class Peer:
    """A model, and how it is made.

    Parameters
    ----------
    build : callable
        From size of the input, side of a patch, blocks and the options to a model in single
        precision.
    open : callable
        Opens it for the reference.
    prefix : int
        Prefix tokens that it has.
    options : dict
        In its framework's words.
    architecture : str
        The framework's name of it.
    """

    build: Callable[[Peer, Size, int, int], Any]
    open: Callable[[Any], Opened]
    prefix: int
    architecture: str
    options: dict[str, Any] = field(default_factory=dict)

    def model(self, size: Size, patch: int, blocks: int = BLOCKS) -> Any:
        """Build the model with its weights: the same ones every time."""
        import torch

        torch.manual_seed(0)
        model = self.build(self, size, patch, blocks).eval()
        shake(model)
        return model


def _timm(peer: Peer, size: Size, patch: int, blocks: int) -> Any:
    import timm

    return timm.create_model(peer.architecture, **arguments(peer, size, patch, blocks))


def arguments(peer: Peer, size: Size, patch: int, blocks: int) -> dict[str, Any]:
    """Give timm's arguments for a peer."""
    return {
        "pretrained": False,
        "img_size": size,
        "patch_size": patch,
        "depth": blocks,
        "num_heads": HEADS,
        "num_classes": CLASSES,
        "embed_dim": 26,
        **peer.options,
    }


def _hugging_face(peer: Peer, size: Size, patch: int, blocks: int) -> Any:
    import transformers

    config = transformers.ViTConfig(
        image_size=list(size),
        patch_size=patch,
        num_hidden_layers=blocks,
        num_attention_heads=HEADS,
        hidden_size=26,
        num_labels=CLASSES,
        **peer.options,
    )
    config._attn_implementation = "eager"
    return getattr(transformers, peer.architecture)(config)


def _two_parts(peer: Peer, size: Size, patch: int, blocks: int) -> Any:
    """Build DINOv2's linear head, on a network of its kind."""
    import torch

    def forward(self: Any, pixels: Any) -> Any:
        features = self.vit.forward_features(pixels)
        patches = features[:, self.vit.num_prefix_tokens :]
        return self.head(torch.cat([features[:, 0], patches.mean(1)], 1))

    model = type("TwoParts", (torch.nn.Module,), {"forward": forward})()
    model.vit = _timm(peer, size, patch, blocks)
    model.head = torch.nn.Linear(2 * model.vit.embed_dim, CLASSES)
    return model


def _timm_peer(architecture: str, prefix: int, **options: Any) -> Peer:
    return Peer(_timm, open_timm, prefix, architecture, options)


def _two_parts_peer(prefix: int, **options: Any) -> Peer:
    given = {"num_classes": 0, "init_values": 0.7, **options}
    return Peer(_two_parts, open_two_parts, prefix, VIT, given)


VIT, DINOV3 = "vit_tiny_patch16_224", "vit_small_patch16_dinov3"
# Rotary positions need heads of a multiple of four; layer scale of 1e-5 would hide the blocks.
ROTARY = {"embed_dim": 24, "init_values": 0.7, "dynamic_img_size": False}
PEERS = {
    "class token": _timm_peer(VIT, 1),
    "distilled": _timm_peer("deit_tiny_distilled_patch16_224", 2),
    "registers": _timm_peer(VIT, 5, reg_tokens=4, no_embed_class=True, init_values=0.7),
    "mean of patches": _timm_peer(VIT, 0, global_pool="avg", class_token=False),
    "mean beside a class token": _timm_peer(VIT, 1, global_pool="avg", fc_norm=False),
    "attention pooling": _timm_peer("vit_base_patch16_siglip_224", 0),
    "dinov3": _timm_peer(DINOV3, 5, global_pool="token", **ROTARY),
    "dinov3 by its mean": _timm_peer(DINOV3, 5, **ROTARY),
    "hugging face": Peer(
        _hugging_face, open_hugging_face, 1, "ViTForImageClassification", {"intermediate_size": 67}
    ),
    "class token and mean": _two_parts_peer(1),
    # Which the head doesn't read.
    "class token and mean past registers": _two_parts_peer(5, reg_tokens=4, no_embed_class=True),
}
# As deep as published ones: too many entries of attention for finite differences.
DEEP = {"twelve blocks": _timm_peer(VIT, 1, depth=12, embed_dim=62)}
