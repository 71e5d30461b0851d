"""How many pictures go through a graph at once."""

from __future__ import annotations

from vitonnx.layout import Layout

__all__ = ["attention_bytes", "largest_batch"]

# Attention is by far the largest output: 22 MB a picture for ViT-B/16 at 224, 3.7 GB for ViT-S/8
# at 480. A batch holds as many pictures as fit here, at most eight and at least one; there are two
# at a time, one in the network and one in the probes.
BATCH_BYTES = 2**29
LARGEST_BATCH = 8
# A GPU is kept busy by more. Two batches are in it at a time, and the runtime, whose pool of memory
# grows by doubling, takes up to twice of what it needs.
LARGEST_ON_GPU = 64
SHARE_OF_GPU = 4


def attention_bytes(layout: Layout) -> int:
    """Give the bytes of one block's attention, in one picture."""
    return 4 * layout.heads * layout.tokens**2


def largest_batch(layout: Layout, *, raw: bool, free: int | None = None) -> int:
    """Fit a batch into memory.

    If `raw`, the attention of all blocks leaves the graph; else one block's at a time is in memory.
    `free` are the bytes of an accelerator's own memory, if it has some.
    """
    # In the graph: a block's scores and weights, and what a rollout keeps of every block.
    in_graph = 3 * layout.heads + layout.blocks
    maps = layout.heads * layout.blocks if raw else in_graph
    here = BATCH_BYTES // (4 * maps * layout.tokens**2)
    if free is None:
        return max(1, min(LARGEST_BATCH, here))
    # Beside attention, a block's layers: the hidden one is four times as wide, and several live.
    picture = 4 * in_graph * layout.tokens**2 + 4 * 16 * layout.tokens * layout.dim
    there = min(LARGEST_ON_GPU, free // (SHARE_OF_GPU * picture))
    most = min(there, here) if raw else there
    # A power of two: what else is on the GPU shouldn't change results, which depend on it a little.
    return 1 << max(0, most.bit_length() - 1)
