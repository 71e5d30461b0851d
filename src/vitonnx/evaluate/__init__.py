"""Evaluations by inference alone: what maps are worth, and how often a model is right."""

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
from vitonnx.evaluate._wilson import wilson_interval
from vitonnx.evaluate.accuracy import AccuracyResult, AccuracyRun, accuracy_of, evaluate_accuracy
from vitonnx.evaluate.knn import NEIGHBOURS, Bank, KnnResult, KnnRun, evaluate_knn, knn_of
from vitonnx.evaluate.labels import Labels

__all__ = [
    "BASELINES",
    "BY_CURVES",
    "BY_MASKS",
    "MEASURES",
    "NEIGHBOURS",
    "AccuracyResult",
    "AccuracyRun",
    "Bank",
    "Estimate",
    "Faithfulness",
    "FaithfulnessRun",
    "Fill",
    "KnnResult",
    "KnnRun",
    "Labels",
    "MaskFolder",
    "accuracy_of",
    "as_maps",
    "as_masks",
    "bootstrap_interval",
    "check_fill",
    "check_steps",
    "evaluate_accuracy",
    "evaluate_faithfulness",
    "evaluate_knn",
    "knn_of",
    "result_of",
    "wilson_interval",
]
