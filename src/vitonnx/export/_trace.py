"""Convert the TensorFlow network to an ONNX graph, with tf2onnx."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING, IMAGES, LOGITS, attention_name, tokens_name
from vitonnx.manifest import Preprocessing
from vitonnx.models import VisionTransformer, ViTConfig

__all__ = ["normalise", "trace"]

# The newest that tf2onnx writes.
TRACED_OPSET = 18


def normalise(images: tf.Tensor, recipe: Preprocessing) -> tf.Tensor:
    """Turn uint8 RGB (batch, height, width, 3) into the network's input: cast, subtract, scale."""
    mean = np.array(recipe.mean, np.float64) * 255
    std = np.array(recipe.std, np.float64) * 255
    return (tf.cast(images, tf.float32) - mean.astype(np.float32)) * (1 / std).astype(np.float32)


def trace(
    network: VisionTransformer, parameters: Mapping[str, NDArray[np.float32]], recipe: Preprocessing
) -> ir.Model:
    """Trace the network on its own grid, with the outputs that the contract names.

    The weights are arguments of the traced function and become initializers of the graph
    afterwards: neither TensorFlow nor tf2onnx folds, copies or renames them, and converting takes
    the same memory for a network of any size. Mean and std of the recipe go into the graph, which
    is in primitive operators of opset 18.
    """
    config = network.config
    weights = network.named_weights()
    order = [weight.path for weight in weights.values()]

    def probe_ready(images: tf.Tensor, values: list[tf.Tensor]) -> list[tf.Tensor]:
        by_path = dict(zip(order, values, strict=True))
        outputs, _ = network.stateless_call(
            [by_path[weight.path] for weight in network.trainable_variables],
            [by_path[weight.path] for weight in network.non_trainable_variables],
            normalise(images, recipe),
        )
        logits = [] if outputs.logits is None else [outputs.logits]
        return [*logits, outputs.embedding, *outputs.attention, *outputs.tokens]

    signature = [
        tf.TensorSpec((None, *config.image_size, 3), tf.uint8, name=IMAGES),
        [tf.TensorSpec(weight.shape, tf.float32, name=name) for name, weight in weights.items()],
    ]
    proto, _ = tf2onnx.convert.from_function(
        tf.function(probe_ready, autograph=False), input_signature=signature, opset=TRACED_OPSET
    )
    model: ir.Model = ir.from_proto(proto)
    _name_outputs(model.graph, config)
    fixed = {name: np.asarray(weight) for name, weight in weights.items() if name not in parameters}
    _attach_weights(model.graph, {**parameters, **fixed})
    return model


def output_names(config: ViTConfig) -> list[str]:
    """List the outputs in the order of the file."""
    blocks = range(config.blocks)
    return [
        *([LOGITS] if config.classes else []),
        EMBEDDING,
        *(attention_name(block) for block in blocks),
        *(tokens_name(block) for block in blocks),
    ]


def _name_outputs(graph: ir.Graph, config: ViTConfig) -> None:
    """Give input and outputs their contract names, in the order of the traced function."""
    batch = ir.SymbolicDim("batch")
    images = graph.inputs[0]
    images.name = IMAGES
    for value in (images, *graph.outputs):
        value.shape = ir.Shape([batch, *(value.shape or ())[1:]])
    for value, name in zip(graph.outputs, output_names(config), strict=True):
        value.name = name


def _attach_weights(graph: ir.Graph, parameters: Mapping[str, NDArray[np.float32]]) -> None:
    """Turn the arguments that stand for weights into initializers."""
    for value in graph.inputs[1:]:
        value.const_value = ir.tensor(parameters[str(value.name)], name=value.name)
        graph.inputs.remove(value)
        graph.register_initializer(value)
