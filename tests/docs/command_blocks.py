"""Read what a page of the documentation tells people to type."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r" *(?P<ticks>`{3,}|~{3,}) *(?P<language>[\w+-]*) *(?P<more>.*)")
TITLE = re.compile(r'title="(?P<title>[^"]+)"')
OPERATORS = "&|;<>()"


@dataclass(frozen=True)
class Block:
    """What stands between two fences.

    Parameters
    ----------
    page : Path
        Where it stands.
    line : int
        Of the opening fence, from 1.
    language : str
        Behind the fence; empty where nothing is.
    title : str or None
        Of a block that shows a file: its name.
    text : str
        Without the fences, and without their indentation.
    """

    page: Path
    line: int
    language: str
    title: str | None
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def read_blocks(page: Path) -> list[Block]:
    """List the blocks of a page, from top to bottom."""
    blocks: list[Block] = []
    begun: tuple[int, re.Match[str]] | None = None
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        fence = FENCE.fullmatch(line)
        if begun is None:
            begun = (number, fence) if fence else None
        elif line.strip() == begun[1]["ticks"]:
            start, opening = begun
            title = TITLE.search(opening["more"])
            text = textwrap.dedent("\n".join(lines[start : number - 1])) + "\n"
            blocks.append(Block(page, start, opening["language"], title and title["title"], text))
            begun = None
    if begun is not None:
        raise ValueError(f"{page.name}:{begun[0]} opens a block that nothing closes")
    return blocks


def read_commands(block: Block) -> Iterator[tuple[str, ...]]:
    """Split the lines of a shell block into commands, each a tuple of words.

    Comments are left out, a backslash joins lines, and ``&&`` begins another command. Anything
    else that only a shell can do is an error: the pages do without.
    """
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=OPERATORS)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, "&&"]:
            if word == "&&":
                if words:
                    yield tuple(words)
                words = []
            elif set(word) <= set(OPERATORS):
                raise ValueError(f"{block.place}: {line!r} needs a shell")
            else:
                words.append(word)
