"""A file's graph, opened to be looked into or changed, saved again, or on its way to a runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from vitonnx.errors import ModelFileError
from vitonnx.modelfile._graph_bounds import check_shapes, refuse_many
from vitonnx.modelfile._model_file import damaged, understood
from vitonnx.modelfile._outline import load_skeleton
from vitonnx.modelfile._places import entries_of, external_tensors, place_of

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

__all__ = ["check_graph", "found_weight", "open_graph", "save_graph", "to_runtime"]

LARGEST_MESSAGE = 2**31 - 2**24  # of protobuf, with room for all but the weights


def open_graph(file: Path) -> ir.Model:
    """Open the graph of any file; its large weights are read when needed.

    Its nodes have names, and are in an order in which they can run.

    Raises
    ------
    ModelFileError
        If it is not an ONNX model, is damaged, has cyclic nodes, would exhaust memory, or keeps
        weights anywhere but in regular files of its own folder.
    """
    import onnx_ir as ir

    proto = _checked(file)
    for number, node in enumerate(proto.graph.node):
        node.name = node.name or f"{node.op_type.lower()}_{number}"
    with understood(file):
        model: ir.Model = ir.from_proto(proto)
    _sort(model, file)
    return model


def check_graph(file: Path) -> None:
    """Refuse what `open_graph` refuses, but for nodes in a circle: for a runtime that opens it."""
    _checked(file)


def save_graph(model: ir.Model, path: Path) -> None:
    """Write a graph with all its weights, over 2 GB to a second file, ``<path>.data``.

    Parameters
    ----------
    model : onnx_ir.Model
        Its large weights may still lie in other files.
    path : path
        A passing name, since writing may fail half-way: see
        `vitonnx.media.atomic_with_companions`.

    Raises
    ------
    ModelFileError
        If the graph has what can't be written.
    """
    import onnx_ir as ir

    with understood("the graph"):
        model = ir.external_data.load_to_model(model)
        weights = sum(
            value.const_value.nbytes
            for value in model.graph.initializers.values()
            if value.const_value is not None
        )
    beside = f"{path.name}.data" if weights > LARGEST_MESSAGE else None
    try:
        with understood("the graph"):
            ir.save(model, path, external_data=beside)
    except ModelFileError as error:
        if isinstance(error.__cause__, OSError):
            # The graph is as it should be: whoever opened the path says what the system refuses.
            raise error.__cause__ from None
        raise


def to_runtime(model: ir.Model, folder: Path) -> bytes:
    """Serialise a graph for a runtime that finds its weights in a folder.

    Parameters
    ----------
    model : onnx_ir.Model
        Model from `open_graph`; its weights that aren't in memory are all in the folder.
    folder : path
        See `home`.
    """
    import onnx_ir as ir

    with understood("the graph"):
        proto = ir.to_proto(model)
        for tensor in external_tensors(proto):
            place = Path(entries_of(tensor)["location"])
            _set_location(tensor, place.relative_to(folder).as_posix())
        serialised: bytes = proto.SerializeToString()
    return serialised


def found_weight(tensor: onnx.TensorProto, place: Path) -> onnx.TensorProto:
    """Have a weight say its place in full: where it is read from is settled, links and all."""
    tensor.data_location = tensor.EXTERNAL
    _set_location(tensor, str(place))
    return tensor


def _checked(file: Path) -> onnx.ModelProto:
    """Read a file without its large weights, which say in full where they are."""
    proto = load_skeleton(file)
    if not _is_text(proto):
        raise damaged(file)
    refuse_many(proto, file)
    check_shapes(proto, file)
    for tensor in external_tensors(proto):
        found_weight(tensor, place_of(tensor, file))
    return proto


def _is_text(message: Message) -> bool:
    """Whether all text of a message is any: protobuf hands over bytes where it is none."""
    for field, value in message.ListFields():
        values = [value] if isinstance(value, str | bytes | Message) else value
        if field.type == field.TYPE_STRING and any(isinstance(each, bytes) for each in values):
            return False
        if field.type == field.TYPE_MESSAGE and not all(map(_is_text, values)):
            return False
    return True


def _set_location(tensor: onnx.TensorProto, location: str) -> None:
    entries = entries_of(tensor) | {"location": location}
    del tensor.external_data[:]
    for key in ("location", "offset", "length"):
        if key in entries:
            tensor.external_data.add(key=key, value=entries[key])


def _sort(model: ir.Model, file: Path) -> None:
    """Sort nodes after their inputs: some tools store them in any order, which runtimes accept."""
    import onnx_ir as ir
    import onnx_ir.passes.common as common

    try:
        common.TopologicalSortPass()(model)
    except (ValueError, ir.passes.PassError) as error:
        raise ModelFileError(
            f"{file} is damaged: nodes of its graph depend on each other in a cycle. Export or "
            "copy it again."
        ) from error
