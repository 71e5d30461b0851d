"""The tab of videos: one is chosen, made into a video of maps, and can be stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, cast

import gradio as gr

from vitonnx.app._controls import Controls
from vitonnx.app._examples import lay_out_examples
from vitonnx.app._folder import Folder
from vitonnx.app._kindly import kindly
from vitonnx.app._lanes import VIDEO
from vitonnx.app._limits import Limits
from vitonnx.app._questions import DEFAULT, PATCH, Questions, within
from vitonnx.app._uploads import Upload, Uploads, as_files
from vitonnx.app._videos import Videos
from vitonnx.app._visit import plain_name
from vitonnx.errors import UsageError
from vitonnx.plots import VideoColours, VideoStyle
from vitonnx.probes import Heads, Rollout
from vitonnx.video import VideoOptions

__all__ = ["VideoTab"]


class VideoTab:
    """Makes videos of maps.

    Parameters
    ----------
    videos : Videos
        Maker of the videos.
    questions : Questions
        Reader of requests.
    uploads : Uploads
        Reader of uploads.
    folder : Folder
        The page's own.
    limits : Limits
        The page's.
    examples : sequence of Path
        Videos to begin with.
    """

    def __init__(
        self,
        videos: Videos,
        questions: Questions,
        uploads: Uploads,
        folder: Folder,
        limits: Limits,
        examples: Sequence[Path],
    ) -> None:
        self._videos, self._questions = videos, questions
        self._uploads, self._folder = uploads, folder
        with gr.Tab("Video"):
            gr.Markdown(
                f"At most {limits.seconds} s and {limits.megabytes} MB. Models, block and rollout "
                "options are those chosen for the picture."
            )
            self._video = as_files(
                gr.Video(label="Video", sources=["upload"], elem_id="video", height=260)
            )
            lay_out_examples(self._video, examples)
            with gr.Row():
                self._probe = gr.Radio(["heads", "rollout"], value="heads", label="Probe")
                self._style = gr.Radio(
                    ["overlay", "heatmap", "side-by-side"], value="overlay", label="Style"
                )
            with gr.Row():
                self._make = gr.Button("Make the video", variant="primary", elem_id="make-video")
                self._stop = gr.Button("Stop", elem_id="stop-video")
            self._made = gr.Video(label="Video of maps", elem_id="made-video", interactive=False)
            self._said = gr.Markdown(elem_id="video-said")

    def connect(self, controls: Controls) -> None:
        """Connect events to their handlers."""
        # Not by Gradio's `cancels`: it gives the next one a turn while a video is still being made.
        self._make.click(
            self.want, outputs=self._said, api_name="want", queue=False, show_progress="hidden"
        ).then(
            self.make,
            [self._video, self._probe, self._style, *controls.asked],
            [self._made, self._said],
            api_name="video",
            **VIDEO,
        )
        self._stop.click(
            self.stop, outputs=self._said, api_name="stop", queue=False, show_progress="hidden"
        )

    def want(self, request: gr.Request) -> str:
        """Let a video be stopped while it waits for its turn, too."""
        self._videos.want(_visitor(request))
        return ""

    @kindly
    def make(
        self,
        request: gr.Request,
        upload: Upload | None,
        probe: str,
        style: str,
        *asked: Any,
        progress: gr.Progress = gr.Progress(),  # Gradio knows it by this default
    ) -> tuple[str, str]:
        """Make a video of maps; the patch that was clicked on is the picture's, not the video's.

        Returns
        -------
        video, words
        """
        if upload is None:
            raise UsageError("There is no video yet: choose one first.")
        models, who, _, *rest = asked
        question = self._questions.read(None, models, DEFAULT if who == PATCH else who, None, *rest)
        self._uploads.check(upload)
        name = plain_name(upload.name)
        # One block for all: the last, where not every model has the one that is asked for.
        heads = within(question.heads, self._questions.shallowest(question.models))
        maps: dict[str, Heads | Rollout] = {"heads": heads, "rollout": question.rollout}
        if probe not in maps:
            raise UsageError(f"{probe!r} makes no video: choose from {', '.join(maps)}.")
        output = self._folder.fresh() / f"{PurePath(name).stem}.{probe}.mp4"
        report = self._videos.make(
            upload.path,
            name,
            question.models,
            maps[probe],
            VideoOptions(colours=VideoColours(cast("VideoStyle", style))),
            output,
            visitor=_visitor(request),
            progress=lambda share, words: progress(share, desc=words),
        )
        padded = f"Padded to the one size it takes: {', '.join(report.padded)}."
        said = [f"{report.frames} frames.", report.padded and padded, report.sound, report.lost]
        return str(output), " ".join(words for words in said if words)

    def stop(self, request: gr.Request) -> str:
        """Stop the visitor's video, and say so."""
        return "Stopped." if self._videos.stop(_visitor(request)) else "There is no video to stop."


def _visitor(request: gr.Request) -> str:
    return str(request.session_hash)
