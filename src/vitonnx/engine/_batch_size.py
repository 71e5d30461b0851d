"""How many pictures fit into memory at once."""

from __future__ import annotations

from vitonnx.manifest import Manifest

__all__ = ["attention_bytes", "largest_batch"]

# Attention is by far the largest output: 22 MB a picture for ViT-B/16 at 224, 3.7 GB for ViT-S/8
# at 480. A batch holds as many pictures as fit here, at most eight and at least one; there are two
# at a time, one in the network and one in the probes.
BATCH_BYTES = 2**29
LARGEST_BATCH = 8


def attention_bytes(manifest: Manifest) -> int:
    """Give the bytes of one block's attention, in one picture."""
    return 4 * manifest.heads * manifest.tokens**2


def largest_batch(manifest: Manifest, *, raw: bool) -> int:
    """Fit a batch into memory.

    Parameters
    ----------
    manifest : Manifest
        The model's, at the size in use.
    raw : bool
        Whether the attention of all blocks leaves the graph, or one block's at a time is in memory.
    """
    # In the graph: a block's scores and weights, and what a rollout keeps of every block.
    in_graph = 3 * manifest.heads + manifest.blocks
    maps = manifest.heads * manifest.blocks if raw else in_graph
    return max(1, min(LARGEST_BATCH, BATCH_BYTES // (4 * maps * manifest.tokens**2)))
