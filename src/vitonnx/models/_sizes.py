"""The sizes that Vision Transformers come in.

Dosovitskiy et al. 2021 (arXiv:2010.11929), Table 1; Touvron et al. 2021 (arXiv:2012.12877),
Table 1, for tiny and small.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["SIZES", "Size"]


class Size(TypedDict):
    """The fields of `ViTConfig` that a size settles."""

    dim: int
    blocks: int
    heads: int
    mlp_dim: int


SIZES: dict[str, Size] = {
    "tiny": {"dim": 192, "blocks": 12, "heads": 3, "mlp_dim": 768},
    "small": {"dim": 384, "blocks": 12, "heads": 6, "mlp_dim": 1536},
    "base": {"dim": 768, "blocks": 12, "heads": 12, "mlp_dim": 3072},
    "large": {"dim": 1024, "blocks": 24, "heads": 16, "mlp_dim": 4096},
    "huge": {"dim": 1280, "blocks": 32, "heads": 16, "mlp_dim": 5120},
}
