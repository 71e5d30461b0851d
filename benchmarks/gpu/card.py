"""The GPU: what is run on it, waited for, and how much of its memory is taken.

Everything runs on the processor, too, so that all can be tried without a GPU.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import onnxruntime

from vitonnx.engine import Precision

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
PROVIDERS = {"cuda": CUDA, "cpu": CPU}


def open_runtime(
    graph: Path | bytes,
    device: str,
    options: onnxruntime.SessionOptions | None = None,
    **more: Any,
) -> onnxruntime.InferenceSession:
    """Open a graph with nothing of vitonnx's around it; `more` are options of the CUDA provider.

    Raise a RuntimeError if it would run elsewhere.
    """
    if options is None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
    providers: list[Any] = [CPU]
    if device == "cuda":
        # Without it, products of single precision keep ten bits of their factors.
        told = {"device_id": 0, "use_tf32": 0, **more}
        providers.insert(0, (CUDA, {name: str(value) for name, value in told.items()}))
    session = onnxruntime.InferenceSession(graph, options, providers=providers, enable_fallback=0)
    if session.get_providers()[0] != PROVIDERS[device]:
        raise RuntimeError(f"{device} was asked for, and it would run on {session.get_providers()}")
    return session


class Card:
    """The GPU's memory and its waiting; or the processor's, which needs neither."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.precision: Precision = "fp16" if device == "cuda" else "fp32"  # what is measured
        self._cuda: Any = import_module("torch").cuda if device == "cuda" else None

    @property
    def half(self) -> Any:
        """The precision, as torch has it."""
        import torch

        return torch.float16 if self._cuda else torch.float32

    def synchronise(self) -> None:
        if self._cuda:
            self._cuda.synchronize()

    def used(self) -> int:
        """Count the bytes that are taken, by whomever."""
        if not self._cuda:
            return 0
        free, total = self._cuda.mem_get_info()
        return int(total - free)

    def empty(self) -> None:
        gc.collect()
        if self._cuda:
            self._cuda.empty_cache()

    def peak(self, work: Callable[[], object]) -> int:
        """Run a work of torch; give the most memory that it had."""
        self.empty()
        if self._cuda:
            self._cuda.reset_peak_memory_stats()
        work()
        self.synchronise()
        return int(self._cuda.max_memory_allocated()) if self._cuda else 0

    def pixels(self, batch: int, size: tuple[int, int]) -> Any:
        """Draw a batch as files of ours take it, on the device."""
        import torch

        return torch.randint(0, 256, (batch, *size, 3), dtype=torch.uint8, device=self.device)


class Runner:
    """A graph in onnxruntime, its input and outputs bound on the device."""

    def __init__(self, file: Path, card: Card, **options: Any) -> None:
        card.empty()
        before = card.used()
        self.session = open_runtime(file, card.device, **options)
        self.card, self.first = card, 0.0
        self.memory = card.used() - before  # that it takes, and keeps in its pool

    def bind(self, pixels: Any, *, fixed: bool = False) -> Callable[[], object]:
        """Bind a batch; give the call, which has run before, and its time and memory are noted.

        If `fixed`, outputs have their places, too, as a CUDA graph asks for.
        """
        binding, kept = self.session.io_binding(), [onnxruntime.OrtValue.from_dlpack(pixels)]
        binding.bind_ortvalue_input("images", kept[0])
        for output in self.session.get_outputs():
            if fixed:
                kept.append(_place(output, pixels))
                binding.bind_ortvalue_output(output.name, kept[-1])
            else:
                binding.bind_output(output.name, self.card.device, 0)
        run = partial(_run, self.session, binding, (pixels, kept))
        self.card.empty()
        self.card.synchronise()
        before, start = self.card.used(), time.perf_counter()
        run()
        self.card.synchronise()
        self.first = time.perf_counter() - start
        for _ in range(2 if fixed else 0):
            run()  # recorded by now, and replayed from here on
        self.memory += self.card.used() - before
        return run


def _place(output: Any, pixels: Any) -> onnxruntime.OrtValue:
    """Take the place of an output of a batch."""
    import torch

    kinds = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}
    kinds["tensor(double)"] = torch.float64
    sides = [side if isinstance(side, int) else len(pixels) for side in output.shape]
    place = torch.empty(sides, dtype=kinds[output.type], device=pixels.device)
    return onnxruntime.OrtValue.from_dlpack(place)


def _run(session: Any, binding: Any, kept: object) -> None:
    """Run what is bound; `kept` lives as long as the call can be made."""
    session.run_with_iobinding(binding)
