"""``vitonnx models``: the registry on stdout, and the models inside the package."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from terminal import Outcome, assert_refused
from vitonnx.demo import demo_models, demo_specs
from vitonnx.models import find_model, registry

Call = Callable[..., Outcome]

LISTED = [*registry(), *demo_specs()]


def test_every_model_is_listed_in_full(call: Call) -> None:
    outcome = call("models")
    assert (outcome.code, outcome.err) == (0, "")
    heading, *rows = outcome.out.splitlines()
    assert [row.split()[0] for row in rows] == [spec.name for spec in LISTED]
    for word in ("name", "aliases", "family", "parameters", "patch", "size", "source", "licence"):
        assert word in heading
    assert "top-1" in heading


def test_a_row_says_what_is_published(call: Call) -> None:
    (_, row) = call("models", "vit_small_patch16_224.dino").out.splitlines()
    for fact in ("dino_vits16", "21.7 M", "16", "224x224", "74.5", "Apache-2.0"):
        assert fact in row


@pytest.mark.parametrize("pattern", ["DINO", "dino_vits", "vit_small_patch8"])
def test_a_pattern_is_sought_in_names_aliases_and_families(pattern: str, call: Call) -> None:
    outcome = call("models", pattern, "--quiet")
    expected = [
        spec.name
        for spec in LISTED
        if pattern.lower() in " ".join([spec.name, spec.family, *spec.aliases])
    ]
    assert outcome == Outcome(0, "".join(f"{name}\n" for name in expected), "")
    assert 0 < len(expected) < len(LISTED)


def test_quiet_gives_names_that_can_be_exported_or_are_there(call: Call) -> None:
    names = call("models", "-q").out.split()
    exported = names[: -len(demo_models())]
    assert [find_model(name).name for name in exported] == exported
    assert names[len(exported) :] == list(demo_models())


def test_a_model_inside_the_package_says_so(call: Call) -> None:
    (_, row) = call("models", "scenes_dino").out.splitlines()
    (spec,) = (spec for spec in demo_specs() if spec.name == "scenes_dino")
    parameters = f"{spec.config.count_parameters() / 1e6:.1f} M"
    for fact in ("dino", parameters, "48x48", "inside vitonnx", "Apache-2.0"):
        assert fact in row


def test_names_of_torch_hub_and_of_probing_vits_are_aliases(call: Call) -> None:
    for alias in ("dino_vits16", "dino_vitb8", "vit_base_i1k_patch16_224"):
        assert call("models", alias).code == 0


def test_an_unknown_pattern_is_refused(call: Call) -> None:
    assert_refused(call("models", "resnet"), 2, "'resnet'", "vitonnx models")
