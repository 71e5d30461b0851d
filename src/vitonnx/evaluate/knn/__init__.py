"""How often the nearest neighbours of pictures are of their class."""

from vitonnx.evaluate.knn._bank import Bank
from vitonnx.evaluate.knn._evaluate import evaluate_knn
from vitonnx.evaluate.knn._nearest import nearest, ranks_by_votes
from vitonnx.evaluate.knn._result import KnnResult, Votes, knn_of
from vitonnx.evaluate.knn._run import NEIGHBOURS, BankRun, VoteRun

__all__ = [
    "NEIGHBOURS",
    "Bank",
    "BankRun",
    "KnnResult",
    "VoteRun",
    "Votes",
    "evaluate_knn",
    "knn_of",
    "nearest",
    "ranks_by_votes",
]
