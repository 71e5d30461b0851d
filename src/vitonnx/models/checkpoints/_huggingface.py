"""The names of Hugging Face transformers' ViT, DeiT, MAE and DINOv2.

Files have the names of transformers 4, which version 5 also writes; its models in memory, and
what `torch.save` makes of them, have new ones for the blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._rules import (
    BATCHED,
    CLASS_AND_MEAN,
    DENSE,
    PATCHES,
    SAME,
    Convention,
    Rule,
    torch_dense,
    torch_norm,
    torch_positions,
)

__all__ = ["HUGGINGFACE"]

ATTENTION_4 = {
    "attention.attention.query": "query",
    "attention.attention.key": "key",
    "attention.attention.value": "value",
    "attention.output.dense": "output",
}
ATTENTION_5 = {
    "attention.q_proj": "query",
    "attention.k_proj": "key",
    "attention.v_proj": "value",
    "attention.o_proj": "output",
}
MLP_4 = {"intermediate.dense": "fc1", "output.dense": "fc2"}
# Of DINOv2 in all versions.
MLP_5 = {"mlp.fc1": "fc1", "mlp.fc2": "fc2"}


def _rules(config: ViTConfig, names: Collection[str]) -> Iterator[Rule]:
    patches = "embeddings.patch_embeddings.projection"
    yield Rule(f"{patches}.weight", ("patch_embed/kernel",), PATCHES)
    yield Rule(f"{patches}.bias", ("patch_embed/bias",), SAME)
    yield Rule("embeddings.cls_token", ("cls_token",), BATCHED)
    yield Rule("embeddings.distillation_token", ("dist_token",), BATCHED)
    yield from torch_positions(
        "embeddings.position_embeddings", "embeddings.register_tokens", config, names
    )
    blocks = "layers" if any(name.startswith("layers.") for name in names) else "encoder.layer"
    dinov2 = any(".norm1." in name for name in names)
    new = any(".attention.q_proj." in name for name in names)
    for block in range(config.blocks):
        source, target = f"{blocks}.{block}", f"block_{block:02d}"
        yield from _block_rules(source, target, dinov2=dinov2, new=new)
    yield from torch_norm("layernorm", "norm")
    two_heads = config.pooling == "cls+dist"
    # Only DINOv2's reads the mean patch too.
    kernel = CLASS_AND_MEAN if config.pooling == "cls+mean" else DENSE
    yield from torch_dense("cls_classifier" if two_heads else "classifier", "head", kernel)
    yield from torch_dense("distillation_classifier", "head_dist")


def _block_rules(source: str, target: str, *, dinov2: bool, new: bool) -> Iterator[Rule]:
    norms = ("norm1", "norm2") if dinov2 else ("layernorm_before", "layernorm_after")
    for norm, ours in zip(norms, ("norm1", "norm2"), strict=True):
        yield from torch_norm(f"{source}.{norm}", f"{target}/{ours}")
    for layer, ours in (ATTENTION_5 if new else ATTENTION_4).items():
        yield from torch_dense(f"{source}.{layer}", f"{target}/attention/{ours}")
    for layer, ours in (MLP_5 if new or dinov2 else MLP_4).items():
        yield from torch_dense(f"{source}.{layer}", f"{target}/mlp/{ours}")
    for number in (1, 2):
        scale = f"{source}.layer_scale{number}.lambda1"
        yield Rule(scale, (f"{target}/scale{number}",), SAME)


HUGGINGFACE = Convention(
    name="Hugging Face transformers' ViT, DeiT, MAE or DINOv2",
    marker="embeddings.patch_embeddings.projection.weight",
    rules=_rules,
    # A dense layer and tanh that neither the tokens nor the classifiers pass through, and numbers
    # from 0 on.
    unused=("pooler.*", "embeddings.position_ids"),
    training=("embeddings.mask_token", "decoder.*"),
    unused_without_head=("classifier.*", "cls_classifier.*", "distillation_classifier.*"),
    refused={
        "*relative_position*": "relative positions",
        "rope*": "rotary positions",
        "*.rope*": "rotary positions",
        "*.mlp.weights_in.*": "gated MLPs (SwiGLU)",
    },
)
