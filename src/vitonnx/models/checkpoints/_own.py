"""Our own names: what `vitonnx train` writes bears the names of the tree itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._rules import SAME, Convention, Rule

__all__ = ["OWN"]


def _rules(config: ViTConfig, names: Collection[str]) -> Iterator[Rule]:
    for name in config.parameters():
        yield Rule(name, (name,), SAME)


OWN = Convention(
    name="vitonnx",
    marker="patch_embed/kernel",
    rules=_rules,
    unused=(),
    unused_without_head=("head/*", "head_dist/*"),
    refused={},
)
