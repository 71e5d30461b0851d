"""Controls of a visitor: models, query and pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from vitonnx.app._questions import DEFAULT, PATCH
from vitonnx.engine import Engine

__all__ = ["Controls", "lay_out_controls"]


@dataclass(frozen=True)
class Controls:
    """Components whose values make a request."""

    models: gr.CheckboxGroup
    who: gr.Radio
    pixel: gr.State
    block: gr.Slider
    mass: gr.Slider
    fusion: gr.Radio
    discard: gr.Slider

    @property
    def asked(self) -> list[Component]:
        """Components in the order of `Questions.read`."""
        return [
            self.models,
            self.who,
            self.pixel,
            self.block,
            self.mass,
            self.fusion,
            self.discard,
        ]


def lay_out_controls(models: gr.CheckboxGroup, engines: Mapping[str, Engine]) -> Controls:
    """Lay out all controls but the choice of models, which stands by the picture."""
    last = max(engines[model].manifest.blocks for model in models.value) - 1
    with gr.Group():
        who = gr.Radio(_who(engines), value=DEFAULT, label="Who looks", elem_id="who")
        block = gr.Slider(0, last, value=last, step=1, label="Block", elem_id="block")
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
    return Controls(models, who, gr.State(None), block, mass, fusion, discard)


def _who(engines: Mapping[str, Engine]) -> list[tuple[str, str]]:
    """List the queries, in words and as `Questions` names them."""
    tokens = [token for engine in engines.values() for token in engine.manifest.prefix_tokens]
    others = [token for token in dict.fromkeys(tokens) if token != "cls"]
    return [
        ("class token (mean, where there is none)", DEFAULT),
        ("mean of the patches", "mean"),
        *((token, token) for token in others),
        ("the patch you click on", PATCH),
    ]
