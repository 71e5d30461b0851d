"""A part of a run: what one of several processes counted, in a file of its own, and their sum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeAlias

from vitonnx.blame import why_unopened
from vitonnx.engine import Counting, Survey, total_entry, total_of_entry
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.manifest import Manifest
from vitonnx.media import atomic_path
from vitonnx.probes import Probe
from vitonnx.regular import refuse_special
from vitonnx.runs._part_schema import FORM, PartContent, SurveyEntry

__all__ = ["Part", "merge_parts", "options_of_probe", "probe_of_options"]

LARGEST = 2**30  # bytes: the moments of PCA of the largest model have a tenth of that
# In these processes on unlike machines may differ; the others change what is counted.
MAY_DIFFER = ("device", "threads")

Models: TypeAlias = Mapping[str, Manifest]
Questions: TypeAlias = Callable[
    [str, Mapping[str, Any], Models], Sequence[tuple[Counting, Manifest]]
]
"""From a question's name, its options and the models to what each survey counts, of which model."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """What one of several processes counted of a dataset.

    Parameters
    ----------
    question : str
        Name of the probe, or of what else was asked.
    options : mapping
        Options of the question, as JSON has them.
    models : mapping of str to Manifest
        The models that were asked, by name.
    number, parts : int
        Which part it is, from 0, and of how many.
    settings : mapping of str to str or int
        Of the whole run.
    files : sequence of str
        What was read for it.
    surveys : sequence of Survey
        What it came to.
    """

    question: str
    options: Mapping[str, Any]
    models: Mapping[str, Manifest]
    number: int
    parts: int
    settings: Mapping[str, str | int]
    files: Sequence[str]
    surveys: Sequence[Survey]

    def save(self, path: Path) -> None:
        """Write it as JSON, in which numbers come back to the last bit, whole or not at all.

        Raises
        ------
        VitonnxError
            If it can't be written.
        """
        content = {
            "form": FORM,
            "question": self.question,
            "options": dict(self.options),
            "models": {name: each.to_json() for name, each in self.models.items()},
            "number": self.number,
            "parts": self.parts,
            "settings": dict(self.settings),
            "files": list(self.files),
            "surveys": [
                {**total_entry(each.summary), "skipped": each.skipped, "crops": each.crops}
                for each in self.surveys
            ],
        }
        with atomic_path(path) as passing:
            whole = {"vitonnx_part": content, "sha256": _checksum(content)}
            passing.write_text(json.dumps(whole, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path, questions: Questions) -> Self:
        """Read one.

        Parameters
        ----------
        path : Path
        questions : callable
            From the question's name, its options and the models to what each survey counts.

        Raises
        ------
        UsageError
            If the file isn't there.
        VitonnxError
            If it is no part, or damaged.
        """
        content = _content(path)
        models = {
            name: Manifest.from_json(text, file=str(path)) for name, text in content.models.items()
        }
        try:
            counted = questions(content.question, content.options, models)
        except UsageError as error:
            raise UsageError(f"can't take the part {path}: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise _impossible(path) from error
        if len(counted) != len(content.surveys):
            raise _impossible(path)
        try:
            surveys = [
                _survey_of(entry, each, layout)
                for entry, (each, layout) in zip(content.surveys, counted, strict=True)
            ]
        except ValueError as error:
            raise _impossible(path, f" ({error})") from error
        return cls(
            question=content.question,
            options=content.options,
            models=models,
            number=content.number,
            parts=content.parts,
            settings=content.settings,
            files=content.files,
            surveys=surveys,
        )


def _impossible(path: Path, why: str = "") -> VitonnxError:
    return VitonnxError(
        f"{path} holds what no part of a run can hold{why}: run that part again, with one version "
        "of vitonnx."
    )


def _content(path: Path) -> PartContent:
    refuse_special(path, VitonnxError)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise UsageError(f"There is no part {path}: check the name.") from error
    except (OSError, ValueError) as error:
        raise VitonnxError(f"can't read {path}: {why_unopened(error)}.") from error
    try:
        if len(text) > LARGEST:
            raise ValueError("it is larger than any part")
        whole = json.loads(text)
        content = whole["vitonnx_part"]
        if not isinstance(content, dict) or whole["sha256"] != _checksum(content):
            raise ValueError("its checksum is wrong")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VitonnxError(
            f"{path} is damaged, or not a part of a run: give files that a command wrote with "
            "--shard, and write a damaged one again."
        ) from error
    try:
        return PartContent.model_validate(content)
    except ValueError as error:
        raise _impossible(path) from error


def _survey_of(entry: SurveyEntry, question: Counting, layout: Manifest) -> Survey:
    total = total_of_entry(entry, question, layout)
    return Survey(
        position=total.count + len(entry.skipped),
        own=total,
        skipped=dict(entry.skipped),
        crops=[tuple(crop) for crop in entry.crops],  # type: ignore[misc]
    )


def merge_parts(parts: Mapping[str, Part]) -> Part:
    """Add up all parts of a run, in their order, whatever the order in which they are given.

    Parameters
    ----------
    parts : mapping of str to Part
        By the names of their files.

    Raises
    ------
    UsageError
        If they are not of one run, one is given twice, or some are missing.
    """
    (first_name, first), *others = parts.items()
    for name, part in others:
        _compare(first_name, first, name, part)
    by_number: dict[int, str] = {}
    for name, part in parts.items():
        if part.number in by_number:
            raise UsageError(
                f"{by_number[part.number]} and {name} are both part {part.number} of "
                f"{part.parts}: leave one out."
            )
        by_number[part.number] = name
    if missing := [str(number) for number in range(first.parts) if number not in by_number]:
        raise UsageError(
            f"{len(parts)} of {first.parts} parts are given; missing: {', '.join(missing)}. Run "
            f"the command with --shard {missing[0]}/{first.parts}, and merge then."
        )
    ordered = [parts[by_number[number]] for number in range(first.parts)]
    return Part(
        question=first.question,
        options=first.options,
        models=first.models,
        number=0,
        parts=1,
        settings=first.settings,
        files=[file for part in ordered for file in part.files],
        surveys=[_sum(each) for each in zip(*(part.surveys for part in ordered), strict=True)],
    )


def _sum(surveys: Sequence[Survey]) -> Survey:
    first, *others = surveys
    total, skipped, crops = first.summary, dict(first.skipped), list(first.crops)
    for each in others:
        total = total.merge(each.summary)
        skipped |= each.skipped
        crops += each.crops
    if len(crops) < total.count:
        crops = []  # of a dataset that is partly tars, the pictures of some parts have none
    return Survey(position=total.count + len(skipped), own=total, skipped=skipped, crops=crops)


def _compare(first_name: str, first: Part, name: str, part: Part) -> None:
    """Refuse parts of unlike runs, and say in what they differ."""
    one, other = _said(first), _said(part)
    for what in {**one, **other}:
        if one.get(what) != other.get(what) and not what.endswith(MAY_DIFFER):
            raise UsageError(
                f"{first_name} and {name} are parts of different runs: {what} is "
                f"{one.get(what, 'not set')} in the first and {other.get(what, 'not set')} in the "
                "second. Merge parts of one command."
            )


def _said(part: Part) -> dict[str, Any]:
    return {
        "the question": part.question,
        "the number of parts": part.parts,
        **{f"the option {name}": value for name, value in part.options.items()},
        "the models": ", ".join(part.models),
        **part.settings,
    }


def options_of_probe(probe: Probe[Any]) -> dict[str, Any]:
    """Give a probe's options as JSON has them."""
    return {
        each.name: _plain(getattr(probe, each.name))
        for each in fields(probe)  # type: ignore[arg-type]
    }


def probe_of_options(kind: type[Probe[Any]], options: Mapping[str, Any]) -> Any:
    """Make a probe of what `options_of_probe` gave.

    Raises
    ------
    UsageError
        If it has no such options.
    """
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    if options.keys() != known:
        raise UsageError(
            f"the probe {kind.name} has other options here than where the part was written: use "
            "the same version of it."
        )
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise UsageError("a probe that is fitted already can't be asked in parts.")


def _checksum(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
