"""Probes: array in, array out, on any library of the Python array API standard.

The functions take plain arrays; `Heads` and `Rollout` say which of a model's outputs they read
and hand these to the functions. All values are raw: scaling for the eye happens in
`vitonnx.plots`.
"""

from vitonnx.probes._heads import head_maps, mass_mask
from vitonnx.probes._heads_probe import Heads, HeadsResult
from vitonnx.probes._layout import Layout
from vitonnx.probes._patches import fold_patches
from vitonnx.probes._probe import Crop, Probe
from vitonnx.probes._rollout import Fusion, rollout
from vitonnx.probes._rollout_probe import Rollout, RolloutResult

__all__ = [
    "Crop",
    "Fusion",
    "Heads",
    "HeadsResult",
    "Layout",
    "Probe",
    "Rollout",
    "RolloutResult",
    "fold_patches",
    "head_maps",
    "mass_mask",
    "rollout",
]
