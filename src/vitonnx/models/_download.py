"""Fetch published checkpoints: from a model hub, or from where their authors put them."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from vitonnx.errors import DownloadError
from vitonnx.media import passing_folder
from vitonnx.models._spec import ModelSpec

__all__ = ["fetch"]

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 20


def fetch(spec: ModelSpec) -> list[Path]:
    """Fetch a model's checkpoint, or find it where it was fetched to before.

    Files of a model hub are left to huggingface-hub, with its cache and progress bar; its
    ``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` are honoured, the latter for other files too, which go
    to the user's cache folder.

    Parameters
    ----------
    spec : ModelSpec
        Model of the registry.

    Returns
    -------
    list of Path
        The file; or the files that together are the checkpoint.

    Raises
    ------
    DownloadError
        If a file can't be downloaded; the message says which one to download by hand, and from
        where.
    """
    import huggingface_hub

    if not spec.repository and not spec.urls:
        raise DownloadError(
            f"vitonnx knows no published checkpoint of {spec.name}: give yours with --weights FILE."
        )
    try:
        if spec.repository and spec.file:
            file = huggingface_hub.hf_hub_download(
                spec.repository, spec.file, revision=spec.revision
            )
            return [Path(file)]
        return [_fetch_url(url) for url in spec.urls]
    # The hub's client, its HTTP library and the system each have error classes of their own.
    except Exception as error:
        raise DownloadError(_by_hand(spec, error)) from error


def _by_hand(spec: ModelSpec, error: Exception) -> str:
    """Describe the failure, and how to do without the network."""
    from huggingface_hub import constants

    if spec.repository:
        place = f"{spec.repository}/resolve/{spec.revision or 'main'}/{spec.file}"
        urls = [f"{constants.ENDPOINT}/{place}"]
    else:
        urls = list(spec.urls)
    if constants.HF_HUB_OFFLINE:
        reason = "HF_HUB_OFFLINE is set, and it wasn't downloaded before"
    else:
        # The hub's messages go on for paragraphs; the first sentence says what happened.
        first_line = str(error).strip().partition("\n")[0]
        reason = first_line.partition(". ")[0].rstrip(".") or type(error).__name__
    names = " ".join(f"--weights {url.rpartition('/')[2]}" for url in urls)
    return (
        f"can't download {spec.name} ({reason}): download {' and '.join(urls)} by hand, and give "
        f"{'it' if len(urls) == 1 else 'them'} with {names}."
    )


def _fetch_url(url: str) -> Path:
    """Fetch a file into the cache folder, unless it is there; it is there whole or not at all."""
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import tqdm

    progress_bar: Any = tqdm  # it ships no types
    parts = urlsplit(url)
    folder = platformdirs.user_cache_path("vitonnx") / "checkpoints" / (parts.hostname or "")
    target = folder.joinpath(*parts.path.strip("/").split("/"))
    if target.is_file():
        return target
    if constants.HF_HUB_OFFLINE:
        raise ConnectionError("HF_HUB_OFFLINE is set")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        passing_folder(target.parent) as passing,
        urllib.request.urlopen(url, timeout=TIMEOUT) as response,
    ):
        size = int(response.headers.get("Content-Length", 0)) or None
        draft = passing / target.name
        # Without a terminal, there is no bar (disable=None).
        with (
            draft.open("wb") as file,
            progress_bar(
                desc=target.name, total=size, unit="B", unit_scale=True, disable=None
            ) as bar,
        ):
            while chunk := response.read(CHUNK):
                bar.update(file.write(chunk))
        if size is not None and draft.stat().st_size != size:
            raise ConnectionError(f"the connection broke after {draft.stat().st_size} bytes")
        draft.replace(target)
    return target
