"""``docs/probes/``: a page for each probe, its figure up to date, and a place on the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.figures import command_of, draw, origin_of
from PIL import Image

from vitonnx.demo import draw_material
from vitonnx.probes import PROBES, ProbeClass, options_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/probes"

SECTIONS = ("What it means", "What it does not mean", "Formula", "Arrays", "Source")
MOST_BYTES = 100_000  # of a figure: a page is read on a phone, too

each_probe = pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)


def page_of(probe: ProbeClass) -> Path:
    return FOLDER / f"{probe.name}.md"


def test_each_probe_has_a_page_and_a_figure_and_nothing_else_has() -> None:
    names = {probe.name for probe in PROBES}
    assert {file.name for file in FOLDER.iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("md", "png")
    }


@each_probe
def test_sections(probe: ProbeClass) -> None:
    """All are there, in their order, and none is empty."""
    parts = re.split(r"^## (.+)\n", page_of(probe).read_text(), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert [title for title in sections if title in SECTIONS] == list(SECTIONS)
    assert all(len(sections[title].split()) > 3 for title in SECTIONS)
    assert re.search(r"\b(19|20)\d\d\b", sections["Source"])  # a publication has a year


@each_probe
def test_options_are_told(probe: ProbeClass) -> None:
    text = page_of(probe).read_text()
    for option in options_of(probe):
        assert f"`--{option.name.strip('_')}" in text


@each_probe
def test_figure(probe: ProbeClass) -> None:
    """It stands on the page with words for those who can't see it, and is small."""
    page = page_of(probe)
    (words,) = re.findall(rf"^!\[(.+)\]\({probe.name}\.png\)$", page.read_text(), re.MULTILINE)
    assert len(words) > 30
    figure = page.with_suffix(".png")
    assert 3_000 < figure.stat().st_size < MOST_BYTES


@each_probe
def test_figure_is_up_to_date(probe: ProbeClass) -> None:
    """It was drawn by the page's command, with the models as they are: see `docs/figures.py`."""
    page = page_of(probe)
    command = command_of(page)
    assert command.startswith(f"vitonnx probe {probe.name} ")
    with Image.open(page.with_suffix(".png")) as figure:
        kept = {key: figure.info.get(key) for key in origin_of(command)}
    assert kept == origin_of(command), "draw it again: python docs/figures.py"


@pytest.mark.parametrize("name", ["heads", "positions"])
def test_figures_are_drawn_by_their_commands(name: str, desk: Path) -> None:
    """The one of a picture, and the one of weights, come out as they were kept."""
    (desk / "vitonnx-demo").mkdir()
    draw_material(desk / "vitonnx-demo")
    draw(FOLDER / f"{name}.md", desk / "drawn.png")
    with Image.open(desk / "drawn.png") as drawn, Image.open(FOLDER / f"{name}.png") as kept:
        assert kept.format == drawn.format == "PNG"
        # Another Matplotlib may set its type a little wider.
        assert abs(drawn.width - kept.width) < 20
        assert abs(drawn.height - kept.height) < 20
        assert drawn.info["command"] == kept.info["command"]


def test_a_page_without_its_command_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "heads.md"
    page.write_text("```sh\nvitonnx probe heads scenes_dino bird.png -o other.png\n```\n")
    with pytest.raises(ValueError, match=r"heads\.md has 0 commands that write heads\.png"):
        command_of(page)


@each_probe
def test_page_is_found(probe: ProbeClass) -> None:
    """The site's menu has it, and so has the guide."""
    menu = (ROOT / "mkdocs.yml").read_text()
    assert re.search(rf"^ +- .+: probes/{probe.name}\.md$", menu, re.MULTILINE)
    assert f"[`{probe.name}`](probes/{probe.name}.md)" in (ROOT / "docs/probe.md").read_text()
