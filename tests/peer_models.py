"""What the comparisons with torch's models share. torch is imported where it is needed alone."""

from __future__ import annotations

from typing import Any

import numpy as np


def normalised(images: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    import torch

    scaled = (images / 255.0 - np.array(mean)) / np.array(std)
    return torch.from_numpy(scaled.astype(np.float32).transpose(0, 3, 1, 2).copy())


def shake(model: Any) -> None:
    """Make every weight count: a fresh model has zero biases, unit norms and faint attention."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 0.02 if parameter.ndim == 1 else parameter.shape[-1] ** -0.5
            parameter.add_(torch.randn_like(parameter) * spread)


class TimmTaps:
    """What timm's blocks compute, by hooks and with fused attention off."""

    def __init__(self, model: Any) -> None:
        self.attention: list[np.ndarray] = []
        self.tokens: list[np.ndarray] = []
        for block in model.blocks:
            block.attn.fused_attn = False
            block.attn.attn_drop.register_forward_hook(
                lambda module, inputs, output: self.attention.append(output.numpy())
            )
            block.register_forward_hook(
                lambda module, inputs, output: self.tokens.append(output.numpy())
            )
