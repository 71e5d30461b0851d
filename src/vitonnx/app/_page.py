"""The page: its parts, layout and handlers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from vitonnx.app._answers import Answers
from vitonnx.app._attention_tab import AttentionTab
from vitonnx.app._controls import lay_out_controls
from vitonnx.app._examples import lay_out_examples
from vitonnx.app._folder import Folder
from vitonnx.app._limits import Limits
from vitonnx.app._questions import Questions
from vitonnx.app._save_tab import SaveTab
from vitonnx.app._uploads import Uploads, as_files
from vitonnx.app._video_tab import VideoTab
from vitonnx.app._videos import Videos
from vitonnx.app._weights_tabs import WeightsTabs

__all__ = ["build_page"]

TITLE = "Where does a Vision Transformer look?"
HOW = "Choose a picture, then click on it: the attention of that patch to all others appears."
SHOWN = 2  # models at the start


def build_page(
    answers: Answers,
    videos: Videos,
    limits: Limits,
    folder: Folder,
    *,
    pictures: Sequence[Path] = (),
    video_files: Sequence[Path] = (),
) -> gr.Blocks:
    """Lay out the page.

    Parameters
    ----------
    answers : Answers
        Answers of its models; the first two are shown at the start.
    videos : Videos
        Maker of videos with the same models.
    limits : Limits
        Limits of the page.
    folder : Folder
        The page's own.
    pictures, video_files : sequence of Path
        Examples to begin with.
    """
    questions, uploads = Questions(answers.engines, limits.models), Uploads(folder)
    names = list(answers.engines)
    page: gr.Blocks
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.Markdown(f"# {TITLE}\n{HOW}")
        with gr.Row(elem_id="layout"):
            with gr.Column(elem_id="start"):
                picture = _picture()
                lay_out_examples(picture, pictures)
                models = gr.CheckboxGroup(
                    names, value=names[:SHOWN], label="Models", elem_id="models"
                )
            with gr.Column(elem_id="controls"):
                controls = lay_out_controls(models, answers.engines)
            with gr.Column(elem_id="maps"), gr.Tabs():
                attention = AttentionTab(answers, questions, uploads, limits)
                weights = WeightsTabs(answers, questions)
                video = VideoTab(videos, questions, uploads, folder, limits, video_files)
                saving = SaveTab(answers, questions, folder)
        attention.connect(picture, controls)
        weights.connect(models)
        video.connect(controls)
        saving.connect(attention.visit, controls)
    # Closed but for the queue: a direct request would wait for nobody.
    page.queue(max_size=limits.waiting, default_concurrency_limit=1, api_open=False)
    return page


def _picture() -> gr.Image:
    return as_files(
        gr.Image(
            label="Picture",
            sources=["upload", "clipboard", "webcam"],
            type="filepath",
            height=280,
            elem_id="picture",
        )
    )
