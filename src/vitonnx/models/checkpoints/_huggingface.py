"""The names of Hugging Face transformers' ViT and DeiT.

Files have the names of transformers 4, which version 5 also writes; its models in memory, and
what `torch.save` makes of them, have new ones for the blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._prefixes import strip_each
from vitonnx.models.checkpoints._rules import (
    BATCHED,
    PATCHES,
    SAME,
    Convention,
    Rule,
    torch_dense,
    torch_norm,
)

__all__ = ["HUGGINGFACE"]

VERSION_4 = {
    "attention.attention.query": "attention/query",
    "attention.attention.key": "attention/key",
    "attention.attention.value": "attention/value",
    "attention.output.dense": "attention/output",
    "intermediate.dense": "mlp/fc1",
    "output.dense": "mlp/fc2",
}
VERSION_5 = {
    "attention.q_proj": "attention/query",
    "attention.k_proj": "attention/key",
    "attention.v_proj": "attention/value",
    "attention.o_proj": "attention/output",
    "mlp.fc1": "mlp/fc1",
    "mlp.fc2": "mlp/fc2",
}


def _rules(config: ViTConfig, names: Collection[str]) -> Iterator[Rule]:
    patches = "embeddings.patch_embeddings.projection"
    yield Rule(f"{patches}.weight", ("patch_embed/kernel",), PATCHES)
    yield Rule(f"{patches}.bias", ("patch_embed/bias",), SAME)
    yield Rule("embeddings.cls_token", ("cls_token",), BATCHED)
    yield Rule("embeddings.distillation_token", ("dist_token",), BATCHED)
    yield Rule("embeddings.position_embeddings", ("position_embedding",), BATCHED)
    version_5 = any(name.startswith("layers.") for name in names)
    blocks, layers = ("layers", VERSION_5) if version_5 else ("encoder.layer", VERSION_4)
    for block in range(config.blocks):
        source, target = f"{blocks}.{block}", f"block_{block:02d}"
        yield from torch_norm(f"{source}.layernorm_before", f"{target}/norm1")
        yield from torch_norm(f"{source}.layernorm_after", f"{target}/norm2")
        for layer, ours in layers.items():
            yield from torch_dense(f"{source}.{layer}", f"{target}/{ours}")
    yield from torch_norm("layernorm", "norm")
    two_heads = config.pooling == "cls+dist"
    yield from torch_dense("cls_classifier" if two_heads else "classifier", "head")
    yield from torch_dense("distillation_classifier", "head_dist")


HUGGINGFACE = Convention(
    name="Hugging Face transformers' ViT or DeiT",
    marker="embeddings.patch_embeddings.projection.weight",
    strip=strip_each("module.", "vit.", "deit."),
    rules=_rules,
    # A dense layer and tanh that neither the tokens nor the classifiers pass through, and the
    # token of masked pictures.
    unused=("pooler.*", "embeddings.mask_token"),
    unused_without_head=(
        "classifier.*",
        "cls_classifier.*",
        "distillation_classifier.*",
        "decoder.*",
    ),
    refused={},
)
