"""torch.compile: timm's network and its maps in plain operations, for a compiler to fuse.

It is measured in a process of its own, as compiling takes long.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.gpu.budget import Budget
from benchmarks.gpu.card import Card
from benchmarks.gpu.child import run_child
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.material import TIMM, manifest_of, name_of
from benchmarks.gpu.rows import Rows
from benchmarks.tables import table

if TYPE_CHECKING:
    from benchmarks.gpu.bench import Bench

ENOUGH = 15  # seconds that are left for one more


def measure(bench: Bench) -> None:
    model, asked = bench.asked.models[0], bench.asked
    left = bench.budget.left
    batches = [32, 1] if asked.device == "cuda" else [1]
    task = {"device": asked.device, "model": model, "batches": batches, "seconds": left - 8}
    about = {"section": "compiled", "model": model}
    run_child(bench.rows, "compiled", task, left - 3, **about)


def work(rows: Rows, device: str, model: str, batches: list[int], seconds: float) -> None:
    import timm
    import torch

    budget, card, manifest = Budget(seconds), Card(device), manifest_of(model)
    size = {} if manifest.size == (224, 224) else {"img_size": manifest.size}
    network = timm.create_model(TIMM[name_of(model)], pretrained=False, **size).eval()
    network = network.to(device, card.half)
    clock = Clock(card, rounds=5, seconds=0.06)
    # Replayed graphs, which need a GPU, take away what launching costs: the best that torch has.
    modes = ("default", "reduce-overhead") if device == "cuda" else ("default",)
    ways = [(what, mode) for mode in modes for what in ("plain", "heads", "rollout")]
    for batch in batches:
        pixels = torch.randn(batch, 3, *manifest.size, device=device, dtype=card.half)
        for what, mode in ways:
            about = {"batch": batch, "way": f"{what}, {mode}"}
            if budget.left < ENOUGH:
                rows.add(**about, skipped="no time was left")
                continue
            with rows.tried(**about), torch.inference_mode():
                torch.compiler.reset()
                forward = network if what == "plain" else partial(written_out, network, what=what)
                compiled = torch.compile(forward, mode=mode, dynamic=False)
                start = time.perf_counter()
                clock.block(partial(compiled, pixels), 3)
                first = time.perf_counter() - start
                found = clock.measure({what: partial(compiled, pixels)})[what]
                rate = batch / found.median
                rows.add(**about, pictures=rate, spread=found.spread, compile_seconds=first)


def written_out(network: Any, pixels: Any, *, what: str) -> Any:
    """Compute the last block's heads, or the rollout, in plain operations."""
    import torch

    x = network.norm_pre(network._pos_embed(network.patch_embed(pixels)))
    last, flow = len(network.blocks) - 1, None
    for number, block in enumerate(network.blocks):
        layer, y = block.attn, block.norm1(x)
        batch, tokens, dim = y.shape
        qkv = layer.qkv(y).reshape(batch, tokens, 3, layer.num_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        if what == "heads" and number < last:
            y = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        else:
            scores = (q * layer.scale) @ k.transpose(-2, -1)
            weights = scores.softmax(dim=-1, dtype=torch.float32)
            if what == "heads":
                return weights[:, :, 0, 1:]
            mixed = weights.mean(dim=1) + torch.eye(tokens, device=x.device)
            mixed = mixed / mixed.sum(dim=-1, keepdim=True)
            flow = mixed if flow is None else mixed @ flow
            y = weights.to(v.dtype) @ v
        x = x + block.ls1(layer.proj(y.transpose(1, 2).reshape(batch, tokens, dim)))
        x = x + block.ls2(block.mlp(block.norm2(x)))
    assert flow is not None
    return flow[:, 0, 1:]


def report(rows: Rows) -> list[str]:
    cells = [
        [
            row["model"],
            f"{row['batch']}",
            row["way"],
            f"{row['pictures']:.4g}",
            f"{row['spread']:.0%}",
            f"{row['compile_seconds']:.0f}",
        ]
        for row in rows.of("compiled")
    ]
    header = ("model", "batch", "way", "pictures/s", "spread", "seconds to compile")
    return table("torch.compile, pixels ready on the device", header, cells) if cells else []
