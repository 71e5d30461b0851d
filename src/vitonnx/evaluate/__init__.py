"""Evaluations by inference alone: what maps are worth, and how often a model is right."""

from vitonnx.evaluate._baselines import BASELINES
from vitonnx.evaluate._bootstrap import Estimate, bootstrap_interval
from vitonnx.evaluate._curves import check_steps
from vitonnx.evaluate._faithfulness import evaluate_faithfulness
from vitonnx.evaluate._look import as_maps
from vitonnx.evaluate._masks import MaskFolder, as_masks
from vitonnx.evaluate._measures import BY_CURVES, BY_MASKS, MEASURES
from vitonnx.evaluate._perturb import Fill, check_fill
from vitonnx.evaluate._published import Published
from vitonnx.evaluate._result import Faithfulness, result_of
from vitonnx.evaluate._run import FaithfulnessRun
from vitonnx.evaluate._wilson import wilson_interval
from vitonnx.evaluate.accuracy import (
    AccuracyQuestion,
    AccuracyResult,
    AccuracyRun,
    accuracy_of,
    by_precision,
    evaluate_accuracy,
)
from vitonnx.evaluate.knn import (
    NEIGHBOURS,
    Bank,
    BankRun,
    KnnResult,
    VoteRun,
    evaluate_knn,
    knn_of,
)
from vitonnx.evaluate.labels import Labels

__all__ = [
    "BASELINES",
    "BY_CURVES",
    "BY_MASKS",
    "MEASURES",
    "NEIGHBOURS",
    "AccuracyQuestion",
    "AccuracyResult",
    "AccuracyRun",
    "Bank",
    "BankRun",
    "Estimate",
    "Faithfulness",
    "FaithfulnessRun",
    "Fill",
    "KnnResult",
    "Labels",
    "MaskFolder",
    "Published",
    "VoteRun",
    "accuracy_of",
    "as_maps",
    "as_masks",
    "bootstrap_interval",
    "by_precision",
    "check_fill",
    "check_steps",
    "evaluate_accuracy",
    "evaluate_faithfulness",
    "evaluate_knn",
    "knn_of",
    "result_of",
    "wilson_interval",
]
