"""Orthogonal iteration finds what a decomposition does."""

from __future__ import annotations

import numpy as np
import pytest

from vitonnx.probes._leading import leading_eigenvectors


@pytest.mark.parametrize("decay", [1.0, 0.5, 0.2])
@pytest.mark.parametrize(("samples", "dim"), [(197, 384), (29, 61), (5, 7)])
def test_equal_to_a_decomposition(samples: int, dim: int, decay: float) -> None:
    random = np.random.default_rng(samples)
    turned, _ = np.linalg.qr(random.standard_normal((dim, dim)))
    tokens = random.standard_normal((samples, dim)) * np.arange(1, dim + 1) ** -decay @ turned
    covariance = np.cov(tokens.T)
    values, vectors = np.linalg.eigh(covariance)
    found, directions = leading_eigenvectors(covariance, 3)
    np.testing.assert_allclose(found, values[::-1][:3], rtol=1e-6)
    for place in range(3):
        assert abs(directions[place] @ vectors[:, -1 - place]) > 1 - 1e-6


def test_no_variance_is_no_error() -> None:
    found, directions = leading_eigenvectors(np.zeros((5, 5)), 3)
    assert not found.any()
    assert np.isfinite(directions).all()
