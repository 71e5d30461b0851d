"""Every probe that is compiled into a graph, in every form, in as few plans as names allow."""

from __future__ import annotations

from typing import Any

import vitonnx as vx
from vitonnx.layout import Layout
from vitonnx.probes._basis import BasisShape
from vitonnx.probes._cka import BlockTokens
from vitonnx.probes._foreground import FirstComponent
from vitonnx.probes._pca import PatchMoments
from vitonnx.probes._similarity import QueryToken

__all__ = ["PLANS", "planned_probes"]

PLANS = (
    *("one query", "pixels", "means", "largest", "smallest", "discarded", "colours"),
    *("two classes", "noise", "likeness"),
)


def planned_probes(plan: str, layout: Layout) -> tuple[Any, ...]:
    """Give the probes of one of the `PLANS`, for a model with a class token and a head."""
    dim = layout.dim
    plans: dict[str, tuple[Any, ...]] = {
        "one query": (vx.Heads(),),
        "pixels": (vx.Heads(block=0, query=(20, 30)), vx.Similarity(query=(20, 30))),
        "means": (
            *(vx.Heads(query="mean"), vx.Rollout(), vx.Distance(), vx.Entropy()),
            *(PatchMoments(), vx.Similarity(), vx.Norms(), vx.CKA()),
            *(vx.Lens(), vx.Attribution()),
        ),
        "largest": (
            *(vx.Rollout(fusion="max", discard=0.3), vx.Distance(renormalize=True)),
            *(vx.PCA(basis=BasisShape(dim, False)), vx.Similarity(anchor=dim)),
            *(vx.Norms(block=0), vx.CKA(tokens="patches"), vx.Lens(block=0, class_=1)),
            vx.Attribution(method="generic"),
        ),
        "smallest": (
            *(vx.Rollout(fusion="min"), FirstComponent(side=dim), QueryToken(), BlockTokens()),
            vx.Attribution(method="gradient-rollout"),
        ),
        "discarded": (
            *(vx.Rollout(discard=0.3), QueryToken(query=(20, 30))),
            vx.Attribution(method="grad-cam"),
        ),
        "colours": (
            *(vx.Rollout(fusion="max"), vx.PCA(block=0, basis=BasisShape(dim, True))),
            *(vx.Similarity(query="cls"), vx.Attribution(method="gradient")),
        ),
        "two classes": (PatchMoments(side=dim), vx.Attribution(target=(0, 1))),
        "noise": (vx.Attribution(method="gradient", samples=2),),
        "likeness": (vx.Attribution(target="embedding:bird.png", anchor=dim),),
    }
    return plans[plan]
