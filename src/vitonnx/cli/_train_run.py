"""The steps of ``vitonnx train``: open the data, train, plot the losses, export."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.cli._console import Gauge, Stage, give, inform
from vitonnx.cli._skipped import list_skipped

if TYPE_CHECKING:
    from vitonnx.models.train import Settings

__all__ = ["TrainCall", "run"]

DESCRIPTION, CURVES, MODEL = "config.json", "losses.png", "model.onnx"


@dataclass(frozen=True)
class TrainCall:
    """Arguments of the command line other than the settings of the training."""

    data: str
    folder: Path
    name: str
    pictures: int | None
    max_pixels: int | None
    resume: bool


def run(call: TrainCall, settings: Settings, *, quiet: bool) -> None:
    """Train, and print the path of the exported file.

    Raises
    ------
    VitonnxError
        If the data or the folder can't be used, or the training fails.
    """
    from vitonnx.data import open_data
    from vitonnx.media import check_place
    from vitonnx.models import write_config_file
    from vitonnx.models.train import BEST, describe_model, train
    from vitonnx.plots import plot_losses, save_figure

    folder, name = call.folder, call.name
    check_place(folder)
    with Gauge("Reading pictures", quiet=quiet) as show:
        opened = open_data(
            call.data,
            settings.image_size,
            settings.seed,
            pictures=call.pictures,
            max_pixels=call.max_pixels,
            progress=show,
            notice=partial(inform, quiet=quiet),
        )
    spec = describe_model(settings, name, opened.classes)

    def keep(rows: list[dict[str, float]]) -> None:
        write_config_file(spec, folder / DESCRIPTION)
        save_figure(plot_losses(rows), folder / CURVES)
        measures = ", ".join(f"{key} {value:.4g}" for key, value in list(rows[-1].items())[1:])
        inform(f"epoch {len(rows)} of {settings.epochs}: {measures}", quiet=quiet)

    with Gauge("Training", quiet=quiet) as show:
        train(
            opened,
            settings,
            folder,
            resume=call.resume,
            on_step=lambda done, steps, loss: show(done, steps, f"loss {loss:.3f}"),
            on_epoch=keep,
        )
    with Stage(f"Exporting {name}", quiet=quiet) as tell:
        from vitonnx.export import export_model

        export_model(spec, folder / MODEL, weights=[folder / BEST], progress=tell)
    give(folder / MODEL)
    used = len(opened.train) + len(opened.validation)
    list_skipped(opened.skipped, used + len(opened.skipped))
