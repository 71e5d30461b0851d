"""The sanity check: what is left of a map when the weights that it should depend on are random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.media import temporary_folder
from vitonnx.modelfile import open_graph, save_graph

__all__ = ["randomised", "rank_correlation", "stages_of_model"]


def stages_of_model(engine: Engine) -> list[str]:
    """List the stages in which a model's weights are randomised: head first, patches last.

    Raises
    ------
    UsageError
        If its weights are whole numbers.
    """
    from vitonnx.graph import weight_stages

    if engine.manifest.precision == "int8":
        raise UsageError(
            f"the sanity check draws weights anew, and those of {engine.file} are in int8: check "
            "the file in fp32 or fp16."
        )
    return list(weight_stages(open_graph(engine.file)))


@contextmanager
def randomised(engine: Engine, stages: Sequence[str], seed: int) -> Iterator[Engine]:
    """Open the same model with random weights in some stages, for as long as a block runs."""
    from vitonnx.graph import Randomise

    with temporary_folder() as folder:
        file = Path(folder) / "randomised.onnx"
        model = open_graph(engine.file)
        Randomise(stages, seed)(model)
        save_graph(model, file)
        del model
        with engine.sibling(file) as other:
            yield other


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Give Spearman's rank correlation of two maps; 0 if one has the same value everywhere.

    Examples
    --------
    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 30.0, 31.0]))
    1.0
    """
    first, second = (_ranks(each.ravel()) for each in (one, other))
    spread = np.sqrt((first @ first) * (second @ second))
    return float(np.clip(first @ second / spread, -1, 1)) if spread else 0.0


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rank values about 0; equal ones share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts + 1) / 2)[places]
    return np.asarray(ranks - ranks.mean(), np.float64)
