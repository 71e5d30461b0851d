"""Attribution in the graph against the same maps by timm and torch's autograd.

Run ``python -m benchmarks.gradients``; it needs timm.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import timm
import torch

from benchmarks.models import NAMES, model_file
from benchmarks.timing import interleave
from vitonnx.engine import Engine, bake
from vitonnx.probes import Attribution

BATCH = 8


class Autograd:
    """A timm model whose attention has gradients, and its parameters only if `trained`."""

    def __init__(self, name: str, *, trained: bool) -> None:
        self.model = timm.create_model(name, pretrained=False).eval().requires_grad_(trained)
        self.trained = trained
        self.attention: list[torch.Tensor] = []
        self.tokens: list[torch.Tensor] = []
        for block in self.model.blocks:
            block.attn.fused_attn = False
            block.attn.attn_drop.register_forward_hook(self._keep_attention)
            block.register_forward_hook(lambda module, given, gives: self.tokens.append(gives))

    def _keep_attention(self, module: Any, given: Any, attention: torch.Tensor) -> torch.Tensor:
        if not attention.requires_grad:
            attention.requires_grad_()
        self.attention.append(attention)
        return attention

    def _run(self, pixels: torch.Tensor) -> torch.Tensor:
        self.attention, self.tokens = [], []
        return self.model(pixels)

    def generic(self, pixels: torch.Tensor) -> torch.Tensor:
        score = self._run(pixels).amax(dim=1).sum()
        if self.trained:  # as published code does it, which asks for all there is
            for attention in self.attention:
                attention.retain_grad()
            self.model.zero_grad()
            score.backward()
            gradients = [attention.grad for attention in self.attention]
        else:
            gradients = torch.autograd.grad(score, self.attention)
        flow = torch.zeros(len(pixels), 1, self.attention[0].shape[-1])
        flow[:, :, 0] = 1
        for attention, gradient in zip(self.attention[::-1], gradients[::-1], strict=True):
            flow = flow + flow @ (attention * gradient).relu().mean(dim=1)
        return flow[:, 0, 1:].detach()

    def legrad(self, pixels: torch.Tensor) -> torch.Tensor:
        best = self._run(pixels).argmax(dim=1)
        scores = []
        for tokens in self.tokens:
            logits = self.model.head(self.model.norm(tokens.mean(dim=1)))
            scores.append(logits.gather(1, best[:, None]).sum())
        # Each of its own block alone: no gradient goes further back than it must.
        gradients = [
            torch.autograd.grad(score, attention, retain_graph=True)[0]
            for score, attention in zip(scores, self.attention, strict=True)
        ]
        return sum(each.relu().mean(dim=(1, 2)) for each in gradients)[:, 1:] / len(gradients)


def runner(file: Path, pixels: np.ndarray) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"images": pixels})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["S/16, with a head", "B/16"])
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    for short in asked.models:
        engine = Engine(model_file(short), device="cpu")
        peers = {
            "timm, gradients of attention alone": Autograd(NAMES[short], trained=False),
            "timm, backward()": Autograd(NAMES[short], trained=True),
        }
        pixels = np.random.default_rng(0).integers(
            0, 256, (BATCH, *engine.manifest.size, 3), dtype=np.uint8
        )
        normal = torch.from_numpy(pixels.transpose(0, 3, 1, 2) / 127.5 - 1).float()
        with tempfile.TemporaryDirectory() as folder:
            subjects: dict[str, Callable[[], object]] = {}
            for method in ("legrad", "generic"):
                file = Path(folder) / f"{method}.onnx"
                bake(engine, Attribution(method), file)
                subjects[f"{method}, in the graph"] = runner(file, pixels)
                for name, peer in peers.items():
                    work = getattr(peer, method)
                    subjects[f"{method}, {name}"] = functools.partial(work, normal)
            times = interleave(subjects, asked.rounds)
        for name, found in times.items():
            method = name.partition(",")[0]
            base = times[f"{method}, in the graph"]
            ratio = float(np.median(np.divide(found.rounds, base.rounds)))
            print(
                f"{short}: {name}: {found.median / BATCH * 1e3:.1f} ms a picture, {ratio:.2f} times"
            )


if __name__ == "__main__":
    main()
