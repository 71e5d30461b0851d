"""After the export nothing needs TensorFlow; and an export without it says what to install."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from terminal import assert_refused, contents, run, run_without

Exported = Callable[[str], Path]

EXTRA = "tensorflow keras tf2onnx safetensors"
INSTALL = "pip install 'vitonnx[export]'"


def test_everything_after_the_export_runs_without_the_extra(
    exported: Exported, pictures: Path, desk: Path
) -> None:
    model = exported("distilled")
    outcome = run_without(
        EXTRA,
        "models dino",
        f"inspect '{model}'",
        f"probe heads '{model}' '{pictures}' --query 300,400 --mass 0.6 --size 48x64 -o heads.npz",
        f"probe heads '{model}' '{pictures}' -o heads.png",
        f"probe rollout '{model}' '{pictures}' --fusion max --discard 0.9",
    )
    assert (outcome.code, outcome.errors) == (0, [])
    each = {"landscape.rollout.png", "portrait.rollout.png"}
    assert set(contents(desk)) == {"heads.png", "heads.npz", *each}
    with np.load("heads.npz", allow_pickle=False) as found:
        assert found["attention"].shape == (2, 3, 6, 8)


@pytest.mark.parametrize("missing", ["tensorflow", "tf2onnx", "safetensors", EXTRA])
def test_an_export_says_what_to_install(missing: str, described: str, desk: Path) -> None:
    before = contents(desk)
    line = f"export --config {described} --weights random -o out.onnx"
    outcome = run_without(missing, line)
    assert_refused(outcome, 2, INSTALL, *(set(missing.split()) - {"keras"}))
    assert contents(desk) == before


def test_a_registry_name_says_what_to_install(pictures: Path, desk: Path, tmp_path: Path) -> None:
    line = f"probe heads dino_vits16 '{pictures}'"
    outcome = run_without("tensorflow", line, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert_refused(outcome, 2, INSTALL)
    assert not list(desk.iterdir())
    assert not (tmp_path / "cache" / "vitonnx").exists()


def test_a_broken_tensorflow_is_no_traceback(described: str, desk: Path, tmp_path: Path) -> None:
    """Installed, but not for this machine."""
    (tmp_path / "site" / "tensorflow").mkdir(parents=True)
    (tmp_path / "site" / "tensorflow" / "__init__.py").write_text(
        "raise ImportError('libgreat.so.7: cannot open shared object file')"
    )
    before = contents(desk)
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    outcome = run("export", "--config", described, "--weights", "random", PYTHONPATH=path)
    assert_refused(outcome, 1, "libgreat.so.7", "vitonnx[export]")
    assert contents(desk) == before
