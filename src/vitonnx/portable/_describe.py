"""What a page must know of a model before it asks: its layout, its recipe, its probes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vitonnx.contract import LOGITS
from vitonnx.engine import Engine
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.layout import Layout
from vitonnx.portable._form import forms_of
from vitonnx.portable._roles import role_of
from vitonnx.portable._words import KINDS
from vitonnx.probes import Option, Probe, SumProbe, WeightProbe, load_probes, options_of

__all__ = ["describe"]

ELSEWHERE = "{} takes more than a page can do alone: `vitonnx app` serves it on a machine."


def describe(engine: Engine, *, served: bool) -> dict[str, Any]:
    """Describe a model as plain JSON.

    Parameters
    ----------
    engine : Engine
        The model.
    served : bool
        Whether an engine will be asked, or small graphs in a browser.
    """
    manifest, layout = engine.manifest, engine.layout
    untrained = "untrained: random weights, so its maps mean nothing"
    return {
        "note": untrained if manifest.untrained else "",
        "size": manifest.size,
        "covered": manifest.covered,
        "grid": layout.grid,
        "patch": layout.patch_size,
        "blocks": layout.blocks,
        "heads": layout.heads,
        "tokens": [[name, layout.token(name)] for name in layout.names],
        "first": layout.prefix,
        "classes": layout.classes,
        "classCount": layout.class_count,
        "recipe": asdict(manifest.preprocessing),
        "probes": [_probe(engine, kind, served=served) for kind in load_probes().classes.values()],
    }


def _probe(engine: Engine, kind: type[Any], *, served: bool) -> dict[str, Any]:
    layout = engine.layout
    options = [
        _option(each, kind, layout, served=served)
        for each in options_of(kind)
        if _is_asked(each, served=served)
    ]
    options = [each for each in options if each["role"] != "choice" or len(each["choices"]) > 1]
    return {
        "name": kind.name,
        "class": kind.__name__,
        "help": kind.help,
        "gives": KINDS.get(kind.gives.__name__, kind.gives.__name__.lower()),
        "weights": issubclass(kind, WeightProbe),
        "click": any(each["role"] == "query" for each in options),
        "second": issubclass(kind, Probe) and bool(kind().fit_stages(layout)),
        "refused": _refusal(engine, kind, layout, served=served),
        "options": options,
    }


def _refusal(engine: Engine, kind: type[Any], layout: Layout, *, served: bool) -> str:
    """Say why a probe can't be asked; nothing where it can."""
    try:
        if not served and issubclass(kind, SumProbe):
            return f"{kind.name} compares many pictures: use `vitonnx probe {kind.name}`."
        kind().reads(layout)
        if _needs_head(kind) and LOGITS not in engine.outputs:
            return f"the model has no head, and so no classes for {kind.name} to ask about."
    except VitonnxError as error:
        return f"{error}"
    if not served and not issubclass(kind, WeightProbe) and not forms_of(kind, layout):
        return ELSEWHERE.format(kind.name)
    return ""


def _needs_head(kind: type[Any]) -> bool:
    return any(role_of(each) == "class" for each in options_of(kind))


def _is_asked(option: Option, *, served: bool) -> bool:
    """Tell whether a page asks for an option; files are none of its business."""
    return role_of(option) != "text" or (served and not option.constant)


def _option(option: Option, kind: type[Any], layout: Layout, *, served: bool) -> dict[str, Any]:
    default, choices = option.default, option.choices
    if role_of(option) == "query":
        choices = tuple(word for word in (*layout.names, "mean") if _takes(kind, layout, word))
    elif choices and not served and not issubclass(kind, WeightProbe):
        has = {form.choices.get(option.name) for form in forms_of(kind, layout)}
        choices = tuple(choice for choice in choices if choice in has)
    return {
        "name": option.name,
        "flag": option.flag,
        "kind": option.kind.__name__,
        "role": role_of(option),
        "default": default if isinstance(default, str | int | float | bool) else None,
        "help": option.help,
        "choices": choices,
        "least": option.least,
        "most": option.most,
        "optional": option.optional,
        "several": option.several,
    }


def _takes(kind: type[Any], layout: Layout, query: str) -> bool:
    """Tell whether a probe takes a word for a query."""
    try:
        kind(query=query).reads(layout)
    except UsageError:
        return False
    return True
