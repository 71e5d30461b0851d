"""What a person does first, and what must come of it: of the app, and of a Space that it wrote."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from app.browsing import Person
from vitonnx.demo import demo_models
from vitonnx.engine import Engine, best_classes
from vitonnx.probes import Heads

__all__ = ["first_visit"]


def first_visit(person: Person, picture: Path, folder: Path) -> None:
    """What a person does first; the numbers that come out are those of ``vitonnx probe``."""
    person.show(picture)
    assert person.models() == ["scenes_vit", "scenes_dino"]
    engine = Engine(demo_models()["scenes_vit"])
    (found,) = engine.probe([picture], Heads())
    assert found.logits is not None
    best = best_classes(found.logits, engine.manifest.classes, 5)
    assert person.prediction(0) == [each.label for each in best]
    assert "query: cls" in person.captions("heads")[0]

    person.point(0, 0.25, 0.75)
    asked = person.captions("heads")
    assert "query: pixel" in asked[0]
    assert asked[0] == asked[1], "both models are asked the same pixel"
    assert person.asked(0) == person.asked(1) == (1, 4)  # of 6 by 6 patches

    before = person.colours(0)
    person.slide("block", 1)
    assert "block 1" in person.captions("heads")[0]
    assert (person.colours(0) != before).any()

    mean = person.colours(1)
    person.head(1, 2)
    assert person.captions("heads")[1].startswith("head 2")
    assert (person.colours(1) != mean).any()

    rollout = person.colours(0, "rollout")
    person.pick("fusion", "max")
    assert "max" in person.captions("rollout")[0]
    assert (person.colours(0, "rollout") != rollout).any()

    _save(person, picture, folder)


def _save(person: Person, picture: Path, folder: Path) -> None:
    person.tab("Save")
    person.page.click("#write")
    links = person.page.locator("#written a[download]")
    links.nth(1).wait_for()
    saved = []
    for place in range(2):
        with person.page.expect_download() as download:
            links.nth(place).click()
        saved.append(folder / download.value.suggested_filename)
        download.value.save_as(saved[-1])
    assert [file.name for file in saved] == ["my cat.heads.png", "my cat.heads.npz"]
    assert saved[0].read_bytes().startswith(b"\x89PNG")

    words = shlex.split(person.page.locator("#command .cm-content").inner_text())
    theirs = folder / "theirs.npz"
    words[words.index(picture.name)] = str(picture)
    words[words.index("-o") + 1] = str(theirs)
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    with np.load(saved[1]) as ours, np.load(theirs) as probed:
        assert sorted(ours) == sorted(probed)
        assert ours["files"].tolist() == [picture.name]
        for name in ours:
            if ours[name].dtype.kind == "U":
                if name != "files":
                    np.testing.assert_array_equal(ours[name], probed[name])
            else:
                # What a plan and the raw outputs differ by, where `vitonnx probe` has planned.
                np.testing.assert_allclose(ours[name], probed[name], atol=1e-6)
