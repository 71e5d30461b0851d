"""Runs over datasets: counted or written shard by shard, resumed, divided and merged."""

from vitonnx.runs._join_rows import join_rows
from vitonnx.runs._part import Part, merge_parts, options_of_probe, probe_of_options
from vitonnx.runs._row_run import RowRun, RowWriter
from vitonnx.runs._rows import EmbeddingRows, ProbeRows, Rows
from vitonnx.runs._run import FitRun, PairRun, Run, TotalRun

__all__ = [
    "EmbeddingRows",
    "FitRun",
    "PairRun",
    "Part",
    "ProbeRows",
    "RowRun",
    "RowWriter",
    "Rows",
    "Run",
    "TotalRun",
    "join_rows",
    "merge_parts",
    "options_of_probe",
    "probe_of_options",
]
