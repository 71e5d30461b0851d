"""The same pictures, wherever and however they are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dataset.kept import (
    Kept,
    content_of,
    drawn,
    write_folder,
    write_parquet,
    write_parquet_of_paths,
    write_parquet_of_structs,
    write_tar,
    write_tars,
)
from dataset.served import Web, put, serve_hub
from vitonnx.dataset import Dataset, open_dataset
from vitonnx.errors import PictureError
from vitonnx.places import _systems

Put = Callable[[str, bytes], str]
KEPT = drawn(11)


def read(dataset: Dataset) -> list[Kept]:
    """Read all pictures, as they are on the disk."""
    return [
        Kept(sample.id, content_of(sample), "" if sample.label is None else sample.label)
        for sample in dataset.samples()
    ]


def keyed(kept: list[Kept]) -> list[Kept]:
    """Give them with the ids that they have in a tar."""
    return [each._replace(id=each.id.rpartition(".")[0]) for each in kept]


def test_a_folder_a_tar_and_parquet_hold_the_same(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", KEPT)
    assert read(open_dataset([str(folder)])) == KEPT
    assert read(open_dataset([str(folder / "*" / "*.png")])) == KEPT
    plain, packed = tmp_path / "a.tar", tmp_path / "b.tgz"
    write_tar(plain, KEPT)
    write_tar(packed, KEPT, mode="w:gz", said=True)
    assert read(open_dataset([str(plain)])) == keyed(KEPT)
    assert read(open_dataset([str(packed)], id="name", label="class")) == KEPT
    content = write_parquet(tmp_path / "bytes.parquet", KEPT, row_group_size=3)
    assert read(open_dataset([str(content)], id="name", label="label")) == KEPT
    paths = write_parquet_of_paths(folder / "paths.parquet", KEPT)
    assert read(open_dataset([str(paths)], label="label")) == KEPT
    classes = ["n03", "n02", "n01"]
    structs = write_parquet_of_structs(tmp_path / "structs.parquet", KEPT, classes=classes)
    assert read(open_dataset([str(structs)], label="label")) == KEPT


def test_shards_that_a_word_stands_for_follow_each_other(tmp_path: Path) -> None:
    write_tars(tmp_path / "tars", KEPT, [5, 2, 4])
    for word in ("tars", "tars/shard-{000..002}.tar", "tars/*.tar", "tars/shard-00{0,1,2}.tar"):
        dataset = open_dataset([str(tmp_path / word)])
        assert read(dataset) == keyed(KEPT)
        assert [shard.stem for shard in dataset.shards] == ["shard-000", "shard-001", "shard-002"]
        assert [shard.counted() for shard in dataset.shards] == [5, 2, 4]


def test_a_bucket_holds_the_same(tmp_path: Path, bucket: Put) -> None:
    for each in KEPT:
        bucket(f"val/{each.id}", each.content)
    assert read(open_dataset(["s3://birds/val"])) == KEPT
    assert read(open_dataset(["s3://birds/val/n0[13]/*.png"])) == [
        each for each in KEPT if each.label != "n02"
    ]
    one = open_dataset([f"s3://birds/val/{KEPT[3].id}"])
    assert read(one) == [KEPT[3]._replace(id=f"s3://birds/val/{KEPT[3].id}", label="")]
    paths = write_parquet_of_paths(tmp_path / "paths.parquet", KEPT).read_bytes()
    assert read(open_dataset([bucket("val/a.parquet", paths)], label="label")) == KEPT
    for tar in write_tars(tmp_path / "tars", KEPT, [7, 4]):
        bucket(f"tars/{tar.name}", tar.read_bytes())
    for word in ("tars", "tars/", "tars/*.tar", "tars/shard-{000..001}.tar"):
        dataset = open_dataset([f"s3://birds/{word}"])
        assert read(dataset) == keyed(KEPT)
        assert [shard.name for shard in dataset.shards] == [
            "s3://birds/tars/shard-000.tar",
            "s3://birds/tars/shard-001.tar",
        ]
    content = write_parquet(tmp_path / "b.parquet", KEPT).read_bytes()
    url = bucket("100% wild?/a b#1.parquet", content)
    assert read(open_dataset([url], id="name", label="label")) == KEPT


def test_a_public_bucket_needs_no_key(
    bucket: Put, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{s3}/birds/public/a.png", KEPT[0].content, x_amz_acl="public-read")
    bucket("private.png", KEPT[0].content)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for ending in ("", f"?region=us-east-1&scheme=http&endpoint_override={s3[7:]}"):
        (found,) = read(open_dataset([f"s3://anonymous@birds/public/a.png{ending}"]))
        assert found.content == KEPT[0].content
        assert found.id.startswith("s3://birds/public/a.png")
    with pytest.raises(PictureError, match=r"can't read s3://birds/private\.png: .+DENIED"):
        read(open_dataset(["s3://anonymous@birds/private.png"]))


def test_a_web_server_holds_the_same_and_a_tar_is_fetched_once(tmp_path: Path, web: Web) -> None:
    folder = write_folder(tmp_path / "web" / "val", KEPT)
    write_parquet_of_paths(folder / "paths.parquet", KEPT)
    tar = write_tar(tmp_path / "web" / "a.tar", KEPT)
    assert read(open_dataset([f"{web.address}/a.tar"])) == keyed(KEPT)
    assert web.count("GET /a.tar") == 1
    assert web.sent == tar.stat().st_size
    assert read(open_dataset([f"{web.address}/val/"])) == KEPT
    assert read(open_dataset([f"{web.address}/val/paths.parquet"], label="label")) == KEPT
    listed = tmp_path / "some.txt"
    listed.write_text(f"{web.address}/val/{KEPT[0].id}\n{folder / KEPT[1].id}\n")
    assert [each.content for each in read(open_dataset([f"@{listed}"]))] == [
        each.content for each in KEPT[:2]
    ]


def test_a_hub_holds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import HfFileSystem, constants

    kept = [*KEPT, *(Kept(f"n04/{number}.png", bytes(2**20), "n04") for number in range(3))]
    tar = write_tar(tmp_path / "a.tar", kept).read_bytes()
    table = write_parquet_of_structs(
        tmp_path / "a.parquet", KEPT, classes=["n01", "n02", "n03"]
    ).read_bytes()
    files = {"data/val-0.parquet": table, "tars/a.tar": tar}
    with serve_hub("lab/birds", files) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        HfFileSystem.clear_instance_cache()
        _systems.through_fsspec.cache_clear()
        address = "hf://datasets/lab/birds"
        dataset = open_dataset([f"{address}/data/val-0.parquet"], label="label")
        assert read(dataset) == KEPT
        assert read(open_dataset([f"{address}/data"], label="label")) == KEPT
        before = len([line for line in hub.asked if line.startswith("GET") and "a.tar" in line])
        assert read(open_dataset([f"{address}/tars/a.tar"])) == keyed(kept)
        after = len([line for line in hub.asked if line.startswith("GET") and "a.tar" in line])
        assert after - before == 1
    _systems.through_fsspec.cache_clear()
    HfFileSystem.clear_instance_cache()
