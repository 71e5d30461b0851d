"""A model and all its probes as files that a runtime in a browser runs."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from vitonnx.contract import IMAGES, LOGITS, QUERIES, TARGETS
from vitonnx.engine import Engine, Plan, Precision, plan_graph
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.modelfile import open_graph
from vitonnx.portable._answer import answer_of
from vitonnx.portable._form import Form, forms_of
from vitonnx.portable._kept import kept_names
from vitonnx.portable._roles import role_of
from vitonnx.portable._shared_weights import SharedWeights
from vitonnx.portable._small_graph import FIRST, Small, runs_network, small_graph, whole_graph
from vitonnx.portable._words import words_of
from vitonnx.probes import WeightProbe, load_probes, options_of

__all__ = ["pack"]

Json = dict[str, Any]

FORMS = "forms.json"


def pack(
    engine: Engine,
    folder: Path,
    precisions: Sequence[Precision],
    progress: Callable[[str], object] = lambda doing: None,
    address: str = "",
) -> Json:
    """Write a model, and what it takes to ask it, into an empty folder.

    Parameters
    ----------
    engine : Engine
        The model, at the size that it is to be asked at.
    folder : path
        Where to.
    precisions : sequence of str
        The model is written in each.
    progress : callable
        Takes what is being done now.
    address : str
        Of the folder, as seen from the page; empty or with a slash at its end.

    Returns
    -------
    dict
        Plain JSON: ``files``, ``kept`` and ``formsUrl``, with the files' addresses. The forms are
        lists by the probes' names.

    Raises
    ------
    VitonnxError
        If the model can't be written in one of these.
    """
    packed = _Packed(engine, folder, tuple(precisions), address)
    for precision in packed.precisions:
        progress(f"the model in {precision}")
        packed.write_model(precision)
    forms: dict[str, list[Json]] = {}
    for kind in load_probes().classes.values():
        progress(kind.name)
        found = [*packed.answers(kind)] if issubclass(kind, WeightProbe) else [*packed.forms(kind)]
        if found:
            forms[kind.name] = found
    (folder / FORMS).write_text(json.dumps(forms, separators=(",", ":")), encoding="utf-8")
    return {"kept": packed.kept, "files": packed.files(), "formsUrl": address + FORMS}


@dataclass
class _Packed:
    """A folder that is being filled."""

    engine: Engine
    folder: Path
    precisions: tuple[Precision, ...]
    address: str
    weights: dict[Precision, SharedWeights] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)  # files by the hash of what they hold

    @property
    def kept(self) -> list[str]:
        return [*kept_names(self.engine.layout)]

    @property
    def size(self) -> tuple[int, int]:
        return self.engine.manifest.size

    def write_model(self, precision: Precision) -> None:
        """Write the model, which gives what is kept, and the classes' scores if it has any."""
        scores = [LOGITS] if LOGITS in self.engine.outputs else []
        plan = Plan(
            outputs=(*self.kept, *scores),
            size=self.size,
            fused=False,
            precision=self._to_reach(precision),
            # int8 is for WASM alone, which has all kernels.
            provider="" if precision == "int8" else "webgpu",
        )
        model = plan_graph(open_graph(self.engine.file), plan)
        model.graph.inputs[0].shape = ir.Shape([1, *(model.graph.inputs[0].shape or ())[1:]])
        model.metadata_props.clear()
        shared = SharedWeights(self.folder / f"{precision}.onnx_data")
        shared.save(model, self.folder / f"{precision}.onnx")
        self.weights[precision] = shared

    def _to_reach(self, precision: Precision) -> Precision:
        """Give the precision that is still to be reached: none where the file is in it already."""
        given = self.engine.manifest.precision
        if given not in ("fp32", precision):
            raise UsageError(f"{self.engine.file} is in {given}, and can't be written {precision}.")
        return "fp32" if given == precision else precision

    def files(self) -> list[Json]:
        """Describe the models, the smallest last."""
        return [self._file(precision) for precision in self.precisions]

    def _file(self, precision: Precision) -> Json:
        names = [f"{precision}.onnx", f"{precision}.onnx_data"]
        paths = [self.folder / name for name in names]
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        urls = [self.address + name for name in names]
        return {
            "precision": precision,
            "model": urls[0],
            "data": {"path": names[1], "url": urls[1]},
            "bytes": sum(path.stat().st_size for path in paths),
            "sha256": dict(zip(urls, hashes, strict=True)),
        }

    def answers(self, kind: type[Any]) -> Iterator[Json]:
        """Ask the weights, once for each choice."""
        options = [each for each in options_of(kind) if role_of(each) in ("choice", "switch")]
        values = [each.choices or (False, True) for each in options]
        for chosen in itertools.product(*values):
            choices = {each.name: value for each, value in zip(options, chosen, strict=True)}
            try:
                result = self.engine.probe_weights(kind(**choices))
            except VitonnxError:
                return  # its refusal says why
            words = "-".join([kind.name, *map(str, chosen)])
            answer = answer_of(result.finding, result.arrays())
            data = json.dumps(answer, separators=(",", ":")).encode()
            yield {"choices": choices, "numbers": [], "answer": self._keep(data, f"{words}.json")}

    def forms(self, kind: type[Any]) -> Iterator[Json]:
        """Trace the forms of a probe, and write their graphs."""
        for form in forms_of(kind, self.engine.layout):
            try:
                found = [*self._traced(form)]
            except VitonnxError:
                return  # its refusal says why
            words = self._words(form)
            yield from ({**each, **words} for each in found)

    def _traced(self, form: Form) -> Iterator[Json]:
        layout = self.engine.layout
        probe = form.example(0)
        if runs_network(probe, layout):
            yield self._whole(form)
        elif not form.has_block:
            small = small_graph(self.engine.file, self.size, form, -1)
            yield self._small(form, small, form.name, {})
        else:
            last = layout.blocks - 1
            names = [form.example(block).reads(layout) for block in range(layout.blocks)]
            alike = all(name in self.kept for read in names for name in read)
            # Where a block's values are read as they are kept, one graph does for all.
            for block in [0] if alike or not last else [0, last]:
                small = small_graph(self.engine.file, self.size, form, block)
                blocks = range(last + 1) if alike else [last] if block else range(max(last, 1))
                renamed = {
                    number: self._renamed(names[block], names[number], block, number)
                    for number in blocks
                }
                name = form.name if block == 0 else f"{form.name}-last"
                yield self._small(form, small, name, renamed)

    @staticmethod
    def _renamed(
        traced: Sequence[str], asked: Sequence[str], block: int, number: int
    ) -> Callable[[str], str]:
        """Give the function from what a graph reads to what it is fed for another block."""
        pairs = dict(zip(traced, asked, strict=True))

        def name(read: str) -> str:
            return pairs.get(read, read.replace(f"block_{block:02d}/", f"block_{number:02d}/"))

        return name

    def _small(
        self, form: Form, small: Small, name: str, renamed: Mapping[int, Callable[[str], str]]
    ) -> Json:
        steps = []
        for number, graph in enumerate(small.graphs):
            whole = number == len(small.graphs) - 1
            data = ir.to_proto(ir.external_data.load_to_model(graph)).SerializeToString()
            read = [str(value.name) for value in graph.graph.inputs]
            fed = [each for each in read if each.removeprefix(FIRST) in self.kept]
            by_block = {
                str(block): {each: self._fed(each, rename) for each in fed}
                for block, rename in renamed.items()
            }
            taken = {each: _taken(each, form) for each in read if each not in fed}
            steps.append(
                {
                    "graph": self._keep(data, f"{name}.onnx" if whole else f"{name}.first.onnx"),
                    "feeds": _briefly(by_block) if renamed else fed,
                    "takes": {each: source for each, source in taken.items() if source},
                }
            )
        blocks = {"blocks": [*renamed]} if renamed else {}
        return {**self._form(form, steps, small), **blocks}

    @staticmethod
    def _fed(read: str, rename: Callable[[str], str]) -> str:
        bare = read.removeprefix(FIRST)
        return (FIRST if bare != read else "") + rename(bare)

    def _whole(self, form: Form) -> Json:
        graphs, small = {}, None
        # Derivatives are computed in single precision, whose weights would lie beside the halves.
        wanted = [each for each in self.precisions if each != "fp16"] or self.precisions
        for precision in wanted:
            small = whole_graph(self.engine.file, self.size, form, self._to_reach(precision))
            path = self.folder / f"{form.name}.{precision}.onnx"
            self.weights[precision].save(small.graphs[0], path)
            graphs[precision] = self.address + path.name
        assert small is not None
        read = (IMAGES, *small.asked)
        takes = {each: _taken(each, form) for each in read}
        return self._form(form, [{"graph": graphs, "feeds": [], "takes": takes}], small)

    def _form(self, form: Form, steps: list[Json], small: Small) -> Json:
        query = {} if form.query is None else {"query": form.query}
        return {
            "choices": {**form.choices, **query},
            "numbers": [*form.numbers, *([form.target] if form.target else [])],
            "steps": steps,
            "outputs": {"finding": small.finding, "arrays": small.arrays},
        }

    def _words(self, form: Form) -> Json:
        """Say what the finding says, of noise: it is the same of any picture."""
        shape = (1, *self.size, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        (result,) = self.engine.probe_pixels(noise, form.example(-1))
        words = words_of(result.finding)
        # These tell of the picture, and of the numbers that are asked.
        mark = words.pop("mark", None)
        for name in ("details", "outlined"):
            words.pop(name, None)
        return {"words": words, "mark": mark is not None}

    def _keep(self, data: bytes, name: str) -> str:
        """Write a file, unless there is one of the same content; give its address."""
        key = hashlib.sha256(data).hexdigest()
        if key not in self.seen:
            (self.folder / name).write_bytes(data)
            self.seen[key] = name
        return self.address + self.seen[key]


def _briefly(by_block: Mapping[str, Mapping[str, str]]) -> Json:
    """Say once, with a star, what blocks are fed alike."""
    starred = {
        block: {
            each: name.replace(f"block_{int(block):02d}/", "block_*/") for each, name in fed.items()
        }
        for block, fed in by_block.items()
    }
    alike = next(iter(starred.values()))
    others = {block: fed for block, fed in starred.items() if fed != alike}
    return {"*": alike, **others}


def _taken(name: str, form: Form) -> Json:
    """Say what is fed to an input that is no kept value; nothing where an earlier step gives it."""
    kind, _, option = name.partition("/")
    if name == IMAGES:
        return {"images": True}
    if name == QUERIES:
        return {"query": True}
    if name == TARGETS:
        return {"class": True, "shape": [1, 1]}
    if kind == form.kind.name and option == "class":
        return {"class": True, "shape": []}
    if kind == form.kind.name and option in form.numbers:
        return {"option": option}
    return {}
