"""Small graph passes, shared by export, tap and engine. No framework and no runtime in here."""

from vitonnx.graph._attach import Attach, join_traced
from vitonnx.graph._canonical import IR_VERSION, OPSET, canonicalise
from vitonnx.graph._cut import Cut, divide, leave_unread
from vitonnx.graph._derive import Derive
from vitonnx.graph._find_blocks import Block, ancestors, find_blocks, first_join
from vitonnx.graph._fit_kernels import FitKernels
from vitonnx.graph._fuse_attention import FuseAttention
from vitonnx.graph._fuse_layers import FuseGelus, FuseLayerNorms
from vitonnx.graph._halve import Halve
from vitonnx.graph._multiply_turned import MultiplyTurned
from vitonnx.graph._node_names import NameNodes
from vitonnx.graph._providers import ANY_PROVIDER, PROVIDERS, has_kernel, provider_of
from vitonnx.graph._randomise import Randomise, weight_stages
from vitonnx.graph._reduce_first import ReduceFirst
from vitonnx.graph._regrid import Regrid, read_manifest, resample_positions, write_manifest
from vitonnx.graph._reshape import FreeReshapes
from vitonnx.graph._rows import RowsFirst
from vitonnx.graph._sides import slice_bounds
from vitonnx.graph._tidy import KeepOutputs, OrderNodes, TransposeWeights
from vitonnx.graph._write import Writer, constant, number, numbers

__all__ = [
    "ANY_PROVIDER",
    "IR_VERSION",
    "OPSET",
    "PROVIDERS",
    "Attach",
    "Block",
    "Cut",
    "Derive",
    "FitKernels",
    "FreeReshapes",
    "FuseAttention",
    "FuseGelus",
    "FuseLayerNorms",
    "Halve",
    "KeepOutputs",
    "MultiplyTurned",
    "NameNodes",
    "OrderNodes",
    "Randomise",
    "ReduceFirst",
    "Regrid",
    "RowsFirst",
    "TransposeWeights",
    "Writer",
    "ancestors",
    "canonicalise",
    "constant",
    "divide",
    "find_blocks",
    "first_join",
    "has_kernel",
    "join_traced",
    "leave_unread",
    "number",
    "numbers",
    "provider_of",
    "read_manifest",
    "resample_positions",
    "slice_bounds",
    "weight_stages",
    "write_manifest",
]
