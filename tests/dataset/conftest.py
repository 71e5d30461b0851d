from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from dataset.served import Web, put, serve_bucket, serve_web
from vitonnx.dataset import _remote

Put = Callable[[str, bytes], str]


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a server with a bucket, birds."""
    with serve_bucket("birds") as address:
        yield address


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    """What stores a file in the bucket, and gives its URL."""
    said = {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    def store(name: str, content: bytes) -> str:
        put(f"{s3}/birds/{quote(name)}", content)
        return f"s3://birds/{name}"

    _remote._in_bucket.cache_clear()
    yield store
    _remote._in_bucket.cache_clear()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A server of the folder `web`."""
    (tmp_path / "web").mkdir()
    with serve_web(tmp_path / "web") as served:
        yield served
