"""Maps of what a class depends on: functions of attention, tokens and their gradients."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Sequence

import array_api_compat

from vitonnx.probes._arrays import Array
from vitonnx.probes._mixing import Fused, follow, mixing

__all__ = ["generic_attribution", "grad_cam", "gradient_lengths", "gradient_rollout", "legrad"]

Rows = Sequence[tuple[int, int]]


def legrad(gradients: Sequence[Array]) -> Array:
    """Average what each block's attention does for its own logit: LeGrad.

    Parameters
    ----------
    gradients : sequence of (batch, heads, tokens, tokens)
        Of each block: the derivative, with respect to its attention, of the logit that the head
        gives for the mean of the block's tokens.

    Returns
    -------
    (batch, tokens), the input's namespace and dtype

    References
    ----------
    Bousselham et al. 2024, "LeGrad: An Explainability Method for Vision Transformers via Feature
    Formation Sensitivity", arXiv:2404.03214, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> legrad([np.asarray([[[[2.0, -4.0], [0.0, 1.0]]]])])
    array([[1. , 0.5]])
    """
    total: Array = 0.0
    for gradient in gradients:
        xp = array_api_compat.array_namespace(gradient)
        heads, queries = gradient.shape[1], gradient.shape[2]
        total = total + xp.sum(_positive(gradient), axis=(1, 2)) / (heads * queries)
    return total / len(gradients)


def generic_attribution(
    attentions: Sequence[Array], gradients: Sequence[Array], *, rows: Rows
) -> Array:
    """Follow what attention does for a class through all blocks, heads weighted by gradients.

    ``R = I``, and in every block ``R + mean over heads of ReLU(gradient * attention) R``.

    Parameters
    ----------
    attentions : sequence of (batch, heads, tokens, tokens)
        Softmax weights, first block first.
    gradients : sequence of (batch, heads, tokens, tokens)
        Derivatives of the logit with respect to them.
    rows : sequence of (start, stop)
        Tokens that the head reads; the mean of their rows is taken.

    Returns
    -------
    (batch, tokens), the input's namespace and dtype

    References
    ----------
    Chefer et al. 2021, "Generic Attention-model Explainability for Interpreting Bi-Modal and
    Encoder-Decoder Transformers", arXiv:2103.15679, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> attention = np.asarray([[[[0.25, 0.75], [0.5, 0.5]]]])
    >>> gradient = np.asarray([[[[-1.0, 2.0], [0.0, 1.0]]]])
    >>> generic_attribution([attention], [gradient], rows=[(0, 1)])
    array([[1. , 1.5]])
    """
    flow = _begin(attentions[-1], gradients[-1], rows, _added)
    for attention, gradient in _before_last(attentions, gradients):
        xp = array_api_compat.array_namespace(attention)
        fused = xp.sum(_positive(gradient * attention), axis=1)
        flow = flow + (flow / attention.shape[1]) @ fused
    return flow[:, 0, :]


def gradient_rollout(
    attentions: Sequence[Array], gradients: Sequence[Array], *, rows: Rows
) -> Array:
    """Roll out attention that is weighted by gradients.

    As `rollout`, half of each block being the identity and rows summing to 1, with
    ``ReLU(mean over heads of gradient * attention)`` as the block's map.

    Parameters
    ----------
    attentions, gradients, rows
        As in `generic_attribution`.

    Returns
    -------
    (batch, tokens), the input's namespace and dtype; rows sum to 1

    References
    ----------
    Gildenblat 2020, "Exploring Explainability for Vision Transformers", whose own code doesn't
    renormalise.

    Examples
    --------
    >>> import numpy as np
    >>> attention = np.asarray([[[[0.25, 0.75], [0.5, 0.5]]]])
    >>> gradient = np.asarray([[[[-1.0, 4.0], [0.0, 1.0]]]])
    >>> gradient_rollout([attention], [gradient], rows=[(0, 1)])
    array([[0.25, 0.75]])
    """
    flow = _begin(attentions[-1], gradients[-1], rows, _mixed)
    for attention, gradient in _before_last(attentions, gradients):
        flow = follow(flow, _fused(gradient * attention))
    return flow[:, 0, :]


def grad_cam(tokens: Array, gradients: Array) -> Array:
    """Weigh the channels of patches by their mean gradient: Grad-CAM.

    Parameters
    ----------
    tokens, gradients : (batch, patches, dim)
        Patch tokens, and the derivative of the logit with respect to them.

    Returns
    -------
    (batch, patches), the input's namespace and dtype
        At least 0.

    References
    ----------
    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", arXiv:1610.02391, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> grad_cam(np.asarray([[[1.0, 2.0], [3.0, -4.0]]]), np.asarray([[[1.0, 0.0], [1.0, 2.0]]]))
    array([[3., 0.]])
    """
    xp = array_api_compat.array_namespace(tokens)
    weights = xp.sum(gradients, axis=1, keepdims=True) / gradients.shape[1]
    return _positive(xp.sum(tokens * weights, axis=-1))


def gradient_lengths(gradients: Array, *, patch: int, grid: tuple[int, int]) -> Array:
    """Take the Euclidean length of each patch's gradient.

    Parameters
    ----------
    gradients : (batch, height, width, channels)
        Derivative of the logit with respect to the pixels, as the network sees them.
    patch : int
        Side of a patch, in pixels.
    grid : (rows, columns)
        Of patches; pixels beyond them are left out.

    Returns
    -------
    (batch, rows, columns), the input's namespace and dtype

    References
    ----------
    Simonyan et al. 2013, "Deep Inside Convolutional Networks: Visualising Image Classification
    Models and Saliency Maps", arXiv:1312.6034, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> gradient_lengths(np.full((1, 2, 4, 1), 3.0), patch=2, grid=(1, 2))
    array([[[6., 6.]]])
    """
    xp = array_api_compat.array_namespace(gradients)
    rows, columns = grid
    covered = gradients[:, : rows * patch, : columns * patch, :]
    channels = gradients.shape[-1]
    apart = xp.reshape(covered * covered, (-1, rows, patch, columns, patch * channels))
    return xp.sqrt(xp.sum(apart, axis=(2, 4)))


def _before_last(
    attentions: Sequence[Array], gradients: Sequence[Array]
) -> Iterator[tuple[Array, Array]]:
    """Pair what blocks have, the last but one first."""
    return zip(reversed(attentions[:-1]), reversed(gradients[:-1]), strict=True)


def _begin(
    attention: Array, gradient: Array, rows: Rows, mixes: Callable[[Array, slice], Array]
) -> Array:
    """Give the mean of the rows that the product begins with, (batch, 1, tokens)."""
    xp = array_api_compat.array_namespace(attention)
    # Of the last block, the other rows need not exist.
    cuts = [slice(start, stop) for start, stop in rows]
    parts = [
        xp.sum(mixes(gradient[:, :, cut, :] * attention[:, :, cut, :], cut), axis=1, keepdims=True)
        for cut in cuts
    ]
    return functools.reduce(operator.add, parts) / sum(stop - start for start, stop in rows)


def _added(weighted: Array, rows: slice) -> Array:
    """Rows of ``mean over heads of ReLU(gradient * attention)``, and of the identity."""
    xp = array_api_compat.array_namespace(weighted)
    fused = xp.sum(_positive(weighted), axis=1) / weighted.shape[1]
    index = xp.arange(weighted.shape[-1], device=array_api_compat.device(weighted))
    return fused + xp.astype(index[rows][:, None] == index[None, :], fused.dtype)


def _mixed(weighted: Array, rows: slice) -> Array:
    return mixing(_fused(weighted), rows)


def _fused(weighted: Array) -> Fused:
    """``ReLU(mean over heads of gradient * attention)``, times the number of heads."""
    xp = array_api_compat.array_namespace(weighted)
    return Fused(_positive(xp.sum(weighted, axis=1)), weighted.shape[1])


def _positive(array: Array) -> Array:
    xp = array_api_compat.array_namespace(array)
    return xp.maximum(array, xp.zeros((), dtype=array.dtype))
