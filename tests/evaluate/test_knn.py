"""Votes of the nearest neighbours, against a loop in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from evaluate.labelled_pictures import GROUPS, draw, one_by_one, slow_votes
from vitonnx.dataset import open_dataset
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.evaluate import Bank, BankRun, Labels, VoteRun, knn_of
from vitonnx.evaluate.knn import nearest, ranks_by_votes
from vitonnx.evaluate.knn._bank import Filled, key_of
from vitonnx.models import imagenet_synsets

Exported = Callable[[str], Path]
KNOWN, ASKED = 307, 211


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    """Pictures that vote, and others that are voted about."""
    folder = tmp_path_factory.mktemp("pictures")
    return draw(folder / "train", KNOWN, seed=1), draw(folder / "val", ASKED, seed=2)


def labels_of(files: list[Path], wrong: int) -> list[str]:
    """Give each picture its group's name, and every so many another one's."""
    return [f"group {(number + (number % wrong == 0)) % GROUPS}" for number in range(len(files))]


@pytest.mark.parametrize("kind", ["headless", "dino_linear"])
def test_equal_to_a_slow_loop(
    kind: str, exported: Exported, pictures: tuple[list[Path], list[Path]]
) -> None:
    known, asked = pictures
    engine = vx.Engine(exported(kind), device="cpu")
    theirs, own = labels_of(known, 3), labels_of(asked, 5)
    found = vx.evaluate_knn(engine, known, asked, train_labels=theirs, labels=own)
    bank, queries = (one_by_one(engine, files, "embedding") for files in pictures)
    assert (found.known, found.pictures, list(found.votes)) == (KNOWN, ASKED, [10, 20, 100, 200])
    for count, votes in found.votes.items():
        first, five = slow_votes(bank, theirs, queries, own, count)
        assert (votes.top1.value, votes.top5.value) == (first / ASKED, five / ASKED)
        assert 0.2 < votes.top1.value < 1


@pytest.mark.peers
def test_equal_to_dinos_own_classifier(
    exported: Exported, pictures: tuple[list[Path], list[Path]]
) -> None:
    """The classifier of DINO's eval_knn.py."""
    torch = pytest.importorskip("torch")
    known, asked = pictures
    engine = vx.Engine(exported("headless"), device="cpu")
    theirs, own = labels_of(known, 3), labels_of(asked, 5)
    found = vx.evaluate_knn(engine, known, asked, train_labels=theirs, labels=own)
    train, test = (
        torch.nn.functional.normalize(torch.from_numpy(one_by_one(engine, files, "embedding")))
        for files in pictures
    )
    names = sorted(set(theirs))
    train_labels, test_labels = (
        torch.tensor([names.index(each) for each in some]) for some in (theirs, own)
    )
    # The bank's 16 bits may move a picture of those whose votes are nearly even, and no more.
    for bank, bound in ((train.half().float(), 0.0), (train, 1.5 / ASKED)):
        for count, votes in found.votes.items():
            distances, indices = (test @ bank.t()).topk(count, largest=True, sorted=True)
            neighbours = torch.gather(train_labels.view(1, -1).expand(ASKED, -1), 1, indices)
            one_hot = torch.zeros(ASKED * count, len(names)).scatter_(1, neighbours.view(-1, 1), 1)
            weights = distances.clone().div_(0.07).exp_()
            probs = (one_hot.view(ASKED, -1, len(names)) * weights.view(ASKED, -1, 1)).sum(1)
            votes_for, predictions = probs.sort(1, True)
            # DINO's fills up five with classes that nobody votes for, in any order.
            correct = predictions.eq(test_labels.view(-1, 1)) & (votes_for > 0)
            first, five = (correct[:, :top].sum().item() / ASKED for top in (1, 5))
            assert votes.top1.value == pytest.approx(first, abs=bound)
            assert votes.top5.value == pytest.approx(five, abs=bound)


def test_the_bank_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    # Sums of such numbers are exact, and many are equal: the earlier is nearer then.
    known = rng.integers(-3, 4, size=(503, 13)).astype(np.float32) / np.float32(8)
    bank = Bank(tmp_path / "bank")
    bank.begin(Filled())
    total = Filled()
    for start in range(0, 503, 101):
        part = known[start : start + 101]
        total = total.merge(bank.append(part, list(map(key_of, range(start, start + len(part))))))
    similarity = known[:29] @ known.T
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :97]
    keys = np.array([key_of(number) for number in range(503)], np.uint64)
    for rows in (4096, 53, 1):
        monkeypatch.setattr("vitonnx.evaluate.knn._nearest.AT_ONCE", rows)
        near, theirs = nearest(bank, known[:29], 97)
        np.testing.assert_array_equal(theirs, keys[order])
        np.testing.assert_array_equal(near, np.take_along_axis(similarity, order, 1))
    assert nearest(bank, known[:29], 600)[0].shape == (29, 503)
    assert bank.keys() == set(keys.tolist())
    again = Bank(tmp_path / "bank")
    again.begin(total)
    assert len(again.rows) == 503


def test_more_votes_count_than_nearer_neighbours() -> None:
    similarity = np.array([0.9, 0.88, 0.88, 0.1, 0.1], np.float32)
    keys = np.array([4, 7, 7, 2, 3], np.uint64)
    ranks = [ranks_by_votes(similarity, keys, own, (1, 3, 5))[1:] for own in (7, 4, 2, 3)]
    assert ranks[:2] == [[0, 0], [1, 1]]
    assert [each[1] for each in ranks[2:]] == [2, 3]
    assert min(ranks_by_votes(similarity, keys, 9, (1, 3, 5))) > 10**6


@pytest.mark.parametrize("harm", ["shorter", "changed", "gone"])
def test_another_bank_is_refused(harm: str, tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank")
    bank.begin(Filled())
    filled = bank.append(np.eye(5, dtype=np.float32), [1, 2, 3, 4, 5])
    content = bytearray(bank.path.read_bytes())
    if harm == "shorter":
        content = content[:-1]
    elif harm == "changed":
        content[-3] ^= 1
    bank.path.write_bytes(b"" if harm == "gone" else content)
    with pytest.raises(VitonnxError, match="isn't the bank"):
        Bank(tmp_path / "bank").begin(filled)


def test_it_goes_on_where_it_was(
    exported: Exported,
    pictures: tuple[list[Path], list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vitonnx.evaluate.knn._embed.AT_ONCE", 32)
    for name, files in zip(("train", "val"), pictures, strict=True):
        for number, (file, label) in enumerate(zip(files, labels_of(files, 4), strict=True)):
            target = tmp_path / name / label / f"{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"Dear picture" if number == 23 else file.read_bytes())
    known, asked = (open_dataset([str(tmp_path / each)]) for each in ("train", "val"))
    engines = {"tiny": vx.Engine(exported("headless"), device="cpu")}

    def runs(folder: Path) -> tuple[BankRun, VoteRun]:
        bank = Bank(folder / "s.bank")
        return (
            BankRun(engines=engines, dataset=known, bank=bank),
            VoteRun(engines=engines, dataset=asked, labels=Labels(), train=known, bank=bank),
        )

    fill, vote = runs(tmp_path)
    filled, found = fill.begin(), vote.begin()
    moments: list[tuple[bytes, bytes, bytes | None]] = []
    for run, surveys, state in ((fill, filled, "s.bank.json"), (vote, found, "s")):
        for _ in run.go(surveys):
            run.state(tmp_path / state).save(surveys)
            moments.append(
                (
                    (tmp_path / "s.bank").read_bytes() + b"what came after the state" * 9,
                    (tmp_path / "s.bank.json").read_bytes(),
                    (tmp_path / "s").read_bytes() if run is vote else None,
                )
            )
    expected = knn_of(vote, filled[0], found[0]).numbers()
    assert expected["known"] == KNOWN - 1
    assert len(expected["skipped"]) == 2
    assert len(moments) == 10 + 7
    for number, (bank, bank_state, vote_state) in enumerate(moments[2::3]):
        folder = tmp_path / f"moment {number}"
        folder.mkdir()
        (folder / "s.bank").write_bytes(bank)
        (folder / "s.bank.json").write_bytes(bank_state)
        if vote_state is not None:
            (folder / "s").write_bytes(vote_state)
        fill, vote = runs(folder)
        filled = fill.state(folder / "s.bank.json").load() or []
        for _ in fill.go(filled):
            pass
        found = vote.state(folder / "s").load() or vote.begin()
        for _ in vote.go(found):
            pass
        assert knn_of(vote, filled[0], found[0]).numbers() == expected


def test_labels_that_are_said_otherwise_are_one(
    exported: Exported, pictures: tuple[list[Path], list[Path]]
) -> None:
    known, asked = pictures[0][:40], pictures[1][:21]
    engine = vx.Engine(exported("headless"), device="cpu")
    ids = [synset.id for synset in imagenet_synsets()]
    theirs, own = ([number % GROUPS for number in range(n)] for n in (40, 21))
    numbers = vx.evaluate_knn(engine, known, asked, train_labels=theirs, labels=own)
    mixed = vx.evaluate_knn(
        engine, known, asked, train_labels=[ids[each] for each in theirs], labels=own
    )
    other = vx.evaluate_knn(
        engine, known, asked, train_labels=theirs, labels=[ids[each] for each in own]
    )
    assert numbers.votes == mixed.votes == other.votes
    assert list(numbers.votes) == [10, 20]


def test_what_cant_be_voted(exported: Exported, pictures: tuple[list[Path], list[Path]]) -> None:
    known, asked = pictures
    engine = vx.Engine(exported("headless"), device="cpu")
    with pytest.raises(UsageError, match=r"TRAIN has no picture of the class 'owl'"):
        vx.evaluate_knn(
            engine, known[:20], asked[:3], train_labels=["cat"] * 20, labels=["cat", "owl", "cat"]
        )
    with pytest.raises(UsageError, match="TRAIN has 9 usable pictures"):
        vx.evaluate_knn(engine, known[:9], asked[:3], train_labels=["cat"] * 9, labels=["cat"] * 3)
    with pytest.raises(UsageError, match="have no labels"):
        vx.evaluate_knn(engine, known[:20], asked[:3], labels=["cat"] * 3)
