"""The readers: what each reads, from which files its cases are made, and how."""

from __future__ import annotations

from dataclasses import dataclass

from fuzz import seeds
from fuzz.mutators import chunks, graphs, jsons, large, pickles, protobuf, raw, text, tiffs, zips
from fuzz.mutators.inside import in_header, in_member, in_metadata, in_signed
from fuzz.mutators.raw import Mutator
from fuzz.seeds import Seeds
from vitonnx.manifest import METADATA_KEY

__all__ = ["READERS", "Reader"]


@dataclass(frozen=True)
class Reader:
    """One reader.

    Parameters
    ----------
    name : str
        As reports call it.
    suffix : str
        Of its files.
    read : str
        ``MODULE:FUNCTION`` that reads one, in a child.
    seeds : Seeds
        Gives files as they should be.
    mutators : tuple of Mutator
        One is drawn for each change: what stands here twice is done twice as often.
    """

    name: str
    suffix: str
    read: str
    seeds: Seeds
    mutators: tuple[Mutator, ...]


_MANIFEST = in_metadata(METADATA_KEY, jsons.mutate)
_GRAPH = (*[graphs.mutate] * 6, protobuf.mutate, raw.mutate)
_HEADER_OF_ARRAY = in_member(lambda name: name.endswith(".npy"), raw.mutate)
_PICKLE = in_member(lambda name: name.endswith(".pkl"), pickles.mutate)

_PICTURE = (raw.mutate, chunks.png, chunks.jpeg, chunks.gif, chunks.riff, tiffs.mutate)

READERS = (
    Reader("manifest", ".onnx", "fuzz.reading:probe", seeds.graphs, (_MANIFEST,)),
    Reader("probe", ".onnx", "fuzz.reading:probe", seeds.graphs, _GRAPH),
    Reader("bake", ".onnx", "fuzz.reading:bake_probes", seeds.graphs, (*_GRAPH, _MANIFEST)),
    Reader("tap", ".onnx", "fuzz.reading:tap_graph", seeds.foreign_graphs, _GRAPH),
    Reader(
        "safetensors",
        ".safetensors",
        "fuzz.reading:checkpoint",
        seeds.safetensors,
        (*[in_header(jsons.mutate)] * 3, in_header(raw.mutate), raw.mutate),
    ),
    Reader(
        "pth",
        ".pth",
        "fuzz.reading:checkpoint",
        seeds.pth,
        (*[_PICKLE] * 3, pickles.mutate, zips.mutate, raw.mutate),
    ),
    Reader(
        "npz",
        ".npz",
        "fuzz.reading:checkpoint",
        seeds.npz,
        (*[_HEADER_OF_ARRAY] * 3, zips.mutate, zips.mutate, raw.mutate),
    ),
    Reader(
        "pictures",
        ".png",
        "fuzz.reading:picture",
        seeds.pictures,
        (*_PICTURE * 3, large.png, large.gif),
    ),
    Reader(
        "films",
        ".mp4",
        "fuzz.reading:film",
        seeds.films,
        (*[chunks.boxes, chunks.ebml] * 4, *_PICTURE * 2, text.mutate, large.gif),
    ),
    Reader("lists", ".txt", "fuzz.reading:picture_list", seeds.lists, (text.mutate, raw.mutate)),
    Reader(
        "states",
        ".json",
        "fuzz.reading:state",
        seeds.states,
        (*[in_signed(jsons.mutate)] * 6, jsons.mutate, raw.mutate),
    ),
    Reader("configs", ".json", "fuzz.reading:config", seeds.configs, (jsons.mutate,)),
    Reader("recipes", ".json", "fuzz.reading:recipe", seeds.recipes, (jsons.mutate,)),
    Reader("archives", ".tar", "fuzz.reading:archive", seeds.archives, (raw.mutate,)),
)
