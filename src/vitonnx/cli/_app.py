"""The tree of commands."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vitonnx.cli import (
    _accuracy,
    _bake,
    _demo,
    _doctor,
    _embed,
    _export,
    _faithfulness,
    _inspect,
    _knn,
    _merge,
    _models,
    _page,
    _report,
    _tap,
    _train,
    _video,
)
from vitonnx.cli._probe_commands import add_probes, options_in_bake, options_in_videos
from vitonnx.cli._probe_options import say_unusable, with_options

__all__ = ["app"]


class _Tree(typer.Typer):
    """Commands that are built once, however many of them a process runs."""

    @cached_property
    def _built(self) -> Any:
        return typer.main.get_command(self)

    def __call__(self, *words: Any, **settings: Any) -> Any:
        """Run a command."""
        return self._built(*words, **settings)


app = _Tree(
    name="vitonnx",
    help="See where a Vision Transformer looks.",
    epilog="Example: vitonnx export dino_vits16 && vitonnx probe heads dino_vits16.onnx bird.png",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


class _Probes(TyperGroup):
    """The commands of the probes; those that can't be used are named before one is looked up."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words behind ``vitonnx probe``."""
        say_unusable()
        return super().parse_args(ctx, args)


probe = typer.Typer(
    cls=_Probes,
    help="Show where a model looks and what its weights tell.",
    epilog="Example: vitonnx probe rollout dino.onnx bird.png -o rollout.png",
    no_args_is_help=True,
)


evaluate = typer.Typer(
    help="Measure what models and their maps are worth.",
    epilog=_accuracy.EXAMPLE,
    no_args_is_help=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from vitonnx.cli._console import give

        give(version("vitonnx"))
        raise typer.Exit


@evaluate.callback()
def _evaluate() -> None:
    """Measure what models and their maps are worth."""


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show tracebacks. Accepted anywhere on the command line."),
    ] = False,
) -> None:
    """See where a Vision Transformer looks."""


add_probes(probe)
probe.command("video", epilog=_video.EXAMPLE)(with_options(_video.video, options_in_videos()))
app.command("demo", epilog=_demo.EXAMPLE)(_demo.demo)
app.command("merge", epilog=_merge.EXAMPLE)(_merge.merge)
app.command("models", epilog=_models.EXAMPLE)(_models.models)
app.command("embed", epilog=_embed.EXAMPLE)(_embed.embed)
app.command("export", epilog=_export.EXAMPLE)(_export.export)
app.command("tap", epilog=_tap.EXAMPLE)(_tap.tap)
app.command("inspect", epilog=_inspect.EXAMPLE)(_inspect.inspect)
app.command("bake", epilog=_bake.EXAMPLE)(with_options(_bake.bake, options_in_bake()))
app.command("doctor", epilog=_doctor.EXAMPLE)(_doctor.doctor)
app.command("train", epilog=_train.EXAMPLE)(_train.train)
app.command("app", epilog=_page.EXAMPLE)(_page.page)
app.command("report", epilog=_report.EXAMPLE)(_report.report)
evaluate.command("accuracy", epilog=_accuracy.EXAMPLE)(_accuracy.accuracy)
evaluate.command("knn", epilog=_knn.EXAMPLE)(_knn.knn)
evaluate.command("faithfulness", epilog=_faithfulness.EXAMPLE)(_faithfulness.faithfulness)
app.add_typer(probe, name="probe")
app.add_typer(evaluate, name="evaluate")
