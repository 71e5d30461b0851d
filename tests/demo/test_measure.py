"""What machines are measured with: a model without weights, engines in turns, and a comparison."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from vitonnx.demo import EXACT, Way, Worth, best_way, demo_models, ways_of, write_vit
from vitonnx.demo._measure import ROUNDS, _in_turns, _Look, _Looker, _measure
from vitonnx.demo._untrained_vit import GRAPH, UNTRAINED
from vitonnx.errors import ModelFileError, VitonnxError
from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.models import find_model, random_parameters

BYTES = "afcdb6b2c490e1742f95af5856e2a3d87ab0d749cc8fb3c0c18909d3870f127a"
MOST_BYTES = 10 * 2**10

INT8, BF16 = Way("cpu", "int8"), Way("cpu", "bf16")


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vit") / "vit.onnx"
    write_vit(file)
    return file


def test_its_graph_is_small() -> None:
    assert GRAPH.stat().st_size <= MOST_BYTES


def test_its_weights_are_the_same_bytes_everywhere(vit: Path) -> None:
    """They are those that `vitonnx export dino_vits16 --weights random` wrote."""
    assert hashlib.sha256(vit.read_bytes()).hexdigest() == BYTES


def test_its_weights_are_those_of_an_export(vit: Path) -> None:
    config = find_model("dino_vits16").config
    manifest = load_manifest(vit)
    assert (manifest.dim, manifest.blocks, manifest.heads) == (384, 12, 6)
    assert manifest.untrained
    expected = random_parameters(config, 0)
    written = load_weights(vit, list(expected))
    kernel = written.pop("patch_embed/kernel")
    np.testing.assert_array_equal(kernel[:, :, 3, 5].T, expected["patch_embed/kernel"][3, 5])
    for name, values in written.items():
        np.testing.assert_array_equal(values, expected[name])


def test_ways_are_what_devices_offer() -> None:
    assert ways_of(["cpu"]) == [EXACT, Way("cpu", "fp16"), INT8]
    # Scales that are found anew for every picture are for the CPU.
    assert INT8.precision not in {way.precision for way in ways_of(["cuda"]) if way.device != "cpu"}


def test_ways_are_compared_with_the_cpu() -> None:
    said: list[str] = []
    found = _measure("small", demo_models()["scenes_vit"], [EXACT, BF16, INT8], said.append)
    assert said == [
        "small on cpu in fp32",
        "small on cpu in bf16",
        "small on cpu in int8",
        "small, in turns",
    ]
    *timed, last = found
    assert last == BF16
    assert isinstance(refusal := found[BF16], VitonnxError)
    assert "bf16" in str(refusal)
    worths = [worth for way in timed if isinstance(worth := found[way], Worth)]
    assert [worth.seconds for worth in worths] == sorted(worth.seconds for worth in worths)
    exact, rough = (cast("Worth", found[way]) for way in (EXACT, INT8))
    assert (exact.error, exact.correlation) == (0, 1)
    # Eight bits of each factor, of attention that trained heads concentrate.
    assert 1e-3 < rough.error < 0.3
    assert 0.99 < rough.correlation < 1


def test_a_cpu_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        _measure("none", tmp_path / "none.onnx", [EXACT], lambda step: None)


@dataclass
class Paced:
    """A looker that takes as long as it is told, and writes down its turns."""

    seconds: float
    turns: list[float] = field(default_factory=list)

    def look(self) -> _Look:
        self.turns.append(self.seconds)
        return _Look(np.zeros(0, np.float32), self.seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({EXACT: 1.0, INT8: 0.85}, EXACT),  # by chance, perhaps
        ({EXACT: 1.0, INT8: 0.80}, INT8),
        ({EXACT: 1.0, Way("gpu", "fp32"): 0.95, INT8: 0.80}, Way("gpu", "fp32")),  # costs nothing
        ({EXACT: 1.0, INT8: 0.5, BF16: 0.4}, BF16),
    ],
)
def test_fewer_bits_must_be_worth_it(seconds: dict[Way, float], expected: Way) -> None:
    ways = {way: Worth(some, 0.01, 0.995) for way, some in seconds.items()}
    found = {UNTRAINED: ways, "scenes_vit": {way: Worth(1.0, 0.01, 0.995) for way in ways}}
    assert best_way(found) == expected
    if expected != EXACT:
        found["scenes_vit"][expected] = Worth(1.0, 0.4, 0.98)  # the maps of one model are others
        assert best_way(found) != expected


def test_looks_take_turns_but_for_the_slow() -> None:
    turns: list[float] = []
    lookers = {Way("a", "fp32"): 1.0, Way("b", "fp32"): 3.9, Way("c", "fp32"): 4.1}
    paced = {way: cast("_Looker", Paced(seconds, turns)) for way, seconds in lookers.items()}
    assert _in_turns(paced) == lookers
    assert ROUNDS == 3
    assert turns == [1.0, 3.9, 4.1, 3.9, 1.0, 1.0, 3.9]
