"""Probes: array in, array out, on any library of the Python array API standard.

The functions take plain arrays. The probes say which of a model's outputs or weights they read,
hand these to the functions, and give a finding: one of a few neutral shapes of arrays. All values
are raw: scaling for the eye happens in `vitonnx.plots`.
"""

from vitonnx.layout import Layout
from vitonnx.probes._adding import AddingProbe, PairProbe, SumProbe, TableProbe
from vitonnx.probes._answering import answering
from vitonnx.probes._arrays import Array
from vitonnx.probes._attribution import Attribution, AttributionResult, Method
from vitonnx.probes._attribution_maps import (
    generic_attribution,
    grad_cam,
    gradient_lengths,
    gradient_rollout,
    legrad,
)
from vitonnx.probes._basis import Basis, principal_components
from vitonnx.probes._cka import CKA, linear_cka
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
    ON_PICTURES,
    ClassMaps,
    ColourMaps,
    Finding,
    Histogram,
    Maps,
    Matrix,
    Plate,
    Table,
)
from vitonnx.probes._flow import AttentionFlow, Flow, FlowResult, attention_flow
from vitonnx.probes._heads import Heads, HeadsResult, head_maps, mass_mask
from vitonnx.probes._lens import Lens, LensResult, best_of_logits, probabilities
from vitonnx.probes._moments import Moments, token_moments
from vitonnx.probes._norms import NormCounts, Norms, NormsResult, token_norms
from vitonnx.probes._option import Option, option, options_of
from vitonnx.probes._pair_sums import PairSums, pack_sums, unbiased_hsic
from vitonnx.probes._patches import fold_patches, patch_tokens
from vitonnx.probes._pca import PCA, PCAResult
from vitonnx.probes._positions import Metric, Positions, PositionsResult, position_similarity
from vitonnx.probes._probe import (
    GraphProbe,
    Probe,
    Queries,
    WeightProbe,
    no_probe,
)
from vitonnx.probes._query import read_query
from vitonnx.probes._reading import probe_of_words, read_probe
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
from vitonnx.probes._similarity import Similarity, SimilarityResult, cosine_similarity
from vitonnx.probes._summary import Summary
from vitonnx.probes._total import Total

__all__ = [
    "CKA",
    "GROUP",
    "ON_PICTURES",
    "PCA",
    "PROBES",
    "WHOLE",
    "AddingProbe",
    "Array",
    "AttentionFlow",
    "Attribution",
    "AttributionResult",
    "Basis",
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
    "Flow",
    "FlowResult",
    "Found",
    "Fusion",
    "GraphProbe",
    "Heads",
    "HeadsResult",
    "Histogram",
    "Layout",
    "Lens",
    "LensResult",
    "Maps",
    "Matrix",
    "Method",
    "Metric",
    "Moments",
    "NormCounts",
    "Norms",
    "NormsResult",
    "Option",
    "PCAResult",
    "PairProbe",
    "PairSums",
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
    "Similarity",
    "SimilarityResult",
    "SumProbe",
    "Summary",
    "Table",
    "TableProbe",
    "Total",
    "WeightProbe",
    "answering",
    "attention_entropy",
    "attention_flow",
    "best_of_logits",
    "cells_within",
    "cosine_similarity",
    "filter_components",
    "filters",
    "find_probe",
    "fold_patches",
    "generic_attribution",
    "grad_cam",
    "gradient_lengths",
    "gradient_rollout",
    "head_maps",
    "legrad",
    "linear_cka",
    "load_probes",
    "mass_mask",
    "mean_attention_distance",
    "no_probe",
    "option",
    "options_of",
    "pack_sums",
    "patch_tokens",
    "position_similarity",
    "principal_components",
    "probabilities",
    "probe_of_words",
    "read_probe",
    "read_query",
    "rollout",
    "token_distances",
    "token_moments",
    "token_norms",
    "unbiased_hsic",
]
