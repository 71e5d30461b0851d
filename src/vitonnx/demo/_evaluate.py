"""Measure the models inside the package on scenes that no training has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING, LOGITS, PATCH_KERNEL
from vitonnx.data.scenes import CLASSES, Scene
from vitonnx.demo._demo_models import DINO, SUPERVISED, config_of, demo_models
from vitonnx.demo._evaluation import Evaluation, Measure, Outline
from vitonnx.demo._saliency import saliency
from vitonnx.demo._scenes import KNOWN, UNSEEN, draw
from vitonnx.engine import Engine
from vitonnx.evaluate import Estimate, bootstrap_interval
from vitonnx.media import temporary_folder
from vitonnx.modelfile import open_graph, save_graph
from vitonnx.models.train import initial_parameters, nearest_neighbours

__all__ = ["evaluate", "write_untrained"]

Progress: TypeAlias = Callable[[int, int], None]

NEIGHBOURS: Final = 20
RANDOM_SEED: Final = 0
AT_ONCE: Final = 250  # scenes: all outputs of the network are held for them, 0.2 MB each


def evaluate(
    *, scenes: int = 500, known: int = 5000, progress: Progress = lambda done, total: None
) -> Evaluation:
    """Measure what the models know, and where they look.

    Measure on scenes of one object, at the models' own size: the accuracy of the supervised model;
    the accuracy of DINO's embeddings, by a vote of the 20 nearest neighbours; and the `saliency` of
    both, and of DINO's network with random weights. What counts is the gain over the control in a
    model's best block: DINO's must be above those of the others, outside the intervals.

    Parameters
    ----------
    scenes : int
        Number of scenes to measure on.
    known : int
        Number of other scenes, with known labels, for the nearest neighbours.
    progress : callable, optional
        Called with the number of known scenes done, and their total.

    Returns
    -------
    Evaluation

    References
    ----------
    Caron et al. 2021, arXiv:2104.14294, sections 3.2 (nearest neighbours) and 4.2.2 (saliency).
    """
    files = demo_models()
    supervised, dino = Engine(files[SUPERVISED]), Engine(files[DINO])
    unseen = _draw(dino, UNSEEN, range(scenes))
    truth = _labels(unseen)
    voted = nearest_neighbours(
        *_known(dino, known, progress),
        _embed(dino, unseen),
        classes=len(CLASSES),
        neighbours=NEIGHBOURS,
    )
    with temporary_folder() as folder:
        file = folder / "random.onnx"
        write_untrained(files[DINO], file, seed=RANDOM_SEED)
        models = {"random weights": Engine(file), "supervised": supervised, "DINO": dino}
        outlines = {name: _outline(name, engine, unseen) for name, engine in models.items()}
    gains = {name: some[-1].gain for name, some in outlines.items()}
    required = max(gain.high for name, gain in gains.items() if name != "DINO")
    return Evaluation(
        scenes=scenes,
        known=known,
        models={
            name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
        },
        measures=(
            _accuracy("supervised: top-1", _classify(supervised, unseen) == truth, 0.95, 0.85),
            _accuracy("DINO: k-NN top-1", voted == truth, 0.85, 0.60),
            Measure(
                name="DINO: gain in saliency",
                **asdict(gains["DINO"]),
                required=required,
                met=gains["DINO"].low > required,
            ),
        ),
        outlines=tuple(outline for some in outlines.values() for outline in some),
    )


def _draw(engine: Engine, family: int, indices: Iterable[int]) -> list[Scene]:
    return [draw(family, index, engine.manifest.size, objects=1) for index in indices]


def _labels(scenes: Iterable[Scene]) -> NDArray[np.int64]:
    return np.concatenate([scene.labels for scene in scenes])


def _known(
    engine: Engine, count: int, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw the known scenes: their embeddings, (scenes, dim), and their labels, (scenes,)."""
    embeddings, labels = [], []
    for start in range(0, count, AT_ONCE):
        progress(start, count)
        some = _draw(engine, KNOWN, range(start, min(start + AT_ONCE, count)))
        embeddings.append(_embed(engine, some))
        labels.append(_labels(some))
    return np.concatenate(embeddings), np.concatenate(labels)


def _embed(engine: Engine, scenes: Iterable[Scene]) -> NDArray[np.float32]:
    return engine.run([scene.picture for scene in scenes])[EMBEDDING]


def _classify(engine: Engine, scenes: Sequence[Scene]) -> NDArray[np.int64]:
    logits = engine.run([scene.picture for scene in scenes])[LOGITS]
    return np.asarray(logits.argmax(axis=1), np.int64)


def _accuracy(name: str, right: NDArray[np.bool_], goal: float, required: float) -> Measure:
    found = _estimate(right)
    met = found.value >= required
    return Measure(name=name, **asdict(found), goal=goal, required=required, met=met)


def _outline(name: str, engine: Engine, scenes: Sequence[Scene]) -> list[Outline]:
    """Outline with the last block, and with the best one, where that is another."""
    found = saliency(engine, scenes)

    def outline(block: int) -> Outline:
        kinds = (found.own, found.control, found.gain)
        own, control, gain = (_estimate(each[:, block]) for each in kinds)
        return Outline(model=name, block=block, saliency=own, control=control, gain=gain)

    return [outline(block) for block in dict.fromkeys((engine.manifest.blocks - 1, found.best))]


def _estimate(values: NDArray[np.generic]) -> Estimate:
    numbers = values.astype(np.float64)
    return Estimate(float(numbers.mean()), *bootstrap_interval(numbers))


def write_untrained(source: Path, target: Path, *, seed: int) -> None:
    """Write a copy of a file with the weights that its training could have begun with.

    Parameters
    ----------
    source : Path
        A model of `demo_models`.
    target : Path
        The copy; all else in it is as in the source.
    seed : int
        Seed of `initial_parameters`.
    """
    values = initial_parameters(config_of(source), seed)
    # TensorFlow holds (patch, patch, 3, dim), the file (dim, 3, patch, patch).
    values[PATCH_KERNEL] = values[PATCH_KERNEL].transpose(3, 2, 0, 1)
    model = open_graph(source)
    for name, value in values.items():
        weight = model.graph.initializers[name]
        if weight.shape != value.shape:
            raise ValueError(f"{name} has the shape {weight.shape}, not {value.shape}")
        weight.const_value = ir.tensor(value, name=name)
    save_graph(model, target)
