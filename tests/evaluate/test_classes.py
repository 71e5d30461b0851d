"""From what a dataset calls a class to the model's."""

from __future__ import annotations

import pytest

from vitonnx.errors import UsageError
from vitonnx.evaluate.labels import Classes, spellings_of
from vitonnx.layout import Layout
from vitonnx.models import imagenet_synsets

SYNSETS = imagenet_synsets()
LEMMAS = tuple(", ".join(synset.names) for synset in SYNSETS)  # as transformers calls them
FIRST = tuple(synset.names[0] for synset in SYNSETS)


def layout(classes: tuple[str, ...] | None, count: int | None = None) -> Layout:
    return Layout(
        grid=(2, 3),
        patch_size=8,
        prefix_tokens=("cls",),
        blocks=2,
        heads=3,
        name="vit",
        classes=classes,
        class_count=count,
    )


def test_the_order_is_that_of_the_ids() -> None:
    ids = [synset.id for synset in SYNSETS]
    assert ids == sorted(set(ids))
    assert len(ids) == 1000
    assert (SYNSETS[207].id, SYNSETS[207].names[0]) == ("n02099601", "golden retriever")


@pytest.mark.peers
def test_ids_and_names_are_timms() -> None:
    data = pytest.importorskip("timm.data")
    info = data.ImageNetInfo("imagenet-1k")
    assert info.label_names() == [synset.id for synset in SYNSETS]
    assert [info.index_to_description(number) for number in range(1000)] == list(LEMMAS)


@pytest.mark.parametrize("classes", [FIRST, LEMMAS, None], ids=["first", "lemmas", "unnamed"])
def test_imagenets_classes_by_any_name(classes: tuple[str, ...] | None) -> None:
    found = Classes.of(layout(classes, 1000))
    assert found.assumed == (classes is None)
    for number, synset in enumerate(SYNSETS):
        assert found.find(synset.id) == number
    for spelling in ("great white shark", "Great_White_Shark", "man-eater"):
        assert found.find(spelling) == 2
    assert found.find(999) == found.find("999") == 999
    # Only the case tells the dog from the garment, and a class's first name comes first.
    assert (found.find("Cardigan"), found.find("cardigan")) == (264, 474)
    assert SYNSETS[found.find("harp")].id == "n03495258"


@pytest.mark.parametrize("classes", [FIRST, LEMMAS, None], ids=["first", "lemmas", "unnamed"])
@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("crane", ("n02012849", "n03126707")),
        ("maillot", ("n03710637", "n03710721")),
        ("panda", ("n02509815", "n02510455")),
    ],
)
def test_a_name_of_two_classes_is_refused(
    name: str, ids: tuple[str, str], classes: tuple[str, ...] | None
) -> None:
    with pytest.raises(UsageError) as caught:
        Classes.of(layout(classes, 1000)).check(["tench", name])
    for own in (repr(name), *ids, "WordNet id"):
        assert own in str(caught.value)


def test_another_order_of_1000_classes_isnt_imagenets() -> None:
    turned = (*FIRST[1:], FIRST[0])
    found = Classes.of(layout(turned, 1000))
    assert found.find("tench") == 999
    with pytest.raises(UsageError, match="no class 'n01440764'"):
        found.find("n01440764")


def test_own_classes() -> None:
    found = Classes.of(layout(("boat", "bull dog", "7", "owl, bird of night"), 4))
    assert [found.find(label) for label in ("boat", "Bull_Dog", "7", 1, "3", "bird of night")] == [
        *(0, 1, 2, 1, 3, 3)
    ]


@pytest.mark.parametrize("label", [-1, 4, "4", "cat", ""])
def test_what_is_no_class_is_refused(label: str | int) -> None:
    found = Classes.of(layout(("boat", "bull dog", "7", "owl"), 4))
    with pytest.raises(UsageError, match="no class"):
        found.find(label)


def test_several_wrong_labels_are_said_at_once() -> None:
    wrong = [f"n{number:08}" for number in range(7)]
    with pytest.raises(UsageError) as caught:
        Classes.of(layout(FIRST, 1000)).check([*wrong, "tench"])
    text = str(caught.value)
    assert "7 of the 8 classes" in text
    assert "'n00000000', 'n00000001', 'n00000002', 'n00000003', 'n00000004' and 2 others" in text
    assert "n01440764" in text
    assert "numbers from 0 to 999" in text


def test_a_model_without_a_head_is_sent_to_its_neighbours() -> None:
    with pytest.raises(UsageError, match="evaluate knn"):
        Classes.of(layout(None))


def test_numbers_and_ids_are_spellings_of_each_other() -> None:
    for number, synset in enumerate(SYNSETS):
        assert spellings_of(number) == (number, synset.id)
        assert spellings_of(synset.id) == (synset.id, number)
    assert spellings_of(1000) == (1000,)
