"""Which version of the contract a manifest says, and what older readers see of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from recipes import recipe
from vitonnx.errors import ModelFileError
from vitonnx.manifest import Manifest, Padding, Source

MANIFEST = Manifest(
    name="tiny",
    family="vit",
    patch_size=8,
    grid=(5, 7),
    prefix_tokens=("cls",),
    blocks=2,
    heads=3,
    dim=21,
    position_grid=(5, 7),
    position_prefix=("cls",),
    position_interpolation="timm",
    preprocessing=recipe((40, 56)),
    classes=None,
    source=Source(file="random:7"),
)


@pytest.mark.parametrize(
    ("changed", "version"),
    [
        ({}, 1),
        ({"resize": 44, "crop": 0.9}, 1),
        ({"rounding": "down"}, 1),
        ({"crop": 0.9}, 2),
        ({"padding": Padding(colour=(2, 3, 5), place="end", before=True)}, 2),
        ({"multiple": 8}, 2),
        ({"channel_order": "bgr"}, 2),
    ],
)
def test_the_version_is_the_oldest_that_will_do(changed: dict[str, Any], version: int) -> None:
    manifest = replace(MANIFEST, preprocessing=recipe((40, 56), **changed))
    assert manifest.contract_version == version
    values = json.loads(manifest.to_json())
    assert values["contract_version"] == version
    usual = {"resize", "size", "crop", "interpolation", "mean", "std"}
    assert set(values["preprocessing"]) == usual | changed.keys()
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_what_version_1_squashed_was_not_cut() -> None:
    values = json.loads(MANIFEST.to_json())
    values["preprocessing"]["crop"] = 0.875
    assert Manifest.from_json(json.dumps(values)) == MANIFEST


@pytest.mark.parametrize("padding", [{}, {"colour": [1, 2]}, {"colour": [1, 2, 3], "place": "top"}])
def test_padding_that_is_none(padding: dict[str, Any]) -> None:
    values = json.loads(MANIFEST.to_json())
    values["preprocessing"]["padding"] = padding
    with pytest.raises(ModelFileError, match=r"damaged manifest \(preprocessing.padding"):
        Manifest.from_json(json.dumps(values))


def test_at_a_size_all_pictures_have_it() -> None:
    manifest = replace(MANIFEST, preprocessing=recipe((40, 56), multiple=8))
    for size in [(40, 56), (24, 88)]:
        at = manifest.at(size)
        assert (at.preprocessing, at.contract_version) == (recipe(size), 1)


def test_whether_a_file_takes_other_sizes() -> None:
    assert MANIFEST.resizable
    assert not replace(MANIFEST, position_interpolation=None).resizable
    assert not replace(MANIFEST, position_grid=None, position_interpolation=None).resizable
