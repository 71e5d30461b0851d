"""``vitonnx inspect``: the manifest, for persons and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import onnx

from terminal import Outcome

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]


def rows(outcome: Outcome) -> dict[str, str]:
    found = {}
    for line in outcome.out.splitlines():
        key, value = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        found[key] = value
    return found


def test_the_table_says_what_the_file_is(call: Call, exported: Exported) -> None:
    outcome = call("inspect", exported("distilled"))
    assert outcome.code == 0
    said = rows(outcome)
    assert said["name"] == "tiny_distilled"
    assert said["grid"].startswith("5 x 7")
    assert said["input"].startswith("40 x 56")
    assert said["prefix tokens"] == "cls, dist"
    assert (said["blocks"], said["heads"], said["dim"]) == ("2", "3", "21")
    assert said["mean"] == "0.485, 0.456, 0.406"
    assert said["contract version"] == "1"
    assert "attention" in said["parity"]
    assert outcome.notes == ["the weights are random: the model is untrained."]


def test_quiet_leaves_the_table(call: Call, exported: Exported) -> None:
    loud, quiet = call("inspect", exported("plain")), call("inspect", exported("plain"), "-q")
    assert quiet == Outcome(0, loud.out, "")
    assert "untrained" in quiet.out


def test_json_is_the_manifest(call: Call, exported: Exported) -> None:
    outcome = call("inspect", exported("registers"), "--json")
    assert outcome.code == 0
    metadata = {entry.key: entry.value for entry in onnx.load(exported("registers")).metadata_props}
    assert json.loads(outcome.out) == json.loads(metadata["vitonnx.manifest"])


def test_names_with_brackets_stay_as_they_are(call: Call, exported: Exported, desk: Path) -> None:
    """What rich would take for markup, and stumble over."""
    model = onnx.load(exported("plain"))
    (entry,) = (entry for entry in model.metadata_props if entry.key == "vitonnx.manifest")
    name = "mine [v2] [/bold] :bird:"
    entry.value = json.dumps({**json.loads(entry.value), "name": name})
    onnx.save(model, "brackets.onnx")
    outcome = call("inspect", "brackets.onnx")
    assert outcome.code == 0
    assert rows(outcome)["name"] == name
