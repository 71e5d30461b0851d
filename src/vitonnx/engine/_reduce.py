"""A probe-ready file in fewer bits: the same promises, less exactly kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine._precision import check_precision
from vitonnx.engine._save import save_whole
from vitonnx.engine._session import load_promises
from vitonnx.errors import UsageError
from vitonnx.manifest import METADATA_KEY
from vitonnx.media import atomic_with_companions
from vitonnx.modelfile import load_skeleton

if TYPE_CHECKING:
    from vitonnx.engine._fidelity import Fidelity

__all__ = ["reduce_file"]


def reduce_file(
    file: str | Path, path: str | Path, precision: str, *, fidelity: Fidelity | None = None
) -> None:
    """Write a probe-ready file again, its products in fewer bits, with all its outputs.

    Parameters
    ----------
    file : path
        Probe-ready, in single precision.
    path : path
        The file to write.
    precision : "fp16" or "int8"
        See `vitonnx.Engine`.
    fidelity : Fidelity, optional
        What it costs (`compare_precisions`), to be written into the manifest.

    Raises
    ------
    ModelFileError
        If the file isn't probe-ready.
    UsageError
        If it isn't in single precision, or the precision isn't a lower one.
    """
    import onnx_ir as ir

    source, wanted = Path(file), check_precision(precision)
    manifest, outputs = load_promises(source)
    if manifest.precision != "fp32" or wanted == "fp32":
        raise UsageError(
            f"{source} is in {manifest.precision}, and can't be brought to {wanted}: fewer bits "
            "are made from a file in fp32."
        )
    model = ir.from_proto(load_skeleton(source))
    ir.external_data.set_base_dir(model.graph, source.absolute().parent)
    # Nothing of the runtime's own: the file is for any of them.
    plan = Plan(outputs=outputs, fused=False, precision=wanted)
    model = ir.external_data.load_to_model(plan_graph(model, plan))
    states = replace(
        manifest, precision=wanted, fidelity=None if fidelity is None else fidelity.numbers()
    )
    model.metadata_props[METADATA_KEY] = states.to_json()
    with atomic_with_companions(path) as passing:
        save_whole(model, passing)
