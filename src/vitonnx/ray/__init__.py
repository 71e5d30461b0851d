"""Ray Data: probes over a dataset on a cluster. The library of that name is only known here."""

from vitonnx.ray._cluster import Cluster
from vitonnx.ray._probe import Probe

__all__ = ["Cluster", "Probe"]
