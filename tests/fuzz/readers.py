"""The readers: what each reads, from which files its cases are made, and how."""

from __future__ import annotations

from dataclasses import dataclass

from fuzz import seeds
from fuzz.mutators import (
    arrays,
    containers,
    disguises,
    graphs,
    jsons,
    large,
    pickles,
    protobuf,
    raw,
    text,
    zips,
)
from fuzz.mutators.inside import in_header, in_member, in_metadata, in_signed, in_tar
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
_ARRAY = in_member(lambda name: name.endswith(".npy"), arrays.mutate)
_PICKLE = in_member(lambda name: name.endswith(".pkl"), pickles.mutate)

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
        (*[_ARRAY] * 3, zips.mutate, zips.mutate, raw.mutate),
    ),
    Reader(
        "pictures",
        ".png",
        "fuzz.reading:picture",
        seeds.pictures,
        (*[containers.mutate] * 40, *[raw.mutate] * 10, large.png, large.gif, disguises.mutate),
    ),
    Reader(
        "videos",
        ".mp4",
        "fuzz.reading:video",
        seeds.videos,
        (
            *[containers.mutate] * 80,
            *[raw.mutate] * 20,
            *[text.mutate] * 10,
            large.gif,
            disguises.mutate,
        ),
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
    Reader(
        "archives",
        ".tar",
        "fuzz.reading:archive",
        seeds.archives,
        (*[in_tar(pickles.mutate)] * 3, in_tar(raw.mutate), in_tar(text.mutate), raw.mutate),
    ),
)
