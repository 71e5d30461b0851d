"""Descriptions of models that would fill the memory, or break something, end in a sentence."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from measured_process import contained
from vitonnx.errors import UsageError
from vitonnx.models import (
    ViTConfig,
    random_parameters,
    read_config_file,
    read_description,
)

COLOURS = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5]}
OWN: dict[str, Any] = {
    "name": "mine",
    "image_size": [40, 56],
    "patch_size": 8,
    "dim": 24,
    "blocks": 3,
    "heads": 3,
    "classes": ["ant", "bee"],
    "preprocessing": COLOURS,
}
TIMM: dict[str, Any] = {
    "architecture": "vit_small_patch16_224",
    "num_classes": 7,
    "model_args": {"depth": 2},
    "pretrained_cfg": {"input_size": [3, 32, 48], "crop_pct": 0.9, "tag": "mine", **COLOURS},
}
HUGGINGFACE: dict[str, Any] = {
    "model_type": "dinov2_with_registers",
    "architectures": ["Dinov2WithRegistersForImageClassification"],
    "image_size": 8,
    "patch_size": 4,
    "hidden_size": 6,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_register_tokens": 2,
    "mlp_ratio": 4,
    "layer_norm_eps": 1e-6,
    "num_channels": 3,
    "id2label": {"0": "a", "1": "b"},
    "hidden_act": "gelu",
    "_name_or_path": "org/model",
}
PROCESSOR: dict[str, Any] = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "size": {"shortest_edge": 10},
    "crop_size": 8,
    "do_center_crop": True,
    "do_resize": True,
    "resample": 3,
    "rescale_factor": 1 / 255,
    "crop_pct": 0.9,
    "ensure_multiple_of": 2,
    "pad_size": 8,
    "image_processor_type": "CLIPImageProcessor",
}
# What a key may hold instead; most of these broke something.
VALUES: list[Any] = [
    *(0, -1, 10**5, 10**7, 10**9, 10**300, 10**4000, 0.5, 1e300, 1e-320, math.nan, math.inf),
    *("x", "x" * 10**6, "../../x", "\ud800", None, True, [], [0], [1] * 3, [1e308] * 3),
    *([1e-320] * 3, [2**31, 2**31], [10**400] * 3, {}, {"a": 1}, {"0": "a" * 10**6}),
    *([[[[[1]]]]], {"height": 10**9, "width": 10**400}, {"shortest_edge": 10**400}),
]


def write(folder: Path, values: Mapping[str, Any] | str, processor: Any = None) -> Path:
    path = folder / "config.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    if processor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return path


def read(path: Path) -> None:
    """Read what can be read; whatever can't be must be said in a sentence."""
    for reader in (read_config_file, read_description):
        said = ""
        try:
            found = reader(path)
        except UsageError as error:
            said = str(error)
        assert "\n" not in said
        assert len(said) < 2_000
        if not said:
            recipe = found.preprocessing
            assert max(recipe.scaled) < 10**5
            json.dumps([recipe.to_fields(), found.classes], allow_nan=False).encode()


def everywhere(values: Mapping[str, Any], value: Any) -> list[dict[str, Any]]:
    """Put a value under each key, inner ones too."""
    changed = [{**values, key: value} for key in values]
    for key, inner in values.items():
        if isinstance(inner, dict):
            changed += [{**values, key: each} for each in everywhere(inner, value)]
    return changed


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_any_value_under_any_key(tmp_path: Path, number: int) -> None:
    value = VALUES[number]
    for values in (OWN, TIMM, HUGGINGFACE):
        for changed in everywhere(values, value):
            read(write(tmp_path, changed))
    for kind in ("CLIP", "DPT", "ConvNext", "Owlv2", "Levit"):
        processor = PROCESSOR | {"image_processor_type": f"{kind}ImageProcessor"}
        for changed in everywhere(processor, value):
            read(write(tmp_path, HUGGINGFACE, changed))


LARGE = {
    "blocks": (OWN | {"blocks": 10**7}, "a whole number, at most 100,000"),
    "blocks that are many": (OWN | {"blocks": 10**5}, "blocks is 100,000"),
    "width": (OWN | {"dim": 99_999}, "dim is 99,999"),
    "classes": (OWN | {"classes": 10**7}, "a whole number, at most 100,000"),
    "names of classes": (OWN | {"classes": ["a"] * 10**6}, "a list of at most 100,000 texts"),
    "registers": (HUGGINGFACE | {"num_register_tokens": 10**9}, "at most 1,000"),
    "registers of timm": (TIMM | {"model_args": {"reg_tokens": 10**9}}, "at most 1,000"),
    "a picture": (OWN | {"image_size": 10**9}, "in pixels, at most 16,384"),
    "a table of positions": (
        OWN | {"position": "sincos", "image_size": 2**14, "patch_size": 1},
        "at most 65,536",
    ),
}


@pytest.mark.parametrize("what", LARGE)
def test_sizes_that_no_model_has(tmp_path: Path, what: str) -> None:
    values, said = LARGE[what]
    path = write(tmp_path, values)
    outcome = contained(
        "from pathlib import Path\nfrom vitonnx.models import read_config_file",
        "read_config_file(Path(sys.argv[1])).config.parameters()",
        path,
    )
    assert said in outcome.sentence
    assert outcome.taken < 200 * 2**20
    assert outcome.seconds < 20


TEXTS = {
    "nested too deeply": ("[" * 10**6, "nested too deeply"),
    "objects without end": ('{"a":' * 10**5, "nested too deeply"),
    "digits without end": ('{"a":' + "1" * 10**6 + "}", "a number in it is too long"),
    "a whole book": ('{"a":"' + "x" * 2**24 + '"}', "more than 16,777,216 bytes"),
    "keys without end": (
        json.dumps(OWN | {f"k{number}": 0 for number in range(10**5)}),
        "'k4' and 99995 more which vitonnx doesn't know",
    ),
    "a key without end": (json.dumps(OWN | {"k" * 10**6: 0}), "kkk...kkk"),
    "a value that is deep": (
        json.dumps(OWN)[:-1] + ',"family":' + "[" * 900 + "]" * 900 + "}",
        "has [[[[[[[...]]]]]]] as 'family'",
    ),
}


@pytest.mark.parametrize("what", TEXTS)
def test_texts_that_are_no_description(tmp_path: Path, what: str) -> None:
    text, said = TEXTS[what]
    with pytest.raises(UsageError) as caught:
        read_config_file(write(tmp_path, text))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "a\\b", ".hidden", "a\nb", "a\x1b[2J", "\ud800"]
)
def test_a_name_that_is_no_files(tmp_path: Path, name: str) -> None:
    """A model's name is that of its file, where no other is asked for."""
    with pytest.raises(UsageError, match="'name'"):
        read_config_file(write(tmp_path, OWN | {"name": name}))
    published = TIMM | {"pretrained_cfg": TIMM["pretrained_cfg"] | {"tag": name}}
    for values in (published, HUGGINGFACE | {"_name_or_path": name}):
        try:
            found = read_config_file(write(tmp_path, values)).name
        except UsageError:
            continue
        assert Path(found).name == found
        assert found.isprintable()


def test_honest_descriptions_are_read(tmp_path: Path) -> None:
    many = {str(number): f"class {number}, of ImageNet" for number in range(21_843)}
    spec = read_config_file(write(tmp_path, HUGGINGFACE | {"id2label": many}))
    assert spec.classes is not None
    assert spec.classes[21_842] == "class 21842, of ImageNet"
    # Text of others is text, whatever its letters.
    odd = {"0": "a\x1b[2J", "1": "=1+1"}
    assert read_config_file(write(tmp_path, HUGGINGFACE | {"id2label": odd})).classes == (
        "a\x1b[2J",
        "=1+1",
    )


def test_random_weights_of_a_model_that_nobody_has() -> None:
    config = ViTConfig(dim=2**15, heads=8, mlp_dim=2**16, blocks=1_000)
    with pytest.raises(UsageError, match="random ones are limited to 2,147,483,648"):
        random_parameters(config, 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_and_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(UsageError, match="is a pipe"):
        read_config_file(tmp_path / "config.json")
    with pytest.raises(UsageError, match="is a device"):
        read_description(os.devnull)


def test_no_name_of_a_file() -> None:
    with pytest.raises(UsageError, match="can't read"):
        read_config_file("a\0.json")
