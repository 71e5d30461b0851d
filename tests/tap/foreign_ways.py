"""Ways in which exporters write one and the same Vision Transformer."""

from __future__ import annotations

from tap.foreign_vit import ForeignViT

PREFIXES = {
    "no prefix": ForeignViT(prefix=0, readout="mean"),
    "class": ForeignViT(prefix=1),
    "distilled": ForeignViT(prefix=2),
    "registers": ForeignViT(prefix=5),
}
WAYS = PREFIXES | {
    "fused, gathered": ForeignViT(products="gather"),
    "fused, split": ForeignViT(products="split"),
    "fused, sliced": ForeignViT(products="slice"),
    "folded into the batch": ForeignViT(batched=True),
    "folded and fused": ForeignViT(batched=True, products="gather", prefix=2),
    "scaled before": ForeignViT(scale="before"),
    "scaled before, folded": ForeignViT(scale="before", batched=True, products="split"),
    "scaled inside": ForeignViT(scale="inside"),
    "scaled inside, folded": ForeignViT(scale="inside", batched=True, products="gather"),
    "divided": ForeignViT(scale="divided", products="gather"),
    "biased": ForeignViT(bias=True, prefix=5),
    "biased and folded": ForeignViT(bias=True, batched=True, scale="before"),
    "a batch of one": ForeignViT(batch=1),
    "a batch of one, folded": ForeignViT(batch=1, batched=True, products="gather"),
    "a batch of one, registers": ForeignViT(batch=1, prefix=5, products="split"),
    "opset 13": ForeignViT(opset=13, products="split", scale="divided"),
    "opset 13, folded": ForeignViT(opset=13, batched=True, prefix=0, readout="mean"),
    "opset 21": ForeignViT(opset=21, products="split", prefix=5),
    "fp16 weights": ForeignViT(precision="fp16 weights", prefix=2),
    "fp16": ForeignViT(precision="fp16"),
    "fp16, opset 13": ForeignViT(precision="fp16", opset=13, products="gather"),
    "mean of patches": ForeignViT(prefix=5, readout="mean"),
    "cross-attention reads out": ForeignViT(prefix=0, readout="latent"),
    "cross-attention reads out, class": ForeignViT(prefix=1, readout="latent", scale="divided"),
    "a remainder": ForeignViT(rest=(5, 3), prefix=2),
    "a remainder, registers": ForeignViT(rest=(0, 7), prefix=5, products="gather"),
    "tall": ForeignViT(grid=(7, 2), prefix=2),
    "one block": ForeignViT(blocks=1),
    "twelve blocks": ForeignViT(blocks=12),
    "as many tokens as a head is wide": ForeignViT(dim=51, prefix=2),
    "as many heads as tokens": ForeignViT(dim=34, heads=17, prefix=2),
    "as many heads as pictures": ForeignViT(heads=3, batch=1),
    "one head": ForeignViT(heads=1),
    "normed behind": ForeignViT(norm_first=False),
    "normed behind, registers": ForeignViT(norm_first=False, prefix=5, batched=True),
    "normed behind, opset 13": ForeignViT(norm_first=False, opset=13, prefix=0, readout="mean"),
    "keys first": ForeignViT(softmax="keys first"),
    "keys first, folded": ForeignViT(softmax="keys first", batched=True, prefix=2),
    "keys first, as many heads as tokens": ForeignViT(
        softmax="keys first", dim=34, heads=17, prefix=2
    ),
    "rows alone": ForeignViT(softmax="flattened", prefix=2),
    "rows alone, folded": ForeignViT(softmax="flattened", batched=True),
    "the exponential of a logarithm": ForeignViT(softmax="logarithm"),
    "an exponential and its sum": ForeignViT(softmax="sum", prefix=5),
    "a token behind": ForeignViT(suffix=1),
    "tokens behind, none in front": ForeignViT(suffix=2, prefix=0, readout="mean"),
    "tokens behind, and registers": ForeignViT(suffix=3, prefix=5, batched=True),
    "tokens behind, fp16": ForeignViT(suffix=2, prefix=2, precision="fp16"),
    "a batch of one, said to be open": ForeignViT(batch=1, said_open=True),
    "a batch of one, said to be open, folded": ForeignViT(batch=1, said_open=True, batched=True),
    "a batch of one, said to be open, no prefix": ForeignViT(
        batch=1, said_open=True, prefix=0, readout="mean"
    ),
}
