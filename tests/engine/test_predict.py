"""What a picture shows, by its logits."""

from __future__ import annotations

import numpy as np

from vitonnx.engine import best_classes, predict
from vitonnx.engine._result_stream import predict_each

CLASSES = tuple(f"class {number}" for number in range(11))


def test_the_likeliest_class_is_the_first_of_the_best() -> None:
    logits = (3 * np.random.default_rng(0).standard_normal((7, 11))).astype(np.float32)
    logits[5] = 2.0  # all alike
    logits[6, 3] = logits[6, 9] = 40.0
    for classes in (CLASSES, CLASSES[:2], None):
        found = predict_each(logits, classes)
        for each, scores in zip(found, logits, strict=True):
            (best,) = best_classes(scores, classes, 1)
            assert each == best == predict(scores, classes)
    assert [each.index for each in found[5:]] == [0, 3]
