"""Recognise a checkpoint's format from its first bytes, never from its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vitonnx.blame import blamed_on, why_unopened
from vitonnx.errors import CheckpointError
from vitonnx.filenames import shown
from vitonnx.models.checkpoints._bounds import check_contents, open_zip
from vitonnx.models.checkpoints._npz import open_npz
from vitonnx.models.checkpoints._safetensors import open_safetensors
from vitonnx.models.checkpoints._stored_tensor import Contents, Tensor
from vitonnx.models.checkpoints._torch import PICKLE_MEMBER, open_torch_stream, open_torch_zip
from vitonnx.regular import refuse_special

__all__ = ["open_checkpoint"]

ZIP_MAGIC = b"PK\x03\x04"
PICKLE_MAGIC = b"\x80"
# Eight bytes of a safetensors file count its header, which is JSON.
HEADER_COUNT = 8


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Contents]:
    """Open a file of any format that vitonnx reads, whatever it is called.

    Its arrays can be read while the block runs.

    Raises
    ------
    CheckpointError
        Here and on each read, if the file doesn't exist, has an unknown format, would run code, is
        truncated or damaged, or would expand beyond what its length explains.
    """
    with ExitStack() as stack:
        with reading(path):
            contents = stack.enter_context(_opener(path)(path))
            check_contents(path, contents)
        yield {
            keys: {name: _in_a_sentence(path, tensor) for name, tensor in group.items()}
            for keys, group in contents.items()
        }


def _in_a_sentence(path: Path, tensor: Tensor) -> Tensor:
    """Wrap a tensor so that errors while reading it become a sentence."""

    def read() -> NDArray[Any]:
        with reading(path):
            return tensor.read()

    return replace(tensor, read=read)


def _opener(path: Path) -> Callable[[Path], AbstractContextManager[Contents]]:
    head = _first_bytes(path)
    # First, as the count's own first byte may be a pickle's.
    if head[HEADER_COUNT:].startswith(b"{"):
        return open_safetensors
    if head.startswith(PICKLE_MAGIC):
        return open_torch_stream
    if head.startswith(ZIP_MAGIC):
        with open_zip(path) as archive:
            members = archive.namelist()
        if any(name.endswith(PICKLE_MEMBER) for name in members):
            return open_torch_zip
        if any(name.endswith(".npy") for name in members):
            return open_npz
    if len(head) <= HEADER_COUNT:
        raise damaged(path, f"it has {len(head)} bytes")
    raise CheckpointError(
        f"{path} is not a checkpoint that vitonnx can read{_likeness(head)}: it reads "
        ".safetensors, .pth and .pt of PyTorch, and .npz of the original ViT."
    )


def _first_bytes(path: Path) -> bytes:
    refuse_special(path, CheckpointError)
    if path.is_dir():
        raise CheckpointError(
            f"{path} is a folder: give the checkpoint file in it, such as model.safetensors."
        )
    try:
        with path.open("rb") as file:
            return file.read(64)
    except (OSError, ValueError) as error:  # a name with a NUL in it is no name
        raise CheckpointError(
            f"can't read {shown(str(path))}: {why_unopened(error)}. Give the path of a checkpoint "
            "file."
        ) from error


def _likeness(head: bytes) -> str:
    """Describe what a file seems to be if it is of a kind often saved by mistake."""
    if head.startswith(b"version https://git-lfs"):
        return " but a Git LFS pointer to one (git lfs pull fetches it)"
    if head.startswith(b"{"):
        return " but JSON, perhaps the index of a sharded checkpoint (give the shards themselves)"
    if head.isascii() and not head.count(0):
        return " but text, perhaps a web page saved in its place"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return " but an HDF5 file, as Keras writes"
    return ""


def damaged(path: Path, reason: str) -> CheckpointError:
    """Make the error for a file that broke off or was changed on its way."""
    return CheckpointError(_sentence(path, reason))


def reading(path: Path) -> AbstractContextManager[None]:
    """Turn any error raised while reading into `damaged`."""
    return blamed_on(path, CheckpointError, lambda reason: _sentence(path, reason))


def _sentence(path: Path, reason: str) -> str:
    return f"{path} is truncated or damaged ({reason}): download it again."
