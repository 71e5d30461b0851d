"""Damage to ONNX graphs: what is wrong is the graph, and not its bytes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from fuzz.material import WAITS
from fuzz.mutators import raw
from fuzz.mutators.inside import or_raw
from fuzz.mutators.text import ODD
from fuzz.watch import SECRETS

__all__ = ["mutate"]

SIDES = (-1, 0, 1, 2, 3, 5, 7, 8, 21, 63, 2**16, 2**31 - 1, 2**31, 2**40, 2**63 - 1, -(2**63))
ATTRIBUTE_TYPE = b"\xa0\x01"  # the key of field 20, a varint
PLACES = (
    *SECRETS,
    *(f"{'../' * 12}{secret}" for secret in SECRETS),
    *("", ".", "..", f"desk/{WAITS}", "missing.bin", "a" * 300, "a\0b", "file:///etc/x", "C:\\x"),
)


@or_raw
def mutate(content: bytes, random: Random) -> bytes:
    """Change one thing in a graph."""
    model = ModelProto.FromString(content)
    random.choice(WAYS)(model, random)
    return model.SerializeToString()


def _node(graph: GraphProto, random: Random) -> NodeProto:
    return random.choice(graph.node)


def _names(graph: GraphProto) -> list[str]:
    """List all values: of inputs, of weights, and of nodes."""
    names = [value.name for value in graph.input] + [entry.name for entry in graph.initializer]
    return names + [name for node in graph.node for name in node.output]


def rewire(model: ModelProto, random: Random) -> None:
    """Give a node another input, which may be its own output, or one of what follows."""
    node = _node(model.graph, random)
    if node.input:
        names = [*_names(model.graph), "", "nowhere"]
        node.input[random.randrange(len(node.input))] = random.choice(names)


def drop_inputs(model: ModelProto, random: Random) -> None:
    node = _node(model.graph, random)
    part = random.choice((node.input, node.output))
    del part[random.randint(0, len(part)) :]


def delete_node(model: ModelProto, random: Random) -> None:
    del model.graph.node[random.randrange(len(model.graph.node))]


def repeat_node(model: ModelProto, random: Random) -> None:
    copies = [_node(model.graph, random)] * random.choice((1, 1, 20))
    model.graph.node.extend(copies)


def swap_nodes(model: ModelProto, random: Random) -> None:
    nodes = list(model.graph.node)
    first, second = (random.randrange(len(nodes)) for _ in range(2))
    nodes[first], nodes[second] = nodes[second], nodes[first]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def rename(model: ModelProto, random: Random) -> None:
    """Rename a value where it is made, and not where it is used, or the other way round."""
    graph = model.graph
    named: Any = random.choice((graph.input, graph.output, graph.initializer, graph.node))
    entry = random.choice(named)
    entry.name = random.choice([*ODD[:13], *_names(graph)])


def operator(model: ModelProto, random: Random) -> None:
    node = _node(model.graph, random)
    others = ("Identity", "Loop", "If", "Softmax", "Reshape", "Expand", "Tile", "Range", "Einsum")
    node.op_type = random.choice([*others, "", "No\nSuch", _node(model.graph, random).op_type])
    if random.random() < 0.2:
        node.domain = random.choice(("", "com.microsoft", "own", "ai.onnx.ml", "\x1b[31m"))


def attribute(model: ModelProto, random: Random) -> None:
    """Give an attribute another value, or another type."""
    nodes = [node for node in model.graph.node if node.attribute]
    node = random.choice(nodes)
    found = random.choice(node.attribute)
    values = (0, -1, 2**31, 2**62, 0.5, float("nan"), "text", [0, -1], [2**40] * 4, [0.5], ["a"])
    match random.randrange(4):
        case 0:
            # As it is written, since there are kinds that the classes here don't know.
            found.MergeFromString(ATTRIBUTE_TYPE + bytes([random.randrange(17)]))
        case 1:
            node.attribute.remove(found)
        case 2:
            node.attribute.append(found)
        case _:
            made = helper.make_attribute(found.name, random.choice(values))
            found.CopyFrom(made)


def add_attribute(model: ModelProto, random: Random) -> None:
    node = _node(model.graph, random)
    names = ("axis", "axes", "perm", "to", "epsilon", "allowzero", "body", "value", "equation")
    value = random.choice((-7, 10**9, [9, 9], "x", 0.0, helper.make_tensor("t", 1, [1], [0.0])))
    node.attribute.append(helper.make_attribute(random.choice(names), value))


def subgraph(model: ModelProto, random: Random) -> None:
    """Put the whole graph into one of its nodes, as a loop's body or a condition's branch."""
    node = _node(model.graph, random)
    node.op_type = random.choice((node.op_type, "If", "Loop", "Scan"))
    names = ("body",) if node.op_type != "If" else ("then_branch", "else_branch")
    inner = GraphProto.FromString(model.graph.SerializeToString())
    node.attribute.extend(helper.make_attribute(name, inner) for name in names)


def function(model: ModelProto, random: Random) -> None:
    """Define a function: one that calls itself, one without a name, or one of some nodes."""
    node = _node(model.graph, random)
    domain, name = random.choice((("own", node.op_type), (node.domain, node.op_type), ("", "")))
    body = random.choice(([], [node], [helper.make_node(name, ["x"], ["y"], domain=domain)]))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model.functions.append(
        helper.make_function(domain, name, ["x"], ["y"], body, opsets[: random.randint(0, 2)])
    )
    if random.random() < 0.7:
        node.domain, node.op_type = domain, name
        model.opset_import.append(helper.make_opsetid(domain, 1))


def weight_shape(model: ModelProto, random: Random) -> None:
    dims = random.choice(model.graph.initializer).dims
    match random.randrange(3):
        case 0 if dims:
            dims[random.randrange(len(dims))] = random.choice(SIDES)
        case 1:
            dims.append(random.choice(SIDES))
        case _:
            del dims[random.randint(0, len(dims)) :]


def weight_type(model: ModelProto, random: Random) -> None:
    weight = random.choice(model.graph.initializer)
    weight.data_type = random.choice([*TensorProto.DataType.values(), 99, -1])


def weight_values(model: ModelProto, random: Random) -> None:
    """Cut or spoil a weight's values, or leave it without any."""
    weight = random.choice(model.graph.initializer)
    match random.randrange(4):
        case 0:
            weight.raw_data = weight.raw_data[: random.randint(0, len(weight.raw_data))]
        case 1:
            weight.ClearField("raw_data")
        case 2:
            weight.float_data.extend([float("nan")] * random.choice((1, 1000)))
        case _:
            weight.raw_data = b"\xff" * len(weight.raw_data)


def weight_place(model: ModelProto, random: Random) -> None:
    """Say that a weight stands in another file."""
    weight = random.choice(model.graph.initializer)
    weight.data_location = TensorProto.EXTERNAL
    if random.random() < 0.7:
        weight.ClearField("raw_data")
    entries = [("location", random.choice(PLACES))]
    for key in ("offset", "length"):
        if random.random() < 0.5:
            entries.append((key, str(random.choice([*raw.NUMBERS, "", "x", "1e3"]))))
    for key, value in random.choice((entries, entries * 2, entries[1:])):
        weight.external_data.add(key=key, value=value)


def delete_weight(model: ModelProto, random: Random) -> None:
    del model.graph.initializer[random.randrange(len(model.graph.initializer))]


def said_shape(model: ModelProto, random: Random) -> None:
    """Change what is said of an input, an output or a value between."""
    graph = model.graph
    values = random.choice([part for part in (graph.input, graph.output, graph.value_info) if part])
    tensor = random.choice(values).type.tensor_type
    match random.randrange(4):
        case 0:
            tensor.elem_type = random.choice([*TensorProto.DataType.values(), 99])
        case 1:
            tensor.ClearField("shape")
        case 2:
            tensor.shape.dim.add(dim_value=random.choice(SIDES))
        case _ if tensor.shape.dim:
            side = random.choice(tensor.shape.dim)
            if random.random() < 0.3:
                side.dim_param = random.choice(ODD)
            else:
                side.dim_value = random.choice(SIDES)


def drop_value(model: ModelProto, random: Random) -> None:
    """Take away an input or output, or say it twice."""
    part = random.choice((model.graph.input, model.graph.output))
    if random.random() < 0.5:
        part.append(random.choice(part))
    else:
        del part[random.randrange(len(part))]


def versions(model: ModelProto, random: Random) -> None:
    number = random.choice((-1, 0, 1, 6, 12, 13, 99, 2**31, 2**63 - 1))
    match random.randrange(3):
        case 0:
            model.ir_version = number
        case 1:
            model.opset_import.add(domain=random.choice(("", "own", "ai.onnx")), version=number)
        case _:
            random.choice(model.opset_import).version = number


def said_of_it(model: ModelProto, random: Random) -> None:
    """Change the metadata, and what stands beside the graph."""
    match random.randrange(3):
        case 0 if model.metadata_props:
            entry = random.choice(model.metadata_props)
            entry.value = random.choice([*(odd for odd in ODD if odd.isprintable()), "{}", "[]"])
        case 1 if model.metadata_props:
            model.metadata_props.append(random.choice(model.metadata_props))
        case _:
            model.graph.name = model.producer_name = random.choice(ODD[:13])


WAYS: tuple[Callable[[ModelProto, Random], None], ...] = (
    *(rewire, rewire, drop_inputs, delete_node, repeat_node, swap_nodes, rename, operator),
    *(attribute, attribute, add_attribute, subgraph, function, versions, said_of_it),
    *(weight_shape, weight_type, weight_values, weight_place, delete_weight),
    *(said_shape, drop_value),
)
