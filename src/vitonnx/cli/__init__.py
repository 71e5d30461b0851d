"""The command line: thin commands, one file each; what they need is imported inside them."""

from vitonnx.cli._main import main

__all__ = ["main"]
