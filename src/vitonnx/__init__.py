"""See where a Vision Transformer looks.

Examples
--------
Four lines, and no training framework::

    import vitonnx as vx

    engine = vx.Engine("scenes_dino")  # a file, or any name that the command line takes
    result = engine.probe("bird.png", vx.Heads())[0]
    result.attention  # float32 (heads, rows, columns)
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitonnx import errors, probes, ray
    from vitonnx.api._export import export_model
    from vitonnx.api._named_engine import Engine
    from vitonnx.api._plot import plot
    from vitonnx.api._tap import tap_model
    from vitonnx.api._video import make_video
    from vitonnx.api._weights import probe_weights
    from vitonnx.engine import Prediction, Result, bake
    from vitonnx.errors import VitonnxError
    from vitonnx.evaluate import (
        AccuracyResult,
        Faithfulness,
        KnnResult,
        evaluate_accuracy,
        evaluate_faithfulness,
        evaluate_knn,
    )
    from vitonnx.manifest import Manifest, Preprocessing, Source
    from vitonnx.probes import (
        CKA,
        PCA,
        Attribution,
        Distance,
        Entropy,
        Filters,
        Flow,
        Heads,
        Lens,
        Norms,
        Positions,
        Rollout,
        Similarity,
    )

__all__ = [
    "CKA",
    "PCA",
    "AccuracyResult",
    "Attribution",
    "Distance",
    "Engine",
    "Entropy",
    "Faithfulness",
    "Filters",
    "Flow",
    "Heads",
    "KnnResult",
    "Lens",
    "Manifest",
    "Norms",
    "Positions",
    "Prediction",
    "Preprocessing",
    "Result",
    "Rollout",
    "Similarity",
    "Source",
    "VitonnxError",
    "bake",
    "errors",
    "evaluate_accuracy",
    "evaluate_faithfulness",
    "evaluate_knn",
    "export_model",
    "make_video",
    "plot",
    "probe_weights",
    "probes",
    "ray",
    "tap_model",
]

# onnxruntime reports its use to its makers from 1.31 on, unless told not to before its import. Who
# probes pictures here asks for no network; who wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Loaded when first asked for: `import vitonnx` costs next to nothing.
_HOMES = {
    "AccuracyResult": "evaluate",
    "Attribution": "probes",
    "CKA": "probes",
    "Distance": "probes",
    "Engine": "api._named_engine",
    "Entropy": "probes",
    "Faithfulness": "evaluate",
    "Filters": "probes",
    "Flow": "probes",
    "Heads": "probes",
    "KnnResult": "evaluate",
    "Lens": "probes",
    "Manifest": "manifest",
    "Norms": "probes",
    "PCA": "probes",
    "Positions": "probes",
    "Prediction": "engine",
    "Preprocessing": "manifest",
    "Result": "engine",
    "Rollout": "probes",
    "Similarity": "probes",
    "Source": "manifest",
    "VitonnxError": "errors",
    "bake": "engine",
    "evaluate_accuracy": "evaluate",
    "evaluate_faithfulness": "evaluate",
    "evaluate_knn": "evaluate",
    "export_model": "api._export",
    "make_video": "api._video",
    "plot": "api._plot",
    "probe_weights": "api._weights",
    "tap_model": "api._tap",
}


if not TYPE_CHECKING:  # a checker knows the names above, and tells one that is misspelt

    def __getattr__(name: str) -> Any:
        if name in ("errors", "probes", "ray"):
            return import_module(f"{__name__}.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
