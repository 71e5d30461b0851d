"""Write the page as a folder that can be pushed to a hosted Space unchanged."""

from __future__ import annotations

import itertools
import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from vitonnx.app._limits import Limits
from vitonnx.app._wheel import LABEL, own_version, write_wheel
from vitonnx.demo import demo_models, demo_specs
from vitonnx.errors import ModelFileError
from vitonnx.media import atomic_folder, check_folder
from vitonnx.modelfile import load_manifest, weight_files, weight_names

__all__ = ["check_space", "export_space"]

RECORD: Final = ".vitonnx-space"
PORT: Final = 7860
# What is filled in, and what it is called then.
TEMPLATES: Final = {
    "app.py.j2": "app.py",
    "Dockerfile.j2": "Dockerfile",
    "README.md.j2": "README.md",
    "requirements.txt.j2": "requirements.txt",
    "gitattributes.j2": ".gitattributes",
}
OPEN_LICENCE: Final = "Apache-2.0"  # vitonnx's own


def export_space(
    folder: str | Path,
    models: Mapping[str, Path],
    *,
    limits: Limits | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
) -> None:
    """Write the page of some models as the folder of a hosted Space.

    It holds a program, its requirements, a README with the Space's header, a Dockerfile, the wheel
    of this vitonnx, and the models, but for those that are part of vitonnx. It is there whole or
    not at all.

    Parameters
    ----------
    folder : str or Path
        Folder that doesn't exist, is empty, or was written by this function before: then the files
        written are replaced, and no others.
    models : mapping of str to Path
        Probe-ready files, by the names that visitors choose from; the first two are shown at the
        start.
    limits : Limits, optional
        Limits of the page.
    device, threads, precision
        As for `vitonnx.Engine`, where the Space runs.

    Raises
    ------
    UsageError
        If the folder holds foreign files, or a file has its name.
    ModelFileError
        If a model's file isn't probe-ready, or lacks a part.
    VitonnxError
        If the folder can't be written, or no wheel can be made of the installed vitonnx.
    """
    engine = {"device": device, "threads": threads, "precision": precision}
    with atomic_folder(folder, record=RECORD) as passing:
        places = _copy_models(models, passing)
        write_wheel(passing)
        values: dict[str, Any] = {
            "models": places,
            "packaged": None in places.values(),
            "limits": asdict(limits or Limits()),
            "engine": engine,
            "port": PORT,
            "python": ".".join(platform.python_version_tuple()[:2]),
            "version": own_version(),
            "label": LABEL,
            "gradio": version("gradio"),
            "record": RECORD,
            **_licences(models, places),
        }
        for template, name in TEMPLATES.items():
            _write(passing / name, template, values)


def check_space(folder: str | Path) -> None:
    """Check that a Space can be written into a folder, before any work is done.

    Raises
    ------
    UsageError, VitonnxError
        As in `export_space`.
    """
    check_folder(folder, record=RECORD)


def _copy_models(models: Mapping[str, Path], folder: Path) -> dict[str, str | None]:
    """Copy models with all that belongs to them; give their places, None within vitonnx."""
    places: dict[str, str | None] = {}
    for name, file in models.items():
        if demo_models().get(name) == file:
            places[name] = None
            continue
        parts = [file.name, *_beside(file)]
        home = next(home for home in _homes(folder) if not any((home / p).exists() for p in parts))
        home.mkdir(parents=True, exist_ok=True)
        for part in parts:
            shutil.copyfile(file.parent / part, home / part)
        places[name] = (home / file.name).relative_to(folder).as_posix()
    return places


def _homes(folder: Path) -> Iterator[Path]:
    """Return places for a model's files: files that share a name don't share a folder."""
    models = folder / "models"
    return itertools.chain([models], (models / str(number) for number in itertools.count(2)))


def _beside(file: Path) -> list[str]:
    """List the external weight files of a model."""
    weight_files(file)  # which refuses those that no model may read
    names = weight_names(file)
    for name in names:
        if Path(name).name != name:
            raise ModelFileError(
                f"{file} has weights in {name!r}, which isn't in the same folder: copy both into "
                "one."
            )
    return names


def _licences(models: Mapping[str, Path], places: Mapping[str, str | None]) -> dict[str, Any]:
    """List the licence of each model, and that of the Space with all of them."""
    packaged = {spec.name: spec.licence for spec in demo_specs()}
    rows, found = [], set()
    for name, place in places.items():
        source = load_manifest(models[name]).source
        licence = packaged[name] if place is None else source.licence
        found.add(licence)
        rows.append((name, place or "in vitonnx's wheel", licence or "not known"))
    # The hub has no name for several at once.
    return {"rows": rows, "licence": "apache-2.0" if found == {OPEN_LICENCE} else "other"}


def _write(path: Path, template: str, values: Mapping[str, Any]) -> None:
    environment = Environment(
        loader=PackageLoader("vitonnx", "app/space"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"quoted": _quoted, "counted": _counted}
    path.write_text(environment.get_template(template).render(values), encoding="utf-8")


def _quoted(value: str | int | None) -> str:
    """Write a value as Python does, with the quotes that its formatters like."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _counted(number: int) -> str:
    """Write a number for human readers: whole megabytes as such.

    Examples
    --------
    >>> _counted(3 * 2**20), _counted(50_000_000), _counted(7)
    ('3 * 2**20', '50_000_000', '7')
    """
    megabytes, bytes_left = divmod(number, 2**20)
    return f"{megabytes} * 2**20" if megabytes and not bytes_left else f"{number:_}"
