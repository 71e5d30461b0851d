"""Readers for checkpoints: three file formats, four conventions of names, one tree of parameters.

``_open_checkpoint`` recognises the format and gives every array by its name in the file
(``_safetensors``, ``_npz``, ``_torch``); ``_find`` finds the model among them, in whatever
wrappers; the conventions (``_timm``, ``_huggingface``, ``_google``, and our own in ``_find``) say
which parameters of `vitonnx.models.ViTConfig` each name holds; ``_read`` brings them together.
``_readout`` reads off what head a checkpoint has.
"""

from vitonnx.models.checkpoints._read import read_checkpoint
from vitonnx.models.checkpoints._readout import fit_readout

__all__ = ["fit_readout", "read_checkpoint"]
