from typing import Any

import numpy as np
import pytest

from probes.random_attention import random_attention
from vitonnx.errors import UsageError
from vitonnx.probes import Layout, Probe, Rollout, RolloutResult, rollout

PREFIXES: list[tuple[str, ...]] = [
    (),
    ("cls",),
    ("cls", "dist"),
    ("cls", "reg0", "reg1", "reg2", "reg3"),
]
CROP = (0.0, 0.0, 35.0, 21.0)


@pytest.mark.parametrize("prefix_tokens", PREFIXES, ids=len)
def test_map_of_every_picture(xp: Any, prefix_tokens: tuple[str, ...]) -> None:
    model = Layout(grid=(3, 5), patch_size=7, prefix_tokens=prefix_tokens, blocks=2, heads=3)
    blocks = random_attention(2, 2, 3, model.tokens, model.tokens)  # 2 blocks of 2 pictures
    probe = Rollout(fusion="max", discard=0.5)
    outputs = dict(zip(probe.reads(model), map(xp.asarray, blocks), strict=True))
    results = probe.compute(outputs, model, [probe.token(model, CROP)] * 2)

    class_token = 0 if prefix_tokens else None
    full = rollout(list(blocks), fusion="max", discard=0.5, class_token=class_token)
    rows = full[:, 0] if prefix_tokens else full.mean(axis=1)
    for result, row in zip(results, rows, strict=True):
        expected = row[len(prefix_tokens) :].reshape(3, 5)
        # Products in another order: a few units in the last place of 1, in single precision.
        np.testing.assert_allclose(np.asarray(result.rollout), expected, atol=1e-6)
        assert np.asarray(result.rollout).dtype == np.float32
        assert (result.fusion, result.discard) == ("max", 0.5)


def test_it_reads_all_blocks_first_block_first() -> None:
    model = Layout(grid=(3, 5), patch_size=7, prefix_tokens=("cls",), blocks=11, heads=3)
    names = Rollout().reads(model)
    assert names[2] == "block_02/attention"
    assert names == tuple(sorted(names))
    assert len(names) == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [({"fusion": "sum"}, "mean, max, min"), ({"discard": 1}, "less than 1")],
)
def test_options_are_checked_at_once(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Rollout(**options)


def test_it_is_a_probe() -> None:
    probe: Probe[RolloutResult] = Rollout()
    assert probe.name == "rollout"
