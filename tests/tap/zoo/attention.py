"""Other ways to write attention than transformers' own, for its models to be exported with.

They are registered with transformers as implementations of attention. Those that call an operator
of ONNX give zeros in PyTorch: only the exporter understands them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Attention = Callable[..., tuple[Any, None]]


def register(name: str) -> str:
    """Make an implementation known to transformers, and give its name there."""
    from transformers import AttentionInterface

    key = f"zoo-{name}"
    AttentionInterface.register(key, WAYS[name])
    return key


def _divided(
    module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any
) -> tuple[Any, None]:
    """As transformers 4 did."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    scores = scores if mask is None else scores + mask
    return (scores.softmax(-1) @ value).permute(0, 2, 1, 3).contiguous(), None


def _summed(module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any) -> tuple[Any, None]:
    """As JAX's models do: heads stay behind tokens, and Einsum moves them."""
    import torch

    query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    scores = torch.einsum("bqhd,bkhd->bhqk", query / math.sqrt(query.shape[-1]), key)
    scores = scores if mask is None else scores + mask
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), value), None


def _folded(module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any) -> tuple[Any, None]:
    """As PyTorch's MultiheadAttention did: heads are pictures of their own."""
    batch, heads, tokens, size = query.shape
    query, key, value = (each.reshape(-1, tokens, size) for each in (query, key, value))
    scores = (query * size**-0.5) @ key.transpose(1, 2)
    if mask is not None:
        scores = scores + mask.expand(batch, -1, -1, -1).flatten(0, 1)
    mixed = (scores.softmax(-1) @ value).reshape(batch, heads, tokens, size)
    return mixed.transpose(1, 2), None


def _operator(
    operator: str, version: int, pack: Callable[[Any, Any, Any], list[Any]], heads: str
) -> Attention:
    """Call an operator of ONNX that gives ``(batch, tokens, dim)``."""

    def attention(
        module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any
    ) -> tuple[Any, None]:
        import torch

        inputs = pack(query, key, value)
        if mask is not None:
            # Where each operator takes what is added to the scores.
            inputs += [None] * ((3 if version > 1 else 5) - len(inputs)) + [mask]
        batch, number, tokens, size = query.shape
        mixed = torch.onnx.ops.symbolic(
            operator,
            inputs,
            dict.fromkeys(heads.split(), number),
            dtype=query.dtype,
            shape=(batch, tokens, number * size),
            version=version,
        )
        return mixed.reshape(batch, tokens, number, size), None

    return attention


def _joined(x: Any) -> Any:
    """From ``(batch, heads, tokens, size)`` to ``(batch, tokens, dim)``."""
    return x.transpose(1, 2).flatten(2)


def _packed(*parts: Any) -> Any:
    """To ``(batch, tokens, heads, parts, size)``."""
    import torch

    return torch.stack([part.transpose(1, 2) for part in parts], 3)


_MULTI_HEAD = ("com.microsoft::MultiHeadAttention", 1)
WAYS: dict[str, Attention] = {
    "divided": _divided,
    "einsum": _summed,
    "folded": _folded,
    "attention23": _operator(
        "Attention", 23, lambda q, k, v: [*map(_joined, (q, k, v))], "q_num_heads kv_num_heads"
    ),
    "multihead": _operator(*_MULTI_HEAD, lambda q, k, v: [*map(_joined, (q, k, v))], "num_heads"),
    "multihead-4d": _operator(*_MULTI_HEAD, lambda q, k, v: [_joined(q), k, v], "num_heads"),
    "multihead-packed-kv": _operator(
        *_MULTI_HEAD, lambda q, k, v: [_joined(q), _packed(k, v)], "num_heads"
    ),
    "multihead-packed-qkv": _operator(
        *_MULTI_HEAD, lambda q, k, v: [_packed(q, k, v)], "num_heads"
    ),
}
