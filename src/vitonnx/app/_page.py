"""The page's layout, and which handler answers what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict

import gradio as gr
from gradio.components import Component

from vitonnx.app._answers import Answers
from vitonnx.app._folder import Folder
from vitonnx.app._handlers import DEFAULT, PATCH, Handlers
from vitonnx.app._limits import Limits
from vitonnx.app._uploads import as_files
from vitonnx.app._viewer import make_viewer
from vitonnx.app._visit import Visit
from vitonnx.engine import Engine

__all__ = ["build_page"]

TITLE = "Where does a Vision Transformer look?"
HOW = "Choose a picture, then click on it: the attention of that patch to all others appears."
AWAY = 3600  # seconds after which a visitor who left is forgotten
TIDY = (600, AWAY)  # uploaded files: how often old ones are looked for, and how old they get


class Lane(TypedDict):
    """Which events wait for each other."""

    concurrency_id: str
    concurrency_limit: int


class Manner(TypedDict):
    """How an event that comes often is treated."""

    trigger_mode: Literal["multiple", "always_last"]
    show_progress: Literal["hidden"]


# One model at a time has all cores; what only draws from memory need not wait for it.
MODEL: Lane = {"concurrency_id": "model", "concurrency_limit": 1}
MEMORY: Lane = {"concurrency_id": "memory", "concurrency_limit": 4}
FILM: Lane = {"concurrency_id": "film", "concurrency_limit": 1}
# A figure takes Matplotlib a second, in which no visitor should wait for a picture's maps.
FIGURE: Lane = {"concurrency_id": "figure", "concurrency_limit": 1}
# While a slider moves, the page asks for where it is and not for where it was.
LATEST: Manner = {"trigger_mode": "always_last", "show_progress": "hidden"}
# The viewer itself asks for one patch at a time.
EACH: Manner = {"trigger_mode": "multiple", "show_progress": "hidden"}


def build_page(
    answers: Answers,
    limits: Limits,
    folder: Folder,
    *,
    pictures: Sequence[Path] = (),
    films: Sequence[Path] = (),
) -> gr.Blocks:
    """Lay out the page.

    Parameters
    ----------
    answers : Answers
        Of its models; the first two are shown at the start.
    limits : Limits
        What it takes.
    folder : Folder
        The page's own.
    pictures, films : sequence of Path
        Examples to begin with.
    """
    handlers = Handlers(answers, limits, folder)
    names = list(answers.engines)
    deepest = max(engine.manifest.blocks for engine in answers.engines.values())
    page: gr.Blocks
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=TIDY
    ) as page:
        visit = gr.State(None, time_to_live=AWAY, delete_callback=_forget(answers))
        pixel = gr.State(None)
        gr.Markdown(f"# {TITLE}\n{HOW}")
        with gr.Row(elem_id="layout"):
            with gr.Column(elem_id="start"):
                picture = as_files(
                    gr.Image(
                        label="Picture",
                        sources=["upload", "clipboard", "webcam"],
                        type="filepath",
                        height=280,
                        elem_id="picture",
                    )
                )
                _examples(picture, pictures)
                models = gr.CheckboxGroup(names, value=names[:2], label="Models", elem_id="models")
            with gr.Column(elem_id="controls"):
                with gr.Group():
                    who = gr.Radio(
                        _who(answers.engines), value=DEFAULT, label="Who looks", elem_id="who"
                    )
                    block = gr.Slider(
                        0, deepest - 1, value=deepest - 1, step=1, label="Block", elem_id="block"
                    )
                    mass = gr.Slider(
                        0,
                        1,
                        value=0,
                        step=0.05,
                        label="Outline the fewest patches that hold this share",
                        elem_id="mass",
                    )
                with gr.Group():
                    fusion = gr.Radio(
                        ["mean", "max", "min"],
                        value="mean",
                        label="Rollout: fusion of the heads",
                        elem_id="fusion",
                    )
                    discard = gr.Slider(
                        0, 0.95, value=0, step=0.05, label="Rollout: discard", elem_id="discard"
                    )
            with gr.Column(elem_id="maps"), gr.Tabs():
                with gr.Tab("Attention"):
                    viewer = make_viewer("viewer")
                with gr.Tab("Filters") as filters_tab:
                    gr.Markdown("What the patch embedding looks for.")
                    filters = gr.HTML(elem_id="filters", min_height=80)
                with gr.Tab("Positions") as positions_tab:
                    gr.Markdown("How alike the position embeddings are: a tile for each patch.")
                    positions = gr.HTML(elem_id="positions", min_height=80)
                with gr.Tab("Film"):
                    gr.Markdown(
                        f"At most {limits.seconds} s and {limits.megabytes} MB. Models, "
                        "block and rollout's options are those on the left."
                    )
                    film = as_files(
                        gr.Video(label="Film", sources=["upload"], elem_id="film", height=260)
                    )
                    _examples(film, films)
                    with gr.Row():
                        film_probe = gr.Radio(["heads", "rollout"], value="heads", label="Probe")
                        style = gr.Radio(
                            ["overlay", "heatmap", "side-by-side"], value="overlay", label="Style"
                        )
                    with gr.Row():
                        make = gr.Button("Make the film", variant="primary", elem_id="make-film")
                        stop = gr.Button("Stop", elem_id="stop-film")
                    made = gr.Video(label="Film of maps", elem_id="made-film", interactive=False)
                    said = gr.Markdown(elem_id="film-said")
                with gr.Tab("Save"):
                    gr.Markdown("A figure, the raw numbers, and how to make them without the page.")
                    probe = gr.Radio(
                        ["heads", "rollout", "distance"],
                        value="heads",
                        label="What",
                        elem_id="what",
                    )
                    write = gr.Button("Make the files", variant="primary", elem_id="write")
                    written = gr.File(
                        label="Files", file_count="multiple", interactive=False, elem_id="written"
                    )
                    command = gr.Code(
                        label="Command line",
                        language="shell",
                        interactive=False,
                        elem_id="command",
                    )
                    python = gr.Code(label="Python", language="python", interactive=False)

        asked = [models, who, pixel, block, mass, fusion, discard]
        showing = [visit, viewer, pixel, who]
        picture.change(
            handlers.receive, [picture, visit, *asked], showing, api_name="receive", **MODEL
        )
        models.input(handlers.choose, [visit, *asked], [viewer, block], api_name="choose", **MODEL)
        gr.on(
            [block.input, mass.input, discard.input, fusion.input, who.input],
            handlers.look,
            [visit, *asked],
            viewer,
            api_name="look",
            **MEMORY,
            **LATEST,
        )
        answered = [viewer, pixel, who]
        viewer.ask(handlers.ask, [visit, *asked], answered, api_name="ask", **MEMORY, **EACH)
        viewer.release(
            handlers.release, [visit, *asked], answered, api_name="release", **MEMORY, **EACH
        )
        filters_tab.select(handlers.filters, models, filters, api_name="filters", **FIGURE)
        positions_tab.select(handlers.positions, models, positions, api_name="positions", **FIGURE)
        making = make.click(
            handlers.make_film,
            [film, film_probe, style, *asked],
            [made, said],
            api_name="film",
            **FILM,
        )
        # A film that still waits for its turn is cancelled by Gradio, one that is made by us.
        stop.click(
            handlers.stop_film, outputs=said, api_name="stop", cancels=[making], queue=False
        )
        write.click(
            handlers.save,
            [visit, probe, *asked],
            [written, command, python],
            api_name="save",
            **FIGURE,
        )
        page.unload(handlers.leave)
    page.queue(max_size=limits.waiting, default_concurrency_limit=1)
    return page


def _examples(component: Component, paths: Sequence[Path]) -> None:
    """Show files to begin with; one that is clicked on comes as if it had been uploaded.

    Not by `gradio.Examples`: it makes the component anew for its visitor, and no longer `as_files`.
    """
    if paths:
        samples = [[str(path)] for path in paths]
        shown = gr.Dataset(components=[component], samples=samples, type="index", label="Examples")
        shown.click(
            lambda index: samples[index][0],
            shown,
            component,
            api_visibility="private",
            show_progress="hidden",
            queue=False,
        )


def _who(engines: Mapping[str, Engine]) -> list[tuple[str, str]]:
    """List who can be asked, in words and as the handlers call it."""
    tokens = [token for engine in engines.values() for token in engine.manifest.prefix_tokens]
    others = [token for token in dict.fromkeys(tokens) if token != "cls"]
    return [
        ("class token (mean, where there is none)", DEFAULT),
        ("mean of the patches", "mean"),
        *((token, token) for token in others),
        ("the patch you click on", PATCH),
    ]


def _forget(answers: Answers) -> Callable[[Visit | None], None]:
    """Free what is kept for a visitor who has left."""

    def forget(visit: Visit | None) -> None:
        if visit is not None:
            answers.forget(visit)

    return forget
