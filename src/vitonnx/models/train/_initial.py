"""The weights that training begins with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitonnx.models._config import ViTConfig

__all__ = ["initial_parameters"]

TABLE_SPREAD = 0.02


def initial_parameters(config: ViTConfig, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw weights to begin with, the same on every machine.

    As in the original ViT (google-research/vision_transformer, ``models_vit.py``): kernels by
    Glorot's uniform rule, tables normal with a spread of 0.02, the head and all biases zero.

    Parameters
    ----------
    config : ViTConfig
        The architecture.
    seed : int
        Seed of NumPy's PCG64 generator.

    Returns
    -------
    dict of name to float32 array, as `ViTConfig.parameters` lists them

    References
    ----------
    Glorot & Bengio 2010, section 4.2.1.

    Examples
    --------
    >>> config = ViTConfig(dim=8, heads=2, mlp_dim=16, blocks=1, classes=5)
    >>> float(initial_parameters(config, 0)["head/kernel"].max())
    0.0
    """
    generator = np.random.default_rng(seed)
    return {
        name: _draw(generator, name, shape).astype(np.float32)
        for name, shape in config.parameters().items()
    }


def _draw(
    generator: np.random.Generator, name: str, shape: tuple[int, ...]
) -> NDArray[np.floating]:
    kind = name.rpartition("/")[2]
    if kind == "bias" or name.startswith("head"):
        return np.zeros(shape)
    if kind in ("scale", "scale1", "scale2"):
        return np.ones(shape)
    if kind == "kernel":
        bound = np.sqrt(6 / (np.prod(shape[:-1]) + shape[-1]))
        return generator.uniform(-bound, bound, shape)
    return TABLE_SPREAD * generator.standard_normal(shape)
