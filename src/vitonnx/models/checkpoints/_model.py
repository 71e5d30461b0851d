"""Open the files of a checkpoint together, as one model under its convention's plain names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from vitonnx.errors import CheckpointError
from vitonnx.models._brief import some
from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._find import CONVENTIONS, Part, find_model, find_rest
from vitonnx.models.checkpoints._open_checkpoint import open_checkpoint
from vitonnx.models.checkpoints._rules import Convention
from vitonnx.models.checkpoints._stored_tensor import Contents, Tensor

__all__ = ["StoredModel", "Tell", "open_model"]

# Takes a sentence that the user should know.
Tell = Callable[[str], None]


@dataclass(frozen=True)
class StoredModel:
    """A model in files: its tensors by names without wrappers, readable while the files are open.

    ``label`` is the files' names, for messages; ``beside`` is what else they hold, and ``length``
    their bytes.
    """

    label: str
    convention: Convention
    tensors: dict[str, Tensor]
    beside: list[str]
    length: int

    def select(self, config: ViTConfig, tell: Tell) -> dict[str, Tensor]:
        """Leave out what the model doesn't need, and say so; refuse parts that vitonnx has not.

        Unknown tensors are kept.
        """
        convention = self.convention
        known = convention.training + (() if config.classes else convention.unused_without_head)
        left: dict[str, None] = {}
        selected: dict[str, Tensor] = {}
        for name, tensor in self.tensors.items():
            if _first_match(name, convention.unused):
                continue
            if pattern := _first_match(name, known):
                left[pattern] = None
            else:
                selected[name] = tensor
        for pattern, part in convention.refused.items():
            if any(fnmatchcase(name, pattern) for name in selected):
                raise CheckpointError(
                    f"{self.label} belongs to a model with {part} ({pattern}), which vitonnx "
                    "doesn't support: give the checkpoint of a plain ViT."
                )
        if names := [*self.beside, *left]:
            tell(f"{self.label}: ignored {', '.join(names)}, not part of the model.")
        return selected


@contextmanager
def open_model(files: Sequence[Path], tell: Tell) -> Iterator[StoredModel]:
    """Open a checkpoint of one or several files, whatever its formats, its wrappers and its names.

    A CheckpointError says that a file can't be read, or that it isn't clear what is the model.
    """
    label = " with ".join(file.name for file in files)
    with ExitStack() as stack:
        opened = [stack.enter_context(open_checkpoint(file)) for file in files]
        named = [(file.name, contents) for file, contents in zip(files, opened, strict=True)]
        found = [find_model(contents, name, tell) for name, contents in named]
        main = next((part for part in found if part is not None), None)
        if main is None:
            raise _nothing_known(label, opened)
        parts = [
            part or find_rest(contents, name, main)
            for part, (name, contents) in zip(found, named, strict=True)
        ]
        yield StoredModel(
            label,
            main.convention,
            _merge(parts, label),
            [name for part in parts for name in part.beside],
            sum(file.stat().st_size for file in files),
        )


def _merge(parts: Sequence[Part], label: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for part in parts:
        if twice := sorted(tensors.keys() & part.tensors.keys()):
            raise CheckpointError(
                f"{label} both hold {some(twice)}: give files that complete each other."
            )
        tensors |= part.tensors
    heads = parts[0].convention.unused_without_head
    # A head of no classes is none.
    return {
        name: tensor
        for name, tensor in tensors.items()
        if 0 not in tensor.shape or not _first_match(name, heads)
    }


def _nothing_known(label: str, opened: Sequence[Contents]) -> CheckpointError:
    names = sorted(name for contents in opened for group in contents.values() for name in group)
    known = ", ".join(f"{convention.marker} ({convention.name})" for convention in CONVENTIONS)
    return CheckpointError(
        f"{label} holds no Vision Transformer with names that vitonnx knows: it has "
        f"{some(names) or 'nothing'}, but none of {known}."
    )


def _first_match(name: str, patterns: Collection[str]) -> str:
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), "")
