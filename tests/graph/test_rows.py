"""Slices move before the work: what is computed is what is read, and the numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import pytest

import tiny_models as tiny
from graph.small_graphs import BATCHES, check, graph, kinds, noise, opened, pictures, read, shapes
from vitonnx.graph import KeepOutputs, RowsFirst
from vitonnx.graph._row_axes import input_axes

Exported = Callable[[str], Path]

# Fewer rows may take another kernel, which sums 7 numbers of about 1 in another order.
TOLERANCE: dict[str, Any] = {"atol": 2e-6, "rtol": 2e-6}


def unchanged(before: ir.Model, after: ir.Model, **inputs: tuple[int, ...]) -> None:
    """Compare the numbers of two graphs, in batches of 1 and 3."""
    check(after)
    run_before, run_after = opened(before), opened(after)
    for batch in BATCHES:
        # Positive and not small, for roots and quotients.
        feed = {
            name: np.asarray(abs(noise(*(side or batch for side in shape), seed=place)) + 0.5)
            for place, (name, shape) in enumerate(inputs.items())
        }
        expected, found = run_before(**feed), run_after(**feed)
        assert list(found) == list(expected)
        for name, array in expected.items():
            assert found[name].shape == array.shape
            np.testing.assert_allclose(found[name], array, **TOLERANCE)


def work(model: ir.Model) -> list[str]:
    """Name the operators, without the one at the end, which no slice goes through."""
    return [kind for kind in kinds(model) if kind != "Softplus"]


def rows_of(
    body: str, *, cut: str = "2, 5, 1", shape: str = "b, 7, 5", inputs: str = ""
) -> ir.Model:
    """Read a Slice(start, stop, axis) of y, which the body computes from x (batch, 7, 5)."""
    start, stop, axis = cut.split(",")
    constants = f"<int64[1] start = {{{start}}}, int64[1] stop = {{{stop}}}"
    constants += f", int64[1] axis = {{{axis}}}>"
    sides = ", ".join("pqrs"[: shape.count(",") + 1])
    return graph(
        f"(float[b, 7, 5] x{inputs}) => (float[{sides}] rows) {constants}",
        f"{body} part = Slice(y, start, stop, axis) rows = Softplus(part)",
    )


def moved(body: str, *, cut: str = "2, 5, 1", **options: str) -> ir.Model:
    model = rows_of(body, cut=cut, **options)
    assert RowsFirst()(model).modified
    return model


ELEMENTWISE = ["Erf", "Gelu", "Identity", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"]


@pytest.mark.parametrize("op_type", ELEMENTWISE)
@pytest.mark.parametrize(("cut", "sides"), [("2, 5, 1", [None, 3, 5]), ("4, 5, 2", [None, 7, 1])])
def test_one_value_at_a_time_any_axis(op_type: str, cut: str, sides: list[int | None]) -> None:
    body = f"y = {op_type}(x)"
    model = moved(body, cut=cut)
    assert work(model) == ["Slice", op_type]
    assert shapes(model, op_type) == [sides]
    unchanged(rows_of(body, cut=cut), model, x=(0, 7, 5))


def test_a_cast_keeps_its_type() -> None:
    body = "i = Cast<to = 7>(x) y = Cast<to = 1>(i)"
    model = moved(body)
    assert work(model) == ["Slice", "Cast", "Cast"]
    assert [node.outputs[0].dtype for node in model.graph if node.op_type == "Cast"] == [
        ir.DataType.INT64,
        ir.DataType.FLOAT,
    ]
    unchanged(rows_of(body), model, x=(0, 7, 5))


@pytest.mark.parametrize("op_type", ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
def test_comparisons(op_type: str) -> None:
    body = f"truth = {op_type}(x, w) other = Less(w, x) both = And(truth, other)"
    body += "one = Or(both, other) y = Cast<to = 1>(one)"
    model = moved(body, inputs=", float[7, 5] w")
    assert work(model) == ["Slice", "Slice", op_type, "Less", "And", "Or", "Cast"]
    unchanged(rows_of(body, inputs=", float[7, 5] w"), model, x=(0, 7, 5), w=(7, 5))


def test_whole_numbers_of_one_scale() -> None:
    body = "s = Constant<value = float {0.01}>() z = Constant<value = uint8 {3}>()"
    body += "i = QuantizeLinear(x, s, z) y = DequantizeLinear(i, s, z)"
    model = moved(body)
    assert work(model) == ["Slice", "QuantizeLinear", "DequantizeLinear"]
    unchanged(rows_of(body), model, x=(0, 7, 5))


def test_whole_numbers_whose_rows_have_scales_of_their_own_stay() -> None:
    body = "s = Constant<value = float[7] {1, 2, 3, 4, 5, 6, 7}>()"
    body += "i = QuantizeLinear<axis = 1>(x, s) y = DequantizeLinear<axis = 1>(i, s)"
    assert not RowsFirst()(rows_of(body)).modified


SIDES = ["b, 7, 5", "b, 1, 5", "7, 5", "1, 5", "7, 1", "5", "1", ""]


@pytest.mark.parametrize(
    ("op_type", "sides"),
    [("Sub", sides) for sides in SIDES]
    + [(op_type, sides) for op_type in ("Add", "Mul", "Div", "Pow") for sides in ("7, 5", "1, 5")],
)
@pytest.mark.parametrize("order", ["x, w", "w, x"])
def test_inputs_that_are_repeated_along_the_axis_are_taken_whole(
    op_type: str, sides: str, order: str
) -> None:
    kind = f"float[{sides}]" if sides else "float"
    body, inputs = f"y = {op_type}({order})", f", {kind} w"
    model = moved(body, inputs=inputs)
    own = "7" in sides
    assert work(model) == ["Slice"] * (1 + own) + [op_type]
    assert shapes(model, op_type) == [[None, 3, 5]]
    shape = tuple(0 if side == "b" else int(side) for side in sides.split(", ") if side)
    unchanged(rows_of(body, inputs=inputs), model, x=(0, 7, 5), w=shape)


def test_both_inputs_may_be_the_same_value() -> None:
    model = moved("y = Mul(x, x)")
    assert work(model) == ["Slice", "Mul"]
    unchanged(rows_of("y = Mul(x, x)"), model, x=(0, 7, 5))


@pytest.mark.parametrize(
    ("body", "op_type"),
    [
        ("y = Softmax(x)", "Softmax"),
        ("y = Softmax<axis = 2>(x)", "Softmax"),
        ("y = LpNormalization<axis = -1, p = 1>(x)", "LpNormalization"),
        ("y = LayerNormalization(x, w, c)", "LayerNormalization"),
    ],
)
def test_what_is_done_along_the_last_axis_is_done_for_fewer_rows(body: str, op_type: str) -> None:
    inputs = ", float[5] w, float[5] c"
    model = moved(body, inputs=inputs)
    assert work(model) == ["Slice", op_type]
    assert shapes(model, op_type) == [[None, 3, 5]]
    unchanged(rows_of(body, inputs=inputs), model, x=(0, 7, 5), w=(5,), c=(5,))


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        ("y = Softmax(x)", "1, 3, 2"),  # the sum over the others is needed
        ("y = Softmax(x)", "1, 3, -1"),
        ("y = LayerNormalization(x, w, c)", "1, 3, 2"),
        ("y = LpNormalization(x)", "1, 3, 2"),
        ("y = Softmax<axis = 1>(x)", "1, 3, 1"),
        ("y = Softmax<axis = 1>(x)", "1, 3, 2"),  # could be, but is none of our graphs'
        ("y = LayerNormalization<axis = 1>(x, v, v)", "1, 3, 1"),
        ("y = CumSum(x, one)", "1, 3, 1"),
        ("y = MatMul(x, v2)", "1, 3, 2"),  # columns belong to the second factor
    ],
)
def test_rows_that_depend_on_each_other_are_not_taken_first(body: str, cut: str) -> None:
    inputs = ", float[5] w, float[5] c, float[7, 5] v, float[5, 5] v2, int64 one"
    model = rows_of(body, cut=cut, inputs=inputs)
    before = work(model)
    assert not RowsFirst()(model).modified
    assert work(model) == before


def test_queries_of_a_product() -> None:
    body, inputs = "y = MatMul(x, w)", ", float[5, 11] w"
    model = moved(body, inputs=inputs)
    assert work(model) == ["Slice", "MatMul"]
    assert shapes(model, "MatMul") == [[None, 3, 11]]
    unchanged(rows_of(body, inputs=inputs), model, x=(0, 7, 5), w=(5, 11))


def test_rows_of_a_product_whose_first_factor_has_fewer_axes() -> None:
    """Numpy's rules of broadcasting: (13, 7) times (batch, 7, 5) is (batch, 13, 5)."""
    body, inputs = "y = MatMul(w, x)", ", float[13, 7] w"
    model = rows_of(body, inputs=inputs)
    RowsFirst()(model)
    unchanged(rows_of(body, inputs=inputs), model, w=(13, 7), x=(0, 7, 5))


def test_rows_of_a_product_whose_first_factor_has_one_axis() -> None:
    """(7,) times (batch, 3, 7, 5) is (batch, 3, 5): the axis is one of the second factor."""
    body, inputs = "y = MatMul(w, z)", ", float[7] w, float[b, 3, 7, 5] z"
    model = rows_of(body, cut="1, 2, 1", inputs=inputs)
    RowsFirst()(model)
    common.RemoveUnusedNodesPass()(model)
    unchanged(
        rows_of(body, cut="1, 2, 1", inputs=inputs), model, x=(0, 7, 5), w=(7,), z=(0, 3, 7, 5)
    )


@pytest.mark.parametrize(
    ("cut", "sides"),
    [("2, 3, 1", [None, 1, 7]), ("2, 3, -2", [None, 1, 7]), ("2, 5, 2", [None, 5, 3])],
)
def test_a_transpose_takes_the_axis_with_it(cut: str, sides: list[int | None]) -> None:
    body = "n = Neg(x) y = Transpose<perm = [0, 2, 1]>(n)"
    model = moved(body, cut=cut)
    assert work(model) == ["Slice", "Neg", "Transpose"]
    assert shapes(model, "Transpose") == [sides]
    unchanged(rows_of(body, cut=cut), model, x=(0, 7, 5))


@pytest.mark.parametrize(
    ("cut", "sides"),
    [("1, 3, 1", [None, 2, 5, 3]), ("2, 5, 2", [None, 7, 3, 3]), ("0, 1, 3", [None, 7, 5, 1])],
)
def test_a_transpose_in_a_circle(cut: str, sides: list[int | None]) -> None:
    """Its order is not its own inverse."""
    body = "n = Neg(z) y = Transpose<perm = [0, 2, 3, 1]>(n)"
    inputs, shape = ", float[b, 3, 7, 5] z", "b, 7, 5, 3"
    model = moved(body, cut=cut, inputs=inputs, shape=shape)
    assert work(model) == ["Slice", "Neg", "Transpose"]
    assert shapes(model, "Transpose") == [sides]
    unchanged(
        rows_of(body, cut=cut, inputs=inputs, shape=shape), model, x=(0, 7, 5), z=(0, 3, 7, 5)
    )


def test_a_transpose_without_an_order_turns_the_axes_round() -> None:
    body = "n = Neg(x) y = Transpose(n)"
    model = rows_of(body, cut="1, 3, 0")
    RowsFirst()(model)
    unchanged(rows_of(body, cut="1, 3, 0"), model, x=(0, 7, 5))


def reshaped(target: str, cut: str) -> ir.Model:
    sides = target.count(",") + 1
    return rows_of(
        f"t = Constant <value_ints = [{target}]> () n = Neg(x) y = Reshape(n, t)",
        cut=cut,
        shape=", ".join("abcd"[:sides]),
    )


@pytest.mark.parametrize(
    ("target", "cut", "sides"),
    [
        ("0, 0, 1, 5", "2, 5, 1", [None, 3, 1, 5]),
        ("0, 7, 5, 1", "2, 5, 1", [None, 3, 5, 1]),
        ("0, 0, -1, 1", "6, 7, 1", [None, 1, 5, 1]),
        ("0, 0, -1", "2, 5, 2", None),  # what -1 stands for may be joined of several
        ("0, 35", "2, 5, 1", None),  # tokens and their numbers in one
        ("0, 5, 7", "2, 5, 1", None),
        ("0, -1, 5", "2, 5, 1", None),
        ("0, 1, 7, 5", "0, 1, 1", None),
        ("0, 1, 7, 5", "2, 5, 2", None),
    ],
)
def test_a_reshape_is_crossed_where_it_leaves_the_rows_alone(
    target: str, cut: str, sides: list[int | None] | None
) -> None:
    model = reshaped(target, cut)
    assert RowsFirst()(model).modified == (sides is not None)
    if sides is not None:
        assert shapes(model, "Reshape") == [sides]
        assert work(model) == ["Slice", "Neg", "Reshape"]
    unchanged(reshaped(target, cut), model, x=(0, 7, 5))


def test_an_axis_that_only_the_reshape_makes_is_not_sliced_before_it() -> None:
    model = reshaped("0, 0, 5, 1", "0, 1, 3")
    RowsFirst()(model)
    unchanged(reshaped("0, 0, 5, 1", "0, 1, 3"), model, x=(0, 7, 5))


def test_a_reshape_that_mixes_pictures_is_not_crossed() -> None:
    """Behind it the rows of one picture are not the rows of the other."""
    body = "t = Constant <value_ints = [-1, 7, 1]> () y = Reshape(x, t)"
    model = rows_of(body)
    RowsFirst()(model)
    unchanged(rows_of(body), model, x=(0, 7, 5))


def test_a_reshape_of_rows_of_a_target_that_others_use() -> None:
    signature = (
        "(float[b, 7, 6] x, float[b, 7, 6] z) => (float[b, r, 2, 3] rows, float[b, 7, 2, 3] all)"
        "<int64[4] t = {0, 7, 2, 3},"
        " int64[1] start = {2}, int64[1] stop = {5}, int64[1] axis = {1}>"
    )
    body = (
        "y = Reshape(x, t) part = Slice(y, start, stop, axis)"
        "rows = Softplus(part) all = Reshape(z, t)"
    )
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert sorted(shapes(model, "Reshape")) == [[None, 3, 2, 3], [None, 7, 2, 3]]
    unchanged(graph(signature, body), model, x=(0, 7, 6), z=(0, 7, 6))


@pytest.mark.parametrize(
    ("cut", "count"),
    [
        ("2, 5, -2", 3),
        ("-3, -1, 1", 2),
        ("-3, 1000, 1", 3),
        ("4, 9223372036854775807, 1", 3),
        ("-1000, 2, 1", 2),
        ("0, -6, 1", 1),
    ],
)
def test_bounds_as_numpy_reads_them(cut: str, count: int) -> None:
    model = moved("y = Relu(x)", cut=cut)
    assert shapes(model, "Relu") == [[None, count, 5]]
    unchanged(rows_of("y = Relu(x)", cut=cut), model, x=(0, 7, 5))


def test_no_row_at_all() -> None:
    model = rows_of("y = Relu(x)", cut="5, 2, 1")
    RowsFirst()(model)
    unchanged(rows_of("y = Relu(x)", cut="5, 2, 1"), model, x=(0, 7, 5))


def test_a_slice_that_names_no_axis_is_of_the_first() -> None:
    signature = (
        "(float[7, 5, 3] x) => (float[r, 5, 3] rows) <int64[1] start = {2}, int64[1] stop = {4}>"
    )
    body = "y = Relu(x) part = Slice(y, start, stop) rows = Softplus(part)"
    model = graph(signature, body)
    RowsFirst()(model)
    unchanged(graph(signature, body), model, x=(7, 5, 3))


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ("two, five, one, two", "every second row"),
        ("open, five, one", "a start that is computed"),
    ],
)
def test_slices_of_another_kind_stay(bounds: str, why: str) -> None:
    signature = (
        "(float[b, 7, 5] x, int64[1] open) => (float[b, r, 5] rows)"
        "<int64[1] one = {1}, int64[1] two = {2}, int64[1] five = {5}>"
    )
    body = f"y = Relu(x) part = Slice(y, {bounds}) rows = Softplus(part)"
    model = graph(signature, body)
    assert not RowsFirst()(model).modified, why
    assert work(model) == ["Relu", "Slice"]


def test_a_slice_whose_other_axes_are_whole_is_one_of_rows() -> None:
    """Converters write x[:, 0:1] with bounds for the batch too."""
    signature = (
        "(float[b, 7, 5] x) => (float[b, r, 5] rows)"
        "<int64[2] start = {0, 2}, int64[2] stop = {2147483647, 5}, int64[2] axis = {0, 1}>"
    )
    body = "y = Relu(x) part = Slice(y, start, stop, axis) rows = Softplus(part)"
    model = graph(signature, body)
    RowsFirst()(model)
    assert shapes(model, "Relu") == [[None, 3, 5]]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


CUTS = "<int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] five = {5}>"
ROWS = "part = Slice(y, two, five, one) rows = Softplus(part)"
OTHERS = "other = Slice(y, zero, one, one) others = Softplus(other)"


def test_a_value_that_is_read_whole_elsewhere_stays_whole() -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows, float[b, 7, 5] all) {CUTS}"
    body = f"n = Neg(x) y = Relu(n) {ROWS} all = Tanh(y)"
    model = graph(signature, body)
    assert not RowsFirst()(model).modified
    assert work(model) == ["Neg", "Relu", "Slice", "Tanh"]


def test_an_output_of_the_graph_stays_whole() -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows, float[b, 7, 5] y) {CUTS}"
    model = graph(signature, f"y = Relu(x) {ROWS}")
    assert not RowsFirst()(model).modified
    assert shapes(model, "Relu") == [[None, 7, 5]]


def test_the_way_to_a_value_that_is_read_whole_stops_there() -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows, float[b, 7, 5] all) {CUTS}"
    body = f"n = Neg(x) y = Relu(n) {ROWS} all = Tanh(n)"
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert shapes(model, "Neg") == shapes(model, "Tanh") == [[None, 7, 5]]
    assert shapes(model, "Relu") == [[None, 3, 5]]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


def test_two_different_slices_of_one_value() -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows, float[b, s, 5] others) {CUTS}"
    body = f"n = Neg(x) y = Relu(n) {ROWS} {OTHERS}"
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert sorted(shapes(model, "Neg")) == sorted(shapes(model, "Relu"))
    assert sorted(shapes(model, "Relu")) == [[None, 1, 5], [None, 3, 5]]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


def test_the_same_rows_of_two_axes() -> None:
    """Row 0 and column 0 of one square: their slices must not be taken for each other."""
    signature = f"(float[b, 7, 7] x) => (float[b, r, 7] rows, float[b, 7, s] columns) {CUTS}"
    body = (
        "y = Relu(x) row = Slice(y, zero, one, one) column = Slice(y, zero, one, two)"
        "rows = Softplus(row) columns = Softplus(column)"
    )
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert sorted(shapes(model, "Relu")) == [[None, 1, 7], [None, 7, 1]]
    unchanged(graph(signature, body), model, x=(0, 7, 7))


def test_readers_of_the_same_rows_share_them() -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows, float[b, r, 5] again) {CUTS}"
    body = (
        "y = Relu(x) first = Slice(y, two, five, one) second = Slice(y, two, five, one)"
        "rows = Neg(first) again = Tanh(second)"
    )
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert sorted(work(model)) == ["Neg", "Relu", "Slice", "Tanh"]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


def test_two_ways_to_the_same_rows() -> None:
    """A skip connection: both branches end at the rows of one value, which is sliced once."""
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows) {CUTS}"
    body = f"n = Neg(x) m = Relu(n) y = Add(n, m) {ROWS}"
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert sorted(work(model)) == ["Add", "Neg", "Relu", "Slice"]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


@pytest.mark.parametrize("index", [0, 4, -1, -7])
def test_a_gathered_row_is_a_slice(index: int) -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, 5] row) <int64 index = {{{index}}}>"
    body = "y = Relu(x) row = Gather<axis = 1>(y, index)"
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert work(model) == ["Slice", "Relu", "Squeeze"]
    assert shapes(model, "Relu") == [[None, 1, 5]]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


def test_a_row_gathered_along_a_negative_axis() -> None:
    signature = "(float[b, 7, 5] x) => (float[b, 7] row) <int64 index = {3}>"
    body = "y = Relu(x) row = Gather<axis = -1>(y, index)"
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert shapes(model, "Relu") == [[None, 7, 1]]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


@pytest.mark.parametrize("work", ["Relu", "Softplus"])
def test_a_row_that_is_gathered_twice(work: str) -> None:
    """Whether the slices can go before the work or not."""
    signature = "(float[b, 7, 5] x) => (float[b, 5] row, float[b, 5] again) <int64 index = {3}>"
    body = (
        f"y = {work}(x) g = Gather<axis = 1>(y, index) h = Gather<axis = 1>(y, index)"
        "row = Neg(g) again = Tanh(h)"
    )
    model = graph(signature, body)
    RowsFirst()(model)
    assert set(map(tuple, shapes(model, "Relu"))) <= {(None, 1, 5)}
    unchanged(graph(signature, body), model, x=(0, 7, 5))


def test_rows_of_a_value_and_of_what_follows_it() -> None:
    """Both end as the same row of x, whichever came first."""
    signature = "(float[b, 7, 5] x) => (float[b, 5] row, float[b, 5] later) <int64 index = {3}>"
    body = (
        "m = Neg(x) g = Gather<axis = 1>(m, index) row = Identity(g)"
        "n = Relu(m) y = Sigmoid(n) later = Gather<axis = 1>(y, index)"
    )
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    unchanged(graph(signature, body), model, x=(0, 7, 5))


@pytest.mark.parametrize("index", ["int64[1] index = {3}", "int64[2] index = {3, 1}"])
def test_gathers_of_a_list_stay(index: str) -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows) <{index}>"
    model = graph(signature, "y = Relu(x) rows = Gather<axis = 1>(y, index)")
    assert not RowsFirst()(model).modified
    assert work(model) == ["Relu", "Gather"]


ATTENTION = """
    k = Transpose<perm = [0, 1, 3, 2]>(x)
    s = MatMul(x, k)
    d = Mul(s, half)
    a = Softmax(d)
"""


def test_the_attention_of_one_query_is_no_matrix() -> None:
    signature = "(float[b, 3, 7, 5] x) => (float[b, 3, 7] row) <int64 i = {0}, float half = {0.5}>"
    body = f"{ATTENTION} row = Gather<axis = 2>(a, i)"
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert shapes(model, "MatMul") == shapes(model, "Softmax") == [[None, 3, 1, 7]]
    assert shapes(model, "Transpose") == [[None, 3, 5, 7]]  # all keys
    unchanged(graph(signature, body), model, x=(0, 3, 7, 5))


def test_a_slice_that_is_an_output_keeps_its_name() -> None:
    signature = f"(float[b, 7, 5] x) => (float[b, r, 5] rows) {CUTS}"
    body = "y = Relu(x) rows = Slice(y, two, five, one)"
    model = graph(signature, body)
    assert RowsFirst()(model).modified
    assert kinds(model) == ["Slice", "Relu"]
    assert [value.name for value in model.graph.outputs] == ["rows"]
    unchanged(graph(signature, body), model, x=(0, 7, 5))


def test_doing_it_again_changes_nothing() -> None:
    model = moved("n = Neg(x) y = Relu(n)")
    before = [node.name for node in model.graph]
    RowsFirst()(model)
    assert [node.name for node in model.graph] == before


@pytest.mark.parametrize("kind", ["plain", "distilled", "pooled"])
def test_a_head_that_reads_one_token_needs_one_token(kind: str, exported: Exported) -> None:
    model, before = read(exported(kind)), read(exported(kind))
    for each in (model, before):
        KeepOutputs(["logits"])(each)
        common.ShapeInferencePass()(each)
    RowsFirst()(model)
    common.ShapeInferencePass()(model)
    check(model)
    tokens = len(tiny.CONFIGS[kind].prefix_tokens) + 35
    inner = [sides[1] for sides in shapes(model, "Gelu")]
    assert inner[0] == tokens
    if kind in ("plain", "registers"):
        assert inner[1:] == [1]
    elif kind == "distilled":  # two tokens, one by one or together
        assert sum(side or 0 for side in inner[1:]) == 2
    elif kind == "pooled":
        assert inner[1:] == [tokens]
    run_before, run_after = opened(before), opened(model)
    for batch in BATCHES:
        images = pictures(batch)
        # Single precision through two blocks, other kernels for fewer rows; logits are about 1.
        np.testing.assert_allclose(
            run_after(images=images)["logits"], run_before(images=images)["logits"], atol=1e-5
        )


@pytest.mark.parametrize(
    ("body", "op_type"),
    [
        ("y = Exp(x)", "Exp"),
        ("y = HardSwish(x)", "HardSwish"),
        ("m = Max(x, x) y = Min(m, x)", "Max"),
        ("c = Constant<value_float = 1.0>() g = Greater(x, c) y = Where(g, x, c)", "Where"),
        ("a = Softplus(x) y = Concat<axis = 2>(a, x)", "Concat"),
        ("o = Constant<value_ints = [1]>() e = Constant<value_ints = [4]>()"
         " a = Constant<value_ints = [2]>() y = Slice(x, o, e, a)", "Slice"),
        ("i = Constant<value_ints = [3, 0]>() y = Gather<axis = -1>(x, i)", "Gather"),
        ("a = Constant<value_ints = [-1]>() y = ReduceMean(x, a)", "ReduceMean"),
        ("a = Constant<value_ints = [-1]>() y = ReduceMax<keepdims = 0>(x, a)", "ReduceMax"),
        ("a = Constant<value_ints = [-1]>() y = Unsqueeze(x, a)", "Unsqueeze"),
    ],
)  # fmt: skip
def test_rows_are_followed_through_what_changes_other_axes(body: str, op_type: str) -> None:
    model = graph("(float[b, 7, 5] x) => (y)", body)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    (node,) = (each for each in model.graph if each.op_type == op_type)
    axes = input_axes(node, 1)
    assert axes is not None
    assert axes[0] == 1


@pytest.mark.parametrize(
    ("body", "shape", "axis", "before"),
    [
        ("i = Constant<value_int = 0>() y = Gather<axis = 0>(x, i)", "3, b, 7, 5", 1, 2),
        ("i = Constant<value_int = 0>() y = Gather<axis = 2>(x, i)", "3, b, 7, 5", 1, 1),
        ("i = Constant<value_ints = [2]>() y = Squeeze(x, i)", "b, 7, 1, 5", 2, 3),
        ("i = Constant<value_ints = [1, -1]>() y = Unsqueeze(x, i)", "b, 7, 5", 2, 1),
        ("i = Constant<value_ints = [1, -1]>() y = Unsqueeze(x, i)", "b, 7, 5", 1, None),
        ("i = Constant<value_ints = [1]>() y = ReduceSum<keepdims = 0>(x, i)", "b, 7, 5", 1, 2),
        ("i = Constant<value_ints = [1]>() y = ReduceSum(x, i)", "b, 7, 5", 1, None),
        ("i = Constant<value_ints = [2, 3]>() y = Gather<axis = 1>(x, i)", "b, 7, 5", 1, None),
        ("y = Concat<axis = 1>(x, x)", "b, 7, 5", 1, None),
    ],
)
def test_rows_are_those_of_the_axis_before(
    body: str, shape: str, axis: int, before: int | None
) -> None:
    model = graph(f"(float[{shape}] x) => (y)", body)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    (node,) = (each for each in model.graph if each.op_type != "Constant")
    axes = input_axes(node, axis)
    assert (None if axes is None else axes[0]) == before
