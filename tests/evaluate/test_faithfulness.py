"""Whole evaluations: what is known of a planted model, of a random map, and of resumed runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from PIL import Image

import vitonnx as vx
from evaluate.judged_models import SEEN, Neighbours, Perfect, plant, speckled
from recipes import slopes
from vitonnx.data.scenes import Scene, draw_scene
from vitonnx.dataset import as_dataset
from vitonnx.engine import Survey
from vitonnx.errors import PictureError, UsageError
from vitonnx.evaluate import FaithfulnessRun, as_maps, result_of
from vitonnx.evaluate._baselines import centre_map, random_map
from vitonnx.evaluate._look import fitted_maps, look
from vitonnx.evaluate._perturb import pixel_order
from vitonnx.evaluate._sanity import randomised, rank_correlation
from vitonnx.evaluate._window import Window

Exported = Callable[[str], Path]


def scenes(count: int) -> list[Scene]:
    return [draw_scene((0, 11, 0, number), size=(48, 48), objects=1) for number in range(count)]


@pytest.fixture(scope="module")
def vit() -> vx.Engine:
    return vx.Engine("scenes_vit", device="cpu")


def test_the_map_that_is_right_beats_all_others(exported: Exported, tmp_path: Path) -> None:
    engine = vx.Engine(plant(exported("plain"), tmp_path / "planted.onnx"), device="cpu")
    masks = []
    for picture in speckled(13):
        mask = np.zeros(picture.shape[:2], bool)
        # The input of 40 x 56 is the centre of 44 x 62.
        mask[2 + SEEN[0].start : 2 + SEEN[0].stop, 3 + SEEN[1].start : 3 + SEEN[1].stop] = True
        masks.append(mask)
    found = vx.evaluate_faithfulness(
        engine,
        speckled(13),
        {"right": Perfect(), "wrong": Perfect(turned=True)},
        masks=masks,
        fill="black",
    ).measures
    right = found["right"]
    for name in ("wrong", "random", "centre"):
        for measure in ("deletion", "positive"):
            assert right[measure].high < found[name][measure].low
        for measure in ("insertion", "negative", "mean IoU", "average precision"):
            assert right[measure].low > found[name][measure].high
    # The two patches are a eighteenth of the picture: they are gone after two steps of twenty.
    assert right["deletion"].value < 0.15
    assert right["negative"].value > 0.99
    assert right["pointing game"].value == 1
    assert found["wrong"]["pointing game"].value == 0
    # Least relevant first is the turned map's most relevant first.
    assert found["wrong"]["positive"].value > 0.99


def test_a_random_maps_insertion_is_its_deletion(vit: vx.Engine) -> None:
    found = vx.evaluate_faithfulness(
        vit, [scene.picture for scene in scenes(60)], vx.Rollout(), steps=10, fill="blur", seed=12
    )
    random = found.measures["random"]
    for one, other in (("deletion", "insertion"), ("positive", "negative")):
        assert random[one].low < random[other].value < random[one].high
        assert random[other].low < random[one].value < random[other].high
    # Of a map that knows something, they are far from each other.
    rollout = found.measures["rollout"]
    assert rollout["deletion"].high < random["deletion"].low
    assert rollout["insertion"].low > random["insertion"].high


def test_all_of_it_is_what_a_slow_loop_finds(vit: vx.Engine) -> None:
    """From the pictures to the means, with no part of the evaluation but ties and enlargement."""
    drawn = scenes(3)
    found = vx.evaluate_faithfulness(
        vit, [scene.picture for scene in drawn], [vx.Rollout(), vx.Heads()], steps=10, seed=5
    )
    deletions: dict[str, list[float]] = {name: [] for name in found.measures}
    negatives: dict[str, list[float]] = {name: [] for name in found.measures}
    for number, scene in enumerate(drawn):
        maps = {
            "rollout": vit.probe(scene.picture, vx.Rollout())[0].rollout,
            "heads": vit.probe(scene.picture, vx.Heads())[0].attention.mean(axis=0),
            "random": random_map((6, 6), 5, number),
            "centre": centre_map((6, 6)),
        }
        target = int(vit.run(scene.picture)["logits"][0].argmax())
        window = Window.of(vit.prepare(scene.picture))
        for name, values in maps.items():
            order = pixel_order(window.enlarge(values), 5, number)
            probabilities, kept = [], []
            for step in range(11):
                most, least = (
                    scene.picture.reshape(-1, 3).copy(),
                    scene.picture.reshape(-1, 3).copy(),
                )
                gone = round(step / 10 * 48 * 48)
                mean = vit.manifest.preprocessing.mean_colour
                most[order[:gone]], least[order[len(order) - gone :]] = mean, mean
                pair = [each.reshape(48, 48, 3) for each in (most, least)]
                one, other = vit.run(pair)["logits"].astype(np.float64)
                probabilities.append(float(np.exp(one[target]) / np.exp(one).sum()))
                kept.append(float(other.argmax() == target))
            deletions[name].append(np.trapezoid(probabilities, dx=0.1))
            negatives[name].append(np.trapezoid(kept[1:10], dx=0.1) / 0.8)
    for name, measures in found.measures.items():
        # Maps and outputs in batches of other sizes: a pixel or two may change places.
        assert measures["deletion"].value == pytest.approx(np.mean(deletions[name]), abs=2e-3)
        assert measures["negative"].value == pytest.approx(np.mean(negatives[name]), abs=0.03)


def test_curves_are_read_as_their_names_say(vit: vx.Engine) -> None:
    pictures = [scene.picture for scene in scenes(5)]
    found = vx.evaluate_faithfulness(vit, pictures, vx.Rollout(), steps=10)
    assert found.shares == pytest.approx(np.linspace(0, 1, 11))
    for curves in found.curves.values():
        # From whole to nothing, and from nothing to whole.
        assert curves["deletion"][0] == curves["insertion"][-1]
        assert curves["deletion"][-1] == curves["insertion"][0]
        assert curves["positive"][0] == curves["negative"][0] == 1
        for name in ("deletion", "insertion"):
            area = np.trapezoid(curves[name], dx=0.1)
            assert found.measures["rollout"][name].value == pytest.approx(area) or (
                curves is not found.curves["rollout"]
            )


def test_maps_of_one_kind_are_told_apart_by_name(vit: vx.Engine) -> None:
    maps = {"first": vx.Heads(block=0), "last": vx.Heads(block=-1)}
    found = vx.evaluate_faithfulness(vit, scenes(3)[0].picture, maps, steps=10)
    assert list(found.measures) == ["first", "last", "random", "centre"]
    assert found.measures["first"] != found.measures["last"]


def run_of(engine: vx.Engine, pictures: Sequence[Any], **options: Any) -> FaithfulnessRun:
    """A run over some pictures in memory."""
    return FaithfulnessRun(
        engines={engine.manifest.name: engine}, dataset=as_dataset(pictures), **options
    )


def test_batches_are_the_same_wherever_a_run_goes_on(vit: vx.Engine) -> None:
    """Neighbours in a batch may change the last bits of a map."""
    drawn = [scene.picture for scene in scenes(19)]
    assert vit.batch_size == 8
    run = run_of(vit, drawn, maps={"neighbours": Neighbours()})

    def seen(start: int) -> dict[int, float]:
        batches = run._looks(Survey(position=start))
        return {each.number: each.maps[0][0, 0] for batch in batches for each in batch}

    whole = seen(0)
    assert len(whole) == 19
    for start in (1, 8, 13, 18):
        assert seen(start) == {number: whole[number] for number in range(start, 19)}


def test_a_probe_is_fitted_on_the_first_picture(vit: vx.Engine) -> None:
    """Of all, and not on that of each batch."""
    drawn = [scene.picture for scene in scenes(11)]
    probe = vx.Similarity(query=(20, 20))
    expected = [result.similarity for result in vit.probe(drawn, probe)]
    fitted = fitted_maps(vit, as_dataset(drawn), {"similarity": probe})
    rest = islice(as_dataset(drawn).samples(), 5, None)
    looks = [each for batch in look(vit, rest, fitted, 5) for each in batch]
    assert [each.number for each in looks] == list(range(5, 11))
    for each in looks:
        np.testing.assert_allclose(each.maps[0], expected[each.number], atol=1e-5)


def test_a_run_goes_on_after_any_picture(exported: Exported, tmp_path: Path) -> None:
    """With bad pictures, masks and the sanity check, from the file: the same to the last bit."""
    for number in range(5):
        slopes(61 + number, 83).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_text("Dear picture")
    masks = [np.arange(83 * (61 + number)).reshape(-1, 83) % 7 < 3 for number in range(5)]
    masks[3] = masks[3][:-1]
    files = [str(tmp_path / f"{number}.png") for number in range(5)]
    state = tmp_path / "state.json"
    usual: dict[str, Any] = {
        "maps": as_maps({"a": vx.Heads(block=0), "b": vx.Rollout(discard=0.5)}),
        "masks": masks,
        "steps": 10,
        "sanity": True,
        "seed": 3,
    }
    run = run_of(vx.Engine(exported("distilled"), device="cpu"), files, **usual)
    assert run.stages == ["head", "block_01", "block_00", "patch embedding"]
    whole = run.begin()
    steps = sum(1 for _ in run.go(whole))
    assert steps == 25
    expected = result_of(run, whole)
    assert expected.pictures == 3
    assert list(expected.skipped) == [files[1], files[3]]
    surveys, done = None, 0
    while done < steps:
        run = run_of(vx.Engine(exported("distilled"), device="cpu"), files, **usual)
        kept = run.state(state)
        surveys = kept.load() or run.begin()
        for _, _ in zip(run.go(surveys), range(7), strict=False):
            done += 1
            kept.save(surveys)
    assert surveys is not None
    found = result_of(run, surveys)
    found.save(tmp_path / "resumed.json")
    expected.save(tmp_path / "whole.json")
    assert (tmp_path / "resumed.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    distilled = vx.Engine(exported("distilled"), device="cpu")
    other = run_of(distilled, files, **{**usual, "seed": 4})
    with pytest.raises(UsageError, match="the seed was 3 and is now 4"):
        other.state(state).load()


def test_a_state_of_other_shapes_is_refused(exported: Exported, tmp_path: Path) -> None:
    plain = vx.Engine(exported("plain"), device="cpu")
    run = run_of(plain, [slopes(50, 70)], maps=as_maps(vx.Rollout()), steps=10)
    surveys = run.begin()
    list(run.go(surveys))
    surveys[0].own = replace(surveys[0].own, numbers=surveys[0].own.numbers[:, :2])
    kept = run.state(tmp_path / "state.json")
    kept.save(surveys)
    with pytest.raises(vx.VitonnxError, match="can't have written"):
        kept.load()


def test_memory_holds_few_numbers_of_a_picture(vit: vx.Engine) -> None:
    drawn = scenes(2)
    masks = [scene.masks[0] for scene in drawn]
    pictures = [scene.picture for scene in drawn]
    run = run_of(vit, pictures, maps=as_maps(vx.Rollout()), masks=masks)
    surveys = run.begin()
    list(run.go(surveys))
    assert surveys[0].summary.numbers.shape == (2, 3, 12)
    assert surveys[0].summary.sums.shape == (2, 3, 2, 21)


def test_random_weights_leave_nothing_of_a_map(vit: vx.Engine) -> None:
    drawn = [scene.picture for scene in scenes(7)]
    found = vx.evaluate_faithfulness(
        vit, drawn, {"first": vx.Heads(block=0), "rollout": vx.Rollout()}, steps=10, sanity=True
    ).sanity
    stages = ["head", *(f"block {block:02d}" for block in (4, 3, 2, 1, 0)), "patch embedding"]
    assert list(found["rollout"]) == stages
    # No attention comes from the head; and that of the first block from none but itself and the
    # patches.
    assert found["rollout"]["head"].value == pytest.approx(1, abs=1e-6)
    for stage in stages[:5]:
        assert found["first"][stage].value == pytest.approx(1, abs=1e-6)
    assert found["first"]["block 00"].value < 0.7
    assert found["rollout"]["block 04"].value > found["rollout"]["block 01"].value
    for name in found:
        assert abs(found[name]["patch embedding"].value) < 0.4
    # A stage comes on top of those before it.
    with randomised(vit, ["head", "block_04", "block_03", "block_02"], 0) as other:
        expected = [
            scipy.stats.spearmanr(one.rollout.ravel(), random.rollout.ravel()).statistic
            for one, random in zip(
                vit.probe(drawn, vx.Rollout()), other.probe(drawn, vx.Rollout()), strict=True
            )
        ]
    # Patches that are nearly alike may change their ranks.
    assert found["rollout"]["block 02"].value == pytest.approx(np.mean(expected), abs=1e-3)


def test_rank_correlation_is_that_of_scipy() -> None:
    rng = np.random.default_rng(7)
    one = rng.normal(size=(5, 7))
    for other in (rng.normal(size=(5, 7)), np.round(one + rng.normal(size=(5, 7))), one**3):
        expected = scipy.stats.spearmanr(one.ravel(), other.ravel()).statistic
        assert rank_correlation(one, other) == pytest.approx(expected)
    assert rank_correlation(one, np.zeros((5, 7))) == 0


def test_padding_is_neither_removed_nor_compared(exported: Exported) -> None:
    with vx.Engine(exported("plain"), device="cpu", fit="pad") as engine:
        picture = np.asarray(slopes(30, 84))
        found = vx.evaluate_faithfulness(engine, picture, vx.Rollout(), steps=10, sanity=True)
    assert 0 <= found.measures["rollout"]["deletion"].value <= 1
    assert found.sanity["rollout"]["head"].value == pytest.approx(1, abs=1e-6)


def test_baselines() -> None:
    assert centre_map((3, 5)).argmax() == 7
    assert centre_map((3, 5)).min() == centre_map((3, 5))[0, 0] == 0
    assert centre_map((4, 6)).argmax() in (8, 9, 14, 15)
    assert centre_map((1, 1)).tolist() == [[1]]
    assert random_map((2, 3), 0, 1).tolist() == random_map((2, 3), 0, 1).tolist()
    assert random_map((2, 3), 0, 1).tolist() != random_map((2, 3), 0, 2).tolist()


def test_the_result_is_written_down(exported: Exported, tmp_path: Path) -> None:
    found = vx.evaluate_faithfulness(
        vx.Engine(exported("pooled"), device="cpu"),
        [slopes(51, 73), slopes(53, 71)],
        vx.Rollout(),
        masks=[
            np.arange(51 * 73).reshape(51, 73) % 5 < 2,
            np.arange(53 * 71).reshape(53, 71) < 2000,
        ],
        steps=10,
        sanity=True,
    )
    found.save(tmp_path / "found.json")
    content = json.loads((tmp_path / "found.json").read_text())
    assert content["measures"]["rollout"]["deletion"].keys() == {"value", "low", "high"}
    assert content["settings"]["the steps"] == 10
    assert content["settings"]["the map rollout"] == "rollout"
    assert {"onnxruntime", "numpy", "model 1's hash"} <= content["settings"].keys()
    assert len(content["curves"]["random"]["insertion"]) == 11
    figure = found.plot(tmp_path / "found.png")
    with Image.open(tmp_path / "found.png") as drawing:
        assert min(drawing.size) > 500
    titles = [axes.get_xlabel() for axes in figure.axes]
    assert "weights drawn anew, up to this stage" in titles


def test_what_cannot_be_evaluated_is_refused(vit: vx.Engine, exported: Exported) -> None:
    picture = scenes(1)[0].picture
    for maps, words in (
        ([], "no map to evaluate"),
        (vx.PCA(), "pca gives no map .* use .*rollout"),
        ({"random": vx.Rollout()}, "random always stands beside"),
        ([vx.Heads(), vx.Heads(block=1)], "same kind of probe: give a dict"),
        (vx.Positions(), "positions gives no map"),
    ):
        with pytest.raises(UsageError, match=words):
            vx.evaluate_faithfulness(vit, picture, maps)  # type: ignore[arg-type]
    for options, words in (
        ({"steps": 15}, "multiple of 10"),
        ({"steps": 0}, "multiple of 10"),
        ({"fill": "white"}, "mean, blur, black"),
    ):
        with pytest.raises(UsageError, match=words):
            vx.evaluate_faithfulness(vit, picture, vx.Rollout(), **options)
    with pytest.raises(UsageError, match="iterator"):
        vx.evaluate_faithfulness(vit, iter([picture]), vx.Rollout())  # type: ignore[arg-type]
    with pytest.raises(PictureError, match=r"nothing\.png does not exist"):
        vx.evaluate_faithfulness(vit, "nothing.png", vx.Rollout())
