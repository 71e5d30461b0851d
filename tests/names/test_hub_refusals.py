"""What a hub doesn't give: a sentence, the right exit code, and nothing half-made."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from names import hub_repositories as repositories
from names.hub_served import Hub
from tap.no_vits import NO_VITS
from tap.tapping import done
from terminal import Outcome, assert_refused, contents, interrupt, run
from vitonnx.errors import DownloadError, VitonnxError
from vitonnx.modelfile import load_manifest
from vitonnx.names import resolve

Call = Callable[..., Outcome]
Refused = Callable[..., None]

ID = "hf://ada/dinov2-small"


@pytest.fixture
def refused(call: Call, home: Path, desk: Path) -> Refused:
    """Check that a model is refused in a sentence, and that nothing of it is kept."""

    def refused(model: str, code: int, *parts: str) -> None:
        outcome = call("inspect", model)
        assert_refused(outcome, code, *parts)
        assert str(home) not in outcome.errors[0]
        assert_nothing_kept(home)

    return refused


def assert_nothing_kept(home: Path) -> None:
    assert {name for name, data in contents(home).items() if data != b"a folder"} == set()
    assert not list(home.rglob(".*"))


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://ada",
        "hf://ada/",
        "hf:///vit",
        "hf://ada/vit@",
        "hf://ada//vit",
        "hf://ada/../vit",
        "hf://ada/vit/../../secret.onnx",
        "hf://ada/vit/a//b.onnx",
        "hf://ada/vit/a\\b.onnx",
        "hf://ada/vit x",
        "hf://ada/vit/\x1b[31m.onnx",
    ],
)
def test_no_id(text: str, refused: Refused, hub: Hub) -> None:
    refused(text, 2, "hf://ORG/REPO")
    assert hub.fetched("/api/models") == []


def test_an_address(refused: Refused, hub: Hub) -> None:
    refused("https://huggingface.co/ada/vit", 2, "hf://ada/vit", "hf://ORG/REPO")


def test_no_repository(refused: Refused) -> None:
    refused(ID, 2, "ada/dinov2-small", "check the name", "HF_TOKEN")


def test_no_revision(hub: Hub, refused: Refused) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    refused(f"{ID}@v2", 2, "no revision 'v2'")
    refused(f"{ID}@{'0' * 40}", 2, "no revision")


def test_no_file(hub: Hub, refused: Refused) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    refused(f"{ID}/onnx/model_q4.onnx", 2, "no onnx/model_q4.onnx", "onnx/model.onnx, config.json")
    refused(f"{ID}/config.json", 2, "no model in config.json")


def test_neither_graph_nor_checkpoint(hub: Hub, refused: Refused) -> None:
    hub.push("ada/flax", {"config.json": b"{}", "flax_model.msgpack": b"", "README.md": b""})
    refused("hf://ada/flax", 2, "README.md, config.json, flax_model.msgpack")
    hub.push("ada/empty", {})
    refused("hf://ada/empty", 2, "no file at all")


def test_graphs_of_other_names(hub: Hub, refused: Refused) -> None:
    hub.push("ada/vit", {"onnx/encoder.onnx": b"", "onnx/decoder.onnx": b"", "README.md": b""})
    refused("hf://ada/vit", 2, "give one of them, as in hf://ada/vit/onnx/decoder.onnx", "encoder")


def test_a_checkpoint_of_another_family(hub: Hub, refused: Refused) -> None:
    config = json.dumps({"model_type": "swin"}).encode()
    hub.push("ada/swin", {"config.json": config, "model.safetensors": b"", "README.md": b""})
    refused("hf://ada/swin", 2, "'swin'", "README.md, config.json, model.safetensors")


def test_no_recipe(hub: Hub, refused: Refused, call: Call, desk: Path) -> None:
    hub.push("ada/bare", {"onnx/model.onnx": repositories.graph(), "config.json": b"{}"})
    line = "vitonnx tap hf://ada/bare --preprocess imagenet -o bare.onnx"
    refused("hf://ada/bare", 2, f"`{line}`", "image_mean")
    hub.push("ada/bare", {"onnx/model.onnx": repositories.graph()})
    refused("hf://ada/bare", 2, f"has no preprocessing recipe: give one, as in `{line}`")
    # The graph is in the hub's cache, and the line does what it says.
    hub.asked.clear()
    done(call(*line.split()[1:]))
    assert hub.fetched(".onnx") == []
    assert load_manifest(desk / "bare.onnx").name == "bare"


def test_no_recipe_for_another(hub: Hub, call: Call, desk: Path) -> None:
    hub.push("ada/bare", {"onnx/model.onnx": b"", "README.md": b""})
    (desk / "model.onnx").write_bytes(repositories.graph())
    outcome = call("tap", "model.onnx", "--preprocess", "hf://ada/bare", "-o", "out.onnx")
    assert_refused(outcome, 2, "no recipe", "onnx/model.onnx, README.md")
    assert set(contents(desk)) == {"model.onnx"}


def test_missing_weights(hub: Hub, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "drawn").mkdir()
    files = repositories.with_weights_outside(tmp_path / "drawn")
    del files["onnx/model.onnx_data_1"]
    hub.push("ada/large", files | repositories.DESCRIBED)
    refused(
        "hf://ada/large", 2, "no onnx/model.onnx_data_1, which holds the weights of onnx/model.onnx"
    )


def test_what_is_no_graph(hub: Hub, refused: Refused) -> None:
    hub.push("ada/page", repositories.optimum(b"<html>Sign in</html>"))
    refused("hf://ada/page", 1, "hf://ada/page/onnx/model.onnx")


def test_gated(hub: Hub, refused: Refused) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    hub.repositories["ada/dinov2-small"].refusal = "GatedRepo"
    refused(ID, 1, "is gated", f"{hub.address}/ada/dinov2-small", "HF_TOKEN")


def test_private(hub: Hub, refused: Refused, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    hub.repositories["ada/dinov2-small"].token = "hf_let_me_in"
    refused(ID, 2, "it is private", "HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_let_me_in")
    done(call("inspect", ID))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_in_trouble(hub: Hub, refused: Refused, status: int) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    hub.status = status
    refused(ID, 1, f"status {status}", "try again later")


def test_no_hub(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 is the discard service's: nothing listens there.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused(ID, 1, "can't reach http://127.0.0.1:9")


def test_offline(hub: Hub, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(ID, 1, "HF_HUB_OFFLINE", "wasn't downloaded before")
    assert hub.asked == []


def test_broken_off_where_nobody_says_its_length(hub: Hub, refused: Refused, call: Call) -> None:
    """The hub's client takes half a file for the whole, and would do so for ever."""
    hub.push("ada/dinov2-small", repositories.optimum())
    hub.cut, hub.silent = "/onnx/model.onnx", True
    refused(ID, 1, f"{ID}/onnx/model.onnx broke off")
    assert not list(Path(constants.HF_HUB_CACHE).rglob("model.onnx"))
    hub.cut = None
    done(call("inspect", ID))


def test_broken_off_with_the_last_one_at_hand(hub: Hub, home: Path) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    last = resolve(ID)
    hub.push("ada/dinov2-small", repositories.optimum(repositories.graph(repositories.half())))
    hub.cut, hub.silent = "/onnx/model.onnx", True
    with pytest.raises(DownloadError, match="broke off"):
        resolve(ID)
    # What is remembered is what was made, and not what was only begun.
    hub.status = 503
    assert resolve(ID) == last


def test_a_full_disk(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At either end: in the hub's cache, and in ours."""
    hub.push("ada/dinov2-small", repositories.optimum())
    full = OSError(errno.ENOSPC, "No space left on device")

    def fill(*_: object, **__: object) -> None:
        raise full

    with monkeypatch.context() as patched:
        patched.setattr("huggingface_hub.file_download.http_get", fill)
        with pytest.raises(DownloadError, match="the disk is full"):
            resolve(ID)
    assert_nothing_kept(home)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", fill)
        with pytest.raises(VitonnxError, match="the disk is full"):
            resolve(ID)
    assert_nothing_kept(home)
    resolve(ID)


def test_interrupted_while_it_is_fetched(hub: Hub, home: Path, desk: Path) -> None:
    hub.push("ada/dinov2-small", repositories.optimum())
    hub.cut = "/onnx/model.onnx"
    outcome = interrupt(["inspect", ID], hub.stalled.is_set)
    assert outcome.code == 130, outcome
    assert outcome.err.splitlines()[-1] == "error: interrupted."
    assert_nothing_kept(home)
    assert not list(Path(constants.HF_HUB_CACHE).rglob("model.onnx"))
    hub.cut = None
    outcome = run("inspect", ID)
    done(outcome)
    assert outcome.err.startswith("note: making")
    assert len(outcome.err.splitlines()) == 1


def test_export_names_no_hub(call: Call, hub: Hub) -> None:
    assert_refused(call("export", ID), 2, "needs no export")


def test_a_hub_that_says_no_commit(
    hub: Hub, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what a server says, paths are made."""
    hub.push("ada/dinov2-small", repositories.optimum())
    repository = hub.repositories["ada/dinov2-small"]
    repository.commits["../../secret"] = repository.commits.pop(repository.branches["main"])
    repository.branches["main"] = "../../secret"
    refused(ID, 1, "doesn't tell the commit")


def test_what_is_no_vit(hub: Hub, refused: Refused) -> None:
    hub.push("ada/resnet", repositories.optimum(NO_VITS["ResNet"]().SerializeToString()))
    refused("hf://ada/resnet", 1, "attention")


@pytest.mark.parametrize("refusal", ["gone", "private", "revision"])
def test_what_a_hub_says_no_to_is_not_used(hub: Hub, home: Path, call: Call, refusal: str) -> None:
    """Only where it doesn't answer the last one serves."""
    hub.push("ada/dinov2-small", repositories.optimum(), "v1")
    resolve(f"{ID}@v1")
    if refusal == "gone":
        del hub.repositories["ada/dinov2-small"]
    elif refusal == "private":
        hub.repositories["ada/dinov2-small"].token = "hf_let_me_in"
    else:
        del hub.repositories["ada/dinov2-small"].branches["v1"]
    part = "no revision" if refusal == "revision" else "no model repository"
    assert_refused(call("inspect", f"{ID}@v1"), 2, part)


def test_a_checkpoint_on_this_machine_alone(
    hub: Hub, home: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As transformers leaves it: the repository may have a graph, which nobody fetched."""
    (tmp_path / "drawn").mkdir()
    files = repositories.checkpoint(tmp_path / "drawn")
    hub.push("ada/tiny", repositories.optimum() | files)
    for name in files:
        huggingface_hub.hf_hub_download("ada/tiny", name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    file = "hf://ada/tiny/model.safetensors"
    assert_refused(call("inspect", "hf://ada/tiny"), 1, "HF_HUB_OFFLINE", f"that exists: {file}")
    assert_nothing_kept(home)
    assert resolve(file).name == "tiny.model.onnx"
