"""``hf://ORG/REPO`` as MODEL: fetched, made probe-ready once, and found again without the hub."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image

from names import hub_repositories as repositories
from names.hub_served import Hub
from tap.tapping import assert_right, done
from terminal import Outcome, contents
from vitonnx.errors import VitonnxError
from vitonnx.manifest import Padding
from vitonnx.modelfile import load_manifest
from vitonnx.names import resolve

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

ID = "hf://ada/dinov2-small"
RECIPE_OF_ANOTHER = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "do_center_crop": False,
}


@pytest.fixture
def picture(desk: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)
    Image.fromarray(pixels).save(desk / "bird.png")
    return desk / "bird.png"


def kept(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*.onnx") if path.is_file())


def test_a_graph_with_its_recipe(hub: Hub, home: Path, desk: Path) -> None:
    commit = hub.push("ada/dinov2-small", repositories.optimum())
    said: list[str] = []
    file = resolve(ID, say=said.append)
    assert said == [f"making {ID} probe-ready once, into {file}"]
    assert commit in file.parts
    assert file.name == "dinov2-small.onnx"
    assert_right(file, repositories.VIT, 2, repositories.MEAN, repositories.STD)
    manifest = load_manifest(file)
    assert (manifest.name, manifest.source.file) == ("dinov2-small", "model.onnx")
    assert manifest.preprocessing.size == repositories.VIT.size
    # The next time the hub is asked where the branch is, and nothing is fetched.
    hub.asked.clear()
    assert resolve(ID, say=said.append) == file
    assert len(hub.fetched("/api/models/")) == 1
    assert hub.fetched("/resolve/") == []
    assert len(said) == 1


def test_every_command_takes_an_id(hub: Hub, call: Call, picture: Path, desk: Path) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    hub.push("ada/other", repositories.optimum(repositories.graph(repositories.half())))
    other = "hf://ada/other"
    for words in (
        ["inspect", ID],
        ["probe", "heads", ID, picture],
        ["probe", "rollout", ID, picture, "--compare", other, "-o", "both.npz"],
        ["probe", "filters", ID, "--compare", other],
        ["bake", ID, "--probe", "rollout", "-o", "baked.onnx"],
        ["tap", ID, "-o", "tapped.onnx"],
    ):
        done(call(*words))
    assert {path.name for path in desk.iterdir()} == {
        "bird.png",
        "bird.heads.png",
        "both.npz",
        "dinov2-small-other.filters.png",
        "baked.onnx",
        "tapped.onnx",
    }
    assert load_manifest(desk / "tapped.onnx").name == "dinov2-small"


def test_the_libraries_say_nothing(
    hub: Hub, call: Call, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's client would draw bars, as on a terminal, and pass on what the server warns of."""
    monkeypatch.setenv("TQDM_POSITION", "-1")
    hub.warning = "a topic; Dear client, you are old."
    hub.push("ada/dinov2-small", repositories.optimum())
    outcome = call("probe", "heads", ID, picture, "-o", "heads.npz", "-q")
    assert outcome == Outcome(0, "heads.npz\n", "")


def test_a_file_by_its_name(hub: Hub, home: Path) -> None:
    half = repositories.half()
    hub.push(
        "ada/dinov2-small",
        repositories.optimum() | {"onnx/model_fp16.onnx": repositories.graph(half)},
    )
    file = resolve(f"{ID}/onnx/model_fp16.onnx")
    assert_right(file, half, 2, repositories.MEAN, repositories.STD)
    assert file.name == "dinov2-small.model_fp16.onnx"
    assert load_manifest(file).name == "dinov2-small.model_fp16"
    assert load_manifest(file).precision == "fp16"
    assert file != resolve(ID)
    assert len(kept(home)) == 2


@pytest.mark.usefixtures("home")
def test_a_graph_at_the_root(hub: Hub) -> None:
    hub.push("ada/root", {"model.onnx": repositories.graph(), **repositories.DESCRIBED})
    file = resolve("hf://ada/root")
    assert_right(file, repositories.VIT, 2, repositories.MEAN, repositories.STD)


@pytest.mark.usefixtures("home")
def test_weights_in_files_of_their_own(hub: Hub, tmp_path: Path) -> None:
    """In the hub's cache they have other names, and links lead to them."""
    (tmp_path / "drawn").mkdir()
    files = repositories.with_weights_outside(tmp_path / "drawn")
    assert set(files) == {"onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1"}
    hub.push("ada/large", files | repositories.DESCRIBED)
    file = resolve("hf://ada/large")
    assert_right(file, repositories.VIT, 2, repositories.MEAN, repositories.STD)


def test_a_checkpoint_is_exported(hub: Hub, home: Path, tmp_path: Path) -> None:
    (tmp_path / "drawn").mkdir()
    commit = hub.push("ada/tiny", repositories.checkpoint(tmp_path / "drawn"))
    file = resolve("hf://ada/tiny")
    manifest = load_manifest(file)
    assert (manifest.name, manifest.blocks, manifest.grid) == ("tiny", 2, (3, 5))
    assert manifest.preprocessing.mean == repositories.MEAN
    assert manifest.source.url is not None
    assert manifest.source.url.endswith(f"/ada/tiny/resolve/{commit}/model.safetensors")
    assert kept(home) == [file]


def test_a_probe_ready_file_is_used_as_it_is(
    hub: Hub, home: Path, exported: Exported, call: Call, picture: Path
) -> None:
    hub.push("ada/ready", {"model.onnx": exported("plain").read_bytes()})
    file = resolve("hf://ada/ready")
    assert file.read_bytes() == exported("plain").read_bytes()
    assert file.name == "ready.onnx"
    done(call("probe", "heads", "hf://ada/ready", picture))
    outcome = call("tap", "hf://ada/ready", "-o", "out.onnx")
    assert outcome.code == 2
    assert "needs no tapping" in outcome.errors[0]


def test_without_the_hub_the_last_one_serves(
    hub: Hub, call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.push("ada/dinov2-small", repositories.optimum())
    file = resolve(ID)
    hub.status = 503
    outcome = call("inspect", ID)
    done(outcome)
    assert len(outcome.notes) == 1
    assert "503" in outcome.notes[0]
    # Its own cache may be gone: what was made is enough.
    shutil.rmtree(constants.HF_HUB_CACHE)
    said: list[str] = []
    assert resolve(ID, say=said.append) == file
    hub.asked.clear()
    assert resolve(f"{ID}@{commit}") == file, "a commit is what it is"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert resolve(ID, say=said.append) == file
    assert len(said) == 1, "who is offline on purpose knows it"
    assert hub.fetched("/api/models/") == []


def test_fetched_before_and_never_made(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a cluster, whose login node has the network, or after an update of vitonnx."""
    hub.push("ada/dinov2-small", repositories.optimum())
    file = resolve(ID)
    shutil.rmtree(file.parents[4])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert resolve(ID) == file
    assert_right(file, repositories.VIT, 2, repositories.MEAN, repositories.STD)


def test_by_the_hubs_own_references(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    files = repositories.optimum()
    hub.push("ada/dinov2-small", files)
    for name in files:
        huggingface_hub.hf_hub_download("ada/dinov2-small", name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert_right(resolve(ID), repositories.VIT, 2, repositories.MEAN, repositories.STD)


def test_a_branch_that_moved(hub: Hub, home: Path) -> None:
    first = hub.push("ada/dinov2-small", repositories.optimum())
    old = resolve(ID)
    moved = {**RECIPE_OF_ANOTHER, "size": {"height": 24, "width": 40}}
    second = hub.push(
        "ada/dinov2-small",
        repositories.optimum() | {"preprocessor_config.json": json.dumps(moved).encode()},
    )
    new = resolve(ID)
    assert first != second
    assert new != old
    assert load_manifest(new).preprocessing.mean == (0.5, 0.5, 0.5)
    assert load_manifest(resolve(f"{ID}@{first}")).preprocessing.mean == repositories.MEAN


@pytest.mark.parametrize("branch", ["v1.0", "refs/pr/1"])
@pytest.mark.usefixtures("home")
def test_a_revision(hub: Hub, branch: str) -> None:
    hub.push("ada/dinov2-small", {"README.md": b"nothing yet"})
    commit = hub.push("ada/dinov2-small", repositories.optimum(), branch)
    assert commit in resolve(f"{ID}@{branch}").parts


def test_another_repositorys_recipe(hub: Hub, call: Call, desk: Path) -> None:
    hub.push("ada/bare", {"onnx/model.onnx": repositories.graph()})
    hub.push("ada/dinov2-small", {**repositories.DESCRIBED, "onnx/model.onnx": b""})
    done(call("tap", "hf://ada/bare", "--preprocess", ID, "-o", "hub.onnx"))
    assert load_manifest(desk / "hub.onnx").preprocessing.mean == repositories.MEAN
    assert_right(desk / "hub.onnx", repositories.VIT, 2, repositories.MEAN, repositories.STD)
    # For a file of one's own, and without the hub.
    (desk / "model.onnx").write_bytes(repositories.graph())
    hub.status = 503
    outcome = call("tap", "model.onnx", "--preprocess", ID, "-o", "own.onnx", "--name", "mine")
    done(outcome)
    assert load_manifest(desk / "own.onnx").preprocessing.mean == repositories.MEAN
    assert load_manifest(desk / "own.onnx").name == "mine"


def test_models_of_one_name_are_called_by_their_ids(
    hub: Hub, call: Call, picture: Path, desk: Path
) -> None:
    for owner in ("ada", "bob"):
        hub.push(f"{owner}/vit", repositories.optimum())
    words = ["probe", "rollout", "hf://ada/vit", picture, "--compare", "hf://bob/vit"]
    done(call(*words, "-o", "both.npz"))
    with np.load("both.npz") as found:
        assert list(found["models"]) == ["hf://ada/vit", "hf://bob/vit"]
    twice = call(
        "probe",
        "rollout",
        ID.replace("dinov2-small", "vit"),
        picture,
        "--compare",
        "hf://ada/vit@main",
        "-o",
        "twice.npz",
    )
    assert twice.code == 2
    assert "given twice" in twice.errors[0]


def test_two_at_once(hub: Hub, home: Path) -> None:
    """Whoever comes second finds the folder taken, by the same."""
    from concurrent.futures import ThreadPoolExecutor

    hub.push("ada/dinov2-small", repositories.optimum())
    with ThreadPoolExecutor(4) as pool:
        files = set(pool.map(resolve, [ID] * 4))
    (file,) = files
    assert_right(file, repositories.VIT, 2, repositories.MEAN, repositories.STD)
    assert kept(home) == [file]
    assert not [path for path in home.iterdir() if path.name.startswith(".")]


def test_nothing_is_left_beside_what_is_kept(hub: Hub, home: Path) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    file = resolve(ID)
    files = [name for name, data in contents(home).items() if data != b"a folder"]
    assert len(files) == 2, files
    assert str(file.relative_to(home)) in files


def test_another_repositorys_recipe_with_changes(hub: Hub, call: Call, desk: Path) -> None:
    hub.push("ada/dinov2-small", {**repositories.DESCRIBED, "onnx/model.onnx": b""})
    (desk / "model.onnx").write_bytes(repositories.graph())
    for word in (ID, f"{ID}/preprocessor_config.json"):
        words = ["--preprocess", f"{word},pad=114,end", "-o", "out.onnx"]
        done(call("tap", "model.onnx", *words))
        recipe = load_manifest(desk / "out.onnx").preprocessing
        assert recipe.mean == repositories.MEAN
        assert recipe.padding == Padding(colour=(114, 114, 114), place="end")


def test_a_cache_that_cannot_be_written(
    hub: Hub, call: Call, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a home that is read-only or missing: what is made goes with the process."""
    hub.push("ada/dinov2-small", repositories.optimum())
    (desk / "model.onnx").write_bytes(repositories.graph())
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    done(call("inspect", ID))
    done(call("tap", ID, "-o", "hub.onnx"))
    done(call("tap", "model.onnx", "--preprocess", ID, "-o", "own.onnx"))
    assert_right(resolve(ID), repositories.VIT, 2, repositories.MEAN, repositories.STD)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", "/dev/null/tmp")
        with pytest.raises(VitonnxError, match=r"/dev/null/cache/vitonnx .* TMPDIR"):
            resolve(ID)
