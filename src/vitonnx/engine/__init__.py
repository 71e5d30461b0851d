"""The engine: plans and runs probe-ready files on onnxruntime. No TensorFlow in here."""

from vitonnx.engine._asked import as_count, as_pictures, as_probes, as_sides
from vitonnx.engine._bake import Baked, bake
from vitonnx.engine._cache import MOST_PLANS, plans_folder
from vitonnx.engine._engine import Engine, Picture
from vitonnx.engine._fidelity import (
    RANK_LIMIT,
    Fidelity,
    compare_engines,
    hold_fidelity,
    rank_correlation,
)
from vitonnx.engine._fit import is_kept_in_file, stage_of, stages_of
from vitonnx.engine._placing import Place, place
from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine._precision import Precision, check_precision
from vitonnx.engine._preprocess import Prepared, prepare
from vitonnx.engine._reduce import check_reduction, reduce_file, state_fidelity
from vitonnx.engine._result_stream import Prediction, Result, Stream, best_classes, predict
from vitonnx.engine._run_values import DAMAGED, known_operators, run_values, value_types
from vitonnx.engine._save_results import save_comparison, save_results, stack_results
from vitonnx.engine._state_file import StateFile, describe_probe, difference, run_settings
from vitonnx.engine._state_schema import (
    Counting,
    Pass,
    TotalEntry,
    total_entry,
    total_of_entry,
)
from vitonnx.engine._survey import Survey, left_of_shards, survey, survey_pair
from vitonnx.engine._totals import MatrixTotals, Totals, save_totals, write_table
from vitonnx.engine.devices import (
    DEVICES,
    Obstacle,
    find_obstacle,
    list_devices,
    offered_precisions,
    require_bf16,
)

__all__ = [
    "DAMAGED",
    "DEVICES",
    "MOST_PLANS",
    "RANK_LIMIT",
    "Baked",
    "Counting",
    "Engine",
    "Fidelity",
    "MatrixTotals",
    "Obstacle",
    "Pass",
    "Picture",
    "Place",
    "Plan",
    "Precision",
    "Prediction",
    "Prepared",
    "Result",
    "StateFile",
    "Stream",
    "Survey",
    "TotalEntry",
    "Totals",
    "as_count",
    "as_pictures",
    "as_probes",
    "as_sides",
    "bake",
    "best_classes",
    "check_precision",
    "check_reduction",
    "compare_engines",
    "describe_probe",
    "difference",
    "find_obstacle",
    "hold_fidelity",
    "is_kept_in_file",
    "known_operators",
    "left_of_shards",
    "list_devices",
    "offered_precisions",
    "place",
    "plan_graph",
    "plans_folder",
    "predict",
    "prepare",
    "rank_correlation",
    "reduce_file",
    "require_bf16",
    "run_settings",
    "run_values",
    "save_comparison",
    "save_results",
    "save_totals",
    "stack_results",
    "stage_of",
    "stages_of",
    "state_fidelity",
    "survey",
    "survey_pair",
    "total_entry",
    "total_of_entry",
    "value_types",
    "write_table",
]
