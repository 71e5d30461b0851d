"""Options that come together: a dataclass of them is spread over a command's own parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

__all__ = ["spread"]


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of each parameter that is a dataclass as parameters of its own.

    The command takes the dataclass; Typer sees its fields, which are annotated for it.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: each.annotation for name, each in own.items() if is_dataclass(each.annotation)
    }

    @functools.wraps(command)
    def together(*given: Any, **values: Any) -> None:
        made = {
            name: kind(**{each.name: values.pop(each.name) for each in fields(kind)})
            for name, kind in groups.items()
        }
        command(*given, **values, **made)

    parameters: list[inspect.Parameter] = []
    for name, each in own.items():
        parameters += _parameters_of(groups[name]) if name in groups else [each]
    # An argument that needs a value may stand behind one that has a default.
    last = inspect.Parameter.KEYWORD_ONLY
    kept, behind = [], False
    for each in parameters:
        behind = behind or each.kind is last
        kept.append(each.replace(kind=last) if behind else each)
    signature = inspect.Signature(kept)
    together.__signature__ = signature  # type: ignore[attr-defined]
    together.__annotations__ = {
        name: each.annotation for name, each in signature.parameters.items()
    }
    return together


def _parameters_of(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(kind)
    ]
