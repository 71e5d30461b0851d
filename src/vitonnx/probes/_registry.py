"""The list of probes: those inside, and those that other packages bring."""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple, TypeAlias, get_args

from vitonnx.contract import EMBEDDING, IMAGES, LOGITS, QUERIES
from vitonnx.errors import UsageError
from vitonnx.probes._attribution import Attribution
from vitonnx.probes._cka import CKA
from vitonnx.probes._distance import Distance
from vitonnx.probes._entropy import Entropy
from vitonnx.probes._filters import Filters
from vitonnx.probes._finding import Finding
from vitonnx.probes._flow import Flow
from vitonnx.probes._heads import Heads
from vitonnx.probes._lens import Lens
from vitonnx.probes._norms import Norms
from vitonnx.probes._option import options_of
from vitonnx.probes._pca import PCA
from vitonnx.probes._positions import Positions
from vitonnx.probes._probe import Probe, WeightProbe
from vitonnx.probes._result import PictureResult
from vitonnx.probes._rollout import Rollout
from vitonnx.probes._similarity import Similarity

__all__ = ["GROUP", "PROBES", "ProbeClass", "Probes", "find_probe", "load_probes"]

ProbeClass: TypeAlias = type[Probe] | type[WeightProbe]  # type: ignore[type-arg]

PROBES: tuple[ProbeClass, ...] = (
    *(Heads, Rollout, Flow, Attribution),
    *(PCA, Similarity, Norms, Lens),
    *(Distance, Entropy, CKA),
    *(Filters, Positions),
)
"""The probes inside, in the order of commands and reports."""

GROUP = "vitonnx.probes"
"""The entry-point group of other packages' probes."""

# Names that a graph, or a result of several probes, has already.
RESERVED = {
    *(IMAGES, QUERIES, LOGITS, EMBEDDING, "values", "sums", "only", "finding", "arrays", "plot"),
    *(entry.name for entry in fields(PictureResult)),
}

NAME = re.compile(r"[a-z][a-z0-9_]*")


class Probes(NamedTuple):
    """All probes that there are, and what is to be said of those that can't be used.

    Attributes
    ----------
    classes : dict of str to type
        By name.
    complaints : list of str
        A sentence for each entry point that was left out.
    """

    classes: dict[str, ProbeClass]
    complaints: list[str]


@functools.cache
def load_probes() -> Probes:
    """Load the probes inside, and those of the entry points in `GROUP`.

    A probe that can't be loaded, is no probe, or takes another's name is left out.
    """
    found = Probes({probe.name: probe for probe in PROBES}, [])
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        source = getattr(entry.dist, "name", None) or entry.value
        try:
            probe = _loaded(entry)
            if probe.name in found.classes:
                raise TypeError(f"the name {probe.name!r} is taken")
        except (Exception, SystemExit) as error:  # anybody's code may raise anything
            found.complaints.append(
                f"the probe {entry.name!r} of {source} can't be used: {error}. Update or uninstall "
                f"{source}."
            )
        else:
            found.classes[probe.name] = probe
    return found


def find_probe(name: str) -> ProbeClass:
    """Find a probe's class by name.

    Raises
    ------
    UsageError
        If there is none; the message lists the nearest names.

    Examples
    --------
    >>> find_probe("rollout").__name__
    'Rollout'
    """
    classes = load_probes().classes
    if name not in classes:
        near = difflib.get_close_matches(name, classes, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(classes)}."
        raise UsageError(f"there is no probe {name!r}. {hint}")
    return classes[name]


def _loaded(entry: EntryPoint) -> ProbeClass:
    """Load an entry point, and see that it is a probe."""
    probe = entry.load()
    if not (isinstance(probe, type) and issubclass(probe, Probe | WeightProbe)):
        raise TypeError("it extends neither Probe nor WeightProbe of vitonnx.probes")
    if not is_dataclass(probe) or getattr(probe, "__abstractmethods__", None):
        missing = ", ".join(sorted(getattr(probe, "__abstractmethods__", ())))
        raise TypeError(f"it lacks {missing}" if missing else "it is no dataclass")
    if not (isinstance(getattr(probe, "name", None), str) and NAME.fullmatch(probe.name)):
        raise TypeError("its name must be small letters, digits and underscores")
    if probe.name in RESERVED:
        raise TypeError(f"the name {probe.name!r} is reserved")
    if getattr(probe, "gives", None) not in get_args(Finding):
        raise TypeError("it doesn't say what it gives, such as vitonnx.probes.Maps")
    hash(probe())  # raises unless it is frozen, and every field has a default
    options_of(probe)  # raises for a type that no command can read
    return probe
