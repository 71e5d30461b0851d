"""Foreign files, made live by PyTorch's exporters and others' tools, tapped and held to the word of
the framework that they come from.

One file of each family; all of them with ``pytest -m peers tests/tap/test_matrix.py
--whole-matrix``.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from tap.zoo.exporters import EXPORTERS
from tap.zoo.measure import outcome
from tap.zoo.write import Cell, cells

# Each family, each exporter, each way to write attention and each derivation, once or more.
CHOSEN = (
    "timm-vit-fused/dynamo-25",
    "timm-vit-fused/torchscript-17-batch2",
    "timm-deit-fused/torchscript-17-batch1",
    "timm-deit-distilled-fused/dynamo-18",
    "timm-dino-plain/torchscript-20",
    "timm-dinov2-reg4-fused/torchscript-17",
    "timm-dinov3-fused/dynamo-20",
    "timm-clip-plain/torchscript-17",
    "timm-siglip-fused/dynamo-23",
    "timm-mae-fused/torchscript-20",
    "timm-beit-fused/torchscript-17",
    "timm-eva02-fused/dynamo-20-batch1",
    "timm-flexivit-plain/dynamo-18",
    "timm-vit-resampling-fused/dynamo-20-anysize",
    "timm-dinov3-resampling-plain/torchscript-17-anysize",
    "huggingface-vit-sdpa/dynamo-18",
    "huggingface-vit-interpolated-eager/torchscript-17-anysize",
    "huggingface-deit-eager/torchscript-17",
    "huggingface-dinov2-sdpa/torchscript-20",
    "huggingface-dinov2-registers-eager/dynamo-20",
    "huggingface-dinov3-eager/torchscript-17-batch1",
    "huggingface-clip-sdpa/torchscript-17",
    "huggingface-siglip-eager/torchscript-20",
    "huggingface-siglip-interpolated-sdpa/torchscript-17",
    "huggingface-beit-sdpa/dynamo-23",
    "huggingface-vitmae-eager/torchscript-17",
    "huggingface-yolos-eager/torchscript-17",
    "huggingface-vitmae-permuted-eager/torchscript-17",
    "huggingface-vitmae-random-eager/torchscript-17",
    "huggingface-vitmae-masked-eager/torchscript-17",
    "torchvision-vit-multihead/torchscript-17",
    "pytorch-encoder-multihead/torchscript-17",
    "pytorch-encoder-tokens-first-multihead/torchscript-20",
    "pytorch-encoder-counted-multihead/torchscript-17",
    "pytorch-encoder-normed-first-multihead/dynamo-20",
    "huggingface-vit-einsum/torchscript-17",
    "huggingface-vit-folded/torchscript-17",
    "huggingface-vit-attention23/dynamo-23",
    "huggingface-beit-multihead-4d/dynamo-23",
    "huggingface-vit-multihead-packed-kv/dynamo-23",
    "huggingface-vit-multihead-packed-qkv/dynamo-23",
    "huggingface-beit-multihead/dynamo-23",
    "huggingface-vit-divided+fused/torchscript-17",
    "huggingface-vit-divided+fused-half/torchscript-17",
    "timm-deit-distilled-plain+session/dynamo-20",
    "timm-vit-fused+half/torchscript-17",
    "timm-vit-fused+half-inside/torchscript-17",
    "timm-vit-fused+four-bits/torchscript-17",
    "timm-vit-fused+four-bits-in-eight/torchscript-17",
    "timm-vit-fused+normal-floats/torchscript-17",
    "timm-vit-fused+int8/torchscript-17",
    "timm-vit-fused+slim/torchscript-17",
)

NO_SUCH_CALL = (
    "can't be made: TypeError: scaled_dot_product_attention(): argument 'is_causal' must be"
)
NOT_IN_ORDER = "refused: The model's tokens are not its patches"
RANDOM = "refused: The graph draws random numbers (Random"
# What can't be tapped, or can't even be exported, and why.
KNOWN = (
    ("timm-dinov3*-fused/torchscript-*", NO_SUCH_CALL),
    ("timm-eva02-fused/torchscript-*", NO_SUCH_CALL),
    (
        "huggingface-dinov2-registers-*/torchscript-*",
        "can't be made: UnsupportedOperatorError: Exporting the operator 'aten::_upsample_bicubic",
    ),
    # What runs on graphics cards alone.
    ("*-packed-*", "refused: onnxruntime can't run the graph"),
    ("huggingface-vitmae-permuted-*", NOT_IN_ORDER),
    ("huggingface-vitmae-random-*", RANDOM),
    ("huggingface-vitmae-masked-*", RANDOM),
)

NEEDS = {
    "timm": ("timm",),
    "huggingface": ("transformers",),
    "torchvision": ("torchvision",),
    "slim": ("onnxslim",),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" not in metafunc.fixturenames:
        return
    whole = metafunc.config.getoption("--whole-matrix", default=False)
    chosen = [cell for cell in cells() if whole or str(cell) in CHOSEN]
    metafunc.parametrize("cell", chosen, ids=str)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@pytest.mark.peers
def test_tapped(cell: Cell, folder: Path) -> None:
    for package in ("torch", *NEEDS.get(cell.framework, ()), *NEEDS.get(cell.derivation, ())):
        pytest.importorskip(package)
    found = outcome(cell, folder)
    expected = known(cell)
    assert found.startswith(expected) if expected else not found, found or "all is well"


def known(cell: Cell) -> str:
    """Give how the outcome begins that a file is known to have."""
    return next((words for pattern, words in KNOWN if fnmatch(str(cell), pattern)), "")


def test_chosen_files_are_of_every_kind() -> None:
    whole, chosen = cells(), [cell for cell in cells() if str(cell) in CHOSEN]
    assert len(chosen) == len(CHOSEN)
    for kind in ("framework", "family", "attention", "derivation"):
        assert {getattr(cell, kind) for cell in chosen} == {getattr(cell, kind) for cell in whole}
    assert {cell.exporter for cell in chosen} == set(EXPORTERS)
