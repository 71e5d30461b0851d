"""Probes as a function of batches, which Ray Data's ``map_batches`` calls in its actors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vitonnx import probes as asking
from vitonnx.errors import UsageError
from vitonnx.ray._columns import ERROR, columns_of, form_of
from vitonnx.ray._pictures import as_picture
from vitonnx.ray._share import own_share

if TYPE_CHECKING:
    from vitonnx.engine import Engine

__all__ = ["Probe"]


class Probe:
    """Probe the pictures of a dataset, for Ray Data's ``map_batches``.

    Ray makes one in each actor, where it opens the model and decodes the pictures. All other
    columns stay as they are.

    Parameters
    ----------
    model : str or path
        As for `vitonnx.Engine`: a path or URL that all nodes see, or a name. What has to be fetched
        or made is, once a node.
    probes : Probe or iterable of Probe
        What to ask of every picture, in one pass. One that must be fitted first is given fitted:
        see `vitonnx.Engine.fitted`.
    column : str
        The column of the pictures. Its values are the content of picture files, alone or in Hugging
        Face's ``{bytes, path}``; paths or URLs that all nodes see; or uint8 arrays (height, width,
        3).
    device : str, optional
        As for `vitonnx.Engine`. By default ``cuda`` in an actor that has a GPU (``num_gpus``), else
        ``cpu``.
    threads : int, optional
        Number of threads of the runtime; by default, the number of the actor's CPUs (``num_cpus``).
    **options
        More of `vitonnx.Engine`'s parameters, such as ``size`` and ``precision``; and ``decoders``,
        the number of threads that decode pictures.

    Raises
    ------
    UsageError
        If a probe can't be asked of single pictures, or the model has not what it asks for, or
        gives every picture its own size.
    VitonnxError
        As `vitonnx.Engine`, where the model can't be opened on the device.

    Examples
    --------
    ::

        import ray
        import vitonnx as vx

        ray.data.read_parquet("s3://birds/val").map_batches(
            vx.ray.Probe,
            fn_constructor_kwargs={"model": "s3://models/dino.onnx", "probes": [vx.Heads()]},
            batch_size=32,
            num_gpus=1,
            compute=ray.data.ActorPoolStrategy(size=4),
        ).write_parquet("s3://birds/heads")
    """

    def __init__(
        self,
        model: Any,
        probes: asking.Probe[Any] | Iterable[asking.Probe[Any]],
        *,
        column: str = "image",
        device: str | None = None,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        from vitonnx.api._named_engine import Engine
        from vitonnx.engine import as_probes

        share = own_share()
        self._engine = Engine(
            model,
            device=device or share.device,
            threads=threads or share.threads,
            **options,
        )
        self._column = column
        self._probes = tuple(_ready(self._engine, each) for each in as_probes(probes))
        if not self._probes:
            raise UsageError("no probe given: give at least one, such as vitonnx.Heads().")
        # What is wrong with the question is known before the first batch, and the session is open.
        # An iterator, as batches are given: of a list, the first few pictures are answered without
        # a plan, and a result would depend on how many the actor has had.
        (example,) = self._engine.stream(iter([self._engine.blank()]), self._probes)
        if example.error is not None:
            raise example.error
        self._form = form_of(example)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Probe a batch.

        Parameters
        ----------
        batch : mapping of str to array (rows, ...)
            As Ray gives it with ``batch_format="numpy"``, the default.

        Returns
        -------
        dict
            The batch's columns; ``<probe>.<array>`` (rows, ...) for every array of the probes'
            results, which is NaN (0 in arrays of integers) for a picture that can't be used; and
            ``error``, which says why, and is null elsewhere.

        Raises
        ------
        UsageError
            If the batch is in another format, lacks the column, or has columns of such names.
        """
        self._check(batch)
        pictures = (as_picture(value, self._column) for value in batch[self._column])
        columns, errors = columns_of(self._engine.stream(pictures, self._probes), self._form)
        return {**batch, **columns, ERROR: _as_strings(errors)}

    def _check(self, batch: object) -> None:
        if not isinstance(batch, Mapping):
            raise UsageError(
                f"a batch came as {type(batch).__name__}, where arrays are taken: call map_batches "
                'with batch_format="numpy", the default.'
            )
        if self._column not in batch:
            raise UsageError(
                f"there is no column {self._column!r} of pictures; there are {', '.join(batch)}: "
                "name it with `column` in fn_constructor_kwargs."
            )
        for name in (*self._form, ERROR):
            if name in batch:
                raise UsageError(
                    f"there is a column {name!r} already, which would be lost: drop or rename it "
                    "(rename_columns)."
                )


def _ready(engine: Engine, probe: asking.Probe[Any]) -> asking.Probe[Any]:
    """Fit a probe on its own source; refuse one that would have to see all pictures first."""
    if isinstance(probe, asking.SumProbe):
        raise probe.refusal
    stage = probe.fit_stage(engine.layout)
    # A probe that is its own stage learns for its totals alone.
    return probe if stage is None or stage is probe else engine.fitted(None, probe)


def _as_strings(texts: list[str | None]) -> list[Any]:
    """Give texts that are strings to Arrow also where all of them are null."""
    import pyarrow as pa

    return [pa.scalar(text, pa.string()) for text in texts]
