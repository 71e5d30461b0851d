"""A function of arrays, traced into nodes: it gives what NumPy gives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np
import onnx_ir as ir
import pytest

from graph.small_graphs import BATCHES, check, graph, kinds, noise, pictures, read, run
from vitonnx.contract import QUERIES
from vitonnx.errors import ModelFileError
from vitonnx.graph import Attach

Exported = Callable[[str], Path]
Arrays = Mapping[str, Any]
Function = Callable[[Arrays], Any]

SIGNATURE = "(float[b, 3, 7, 5] x) => (float[b, 3, 7, 5] maps, float[b, 3, 7, 5] others)"
BODY = "maps = Neg(x) others = Tanh(x)"


def attached(function: Function, *, queries: bool = False, name: str = "new") -> ir.Model:
    model = graph(SIGNATURE, BODY)
    assert Attach(name, ["maps"], function, queries=queries)(model).modified
    check(model)
    return model


def namespace(array: Any) -> Any:
    return array_api_compat.array_namespace(array)


def mean_of_heads(arrays: Arrays) -> Any:
    maps = arrays["maps"]
    return namespace(maps).sum(maps, axis=1) / maps.shape[1]


def largest_rows(arrays: Arrays) -> Any:
    xp = namespace(arrays["maps"])
    return xp.max(arrays["maps"], axis=-1)


def least_of_heads(arrays: Arrays) -> Any:
    xp = namespace(arrays["maps"])
    return xp.min(arrays["maps"], axis=1)


def one_row(arrays: Arrays) -> Any:
    return arrays["maps"][:, :, 2, 1:]


def masked(arrays: Arrays) -> Any:
    maps = arrays["maps"]
    xp = namespace(maps)
    return xp.where(maps > 0, maps, 0.0)


def product(arrays: Arrays) -> Any:
    maps = arrays["maps"]
    xp = namespace(maps)
    weights = xp.astype(xp.reshape(xp.arange(5), (5, 1)), xp.float32)
    return (maps @ weights)[..., 0]


def in_order(arrays: Arrays) -> Any:
    maps = arrays["maps"]
    xp = namespace(maps)
    return xp.sort(xp.reshape(maps, (-1, 105)), axis=-1)


def in_doubles(arrays: Arrays) -> Any:
    maps = arrays["maps"]
    xp = namespace(maps)
    return xp.mean(xp.astype(maps, xp.float64), axis=(1, 2))


def signs(arrays: Arrays) -> Any:
    return arrays["maps"] > 0


def stacked(arrays: Arrays) -> Any:
    maps = arrays["maps"]
    return namespace(maps).stack([maps, maps + 1.0], axis=1)


FUNCTIONS = [
    mean_of_heads,
    largest_rows,
    least_of_heads,
    one_row,
    masked,
    product,
    in_order,
    in_doubles,
    signs,
    stacked,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_traced_functions_give_what_numpy_gives(function: Function) -> None:
    model = attached(function)
    assert [value.name for value in model.graph.outputs] == ["maps", "others", "new"]
    for batch in BATCHES:
        x = noise(batch, 3, 7, 5)
        found, expected = run(model, x=x), function({"maps": -x})
        assert found["new"].dtype == expected.dtype
        assert found["new"].shape == expected.shape
        # Sums of at most 21 numbers of about 1, in another order.
        np.testing.assert_allclose(found["new"], expected, atol=1e-5, rtol=1e-6)
        np.testing.assert_array_equal(found["maps"], -x)
    new = model.graph.outputs[-1]
    assert new.shape is not None
    assert len(new.shape) == expected.ndim
    assert not isinstance(new.shape[0], int)
    # How many are sorted is a computation to ndonnx, and not known before.
    known = zip(new.shape[1:], expected.shape[1:], strict=True)
    assert function is in_order or all(side == found for side, found in known)


def test_the_function_is_called_once_with_shapes_but_no_batch() -> None:
    seen = []

    def function(arrays: Arrays) -> Any:
        seen.append({name: array.shape for name, array in arrays.items()})
        return arrays["maps"] * 2.0

    attached(function)
    assert seen == [{"maps": (None, 3, 7, 5)}]


def test_several_outputs_are_read() -> None:
    model = graph(SIGNATURE, BODY)
    Attach("new", ("others", "maps"), lambda arrays: arrays["maps"] / arrays["others"])(model)
    check(model)
    x = noise(3, 3, 7, 5)
    # Quotients of up to hundreds, of a tangent that is not NumPy's.
    np.testing.assert_allclose(run(model, x=x)["new"], -x / np.tanh(x), rtol=1e-5)


def test_an_output_that_is_handed_on_as_it_is() -> None:
    model = attached(lambda arrays: arrays["maps"])
    x = noise(3, 3, 7, 5)
    found = run(model, x=x)
    assert list(found) == ["maps", "others", "new"]
    np.testing.assert_array_equal(found["new"], -x)
    np.testing.assert_array_equal(found["maps"], -x)


def test_two_functions_stand_side_by_side() -> None:
    """Their nodes and constants have names of their own, though both are traced alike."""
    model = graph(SIGNATURE, BODY)
    Attach("one", ["maps"], product)(model)
    Attach("two", ["maps"], lambda arrays: product(arrays) * 3.0)(model)
    Attach("three", ["one"], lambda arrays: arrays["one"] + 1.0)(model)  # of another's result
    check(model)
    names = [node.name for node in model.graph]
    assert len(set(names)) == len(names)
    assert all(str(name).startswith(("one/", "two/", "three/")) for name in names[2:])
    x = noise(3, 3, 7, 5)
    found, expected = run(model, x=x), product({"maps": -x})
    # Sums of 5 products of up to 10.
    for name, array in {"one": expected, "two": expected * 3, "three": expected + 1}.items():
        np.testing.assert_allclose(found[name], array, atol=1e-4, rtol=1e-6)


def times(arrays: Arrays, factor: float) -> Any:
    return arrays["maps"] * factor


def test_constants_of_two_functions_are_two() -> None:
    model = graph(SIGNATURE, BODY)
    for name, factor in {"one": 2.0, "two": 5.0}.items():
        Attach(name, ["maps"], functools.partial(times, factor=factor))(model)
    check(model)
    x = noise(1, 3, 7, 5)
    found = run(model, x=x)
    np.testing.assert_array_equal(found["one"], -2 * x)
    np.testing.assert_array_equal(found["two"], -5 * x)


def queried(arrays: Arrays) -> Any:
    """Take a row of each picture."""
    maps, queries = arrays["maps"], arrays[QUERIES]
    xp = namespace(maps)
    chosen = xp.astype(queries[:, None] == xp.arange(7)[None, :], maps.dtype)
    return xp.reshape(chosen[:, None, None, :] @ maps, (-1, 3, 5))


def test_queries_are_an_input_of_the_graph() -> None:
    model = attached(queried, queries=True)
    value = model.graph.inputs[-1]
    assert value.name == QUERIES == "queries"
    assert value.dtype == ir.DataType.INT64
    assert value.shape is not None
    assert len(value.shape) == 1
    assert not isinstance(value.shape[0], int)
    for batch in BATCHES:
        x = noise(batch, 3, 7, 5)
        queries = np.array([6, 0, 3][:batch], np.int64)
        expected = np.stack([-x[row, :, query] for row, query in enumerate(queries)])
        # A product with ones and zeros is exact.
        np.testing.assert_array_equal(run(model, x=x, queries=queries)["new"], expected)


def test_functions_share_the_queries() -> None:
    model = graph(SIGNATURE, BODY)
    Attach("one", ["maps"], queried, queries=True)(model)
    Attach("two", ["maps"], lambda arrays: queried(arrays) * 2.0, queries=True)(model)
    check(model)
    assert [value.name for value in model.graph.inputs] == ["x", "queries"]
    found = run(model, x=noise(2, 3, 7, 5), queries=np.array([1, 5], np.int64))
    np.testing.assert_array_equal(found["two"], found["one"] * 2)


def test_no_query_is_no_input() -> None:
    assert [value.name for value in attached(mean_of_heads).graph.inputs] == ["x"]


def test_an_output_that_is_not_there() -> None:
    model = graph(SIGNATURE, BODY)
    with pytest.raises(ModelFileError, match=r"no output 'absent' for new to read"):
        Attach("new", ["maps", "absent"], mean_of_heads)(model)


def test_whole_numbers_are_read_as_such() -> None:
    model = graph("(int64[b, 5] x) => (int64[b, 5] y)", "y = Neg(x)")
    Attach("new", ["y"], lambda arrays: arrays["y"] // 2)(model)
    check(model)
    x = np.arange(15, dtype=np.int64).reshape(3, 5)
    np.testing.assert_array_equal(run(model, x=x)["new"], -x // 2)


def test_doubles_are_read_as_such() -> None:
    """A probe's own result may be one: distances are."""
    model = graph(SIGNATURE, BODY)
    Attach("one", ["maps"], in_doubles)(model)
    Attach("two", ["one"], lambda arrays: arrays["one"] * 2.0)(model)
    check(model)
    found = run(model, x=noise(3, 3, 7, 5))
    np.testing.assert_array_equal(found["two"], found["one"] * 2)


def test_no_case_is_made_for_empty_arrays() -> None:
    model = attached(lambda arrays: namespace(arrays["maps"]).max(arrays["maps"], axis=(2, 3)))
    assert not [node for node in model.graph.all_nodes() if node.op_type == "If"]


def test_no_large_constant_is_stored() -> None:
    """Distances between thousands of patches are a computation in the file, not a matrix."""

    def far(arrays: Arrays) -> Any:
        maps = arrays["maps"]
        xp = namespace(maps)
        index = xp.astype(xp.arange(105), maps.dtype)
        return xp.reshape(maps, (-1, 105)) @ (index[:, None] - index[None, :])

    model = attached(far)
    sizes = [
        value.const_value.size for value in model.graph.initializers.values() if value.const_value
    ]
    assert max(sizes) < 105 * 105
    x = noise(3, 3, 7, 5)
    # Sums of 105 numbers of up to 300, of which much cancels.
    np.testing.assert_allclose(run(model, x=x)["new"], far({"maps": -x}), atol=0.02)


def test_a_function_is_joined_to_a_real_network(exported: Exported) -> None:
    def rows(arrays: Arrays) -> Any:
        first, last = arrays["block_00/attention"], arrays["block_01/attention"]
        return namespace(first).sum(first[:, :, 0, 1:] * last[:, :, 0, 1:], axis=1)

    model = read(exported("plain"))
    names = [value.name for value in model.graph.outputs]
    Attach("both", ["block_00/attention", "block_01/attention"], rows)(model)
    check(model)
    assert [value.name for value in model.graph.outputs] == [*names, "both"]
    for batch in BATCHES:
        found = run(model, images=pictures(batch))
        # A sum of three products of probabilities.
        np.testing.assert_allclose(found["both"], rows(found), atol=1e-7)


@pytest.mark.parametrize("function", [largest_rows, least_of_heads])
def test_a_maximum_looks_for_no_nan(function: Function) -> None:
    """Which would read all of it twice, and be computed by no GPU."""
    model = attached(function)
    assert not {"IsNaN", "Where"}.intersection(kinds(model))
    types = {value.dtype for node in model.graph for value in node.outputs}
    assert ir.DataType.BOOL not in types


def product_of_maps(arrays: Arrays) -> Any:
    maps = arrays["maps"]
    return maps @ namespace(maps).matrix_transpose(maps)


def test_a_product_is_one_node() -> None:
    """What ndonnx writes around it, for arrays without entries, takes it half a second."""
    writing = import_module("ndonnx._typed_array.onnx")
    careful = writing._matmul_mitigate_zero_sized
    beside = kinds(attached(mean_of_heads)).count("MatMul")
    model = attached(product_of_maps)
    assert kinds(model).count("MatMul") == beside + 1
    assert not {"If", "Size"}.intersection(kinds(model))

    def failing(arrays: Arrays) -> Any:
        assert writing._matmul_mitigate_zero_sized is not careful
        raise LookupError

    with pytest.raises(LookupError):
        attached(failing)
    # Others who use ndonnx have it as it was.
    assert writing._matmul_mitigate_zero_sized is careful
