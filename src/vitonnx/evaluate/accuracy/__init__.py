"""How often a model is right about the pictures of a dataset."""

from vitonnx.evaluate.accuracy._evaluate import evaluate_accuracy
from vitonnx.evaluate.accuracy._hits import Accuracy, AccuracyQuestion, Hits, HitsQuestion, rank_of
from vitonnx.evaluate.accuracy._result import AccuracyResult, Answers, accuracy_of
from vitonnx.evaluate.accuracy._run import AccuracyRun, by_precision
from vitonnx.evaluate.accuracy._survey import survey_accuracy

__all__ = [
    "Accuracy",
    "AccuracyQuestion",
    "AccuracyResult",
    "AccuracyRun",
    "Answers",
    "Hits",
    "HitsQuestion",
    "accuracy_of",
    "by_precision",
    "evaluate_accuracy",
    "rank_of",
    "survey_accuracy",
]
