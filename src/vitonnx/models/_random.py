"""Random weights, the same on every machine: for trying things before the real ones are there."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.models._config import ViTConfig

__all__ = ["random_parameters"]

MOST_NUMBERS: Final = 2**31
"""8 GiB of them; DINOv2's largest has half as many."""


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
    generator = np.random.default_rng(seed)
    return {
        name: _draw(generator, name, shape).astype(np.float32)
        for name, shape in config.parameters().items()
    }


def _draw(generator: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    noise = generator.standard_normal(shape, np.float32)
    kind = name.rpartition("/")[2]
    if kind == "kernel":
        return noise / np.float32(np.sqrt(np.prod(shape[:-1])))
    if kind in ("scale", "scale1", "scale2"):
        return 1 + noise * np.float32(0.1)
    return noise * np.float32(0.02)
