"""Two small models inside the package, pictures to try them on, and their evaluation.

With a large one without weights, they also tell how fast a machine is: `measure_ways`.

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
    from vitonnx.demo._measure import EXACT, Way, Worth, best_way, measure_ways, ways_of
    from vitonnx.demo._saliency import Saliency, jaccard, saliency
    from vitonnx.demo._untrained_vit import UNTRAINED, store_graph, write_vit

__all__ = [
    "EXACT",
    "UNTRAINED",
    "Evaluation",
    "Material",
    "Measure",
    "Outline",
    "Saliency",
    "Way",
    "Worth",
    "best_way",
    "demo_models",
    "demo_specs",
    "draw_material",
    "draw_pictures",
    "draw_video_file",
    "evaluate",
    "evaluate_maps",
    "jaccard",
    "measure_ways",
    "saliency",
    "store_graph",
    "stored_evaluation",
    "ways_of",
    "write_untrained",
    "write_vit",
]

_HOMES = {
    "EXACT": "_measure",
    "UNTRAINED": "_untrained_vit",
    "Evaluation": "_evaluation",
    "Material": "_material",
    "Measure": "_evaluation",
    "Outline": "_evaluation",
    "Saliency": "_saliency",
    "Way": "_measure",
    "Worth": "_measure",
    "best_way": "_measure",
    "demo_models": "_demo_models",
    "demo_specs": "_demo_models",
    "draw_video_file": "_material",
    "draw_material": "_material",
    "draw_pictures": "_material",
    "evaluate": "_evaluate",
    "evaluate_maps": "_maps",
    "jaccard": "_saliency",
    "measure_ways": "_measure",
    "saliency": "_saliency",
    "store_graph": "_untrained_vit",
    "stored_evaluation": "_evaluation",
    "ways_of": "_measure",
    "write_untrained": "_evaluate",
    "write_vit": "_untrained_vit",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
