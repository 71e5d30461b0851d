"""Readers for checkpoints: three file formats, three conventions of names, one tree of parameters.

``_open`` recognises the format and gives every array by its name in the file (``_safetensors``,
``_npz``, ``_torch``); the conventions (``_timm``, ``_huggingface``, ``_google``) say which
parameters of `vitonnx.models.ViTConfig` each of them holds; ``_read`` brings the two together.
"""

from vitonnx.models.checkpoints._read import read_checkpoint

__all__ = ["read_checkpoint"]
