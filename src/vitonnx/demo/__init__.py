"""Two small models inside the package, pictures to try them on, and their evaluation.

A first try needs no network: ``vitonnx demo``. Nothing here needs TensorFlow, and importing this
package imports nothing heavy: each name is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitonnx.demo._demo_models import demo_models, demo_specs
    from vitonnx.demo._evaluate import evaluate, write_untrained
    from vitonnx.demo._evaluation import Evaluation, Measure, Outline, stored_evaluation
    from vitonnx.demo._maps import evaluate_maps
    from vitonnx.demo._material import Material, draw_material, draw_pictures, draw_video_file
    from vitonnx.demo._saliency import Saliency, jaccard, saliency

__all__ = [
    "Evaluation",
    "Material",
    "Measure",
    "Outline",
    "Saliency",
    "demo_models",
    "demo_specs",
    "draw_material",
    "draw_pictures",
    "draw_video_file",
    "evaluate",
    "evaluate_maps",
    "jaccard",
    "saliency",
    "stored_evaluation",
    "write_untrained",
]

_HOMES = {
    "Evaluation": "_evaluation",
    "Material": "_material",
    "Measure": "_evaluation",
    "Outline": "_evaluation",
    "Saliency": "_saliency",
    "demo_models": "_demo_models",
    "demo_specs": "_demo_models",
    "draw_video_file": "_material",
    "draw_material": "_material",
    "draw_pictures": "_material",
    "evaluate": "_evaluate",
    "evaluate_maps": "_maps",
    "jaccard": "_saliency",
    "saliency": "_saliency",
    "stored_evaluation": "_evaluation",
    "write_untrained": "_evaluate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
