"""Data for the viewer in the browser, as plain JSON: small maps of bytes, and words."""

from __future__ import annotations

import base64
import itertools
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.app._answers import Answers
from vitonnx.app._questions import Question, within
from vitonnx.app._visit import Visit
from vitonnx.engine import Result, best_classes
from vitonnx.errors import VitonnxError
from vitonnx.plots import describe, scale_of, without_padding
from vitonnx.probes import Crop, Distance, Maps

__all__ = ["colours", "view"]

Json: TypeAlias = dict[str, Any]

BEST = 5

_answers = itertools.count(1)


def view(answers: Answers, visit: Visit, question: Question, *, pictures: bool) -> Json:
    """Answer a question for the eye.

    Parameters
    ----------
    answers : Answers
        Answers of the page.
    visit : Visit
        The picture.
    question : Question
        Request of the visitor.
    pictures : bool
        Whether to send what does not depend on the query too, the pixels and the distances: the
        viewer keeps those that it has.

    Returns
    -------
    dict
        ``answer``, another number each time; ``visit``, ``name``; and ``models``, a list of what
        `_model` gives.
    """
    models = [_model(answers, visit, name, question, pictures) for name in question.models]
    return {"answer": next(_answers), "visit": visit.key, "name": visit.name, "models": models}


def colours() -> str:
    """Give the 256 colours of a map, RGBA bytes in base64, as they lie over a grey picture."""
    even = Maps(values=np.zeros((1, 1, 1), np.float32), labels=("",), unit="")
    table = scale_of(even).overlay(np.arange(256))
    return _base64((255 * table).round().astype(np.uint8))


def _model(answers: Answers, visit: Visit, name: str, question: Question, pictures: bool) -> Json:
    """Describe one model's maps; for a query that it doesn't see, a sentence instead."""
    engine, shown = answers.engines[name], visit.shown[name]
    manifest = engine.manifest
    said: Json = {
        "name": name,
        "note": "untrained: random weights, so its maps mean nothing" if manifest.untrained else "",
        "crop": list(shown.crop),
        "inside": list(shown.inside),
        "grid": list(manifest.grid),
        "classes": [],
    }
    if pictures:
        portrait = base64.b64encode(visit.portraits[name]).decode()
        said["picture"] = f"data:image/jpeg;base64,{portrait}"
        if answers.keeps(name):
            found = answers.look(visit, name, Distance())["distance"]
            said["distance"] = np.asarray(found.distance).round(3).tolist()
    try:
        rollout = answers.look(visit, name, question.rollout)
        said["classes"] = _classes(rollout, manifest.classes)
        said["rollout"] = _maps(rollout["rollout"].finding, shown.inside)
        heads = answers.look(visit, name, within(question.heads, manifest.blocks))
        said["heads"] = _maps(heads["heads"].finding, shown.inside)
    except VitonnxError as error:
        said["error"] = f"{error}"
    return said


def _classes(result: Result, names: tuple[str, ...] | None) -> list[Json]:
    if result.logits is None:
        return []
    return [
        {"label": best.label or f"class {best.index}", "share": best.probability}
        for best in best_classes(result.logits, names, BEST)
    ]


def _maps(found: Maps, inside: Crop) -> Json:
    """Give the main map, and then its parts, on one scale of 256 colours.

    Maps are whole: the viewer cuts the padding off.
    """
    scale, maps = scale_of(found, inside), [*np.asarray(found.values)]
    said: Json = {
        "unit": found.unit,
        "low": scale.low,
        "high": scale.high,
        "clipped": scale.clipped,
        "words": [word for word in describe(found, alone=True) if word],
        "maps": [_base64((255 * scale.norm(values)).round().astype(np.uint8)) for values in maps],
        "highest": [_highest(values, inside) for values in maps],
    }
    if len(maps) > 1:
        masks = [None] * len(maps) if found.masks is None else [*np.asarray(found.masks)]
        said["patch"] = found.mark
        said["masks"] = [None if mask is None else _base64(mask) for mask in masks]
    return said


def _highest(values: NDArray[np.float32], inside: Crop) -> Json:
    """Describe the patch with the highest value, for visitors who can't see it."""
    values = without_padding(values, inside)
    row, column = divmod(int(values.argmax()), values.shape[1])
    return {"row": row, "column": column, "value": float(values[row, column])}


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
