from pathlib import Path

import numpy as np
import pytest

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import save_arrays, stack_models


def test_arrays_come_back_without_pickle(tmp_path: Path) -> None:
    arrays = {
        "map": np.random.default_rng(0).normal(size=(3, 5)),
        "files": np.array(["ä", "b.png"]),
    }
    save_arrays(tmp_path / "maps.npz", arrays)
    with np.load(tmp_path / "maps.npz", allow_pickle=False) as found:
        assert set(found) == {"map", "files"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)


def test_objects_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        save_arrays(tmp_path / "maps.npz", {"files": np.array([None, "b"], object)})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VitonnxError, match="does not exist"):
        save_arrays(tmp_path / "none" / "maps.npz", {"map": np.zeros(3)})


def test_models_stand_on_the_first_axis() -> None:
    maps = {name: np.full((3, 5), value) for value, name in enumerate(["dino", "deit", "vit"])}
    stacked = stack_models({name: {"map": array} for name, array in maps.items()})
    assert stacked["models"].tolist() == ["dino", "deit", "vit"]
    assert stacked["models"].dtype.kind == "U"
    assert stacked["map"].shape == (3, 3, 5)
    for index, array in enumerate(maps.values()):
        np.testing.assert_array_equal(stacked["map"][index], array)


def test_other_shapes_are_named() -> None:
    models = {"dino": {"map": np.zeros((3, 5))}, "deit": {"map": np.zeros((5, 3))}}
    with pytest.raises(UsageError, match="map has the shape 3x5 in dino and 5x3 in deit"):
        stack_models(models)
