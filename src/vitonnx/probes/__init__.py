"""Probes: array in, array out, on any library of the Python array API standard.

The functions take plain arrays. The probes say which of a model's outputs or weights they read,
hand these to the functions, and give a finding: one of a few neutral shapes of arrays. All values
are raw: scaling for the eye happens in `vitonnx.plots`.
"""

from vitonnx.layout import Layout
from vitonnx.probes._answering import answering
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import WHOLE, Crop, cells_within
from vitonnx.probes._distance import (
    Distance,
    DistanceResult,
    mean_attention_distance,
    token_distances,
)
from vitonnx.probes._entropy import Entropy, EntropyResult, attention_entropy
from vitonnx.probes._filters import Filters, FiltersResult, filter_components, filters
from vitonnx.probes._finding import (
    ClassMaps,
    ColourMaps,
    Finding,
    Histogram,
    Maps,
    Matrix,
    Plate,
    Table,
)
from vitonnx.probes._heads import Heads, HeadsResult, head_maps, mass_mask
from vitonnx.probes._option import Option, option, options_of
from vitonnx.probes._patches import fold_patches
from vitonnx.probes._positions import Metric, Positions, PositionsResult, position_similarity
from vitonnx.probes._probe import (
    GraphProbe,
    Probe,
    Queries,
    TableProbe,
    WeightProbe,
    no_probe,
)
from vitonnx.probes._registry import (
    GROUP,
    PROBES,
    ProbeClass,
    Probes,
    find_probe,
    load_probes,
)
from vitonnx.probes._result import Found, PictureResult, Prediction
from vitonnx.probes._rollout import Fusion, Rollout, RolloutResult, rollout
from vitonnx.probes._summary import Summary

__all__ = [
    "GROUP",
    "PROBES",
    "WHOLE",
    "Array",
    "ClassMaps",
    "ColourMaps",
    "Crop",
    "Distance",
    "DistanceResult",
    "Entropy",
    "EntropyResult",
    "Filters",
    "FiltersResult",
    "Finding",
    "Found",
    "Fusion",
    "GraphProbe",
    "Heads",
    "HeadsResult",
    "Histogram",
    "Layout",
    "Maps",
    "Matrix",
    "Metric",
    "Option",
    "PictureResult",
    "Plate",
    "Positions",
    "PositionsResult",
    "Prediction",
    "Probe",
    "ProbeClass",
    "Probes",
    "Queries",
    "Rollout",
    "RolloutResult",
    "Summary",
    "Table",
    "TableProbe",
    "WeightProbe",
    "answering",
    "attention_entropy",
    "cells_within",
    "filter_components",
    "filters",
    "find_probe",
    "fold_patches",
    "head_maps",
    "load_probes",
    "mass_mask",
    "mean_attention_distance",
    "no_probe",
    "option",
    "options_of",
    "position_similarity",
    "rollout",
    "token_distances",
]
