"""What a report shows: all that its probes find, in one pass over the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitonnx.cli._console import inform, watch
from vitonnx.cli._counting import count
from vitonnx.cli._engines import agreed, say_advice
from vitonnx.cli._probe_fitted import fit_all
from vitonnx.dataset import as_dataset
from vitonnx.engine import Engine, Result
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import AddingProbe, Probe, SumProbe
from vitonnx.runs import TotalRun

__all__ = ["Asked", "Findings", "find", "settle_probes"]


@dataclass(frozen=True)
class Asked:
    """A probe of pictures, and the models that it is put to.

    Parameters
    ----------
    probe : Probe
        As it was asked.
    models : dict of str to Probe
        By the models' names, each as that model is asked: fitted, where it must be.
    refusals : dict of str to str
        Why the other models can't answer, by their names.
    """

    probe: Probe[Any]
    models: dict[str, Any]
    refusals: dict[str, str]


@dataclass(frozen=True)
class Findings:
    """What the models say of all pictures: of the first ones whole, of the others the totals.

    A picture that one of them can't take is in nothing.
    """

    shown: list[dict[str, Result]] = field(default_factory=list)
    errors: list[VitonnxError] = field(default_factory=list)
    totals: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the probes' names, then by the models'."""


def settle_probes(
    engines: Mapping[str, Engine],
    probes: Sequence[Probe[Any]],
    pictures: Sequence[Path],
    *,
    chosen: bool,
    quiet: bool,
) -> dict[str, Asked]:
    """Find out who can answer each probe, and fit those that need it, for each model.

    Parameters
    ----------
    engines : mapping of str to Engine
        By the models' names.
    probes : sequence of Probe
        To ask.
    pictures : sequence of Path
        To fit them on.
    chosen : bool
        Whether the user named the probes: then one that no model can answer is an error, and
        otherwise left out with a note.
    quiet : bool
        Whether to suppress notes.

    Returns
    -------
    dict of str to Asked
        By the probes' names.

    Raises
    ------
    UsageError
        If no model can answer a chosen probe.
    """
    settled = {}
    for probe in probes:
        refusals = _refusals(engines, probe)
        able = {name: engine for name, engine in engines.items() if name not in refusals}
        try:
            if not able:
                raise next(iter(refusals.values()))
            models = _fit(able, probe, pictures, quiet=quiet)
        except UsageError as error:
            if chosen:
                raise
            inform(f"the report has no {probe.name}: {error}", quiet=quiet)
            continue
        said = {name: str(error) for name, error in refusals.items()}
        settled[probe.name] = Asked(probe, models, said)
    return settled


def _refusals(engines: Mapping[str, Engine], probe: Probe[Any]) -> dict[str, UsageError]:
    """Say why a model can't answer a probe, of each that can't."""
    refusals = {}
    for name, engine in engines.items():
        try:
            engine.require(probe)
        except UsageError as error:
            refusals[name] = error
    return refusals


def _fit(
    engines: Mapping[str, Engine], probe: Probe[Any], pictures: Sequence[Path], *, quiet: bool
) -> dict[str, Any]:
    """Give the probe as each model is asked; one that the first picture fits takes a good one.

    Where no picture is good, nobody is asked.
    """
    (first, *_) = engines.values()
    stage = probe.fit_stage(first.layout)
    if stage is None:
        return dict.fromkeys(engines, probe)
    for some in [[each] for each in pictures] if stage.first_only else [pictures]:
        dataset = as_dataset([str(picture) for picture in some])
        fitted, surveys = fit_all(engines, dataset, probe, None, quiet=quiet)
        if all(found.summary.count for found in surveys):
            say_advice(engines, fitted, quiet=quiet)
            return fitted
    return {}


def find(
    engines: Mapping[str, Engine],
    asked: Mapping[str, Asked],
    pictures: Sequence[Path],
    show: int,
    *,
    quiet: bool,
) -> Findings:
    """Answer all probes of the first pictures, and of the others those that add up.

    What adds up in batches alone has a pass of its own, over the pictures that all models took.

    Parameters
    ----------
    engines : mapping of str to Engine
        By the models' names.
    asked : mapping of str to Asked
        What `settle_probes` gives.
    pictures : sequence of Path
        All of them.
    show : int
        How many to keep whole.
    quiet : bool
        Whether to suppress notes.
    """
    alone = {name: each for name, each in asked.items() if not isinstance(each.probe, SumProbe)}
    adding = {name: each for name, each in alone.items() if isinstance(each.probe, AddingProbe)}
    found, good = Findings(), []
    for name, each in adding.items():
        assert isinstance(each.probe, AddingProbe)
        found.totals[name] = dict.fromkeys(each.models, each.probe.summary())
    answers = _answers(engines, pictures, alone, adding, show)
    for answer in watch(answers, total=len(pictures), label="Probing", quiet=quiet):
        (first, *_) = answer.values()
        if first.error is not None:
            found.errors.append(first.error)
            continue
        good.append(first.file)
        for name, each in adding.items():
            assert isinstance(each.probe, AddingProbe)
            totals = found.totals[name]
            for model in each.models:
                own = each.probe.summary([answer[model][name]])
                totals[model] = totals[model].merge(own)
        if len(found.shown) < show:
            found.shown.append(answer)
    for name, each in asked.items():
        if isinstance(each.probe, SumProbe) and good:
            able = {model: engines[model] for model in each.models}
            run = TotalRun(engines=able, dataset=as_dataset(good), probe=each.probe)
            surveys = count(run, None, label="Measuring", quiet=quiet)
            found.totals[name] = {
                model: survey.summary for model, survey in zip(able, surveys, strict=True)
            }
    return found


def _answers(
    engines: Mapping[str, Engine],
    pictures: Sequence[Path],
    first: Mapping[str, Asked],
    then: Mapping[str, Asked],
    show: int,
) -> Iterator[dict[str, Result]]:
    """Give each picture's results by model: of all probes, until enough are good, then of some.

    Some probes take several times the work of the others, and nobody sees what they find later.
    """
    done = good = 0
    for asked, enough in ((first, show), (then, len(pictures) + 1)):
        left = pictures[done:]
        if not left or good >= enough:
            continue
        own = {
            name: [each.models[name] for each in asked.values() if name in each.models]
            for name in engines
        }
        for answer in agreed(engines, left, (), own):
            done, good = done + 1, good + (answer[0].error is None)
            yield dict(zip(engines, answer, strict=True))
            if good >= enough:
                break
