"""Probes: array in, array out, on any library of the Python array API standard.

The functions take plain arrays; `Heads` and `Rollout` say which of a model's outputs they read,
`Filters` and `Positions` which of its weights, and hand these to the functions. All values are
raw: scaling for the eye happens in `vitonnx.plots`.
"""

from vitonnx.layout import Layout
from vitonnx.probes._crop import WHOLE, Crop, cells_within
from vitonnx.probes._distance import mean_attention_distance, token_distances
from vitonnx.probes._distance_probe import Distance, DistanceResult
from vitonnx.probes._filters import filter_components, filters
from vitonnx.probes._filters_probe import Filters, FiltersResult
from vitonnx.probes._heads import head_maps, mass_mask
from vitonnx.probes._heads_probe import Heads, HeadsResult
from vitonnx.probes._patches import fold_patches
from vitonnx.probes._positions import Metric, position_similarity
from vitonnx.probes._positions_probe import Positions, PositionsResult
from vitonnx.probes._probe import GraphProbe, Probe, Queries
from vitonnx.probes._rollout import Fusion, rollout
from vitonnx.probes._rollout_probe import Rollout, RolloutResult
from vitonnx.probes._summary import Bounded, Summary, Totalled
from vitonnx.probes._weight_probe import WeightProbe

__all__ = [
    "WHOLE",
    "Bounded",
    "Crop",
    "Distance",
    "DistanceResult",
    "Filters",
    "FiltersResult",
    "Fusion",
    "GraphProbe",
    "Heads",
    "HeadsResult",
    "Layout",
    "Metric",
    "Positions",
    "PositionsResult",
    "Probe",
    "Queries",
    "Rollout",
    "RolloutResult",
    "Summary",
    "Totalled",
    "WeightProbe",
    "cells_within",
    "filter_components",
    "filters",
    "fold_patches",
    "head_maps",
    "mass_mask",
    "mean_attention_distance",
    "position_similarity",
    "rollout",
    "token_distances",
]
