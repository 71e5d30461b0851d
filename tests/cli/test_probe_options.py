"""Options of somebody's probe on the command line: read, shown and refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from vitonnx.cli._probe_options import Given, make_probe, with_options
from vitonnx.errors import UsageError
from vitonnx.probes import Found, Plate, WeightProbe, option, options_of


def listed(text: str) -> tuple[str, ...]:
    return tuple(text.split("+"))


@dataclass(frozen=True)
class Odd(WeightProbe[Found]):
    """A probe with an option of every kind."""

    name = "odd"
    help = "Show [cls] and [/nothing]."
    gives = Plate

    keep: bool = option(True, "Keep [all] of it.")
    drop: bool = option(False, "Drop it.")
    names: tuple[str, ...] = option(("a", "b"), "Take these.", read=listed, metavar="A+B")
    how: Literal["well", "badly"] = option("well", "Do it this way.")
    share: float = option(0.5, "Take this share.", least=0, most=1)
    number: int | None = option(None, "Take this many.", least=2)

    def reads(self, layout: Any) -> tuple[str, ...]:
        return ()

    def compute(self, weights: Any, layout: Any) -> Found:
        raise NotImplementedError


@pytest.fixture
def made() -> list[Odd]:
    return []


@pytest.fixture
def app(made: list[Odd]) -> typer.Typer:
    def command(given: Given) -> None:
        made.append(make_probe(Odd, given))

    app = typer.Typer()
    app.command()(with_options(command, options_of(Odd), help=Odd.help))
    return app


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Odd()),
        (["--no-keep", "--drop"], Odd(keep=False, drop=True)),
        (["--names", "c+d+e"], Odd(names=("c", "d", "e"))),
        (["--how", "badly", "--share", "1", "--number", "2"], Odd(how="badly", share=1, number=2)),
    ],
)
def test_options_are_read(
    app: typer.Typer, made: list[Odd], words: list[str], expected: Odd
) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert made == [expected]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--how", "so"], "how 'so' is unknown; there are well, badly"),
        (["--share", "1.5"], "share is 1.5; it must be from 0 to 1"),
        (["--share", "nan"], "share is nan; it must be from 0 to 1"),
        (["--number", "1"], "number is 1; it must be at least 2"),
        (["--number", "1e3"], "--number '1e3' is not a whole number"),
    ],
)
def test_values_that_can_not_be(app: typer.Typer, words: list[str], says: str) -> None:
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)


def test_the_words_of_somebodys_help_are_no_markup(app: typer.Typer) -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for word in (
        "[cls]",
        "[/nothing]",
        "[all]",
        "(default: ('a', 'b'))",
        "--no-keep",
        "well|badly",
    ):
        assert word in text


def test_a_type_that_no_command_can_read() -> None:
    @dataclass(frozen=True)
    class Unread(Odd):
        rank: Literal[1, 2] = option(1, "Take this rank.")

    with pytest.raises(TypeError, match="option rank is of type"):
        options_of(Unread)
