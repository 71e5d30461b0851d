"""Random weights, the same on every machine: to try things with, and to begin a training with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.models._config import ViTConfig

__all__ = ["initial_parameters", "random_parameters"]

MOST_NUMBERS: Final = 2**31
"""8 GiB of them; DINOv2's largest has half as many."""

TABLE_SPREAD: Final = 0.02


def random_parameters(config: ViTConfig, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw a network's weights.

    Kernels and tables are normal with the spread of a trained network's (0.02 for tables,
    1/sqrt(inputs) for kernels), so that attention is neither uniform nor one-hot; biases are small
    and norms near one, so that an error in any of them shows.

    Parameters
    ----------
    config : ViTConfig
        The architecture.
    seed : int
        Seed of NumPy's PCG64 generator.

    Returns
    -------
    dict of name to float32 array, as `ViTConfig.parameters` lists them

    Raises
    ------
    UsageError
        If the architecture is larger than any published for pictures.

    Examples
    --------
    >>> config = ViTConfig(dim=8, heads=2, mlp_dim=16, blocks=1, classes=5)
    >>> random_parameters(config, 0)["head/kernel"].shape
    (8, 5)
    """
    if (count := config.count_parameters()) > MOST_NUMBERS:
        raise UsageError(
            f"The model has {count:,} parameters, but random ones are limited to "
            f"{MOST_NUMBERS:,}: describe a smaller model, or give its weights."
        )
    return _drawn(config, seed, _draw)


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
    return _drawn(config, seed, _draw_initial)


def _drawn(
    config: ViTConfig,
    seed: int,
    draw: Callable[[np.random.Generator, str, tuple[int, ...]], NDArray[np.floating]],
) -> dict[str, NDArray[np.float32]]:
    """Draw each parameter by its kind, the last part of its name."""
    generator = np.random.default_rng(seed)
    return {
        name: draw(generator, name, shape).astype(np.float32)
        for name, shape in config.parameters().items()
    }


def _draw(generator: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    noise = generator.standard_normal(shape, np.float32)
    kind = name.rpartition("/")[2]
    if kind == "kernel":
        return noise / np.float32(np.sqrt(np.prod(shape[:-1])))
    if kind in ("scale", "scale1", "scale2"):
        return 1 + noise * np.float32(0.1)
    return noise * np.float32(TABLE_SPREAD)


def _draw_initial(
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
