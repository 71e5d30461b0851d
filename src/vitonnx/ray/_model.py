"""A model as each worker of a cluster opens it for itself, and what must be alike of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitonnx.filenames import as_path
from vitonnx.media import Notice

if TYPE_CHECKING:
    from vitonnx.engine import Engine

__all__ = ["Model", "described"]


@dataclass(frozen=True)
class Model:
    """A model, and how it is opened.

    Parameters
    ----------
    word : str
        A path that all nodes see, a URL or a name: each node finds, fetches or makes its own file.
    options : mapping
        Of `vitonnx.Engine`.
    """

    word: str
    options: Mapping[str, Any]

    @classmethod
    def of(cls, word: str, engine: Engine) -> Model:
        """Describe an engine that was opened here, by the word that it was found by."""
        path = as_path(word)
        return cls(
            str(path.absolute()) if path == engine.file else word,
            {name: value for name, value in engine.options.items() if name != "notice"},
        )

    def open(self, notice: Notice) -> Engine:
        """Open it on this node."""
        from vitonnx.api._named_engine import Engine

        return Engine(self.word, notice=notice, **self.options)


def described(engines: Sequence[Engine]) -> dict[str, str | int]:
    """Describe all that the results of engines depend on, in a person's words."""
    from vitonnx.engine import run_settings

    return run_settings(engines, [])
