"""The class that Ray Data's `map_batches` takes, called as Ray calls it, without a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from dataset.served import serve_web
from ray_probed import pixels, png
from recipes import with_recipe
from vitonnx.errors import UsageError, VitonnxError

# Not ray itself: where it isn't installed, this folder is found by that name.
pytest.importorskip("ray.data", reason="needs the ray extra")

Exported = Callable[[str], Path]


def column(values: list[Any]) -> NDArray[Any]:
    """As Ray has them in a batch."""
    made = np.empty(len(values), object)
    made[:] = values
    return made


def texts(errors: list[Any]) -> list[str | None]:
    return [each.as_py() for each in errors]


def test_results_are_those_of_an_engine(exported: Exported) -> None:
    probes: list[vx.probes.Probe[Any]] = [
        *(vx.Heads(), vx.Entropy(), vx.Rollout(), vx.Norms(), vx.Lens())
    ]
    probe = vx.ray.Probe(exported("registers"), probes)
    batch = {"image": column([png(number) for number in range(5)]), "id": np.arange(5)}
    found = probe(batch)
    with vx.Engine(exported("registers"), device="cpu", in_graph=True) as engine:
        results = list(engine.stream([pixels(number) for number in range(5)], probes))
    for each in probes:
        arrays = [result[each.name].arrays() for result in results]
        assert arrays[0]
        for name in arrays[0]:
            expected = np.stack([row[name] for row in arrays])
            np.testing.assert_array_equal(found[f"{each.name}.{name}"], expected)
            assert found[f"{each.name}.{name}"].dtype == expected.dtype
    assert found["image"] is batch["image"]
    assert found["id"] is batch["id"]
    assert texts(found["error"]) == [None] * 5


def test_pictures_in_every_form_are_the_same(exported: Exported, tmp_path: Path) -> None:
    file = tmp_path / "bird.png"
    file.write_bytes(png(0))
    probe = vx.ray.Probe(exported("plain"), vx.Heads())
    forms = [
        png(0),
        {"bytes": png(0), "path": "elsewhere.png"},
        {"bytes": png(0), "path": None},
        {"bytes": None, "path": str(file)},
        str(file),
        pixels(0),
    ]
    found = probe({"image": column(forms)})
    assert texts(found["error"]) == [None] * len(forms)
    for row in found["heads.attention"][1:]:
        np.testing.assert_allclose(row, found["heads.attention"][0], atol=1e-6)
    tensor = probe({"image": np.stack([pixels(0)] * 3)})
    np.testing.assert_allclose(tensor["heads.attention"], found["heads.attention"][:3], atol=1e-6)


def test_pictures_at_urls_are_read(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "bird.png").write_bytes(png(0))
    probe = vx.ray.Probe(exported("plain"), vx.Heads())
    with serve_web(tmp_path) as web:
        host = web.address.removeprefix("http://")
        urls = [f"http://{host}/bird.png", f"http://ada:secret@{host}/none.png", "ftp://h/a.png"]
        found = probe({"image": column([png(0), *urls])})
    plain, fetched = found["heads.attention"][:2]
    np.testing.assert_allclose(fetched, plain, atol=1e-6)
    assert texts(found["error"])[:3] == [
        None,
        None,
        f"there is no http://{host}/none.png: check the URL.",
    ]
    assert "ftp://h/a.png is a URL that isn't read" in str(texts(found["error"])[3])


def test_a_bad_picture_is_a_row(exported: Exported, tmp_path: Path) -> None:
    probe = vx.ray.Probe(exported("plain"), [vx.Heads(), vx.Entropy()], column="jpg")
    missing = str(tmp_path / "none.png")
    bad = [None, b"no picture", {"bytes": png(3)[:99], "path": "cut.png"}, missing, 7]
    found = probe({"jpg": column([png(0), *bad, png(1)])})
    errors = texts(found["error"])
    assert errors[0] is None
    assert errors[-1] is None
    says = ["row has null", "jpg", "cut.png", "none.png", "int is not a picture"]
    for error, words in zip(errors[1:-1], says, strict=True):
        assert error is not None
        assert words in error
    for name in ("heads.attention", "entropy.entropy"):
        assert np.isnan(found[name][1:-1]).all()
        assert np.isfinite(found[name][[0, -1]]).all()
    with vx.Engine(exported("plain"), device="cpu") as engine:
        expected = engine.probe([pixels(0), pixels(1)], vx.Heads())
    for row, result in zip((0, -1), expected, strict=True):
        np.testing.assert_allclose(found["heads.attention"][row], result.attention, atol=1e-6)


def test_a_batch_of_nothing_good_has_the_same_columns(exported: Exported) -> None:
    probe = vx.ray.Probe(exported("pooled"), [vx.Rollout(), vx.Lens()])
    good = probe({"image": column([png(0), png(1)])})
    # Ray has a column of nothing but null as numbers.
    for nothing in (column([b"", None]), np.full(2, np.nan, np.float32)):
        found = probe({"image": nothing})
        assert list(found) == list(good)
        for name in set(good) - {"image", "error"}:
            assert found[name].shape == good[name].shape
            assert found[name].dtype == good[name].dtype
        assert None not in texts(found["error"])
    assert {each.type for each in good["error"]} == {each.type for each in found["error"]}


def test_a_query_pixel_need_not_lie_in_a_small_picture(exported: Exported) -> None:
    probe = vx.ray.Probe(exported("plain"), vx.Heads(query=(60, 30)))
    found = probe({"image": column([png(2), png(1)])})
    good, bad = texts(found["error"])
    assert good is None
    assert bad is not None
    assert "query pixel" in bad


def test_probes_travel_by_pickle(exported: Exported) -> None:
    with vx.Engine(exported("plain"), device="cpu") as engine:
        fitted = engine.fitted([pixels(0), pixels(1), pixels(2)], vx.PCA())
        (expected,) = engine.probe([pixels(3)], pickle.loads(pickle.dumps(fitted)))
    probe = vx.ray.Probe(exported("plain"), pickle.loads(pickle.dumps(fitted)))
    found = probe({"image": column([png(3)])})
    np.testing.assert_allclose(found["pca.pca"][0], expected.arrays()["pca"], atol=1e-5)


def test_no_batch_depends_on_those_before(exported: Exported) -> None:
    """An engine by itself answers the first few pictures in another way than later ones."""
    probe = vx.ray.Probe(exported("plain"), vx.Heads())
    first = probe({"image": column([png(0)])})["heads.attention"]
    for _ in range(3):
        probe({"image": column([png(number) for number in range(30)])})
    again = probe({"image": column([png(0)])})["heads.attention"]
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("probes", "says"),
    [
        ([vx.CKA()], "cka finds nothing in a single picture"),
        ([vx.PCA()], "pca must be fitted first.*engine.fitted"),
        ([vx.Similarity()], "similarity must be fitted first"),
        ([vx.Filters()], "filters asks for no picture"),
        ([vx.Heads(), vx.Heads(block=0)], "heads is there 2 times"),
        ([vx.Heads(block=2)], "block"),
        ([], "no probe given"),
        (["heads"], "heads"),
    ],
)
def test_questions_that_can_not_be_asked_are_refused_at_once(
    probes: list[Any], says: str, exported: Exported
) -> None:
    with pytest.raises(UsageError, match=says):
        vx.ray.Probe(exported("plain"), probes)


def test_batches_that_are_none_are_refused(exported: Exported) -> None:
    pa = pytest.importorskip("pyarrow")
    probe = vx.ray.Probe(exported("plain"), vx.Heads())
    with pytest.raises(UsageError, match=r'came as Table.*batch_format="numpy"'):
        probe(pa.table({"image": [png(0)]}))
    with pytest.raises(UsageError, match=r"no column 'image'.*there are jpg, id.*`column`"):
        probe({"jpg": column([png(0)]), "id": np.arange(1)})
    for name in ("error", "heads.attention"):
        with pytest.raises(UsageError, match=f"column '{name}' already.*rename"):
            probe({"image": column([png(0)]), name: np.arange(1)})


def test_options_are_the_engines(exported: Exported) -> None:
    probe = vx.ray.Probe(exported("plain"), vx.Heads(), size=(48, 64), decoders=1, threads=2)
    found = probe({"image": column([png(0)])})
    with vx.Engine(exported("plain"), device="cpu", size=(48, 64)) as engine:
        (expected,) = engine.probe([pixels(0)], vx.Heads())
    np.testing.assert_allclose(found["heads.attention"][0], expected.attention, atol=1e-6)
    with pytest.raises(UsageError, match="decoders is 0"):
        vx.ray.Probe(exported("plain"), vx.Heads(), decoders=0)


def test_a_model_that_gives_pictures_their_own_sizes_needs_one(
    exported: Exported, tmp_path: Path
) -> None:
    own = with_recipe(exported("plain"), tmp_path / "own.onnx", resize=None, crop=1, multiple=8)
    with pytest.raises(UsageError, match=r"input size of its own.*size="):
        vx.ray.Probe(own, vx.Heads())
    probe = vx.ray.Probe(own, vx.Heads(), size=(40, 56))
    assert texts(probe({"image": column([png(0), png(1)])})["error"]) == [None, None]


def test_a_device_that_is_not_there_is_refused(exported: Exported) -> None:
    with vx.Engine(exported("plain")) as engine:
        if engine.device != "cpu":
            pytest.skip("this machine has a GPU")
    with pytest.raises(VitonnxError, match="can't use cuda"):
        vx.ray.Probe(exported("plain"), vx.Heads(), device="cuda")
