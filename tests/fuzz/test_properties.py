"""What holds for every value, whatever it is: shrunk to the smallest where it doesn't."""

from __future__ import annotations

import codecs
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fuzz.explore import explore
from fuzz.material import RUN, lay_out
from vitonnx.engine import StateFile, Survey
from vitonnx.engine._state_schema import Pass
from vitonnx.errors import ModelFileError, UsageError, VitonnxError
from vitonnx.manifest import METADATA_KEY, Manifest
from vitonnx.media import read_lists
from vitonnx.modelfile import load_manifest
from vitonnx.probes import Distance, Layout, Summary

pytestmark = pytest.mark.fuzz

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=9,
)
# Of names in a list: all letters that a name can have, and that don't end a line.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=20)
ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return load_manifest(lay_out(tmp_path_factory.mktemp("properties") / "desk") / "model.onnx")


def test_any_value_in_a_manifest_is_taken_or_refused(
    manifest: Manifest, request: pytest.FixtureRequest
) -> None:
    values = json.loads(manifest.to_json())
    paths: list[tuple[str, ...]] = [(key,) for key in values]
    paths += [(key, inner) for key in ("preprocessing", "source") for inner in values[key]]

    def check(case: tuple[tuple[str, ...], Any]) -> None:
        path, value = case
        changed = json.loads(manifest.to_json())
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        found = Manifest.from_metadata({METADATA_KEY: json.dumps(changed)}, file="model.onnx")
        assert Manifest.from_json(found.to_json()) == found

    cases = st.tuples(st.sampled_from(paths), JSON)
    explore(request, "manifest: values", cases, check, ModelFileError)


def test_what_a_manifest_says_comes_back(
    manifest: Manifest, request: pytest.FixtureRequest
) -> None:
    shares = st.floats(0, 1, exclude_min=True)
    colours = st.tuples(shares, shares, shares)
    numbers = st.fixed_dictionaries(
        {
            "crop": st.floats(0.01, 1),
            "mean": colours,
            "std": st.tuples(*[st.floats(0.001, 1)] * 3),
            "resize": st.integers(24, 16_384),
        }
    )
    names = st.lists(st.text(st.characters(codec="utf-8")), max_size=5).map(tuple)

    def check(case: tuple[dict[str, Any], tuple[str, ...]]) -> None:
        recipe, classes = case
        said = replace(
            manifest, preprocessing=replace(manifest.preprocessing, **recipe), classes=classes
        )
        assert Manifest.from_json(said.to_json()) == said

    explore(request, "manifest: round trip", st.tuples(numbers, names), check)


def test_names_in_a_list_come_back(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    written = st.tuples(
        st.lists(NAMES, min_size=1, max_size=9),
        st.sampled_from(sorted(ENCODINGS)),
        st.sampled_from(("\n", "\r\n", "\r")),
    )

    def check(case: tuple[list[str], str, str]) -> None:
        names, encoding, end = case
        if encoding == "utf-8" and names[0].startswith("\ufeff"):
            return  # which is a mark there, and no name
        file.write_bytes(ENCODINGS[encoding] + end.join(names).encode(encoding))
        assert list(read_lists([file])) == names

    explore(request, "lists: round trip", written, check)


def test_any_bytes_are_a_list_or_refused(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"

    def check(content: bytes) -> None:
        file.write_bytes(content)
        assert all(read_lists([file]))

    explore(request, "lists: bytes", st.binary(max_size=40), check, UsageError)


def pass_of(largest: float, batch_size: int) -> Pass:
    layout = Layout(grid=(1, 2), patch_size=int(largest), prefix_tokens=("cls",), blocks=2, heads=3)
    return Pass(Distance(), layout, batch_size)


def test_a_state_comes_back_to_the_last_bit(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    numbers = arrays(np.float64, (2, 3), elements=st.floats(0, 1e100))

    def check(case: tuple[np.ndarray, np.ndarray, dict[str, str]]) -> None:
        mean, squares, skipped = case
        good = [f"{number} {max(skipped, default='')}" for number in range(3 - len(skipped))]
        state = StateFile(tmp_path / "state.json", RUN, [*skipped, *good], [pass_of(1e100, 3)])
        state.save([Survey(3, Summary(len(good), mean, squares), skipped)])
        (found,) = state.load() or []
        assert (found.position, found.skipped) == (3, skipped)
        np.testing.assert_array_equal(found.summary.mean, mean)
        np.testing.assert_array_equal(found.summary.squares, squares)

    skipped = st.dictionaries(NAMES, NAMES, max_size=2)
    explore(request, "states: round trip", st.tuples(numbers, numbers, skipped), check)


def test_any_state_is_taken_or_refused(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """With a checksum that is right, whatever it is of."""
    file = tmp_path / "state.json"
    entry = st.fixed_dictionaries(
        {
            **{key: JSON | st.integers(-2, 4) for key in ("position", "count")},
            "parts": st.fixed_dictionaries(dict.fromkeys(("mean", "squares"), JSON)) | JSON,
        },
        optional={"skipped": JSON, "crops": JSON},
    )
    states = st.fixed_dictionaries(
        {"settings": st.just(dict(RUN)) | JSON, "surveys": st.lists(entry, max_size=2) | JSON}
    )

    def check(state: dict[str, Any]) -> None:
        signed = json.dumps(state, sort_keys=True).encode()
        file.write_text(json.dumps({"state": state, "sha256": sha256(signed).hexdigest()}))
        for found in StateFile(file, RUN, ["a", "b", "c"], [pass_of(9.0, 1)]).load() or []:
            assert found.position >= 0
            assert found.summary.count >= 0

    explore(request, "states: values", states, check, VitonnxError)
