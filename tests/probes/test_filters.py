from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.probes import Filters, FiltersResult, Layout, WeightProbe, filter_components, filters

LAYOUT = Layout(grid=(3, 5), patch_size=7, prefix_tokens=("cls",), blocks=3, heads=2)


def random_kernel(dim: int = 23, rows: int = 5, columns: int = 7) -> NDArray[np.float32]:
    """Make filters whose components explain very different shares, as those of real ones do."""
    rng = np.random.default_rng(0)
    mixture = rng.normal(size=(dim, dim)) * 0.7 ** np.arange(dim)
    patterns = rng.normal(size=(dim, 3 * rows * columns))
    return (mixture @ patterns + 2).reshape(dim, 3, rows, columns).astype(np.float32)


def slow_components(kernel: NDArray[np.float32], count: int) -> tuple[Any, Any]:
    """Power iteration on the covariance, a component after the other, written from the definition.

    A component is the direction along which the filters vary most; it is taken off, and the next
    one searched.
    """
    samples = np.array([kernel[:, :, y, x] for y, x in np.ndindex(kernel.shape[2:])])
    samples = samples.transpose(1, 0, 2).reshape(len(kernel), -1).astype(np.float64)
    samples -= sum(samples) / len(samples)
    total = sum(float(sample @ sample) for sample in samples)
    found, shares = [], []
    for _ in range(count):
        direction = np.random.default_rng(1).normal(size=(samples.shape[1],))
        for _ in range(500):
            direction = np.array([sample * (sample @ direction) for sample in samples]).sum(axis=0)
            direction /= np.sqrt(direction @ direction)
        if direction[np.argmax(abs(direction))] < 0:
            direction = -direction
        found.append(direction.reshape(*kernel.shape[2:], 3))
        shares.append(sum(float(sample @ direction) ** 2 for sample in samples) / total)
        samples = np.array([sample - direction * (sample @ direction) for sample in samples])
    return np.array(found), np.array(shares)


def test_filters_equal_a_slow_loop(xp: Any) -> None:
    kernel = random_kernel()
    before = kernel.copy()
    found = np.asarray(filters(xp.asarray(kernel), 11))
    assert found.shape == (11, 5, 7, 3)
    assert found.dtype == np.float32
    for index, row, column, colour in np.ndindex(found.shape):
        assert found[index, row, column, colour] == kernel[index, colour, row, column]
    np.testing.assert_array_equal(kernel, before)


def test_filters_are_those_of_the_notebook() -> None:
    """probing-vits, visualizing-linear-projections: a Keras kernel (rows, columns, 3, dim).

    There, filter i is ``kernel[..., i]``.
    """
    kernel = random_kernel()
    of_keras = kernel.transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(filters(kernel), np.moveaxis(of_keras, -1, 0))


def test_there_may_be_fewer_filters_than_asked_for(xp: Any) -> None:
    assert filters(xp.asarray(random_kernel(dim=13)), 128).shape == (13, 5, 7, 3)


def test_components_equal_a_slow_search(xp: Any) -> None:
    kernel = random_kernel()
    before = kernel.copy()
    components, ratio = filter_components(xp.asarray(kernel), 5)
    expected, shares = slow_components(kernel, 5)
    # The search leaves errors of some 1e-7, where its 500 steps end; float32 rounds alike.
    np.testing.assert_allclose(np.asarray(components), expected, atol=2e-6)
    np.testing.assert_allclose(np.asarray(ratio), shares, atol=1e-6)
    assert np.asarray(components).dtype == np.asarray(ratio).dtype == np.float32
    np.testing.assert_array_equal(kernel, before)


@pytest.mark.parametrize("dim", [23, 131])  # fewer and more filters than weights in one
def test_components_are_orthonormal_and_sorted(dim: int, xp: Any) -> None:
    components, ratio = map(np.asarray, filter_components(xp.asarray(random_kernel(dim)), 17))
    flat = components.reshape(17, -1).astype(np.float64)
    np.testing.assert_allclose(flat @ flat.T, np.eye(17), atol=1e-6)  # float32
    assert (np.diff(ratio) < 0).all()
    assert 0 < ratio.sum() < 1


def test_all_components_explain_everything(xp: Any) -> None:
    kernel = random_kernel(dim=5)
    components, ratio = map(np.asarray, filter_components(xp.asarray(kernel), 4))
    assert float(ratio.sum()) == pytest.approx(1, abs=1e-6)
    samples = filters(kernel).reshape(5, -1)
    samples = samples - samples.mean(axis=0)
    flat = components.reshape(4, -1)
    np.testing.assert_allclose(samples @ flat.T @ flat, samples, atol=1e-4)  # values up to 10


def test_the_mean_filter_is_no_component() -> None:
    kernel = random_kernel()
    plain, lifted = (filter_components(values, 3)[0] for values in (kernel, kernel + 100))
    np.testing.assert_allclose(plain, lifted, atol=1e-4)  # float32 at 100 is rounded to 1e-5


def test_signs_do_not_depend_on_the_run() -> None:
    kernel = random_kernel()
    components, ratio = filter_components(kernel, 7)
    flat = components.reshape(7, -1)
    assert (flat[range(7), abs(flat).argmax(axis=1)] > 0).all()
    # Negated filters, and filters in another order, vary along the same directions.
    for other in (-kernel, kernel[np.random.default_rng(2).permutation(23)]):
        again, ratio_again = filter_components(other, 7)
        np.testing.assert_allclose(again, components, atol=1e-6)
        np.testing.assert_allclose(ratio_again, ratio, atol=1e-7)


@pytest.mark.parametrize(
    ("dim", "count", "there_are"),
    [
        (5, 5, 4),  # filters less their mean
        (131, 106, 105),  # 3 x 5 x 7
    ],
)
def test_too_many_components(dim: int, count: int, there_are: int, xp: Any) -> None:
    kernel = xp.asarray(random_kernel(dim, 5, 7))
    if dim > 100:  # all directions matter
        kernel = xp.asarray(np.random.default_rng(0).normal(size=(dim, 3, 5, 7)))
    filter_components(kernel, there_are)
    message = f"{count} components .* {dim} filters of 5x7 pixels have {there_are}:"
    with pytest.raises(UsageError, match=message):
        filter_components(kernel, count)


def test_equal_filters_have_no_components() -> None:
    with pytest.raises(UsageError, match="23 filters of 5x7 pixels have 0:"):
        filter_components(np.ones((23, 3, 5, 7), np.float32), 1)


def test_weights_that_are_no_numbers() -> None:
    kernel = random_kernel()
    kernel[3, 1, 2, 0] = np.inf
    with pytest.raises(UsageError, match="not finite"):
        filter_components(kernel, 3)


@pytest.mark.parametrize("shape", [(23, 5, 7), (5, 7, 3, 23), (0, 3, 5, 7)])
@pytest.mark.parametrize("function", [filters, filter_components])
def test_other_shapes_are_refused(shape: tuple[int, ...], function: Any) -> None:
    with pytest.raises(
        UsageError, match=rf"{function.__name__}: the kernel has shape \({shape[0]}"
    ):
        function(np.ones(shape), 3)


@pytest.mark.parametrize("count", [0, -3])
def test_numbers_must_be_positive(count: int) -> None:
    with pytest.raises(UsageError, match=f"count is {count}; it must be at least 1"):
        Filters(count=count)
    with pytest.raises(UsageError, match=f"components is {count}; it must be at least 1"):
        Filters(components=count)
    with pytest.raises(UsageError, match="at least 1"):
        filters(random_kernel(), count)
    with pytest.raises(UsageError, match="at least 1"):
        filter_components(random_kernel(), count)


def test_half_precision_becomes_single() -> None:
    kernel = random_kernel().astype(np.float16)
    result = Filters().compute({"patch_embed/kernel": kernel}, LAYOUT)
    assert result.filters.dtype == np.float32


def test_double_precision_becomes_single(xp: Any) -> None:
    kernel = random_kernel().astype(np.float64)
    result = Filters(count=11, components=3).compute(
        {"patch_embed/kernel": xp.asarray(kernel)}, LAYOUT
    )
    single = kernel.astype(np.float32)
    np.testing.assert_array_equal(np.asarray(result.filters), filters(single, 11))
    for found, expected in zip(
        (result.components, result.explained_variance_ratio),
        filter_components(single, 3),
        strict=True,
    ):
        assert np.asarray(found).dtype == np.float32
        np.testing.assert_array_equal(np.asarray(found), expected)


def test_components_only_where_asked_for() -> None:
    result = Filters().compute({"patch_embed/kernel": random_kernel()}, LAYOUT)
    assert result.components is None
    assert result.explained_variance_ratio is None


def test_it_is_a_weight_probe() -> None:
    probe: WeightProbe[FiltersResult] = Filters()
    assert (probe.name, probe.reads(LAYOUT)) == ("filters", ("patch_embed/kernel",))
