"""Prefixes that training code puts in front of parameter names."""

from __future__ import annotations

from collections.abc import Callable, Collection

__all__ = ["strip_each", "strip_one"]

# From the names of a file to those of the parameters.
Strip = Callable[[Collection[str]], dict[str, str]]


def strip_each(*prefixes: str) -> Strip:
    """Make the function that takes these off, in this order, from each name that has them.

    Examples
    --------
    >>> strip_each("module.", "backbone.")(["module.backbone.cls_token", "head.bias"])
    {'module.backbone.cls_token': 'cls_token', 'head.bias': 'head.bias'}
    """

    def strip(names: Collection[str]) -> dict[str, str]:
        stripped = {name: name for name in names}
        for prefix in prefixes:
            stripped = {name: short.removeprefix(prefix) for name, short in stripped.items()}
        return stripped

    return strip


def strip_one(marker: str, *prefixes: str) -> Strip:
    """Make the function that keeps the names under the prefix before the marker, and takes it off.

    Examples
    --------
    >>> strip_one("cls", "", "params/")(["params/cls", "params/head/bias", "opt/count"])
    {'params/cls': 'cls', 'params/head/bias': 'head/bias'}
    """

    def strip(names: Collection[str]) -> dict[str, str]:
        prefix = next((prefix for prefix in prefixes if prefix + marker in names), "")
        return {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}

    return strip
