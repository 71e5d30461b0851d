"""Totals in files that anybody can read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from vitonnx.engine import Totals, save_totals
from vitonnx.errors import UsageError
from vitonnx.probes import Summary


def summary(blocks: int, heads: int) -> Summary:
    rng = np.random.default_rng(blocks)
    return Summary(7, rng.uniform(30, 90, (blocks, heads)), rng.uniform(0, 9, (blocks, heads)))


def totals(**summaries: Summary) -> Totals:
    return Totals(summaries=summaries, files=["ä.png", "sub/b.jpg"], skipped=["bad.png"])


def test_one_model_as_arrays(tmp_path: Path) -> None:
    total = summary(3, 2)
    save_totals(tmp_path / "x.npz", totals(vit=total))
    with np.load(tmp_path / "x.npz", allow_pickle=False) as saved:
        arrays = dict(saved)
    assert set(arrays) == {"mean", "std", "count", "files", "skipped"}
    np.testing.assert_array_equal(arrays["mean"], total.mean)
    np.testing.assert_array_equal(arrays["std"], total.std)
    assert arrays["mean"].dtype == arrays["std"].dtype == np.float64
    assert (arrays["count"].shape, int(arrays["count"])) == ((), 7)
    assert arrays["files"].tolist() == ["ä.png", "sub/b.jpg"]
    assert arrays["skipped"].tolist() == ["bad.png"]


def test_several_models_have_an_axis_of_their_own(tmp_path: Path) -> None:
    small, large = summary(3, 2), summary(5, 3)
    save_totals(tmp_path / "x.npz", totals(small=small, large=large))
    with np.load(tmp_path / "x.npz", allow_pickle=False) as saved:
        arrays = dict(saved)
    assert arrays["models"].tolist() == ["small", "large"]
    assert arrays["count"].tolist() == [7, 7]
    assert arrays["mean"].shape == arrays["std"].shape == (2, 5, 3)
    np.testing.assert_array_equal(arrays["mean"][0, :3, :2], small.mean)
    np.testing.assert_array_equal(arrays["std"][1], large.std)
    # The small model has no such blocks and heads.
    assert np.isnan(arrays["mean"][0, 3:]).all()
    assert np.isnan(arrays["std"][0, :, 2]).all()


def test_json_has_the_same_numbers_to_the_last_bit(tmp_path: Path) -> None:
    small, large = summary(3, 2), summary(5, 3)
    save_totals(tmp_path / "x.json", totals(vit=small))
    one = json.loads((tmp_path / "x.json").read_text())
    assert set(one) == {"mean", "std", "count", "files", "skipped"}
    np.testing.assert_array_equal(one["mean"], small.mean)
    np.testing.assert_array_equal(one["std"], small.std)
    assert (one["count"], one["files"][0], one["skipped"]) == (7, "ä.png", ["bad.png"])
    save_totals(tmp_path / "x.json", totals(small=small, large=large))
    two = json.loads((tmp_path / "x.json").read_text())
    assert (two["models"], two["count"]) == (["small", "large"], [7, 7])
    np.testing.assert_array_equal(two["mean"][1], large.mean)


def test_what_is_no_number_is_null_in_json(tmp_path: Path) -> None:
    broken = Summary(2, np.array([[np.nan, 1.5]]), np.array([[np.nan, np.inf]]))
    save_totals(tmp_path / "x.json", totals(vit=broken))

    def refuse(word: str) -> None:
        raise AssertionError(word)

    read = json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse)
    assert (read["mean"], read["std"]) == ([[None, 1.5]], [[None, None]])


def test_csv_has_a_row_a_head(tmp_path: Path) -> None:
    small, large = summary(3, 2), summary(5, 3)
    save_totals(tmp_path / "x.csv", totals(small=small, large=large))
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["model", "block", "head", "mean", "std", "count"]
    assert len(rows) == 3 * 2 + 5 * 3
    model, block, head, mean, std, count = rows[3 * 2 + 4 * 3 + 1]
    assert (model, block, head, count) == ("large", "4", "1", "7")
    assert (float(mean), float(std)) == (large.mean[4, 1], large.std[4, 1])


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must be \.npz, \.json or \.csv"):
        save_totals(tmp_path / "x.xlsx", totals(vit=summary(3, 2)))
    assert not list(tmp_path.iterdir())
