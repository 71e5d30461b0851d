"""All networks that are no Vision Transformers, by name."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from tap.no_vit_networks import (
    bert,
    cross_attention,
    cross_covariance,
    mixer,
    perceiver,
    reduced_keys,
    resnet,
    swin,
    unet,
)
from tap.no_vit_parts import PATCHES
from tap.no_vit_twists import (
    best_tokens,
    branched,
    column_by_column,
    grey,
    looped,
    no_inputs,
    softmax_over,
    turned_keys,
    two_pictures,
    without_pictures,
)

NO_VITS: dict[str, Callable[[], onnx.ModelProto]] = {
    "ResNet": resnet,
    "MLP-Mixer": mixer,
    "Swin": swin,
    "BERT": bert,
    "U-Net": unet,
    "cross-attention": cross_attention,
    "Perceiver of 7 latents": lambda: perceiver(7),
    "Perceiver of 17 latents": lambda: perceiver(17),
    "keys of groups": reduced_keys,
    "keys in another order": turned_keys,
    "columns first": column_by_column,
    "9 best tokens": lambda: best_tokens(9),
    "all tokens, the best first": lambda: best_tokens(PATCHES),
    "XCiT": cross_covariance,
    "softmax over the queries": lambda: softmax_over(-2),
    "softmax over the heads": lambda: softmax_over(1),
    "grey pictures": grey,
    "no pictures": without_pictures,
    "two pictures": two_pictures,
    "If": branched,
    "Loop": looped,
    "no inputs": no_inputs,
}
