"""What one does today: timm with hooks, transformers with `output_attentions`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitonnx.manifest import Manifest

Work = Callable[[Sequence[Path]], Any]


class Timm:
    """A timm model whose attention is caught by hooks, its fused attention off.

    If `half`, products are in bfloat16, as ``torch.autocast`` has it. Of another `dtype` is all.
    """

    def __init__(
        self,
        name: str,
        manifest: Manifest,
        device: str = "cpu",
        *,
        half: bool = False,
        last_block_only: bool = False,
        dtype: Any = None,
    ) -> None:
        import timm

        size = manifest.size
        options = {} if size == (224, 224) else {"img_size": size}
        self.model = timm.create_model(name, pretrained=False, **options).eval()
        self.model.to(device, dtype)
        self.manifest, self.device, self.half = manifest, device, half
        self.attention: list[Any] = []
        blocks = self.model.blocks[-1:] if last_block_only else self.model.blocks
        for block in blocks:
            block.attn.fused_attn = False
            block.attn.attn_drop.register_forward_hook(
                lambda module, inputs, output: self.attention.append(output)
            )

    def look(self, pixels: Any) -> list[Any]:
        import torch

        self.attention.clear()
        autocast = torch.autocast(self.device, torch.bfloat16, enabled=self.half)
        with torch.inference_mode(), autocast:
            self.model(pixels.to(self.device))
        return self.attention


class HuggingFace:
    """A transformers model that is asked for its attention."""

    def __init__(self, manifest: Manifest, device: str = "cpu", *, dtype: Any = None) -> None:
        from transformers import ViTConfig, ViTModel

        config = ViTConfig(
            hidden_size=manifest.dim,
            num_hidden_layers=manifest.blocks,
            num_attention_heads=manifest.heads,
            intermediate_size=4 * manifest.dim,
            image_size=manifest.size[0],
            patch_size=manifest.patch_size,
            attn_implementation="eager",
        )
        self.model = ViTModel(config, add_pooling_layer=False).eval().to(device, dtype)
        self.manifest, self.device = manifest, device

    def look(self, pixels: Any) -> list[Any]:
        import torch

        with torch.inference_mode():
            return list(self.model(pixels.to(self.device), output_attentions=True).attentions)


def probes(peer: Timm | HuggingFace) -> dict[str, Work]:
    """Give the peer's way to each map, from picture files on."""
    manifest = peer.manifest

    def heads(files: Sequence[Path]) -> Any:
        return peer.look(load(files, manifest))[-1][:, :, 0, 1:].float().cpu().numpy()

    def rollout(files: Sequence[Path]) -> Any:
        return roll_out(peer.look(load(files, manifest)))[:, 0, 1:].float().cpu().numpy()

    def distance(files: Sequence[Path]) -> Any:
        import torch

        rows, columns = np.divmod(np.arange(np.prod(manifest.grid)), manifest.grid[1])
        apart = np.hypot(rows[:, None] - rows, columns[:, None] - columns) * manifest.patch_size
        table = torch.from_numpy(apart.astype(np.float32)).to(peer.device)
        return [
            (attention[:, :, 1:, 1:] * table).sum(axis=-1).mean(axis=-1).float().cpu().numpy()
            for attention in peer.look(load(files, manifest))
        ]

    return {"heads": heads, "rollout": rollout, "distance": distance}


def roll_out(attentions: Sequence[Any]) -> Any:
    """Multiply the attention of all blocks, as it is usually written: a product of each."""
    import torch

    flow: Any = None
    for attention in attentions:
        mixed = attention.float().mean(axis=1)
        mixed = mixed + torch.eye(attention.shape[-1], device=attention.device)
        mixed = mixed / mixed.sum(axis=-1, keepdims=True)
        flow = mixed if flow is None else mixed @ flow
    return flow


def load(files: Sequence[Path], manifest: Manifest) -> Any:
    """Decode, scale, crop and normalise pictures, as timm's transform does."""
    import torch

    recipe = manifest.preprocessing
    height, width = recipe.size
    batch = np.empty((len(files), height, width, 3), np.float32)
    for place, file in enumerate(files):
        picture = Image.open(file).convert("RGB")
        factor = (recipe.resize or min(recipe.size)) / min(picture.size)
        sides = round(picture.width * factor), round(picture.height * factor)
        scaled = picture.resize(sides, Image.Resampling.BICUBIC)
        left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
        batch[place] = np.asarray(scaled.crop((left, top, left + width, top + height)))
    batch /= 255
    batch -= np.array(recipe.mean, np.float32)
    batch /= np.array(recipe.std, np.float32)
    return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))
