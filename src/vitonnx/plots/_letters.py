"""Fonts that have the letters of a text: names of pictures may be in any script."""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import groupby
from typing import Literal, TypeAlias

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from vitonnx.filenames import shown
from vitonnx.plots._axes import FONT

__all__ = ["drawable", "font_for", "runs"]

Weight: TypeAlias = Literal["normal", "bold"]


PAGE = 256  # letters
JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
# Fonts of formulas, which have letters for other signs; and one that has a box for every sign.
NO_TEXT = ("cmb", "cmex", "cmmi", "cmr", "cmss", "cmsy", "cmtt", "last resort", "stix", "symbol")


def drawable(text: str) -> str:
    r"""Escape what no installed font has a letter for, and what is none, such as a line break.

    Examples
    --------
    >>> drawable("two\nlines")
    'two\\nlines'
    """
    return "".join(
        sign if _is_letter(sign) and _family_for(sign) else _escaped(sign) for sign in shown(text)
    )


def font_for(text: str, *, size: float, weight: Weight = "normal") -> FontProperties:
    """Give the fonts that have the letters of a drawable text, the usual one first.

    Where one of them is never bold, none is.

    Examples
    --------
    >>> font_for("bird.png", size=8.5).get_family()
    ['DejaVu Sans']
    """
    used = {sign: _family_for(sign) or FONT for sign in text}
    if not all(_has(family, weight, sign) for sign, family in used.items()):
        weight = "normal"
    return FontProperties(
        family=list({FONT: 0} | dict.fromkeys(used.values())), size=size, weight=weight
    )


def runs(text: str) -> list[tuple[str, str]]:
    """Cut a drawable text where its font changes: the family and the letters of each part.

    Examples
    --------
    >>> runs("bird.png")
    [('DejaVu Sans', 'bird.png')]
    """
    return [(family or FONT, "".join(signs)) for family, signs in groupby(text, key=_family_for)]


def _is_letter(sign: str) -> bool:
    """Tell whether a sign may be drawn: not a control, and nothing that turns the line about."""
    return sign in JOINERS or not unicodedata.category(sign).startswith("C")


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


@cache
def _family_for(sign: str) -> str | None:
    """Find a font that has a letter: the usual one, or else the first that is installed."""
    families = (FONT, *_others())
    return next((family for family in families if _has(family, "normal", sign)), None)


@cache
def _others() -> tuple[str, ...]:
    """All other families, those without serifs first."""
    names = {entry.name for entry in font_manager.fontManager.ttflist} - {FONT}
    return tuple(
        sorted(
            (name for name in names if not name.lower().startswith(NO_TEXT)),
            key=lambda name: ("sans" not in name.lower(), "mono" in name.lower(), name),
        )
    )


def _has(family: str, weight: Weight, sign: str) -> bool:
    """Tell whether a font can draw a letter."""
    number = ord(sign)
    if number // PAGE not in _pages(family, weight):
        return False
    return bool(_open(family, weight).get_char_index(number))


@cache
def _pages(family: str, weight: Weight) -> frozenset[int]:
    """Give the pages of Unicode in which a font has letters: of hundreds of fonts, little memory.

    There are none where it has no such weight, or can't be used.
    """
    number = font_manager.weight_dict[weight]
    if not any(
        entry.name == family and entry.style == "normal" and entry.weight in (weight, number)
        for entry in font_manager.fontManager.ttflist
    ):
        return frozenset()
    try:
        font = _open(family, weight)
        font.set_size(8, 100)  # fonts of pixels, such as coloured signs, have few sizes
        return frozenset(number // PAGE for number in font.get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()


def _open(family: str, weight: Weight) -> FT2Font:
    # Matplotlib keeps those that were opened last.
    return font_manager.get_font(
        font_manager.findfont(FontProperties(family=family, weight=weight))
    )
