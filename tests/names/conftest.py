from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from names.hub_served import Hub, serve_hub
from terminal import Outcome
from vitonnx.cli import main

Call = Callable[..., Outcome]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as served:
        yield served


@pytest.fixture
def home(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our part of a user's cache, on a machine that knows only the hub of the tests."""
    paths = {"HF_HOME": tmp_path / "hub", "XDG_CACHE_HOME": tmp_path / "cache"}
    for name, value in {**paths, "HF_ENDPOINT": hub.address}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    # The hub's client has read its environment already.
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hub" / "token"))
    return tmp_path / "cache" / "vitonnx"


@pytest.fixture
def call(desk: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, on the desk; what libraries print themselves counts too."""

    def call(*words: str | Path) -> Outcome:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Outcome(code, said.out, said.err)

    return call
