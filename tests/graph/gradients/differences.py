"""Graphs of one operator, their gradients in the graph, and finite differences of what they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnx_ir as ir
import onnx_ir.passes.common as common
import onnxruntime
from numpy.typing import ArrayLike, NDArray
from onnx import helper, numpy_helper

from vitonnx.graph.gradients import Arithmetic, differentiate, filled

Side: TypeAlias = int | str
Array: TypeAlias = NDArray[Any]

BATCH = "n"  # the one side that is open
UNDOCUMENTED = {"SimplifiedLayerNormalization"}  # the runtime's own, in the domain of onnx
SINGLE_INSIDE = {"GroupNormalization"}  # its moments, whatever it is given
SINGLE, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE


@dataclass(frozen=True)
class Varied:
    """An input whose gradient is wanted.

    Parameters
    ----------
    sides : tuple of int or str
        `BATCH` for the open one.
    drawn : callable
        Gives numbers of a shape: where the operator has a derivative.
    """

    sides: tuple[Side, ...]
    drawn: Callable[[np.random.Generator, tuple[int, ...]], Array]

    def draw(self, batch: int, seed: int) -> Array:
        """Draw numbers that single precision holds."""
        shape = tuple(batch if side == BATCH else int(side) for side in self.sides)
        return self.drawn(np.random.default_rng(seed), shape).astype(np.float32)


def vary(*sides: Side) -> Varied:
    """Vary an input: numbers of about 1."""
    return Varied(sides, lambda draw, shape: draw.standard_normal(shape))


def vary_positive(*sides: Side) -> Varied:
    """Vary an input of numbers between 1/2 and 2: for roots, quotients and powers."""
    return Varied(sides, lambda draw, shape: draw.uniform(0.5, 2, shape))


def vary_apart(*sides: Side) -> Varied:
    """Vary an input of numbers that are far from each other, from 0, 1 and 3: none is at a kink."""

    def drawn(draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
        count = int(np.prod(shape))
        return (draw.permutation(count).reshape(shape) - count // 2 + 0.5) * 0.125

    return Varied(sides, drawn)


@dataclass(frozen=True)
class Case:
    """One operator, or a few, and what they read.

    Parameters
    ----------
    kind : str
        Operator.
    inputs : sequence of Varied, array or None
        In the operator's order; an array is constant, None is left out.
    attributes : mapping
        The operator's.
    gives : sequence of sides, optional
        What it gives, for those whose shapes onnx doesn't infer.
    opset : int
        Of the graph.
    domain : str
        The operator's.
    outputs : int
        How many; they are put together along `axis` to be differentiated.
    """

    kind: str
    inputs: Sequence[Varied | Array | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    gives: Sequence[Side] | None = None
    domain: str = ""
    outputs: int = 1
    opset: int = 21

    @property
    def name(self) -> str:
        """Name a test."""
        words = [
            "x".join(map(str, each.sides)) if isinstance(each, Varied) else "c"
            for each in self.inputs
            if each is not None
        ]
        options = [f"{name}={value}" for name, value in self.attributes.items()]
        return f"{self.kind}-{','.join(words)}-{','.join(options)}".replace(" ", "")

    def varied(self) -> dict[str, Varied]:
        """Give the inputs whose gradients are wanted, by name."""
        return {
            f"x{place}": each for place, each in enumerate(self.inputs) if isinstance(each, Varied)
        }

    def draw(self, batch: int) -> dict[str, Array]:
        """Draw the varied inputs."""
        return {
            name: each.draw(batch, seed) for seed, (name, each) in enumerate(self.varied().items())
        }


def case(
    kind: str,
    *inputs: Varied | ArrayLike | None,
    gives: Sequence[Side] | None = None,
    domain: str = "",
    outputs: int = 1,
    opset: int = 21,
    **attributes: Any,
) -> Case:
    """Describe an operator: arrays are constant, and of whole numbers where they hold such."""
    read = [
        each if each is None or isinstance(each, Varied) else np.asarray(each) for each in inputs
    ]
    return Case(kind, read, attributes, gives, domain, outputs, opset)


def forward(of: Case, dtype: int = SINGLE) -> ir.Model:
    """Build the graph that gives y, with all shapes."""
    numbers = helper.tensor_dtype_to_np_dtype(dtype)
    names, constants, inputs = [], [], []
    for place, each in enumerate(of.inputs):
        names.append("" if each is None else f"x{place}")
        if isinstance(each, Varied):
            inputs.append(helper.make_tensor_value_info(names[-1], dtype, each.sides))
        elif each is not None:
            array = each.astype(numbers) if each.dtype.kind == "f" else each
            constants.append(numpy_helper.from_array(array, names[-1]))
    parts = [f"y{place}" for place in range(of.outputs)] if of.outputs > 1 else ["y"]
    nodes = [
        helper.make_node(of.kind, names, parts, of.kind.lower(), domain=of.domain, **of.attributes)
    ]
    if of.outputs > 1:
        nodes.append(helper.make_node("Concat", parts, ["y"], "y", axis=of.attributes["axis"]))
    output = helper.make_tensor_value_info("y", dtype, of.gives)
    graph = helper.make_graph(nodes, "forward", inputs, [output], constants)
    opsets = [helper.make_opsetid("", of.opset), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return inferred(ir.from_proto(proto))


def inferred(model: ir.Model) -> ir.Model:
    """Infer all shapes of a model."""
    common.ShapeInferencePass()(model)
    return model


def derive(
    model: ir.Model, of: ir.Value, seed: Sequence[Side], wanted: Iterable[ir.Value], name: str
) -> None:
    """Add outputs ``name/x`` with the gradients of the wanted, and an input ``name/seed``."""
    graph, wanted = model.graph, list(wanted)
    given = ir.Value(
        name=f"{name}/seed", shape=ir.Shape(seed), type=ir.TensorType(ir.DataType.FLOAT)
    )
    graph.inputs.append(given)
    write = Arithmetic(graph, name)
    found = differentiate(write, of, given, wanted, list(graph))
    for value in wanted:
        parts = [filled(write, value, part) for part in found[value]]
        if not parts:
            parts = [write.array(np.zeros([1] * len(value.shape or ())))]
        total = parts[0]
        for part in parts[1:]:
            total = write.add(total, part)
        whole = write.unary("Identity", write.expand(total, value))
        whole.name = f"{name}/{value.name}"
        graph.outputs.append(whole)
    graph.extend(write.nodes)


def checked(model: ir.Model) -> Callable[..., dict[str, Array]]:
    """Open a model of which onnx says the same as we do; it compares every shape when it is run."""
    proto = ir.to_proto(model)
    documented = all(node.op_type not in UNDOCUMENTED for node in proto.graph.node)
    if documented:
        onnx.checker.check_model(proto, full_check=True)
    stated = {
        each.name: (each.type.tensor_type.elem_type, _sides(each))
        for each in [*proto.graph.value_info, *proto.graph.output]
    }
    bare = onnx.ModelProto.FromString(proto.SerializeToString())
    del bare.graph.value_info[:]
    for each in onnx.shape_inference.infer_shapes(
        bare,
        strict_mode=documented,
        data_prop=True,
    ).graph.value_info:
        dtype, sides = stated[each.name]
        assert each.type.tensor_type.elem_type == dtype, each.name
        if each.type.tensor_type.HasField("shape"):
            assert _fit(_sides(each), sides), (each.name, _sides(each), sides)
    del bare.graph.output[:]
    for node in bare.graph.node:
        bare.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in node.output)
    session = _opened(bare)
    names = [output.name for output in session.get_outputs()]

    def run(**inputs: Array) -> dict[str, Array]:
        outputs = dict(zip(names, session.run(names, inputs), strict=True))
        for name, array in outputs.items():
            assert _fit(array.shape, stated[name][1]), (name, array.shape, stated[name])
        return outputs

    return run


def _opened(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _sides(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)


def _fit(one: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Tell whether shapes may be the same."""
    return len(one) == len(other) and all(
        None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True)
    )


class Differences:
    """Finite differences of an operator as the runtime computes it.

    In double precision where the runtime has the operator in that. Then `tolerance`, as a part of
    the largest gradient, is what single precision leaves of the gradient itself. Else a step of
    1/32 and rounding to 24 bits leave 6e-8 x 32, times some tens of numbers summed; the term of the
    fifth order, h^4 / 30 times the derivative, leaves 3e-8 times some tens.
    """

    def __init__(self, of: Case) -> None:
        self.dtype: type[np.floating[Any]] = np.float64
        self.step, self.tolerance = 1e-3, 2e-6
        try:
            if of.kind in SINGLE_INSIDE:
                raise NotImplementedError
            self.session = _opened(ir.to_proto(forward(of, DOUBLE)))
        except Exception:  # the runtime's own tree of errors isn't public
            self.session = _opened(ir.to_proto(forward(of)))
            self.dtype, self.step, self.tolerance = np.float32, 2**-5, 3e-4

    def result(self, inputs: Mapping[str, Array]) -> Array:
        """Run the operator."""
        feed = {name: array.astype(self.dtype) for name, array in inputs.items()}
        return np.asarray(self.session.run(["y"], feed)[0])

    def gradient(self, inputs: Mapping[str, Array], name: str, seed: Array) -> Array:
        """Differentiate sum(seed y) by the input of this name, every number apart."""
        feed = {name: array.astype(self.dtype) for name, array in inputs.items()}
        varied = feed[name]
        found = np.zeros(varied.shape)
        for place in np.ndindex(varied.shape):
            old = varied[place]
            sums = {}
            for steps in (-2, -1, 1, 2):
                varied[place] = old + steps * self.step
                (result,) = self.session.run(["y"], feed)
                sums[steps] = (result.astype(np.float64) * seed).sum()
            varied[place] = old
            rise = 8 * (sums[1] - sums[-1]) - (sums[2] - sums[-2])
            found[place] = rise / (12 * self.step)
        return found
