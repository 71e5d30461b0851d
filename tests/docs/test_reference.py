"""``docs/api/``: every public name is on a page, once, and nothing private is.

That each can be found in the code, and that its docstring fits its signature, is seen when the site
is built: a warning there is an error.
"""

from __future__ import annotations

import re
from pathlib import Path

import vitonnx as vx
from vitonnx import ray

FOLDER = Path(__file__).parents[2] / "docs/api"

MODULES = {"errors", "probes", "ray"}  # among the names of vitonnx


def test_every_public_name_is_told_once() -> None:
    pages = "\n".join(page.read_text() for page in sorted(FOLDER.glob("*.md")))
    told = re.findall(r"^::: (.+)$", pages, re.MULTILINE)
    of_vitonnx = set(vx.__all__) - MODULES - set(vx.probes.__all__)
    # What both have, such as the probes, is told where probes are; a prediction, with its engine;
    # and the root of all errors, with the others.
    of_vitonnx ^= {"Prediction", "VitonnxError"}
    of_probes = set(vx.probes.__all__) - {"Prediction"}
    assert sorted(told) == sorted(
        [
            *(f"vitonnx.{name}" for name in of_vitonnx),
            *(f"vitonnx.probes.{name}" for name in of_probes),
            *(f"vitonnx.ray.{name}" for name in ray.__all__),
            "vitonnx.errors",
        ]
    )


def test_each_page_is_named_on_the_first() -> None:
    first = (FOLDER / "index.md").read_text()
    others = {page.name for page in FOLDER.glob("*.md")} - {"index.md"}
    assert set(re.findall(r"\]\((\w+\.md)\)", first)) == others
