"""MODEL as a registry name: exported once into the user's cache, then used from there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from models import published_names as names
from terminal import Outcome, assert_refused, contents, run, run_without
from vitonnx.models import find_model, random_parameters

Call = Callable[..., Outcome]

NAME = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a model hub on this machine, which has that one model."""
    config = find_model(NAME).config
    arrays = names.timm(random_parameters(config, 3), config)
    body = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            found = self.path == f"/timm/{NAME}/resolve/main/model.safetensors"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body) if found else 0))
            self.send_header("ETag", '"1234"')
            self.send_header("X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our part of a user's cache folder, not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "vitonnx"


def test_a_name_is_exported_once(hub: str, pictures: Path, desk: Path, home: Path) -> None:
    """And a process that fetches and exports says nothing of its libraries."""
    picture = pictures / "landscape.png"
    first = run("probe", "rollout", NAME, picture, "-o", "first.npz", HF_ENDPOINT=hub)
    assert (first.code, first.out) == (0, "first.npz\n")
    # Beside it there is the plan of the probe.
    (cached,) = home.rglob("*.onnx")
    assert cached.name == f"{NAME}.onnx"
    exporting, *others = first.err.splitlines()
    assert exporting == f"note: exporting {NAME} once, into {cached}"
    assert all(line.startswith("note: running on") for line in others), first.err

    # The second time with neither a hub nor TensorFlow.
    line = f"probe rollout '{NAME}' '{picture}' -o second.npz"
    second = run_without("tensorflow tf2onnx huggingface_hub", line)
    assert (second.code, second.out) == (0, "second.npz\n")
    assert second.err.splitlines() == others
    with np.load("first.npz") as one, np.load("second.npz") as other:
        assert one["rollout"].shape == (1, 14, 14)
        np.testing.assert_array_equal(one["rollout"], other["rollout"])
    assert sorted(contents(desk)) == ["first.npz", "second.npz"]


@pytest.mark.parametrize("words", [["export"], ["probe", "heads"]], ids=" ".join)
def test_what_cannot_be_fetched_says_how_to_do_it_by_hand(
    words: list[str],
    call: Call,
    pictures: Path,
    desk: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The hub's client has read its environment already.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home.parent))
    inputs = [pictures / "landscape.png"] if words[0] == "probe" else []
    outcome = call(*words, "dino_vits16", *inputs)
    address = (
        "https://huggingface.co/timm/vit_small_patch16_224.dino/resolve/main/model.safetensors"
    )
    parts = ["HF_HUB_OFFLINE", address, "--weights model.safetensors"]
    assert_refused(outcome, 1, *parts)
    assert not list(desk.iterdir())
    assert not [path for path in home.rglob("*") if path.is_file()]
