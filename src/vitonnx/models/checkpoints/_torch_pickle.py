"""Read the pickle inside a ``.pth`` file without running anything that it asks for.

A pickle is a program: it names functions and calls them. This reader knows the few names that a
checkpoint of plain parameters needs, and replaces each by an inert stand-in; any other name ends
the reading. Not even PyTorch is imported, let alone trusted.

None of the stand-ins copies what it is given, as `read_pickle` asks of them.
"""

from __future__ import annotations

import io
import pickle
from collections import deque
from pathlib import Path
from typing import IO, Any, Final, TypeGuard

import numpy as np

from vitonnx.errors import CheckpointError
from vitonnx.models.checkpoints._pickles import PickleLimitError, is_key, read_pickle

__all__ = ["Storage", "StoredTensor", "state_dicts", "unpickle"]

LONGEST_NAME: Final = 100
"""Letters of what a pickle asks for that are shown; all that it may ask for have fewer."""

# A pickle can make a dict that holds itself; no model is wrapped in more dicts than this.
DEPTH = 8

MOST_AXES: Final = 64
"""PyTorch's own limit."""


class StandIn:
    """A stand-in whose attributes a pickle may try to set, in vain.

    ``__setstate__`` is static, so that it meets this on an instance and on the class alike.
    """

    __slots__ = ()

    @staticmethod
    def __setstate__(state: object) -> None:
        pass


class Inert(StandIn):
    """Inert stand-in for what a checkpoint carries besides its parameters."""

    __slots__ = ()

    def __new__(cls, *arguments: object) -> Inert:
        return super().__new__(cls)


class Queue(Inert):
    """A stand-in for ``collections.deque``, to which a pickle adds item by item."""

    __slots__ = ()

    @staticmethod
    def append(item: object) -> None:
        pass

    @staticmethod
    def extend(items: object) -> None:
        pass


class Dict(StandIn, dict[Any, Any]):
    """A stand-in for ``collections.OrderedDict``; the attributes of PyTorch's are dropped.

    A dict given as content is used as is. A list of [key, value], as Python 2 wrote it, is emptied:
    a pickle could have a long one copied any number of times.
    """

    __slots__ = ()

    def __new__(cls, content: object = None) -> Any:
        return content if isinstance(content, dict) else super().__new__(cls)

    def __init__(self, content: object = None) -> None:
        super().__init__()
        if isinstance(content, list):
            for pair in content:
                if not isinstance(pair, list | tuple) or len(pair) != 2 or not is_key(pair[0]):
                    raise pickle.UnpicklingError("a dict without keys and values")
                self[pair[0]] = pair[1]
            content.clear()
        elif content is not None and not isinstance(content, dict):
            raise pickle.UnpicklingError("a dict of something else")


class DefaultDict(Dict):
    """A stand-in for ``collections.defaultdict``, without its factory."""

    __slots__ = ()

    def __new__(cls, *factory: object) -> Any:
        return super().__new__(cls)

    def __init__(self, *factory: object) -> None:
        super().__init__()


class Storage(StandIn):
    """A run of numbers in the file: a stand-in for ``torch.FloatStorage`` and its kin.

    The key is the file's name for it; the type is NumPy's, or ``bfloat16``.
    """

    __slots__ = ("count", "dtype", "key")

    def __init__(self, key: str, dtype: str, count: int) -> None:
        self.key, self.dtype, self.count = key, dtype, count

    @property
    def item_size(self) -> int:
        """Bytes of a number."""
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize

    @property
    def length(self) -> int:
        """Bytes of all of it."""
        return self.count * self.item_size


class StoredTensor(StandIn):
    """A view of a storage: a stand-in for ``torch._utils._rebuild_tensor_v2``.

    Offset and strides are in numbers, and `extent` is the run of numbers that they span. The rest,
    whether it was trained and its hooks, is nothing for us.
    """

    __slots__ = ("extent", "offset", "shape", "storage", "strides")

    storage: Storage
    offset: int
    extent: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __new__(
        cls, storage: object, offset: object, shape: object, strides: object, *rest: object
    ) -> StoredTensor:
        if not isinstance(storage, Storage) or not _is_count(offset):
            raise pickle.UnpicklingError("a tensor without a storage")
        if not _are_counts(shape) or not _are_counts(strides) or len(shape) != len(strides):
            raise pickle.UnpicklingError("a tensor with an invalid shape or strides")
        steps = ((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
        extent = 0 if 0 in shape else 1 + sum(steps)
        if offset + extent > storage.count:
            raise pickle.UnpicklingError(f"a tensor that ends outside its storage {storage.key}")
        tensor = super().__new__(cls)
        tensor.storage, tensor.offset, tensor.extent = storage, offset, extent
        tensor.shape, tensor.strides = shape, strides
        return tensor


class Parameter(StandIn):
    """A stand-in for ``torch._utils._rebuild_parameter``: the tensor it wraps."""

    __slots__ = ()

    def __new__(cls, data: object, *rest: object) -> Any:
        if not isinstance(data, StoredTensor):
            raise pickle.UnpicklingError("a parameter without a tensor")
        return data


STORAGE_DTYPES = {
    "torch.BFloat16Storage": "bfloat16",
    "torch.BoolStorage": "bool",
    "torch.ByteStorage": "uint8",
    "torch.CharStorage": "int8",
    "torch.DoubleStorage": "float64",
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.IntStorage": "int32",
    "torch.LongStorage": "int64",
    "torch.ShortStorage": "int16",
}

# Every name that a pickle may ask for, and what it is given: stand-ins, and plain strings, which
# can be neither called nor changed.
GLOBALS: dict[str, Any] = {
    "collections.OrderedDict": Dict,
    "collections.defaultdict": DefaultDict,
    # Counts and last losses.
    "collections.Counter": Inert,
    "collections.deque": Queue,
    "builtins.dict": Dict,
    "builtins.frozenset": Inert,
    "builtins.list": Inert,
    "builtins.set": Inert,
    # As Python 2 called them, and pickles of protocol 2 do.
    "__builtin__.dict": Dict,
    "__builtin__.frozenset": Inert,
    "__builtin__.list": Inert,
    "__builtin__.set": Inert,
    "torch._utils._rebuild_tensor_v2": StoredTensor,
    "torch._utils._rebuild_parameter": Parameter,
    "torch.Size": Inert,
    "torch.device": Inert,
    # The arguments of the training script: DINO's and timm's full checkpoints carry them, with
    # DINO's output folder among them.
    "argparse.Namespace": Inert,
    "pathlib.Path": Inert,
    "pathlib.PosixPath": Inert,
    "pathlib._local.PosixPath": Inert,
    # Lightning's hyperparameters.
    **dict.fromkeys(
        (
            "lightning.fabric.utilities.data.AttributeDict",
            "lightning_fabric.utilities.data.AttributeDict",
            "pytorch_lightning.utilities.parsing.AttributeDict",
        ),
        Dict,
    ),
    # NumPy's numbers and random states: a best accuracy, a resumed run.
    **dict.fromkeys(
        (
            "_codecs.encode",
            "numpy.dtype",
            "numpy.ndarray",
            "numpy.core.multiarray._reconstruct",
            "numpy.core.multiarray.scalar",
            "numpy._core.multiarray._reconstruct",
            "numpy._core.multiarray.scalar",
        ),
        Inert,
    ),
    **{name: name for name in STORAGE_DTYPES},
    **{
        f"torch.{dtype}": f"torch.{dtype}"
        for dtype in ("bfloat16", "bool", "float16", "float32", "float64", "int32", "int64")
    },
}


class Unpickler(pickle.Unpickler):
    """Python's unpickler with nothing to call but `GLOBALS`."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(file)
        self.path = path
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        asked = f"{module}.{name}"
        if asked not in GLOBALS:
            raise CheckpointError(
                f"{self.path} is a pickle that asks for {asked[:LONGEST_NAME]!r}, which could run "
                "code, so it is refused. Save the model's state_dict as .safetensors, and give "
                "that file."
            )
        return GLOBALS[asked]

    def persistent_load(self, reference: Any) -> Storage:
        """Stand in for a storage: ("storage", its class, key, device, count, maybe None)."""
        match reference:
            case ("storage", str(kind), str(key), _, int(count)) | (
                "storage",
                str(kind),
                str(key),
                _,
                int(count),
                None,
            ) if kind in STORAGE_DTYPES and count >= 0:
                storage = Storage(key, STORAGE_DTYPES[kind], count)
            case _:
                raise pickle.UnpicklingError("a reference to something else than a storage")
        known = self.storages.setdefault(key, storage)
        if (known.dtype, known.count) != (storage.dtype, storage.count):
            raise pickle.UnpicklingError(f"two storages of the name {key}")
        return known


def unpickle(file: IO[bytes], path: Path) -> tuple[Any, dict[str, Storage]]:
    """Read one pickle into inert types, with the storages that it refers to by key.

    The file is left after the pickle's end.

    Raises
    ------
    CheckpointError
        If it asks for anything that a checkpoint of plain parameters doesn't need, or holds more
        than is read.
    Exception
        If it is damaged.
    """
    try:
        content = read_pickle(file)
    except PickleLimitError as error:
        raise CheckpointError(
            f"{path} holds more than weights ({error}): save only the model's state_dict, and "
            "give that file."
        ) from error
    unpickler = Unpickler(io.BytesIO(content), path)
    return unpickler.load(), unpickler.storages


def state_dicts(content: object, path: Path) -> dict[tuple[str, ...], dict[str, StoredTensor]]:
    """Find every dict of tensors in what a ``.pth`` file holds, at its top or in dicts and lists.

    They are given by the keys that lead to each; one in two places, by the first. A file without
    any is refused.
    """
    found: dict[tuple[str, ...], dict[str, StoredTensor]] = {}
    seen: set[int] = set()
    pending: deque[tuple[tuple[str, ...], object]] = deque([((), content)])
    while pending:
        keys, holder = pending.popleft()
        if len(keys) > DEPTH or id(holder) in seen:
            continue
        seen.add(id(holder))
        if isinstance(holder, dict):
            items = list(holder.items())
            tensors = {
                name: value
                for name, value in items
                if isinstance(name, str) and isinstance(value, StoredTensor)
            }
            if tensors:
                found[keys] = tensors
        elif isinstance(holder, list | tuple):
            items = list(enumerate(holder))
        else:
            continue
        pending.extend(
            ((*keys, str(key)), value)
            for key, value in items
            if isinstance(key, str | int) and isinstance(value, dict | list | tuple)
        )
    if not found:
        raise CheckpointError(
            f"{path} holds no parameters by name, neither at its top nor in a dict inside: save "
            "the model's state_dict, and give that file."
        )
    return found


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and value >= 0


def _are_counts(value: object) -> TypeGuard[tuple[int, ...]]:
    if not isinstance(value, tuple) or len(value) > MOST_AXES:
        return False
    return all(_is_count(side) for side in value)
