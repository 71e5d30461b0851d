"""Evaluations: what maps are worth, measured by inference alone."""

from vitonnx.evaluate._baselines import BASELINES
from vitonnx.evaluate._bootstrap import Estimate, bootstrap_interval
from vitonnx.evaluate._curves import check_steps
from vitonnx.evaluate._faithfulness import evaluate_faithfulness
from vitonnx.evaluate._look import as_maps
from vitonnx.evaluate._masks import MaskFolder, as_masks
from vitonnx.evaluate._measures import BY_CURVES, BY_MASKS, MEASURES
from vitonnx.evaluate._perturb import Fill, check_fill
from vitonnx.evaluate._result import Faithfulness, result_of
from vitonnx.evaluate._run import FaithfulnessRun

__all__ = [
    "BASELINES",
    "BY_CURVES",
    "BY_MASKS",
    "MEASURES",
    "Estimate",
    "Faithfulness",
    "FaithfulnessRun",
    "Fill",
    "MaskFolder",
    "as_maps",
    "as_masks",
    "bootstrap_interval",
    "check_fill",
    "check_steps",
    "evaluate_faithfulness",
    "result_of",
]
