"""Measure, and write Markdown tables: `python -m benchmarks [graphs files video large …]`."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import files, graphs, large, lengths, starts, tapped, videos
from benchmarks.pictures import picture_files
from vitonnx.engine.devices import Device, choose_device

HERE = Path(__file__).parent
SECTIONS = ("graphs", "files", "video", "large", "tapped", "starts", "lengths")
PACKAGES = (
    *("vitonnx", "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    *("onnxruntime-ep-openvino", "onnxruntime-ep-webgpu", "numpy", "torch", "timm", "transformers"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", default=SECTIONS, help=", ".join(SECTIONS))
    parser.add_argument("--device", default="cpu", help="for graphs, files and video")
    parser.add_argument(
        "--precision", help="of graphs, instead of fp32; of files, alone beside fp32"
    )
    parser.add_argument("--models", nargs="+", default=["S/16", "B/16"])
    parser.add_argument("--probes", nargs="+", default=["heads", "rollout", "distance"])
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="file to write the tables to")
    asked = parser.parse_args()
    device = choose_device(asked.device)
    where = f"{asked.device} ({device.title})"
    report = [f"# {dt.date.today().isoformat()}, {where}", "", *machine(), ""]
    report += [f"`python -m benchmarks {' '.join(sys.argv[1:])}`", ""]
    pictures = picture_files(HERE / "pictures", asked.pictures)
    for section in asked.sections:
        print(f"{section} …", file=sys.stderr)
        report += run(section, asked, device, pictures)
    text = "\n".join(report)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n")


def run(
    section: str, asked: argparse.Namespace, device: Device, pictures: Sequence[Path]
) -> list[str]:
    if section == "graphs":
        rows = [
            row
            for model in asked.models
            for row in graphs.measure(
                model,
                rounds=asked.rounds,
                device=device,
                precision=asked.precision or "fp32",
            )
        ]
        return table(
            "Baked graphs, pixels ready in memory",
            ("graph", "pictures a second", "against plain inference", "spread"),
            rows,
        )
    if section == "files":
        rows = [
            row
            for model in asked.models
            for row in files.measure(
                model,
                pictures,
                rounds=asked.rounds,
                device=device,
                precision=asked.precision,
                names=asked.probes,
            )
        ]
        return table(
            "End to end, from JPEG files of 480x640",
            ("probe", "way", "pictures a second", "against the best peer", "spread"),
            rows,
        )
    if section == "video":
        rows = [
            row
            for model in asked.models
            for row in videos.measure(model, rounds=asked.rounds, device=device.name)
        ]
        return table(
            "A video of 24 frames of 480x640, from MP4 to MP4",
            ("way", "frames a second", "against inference of its frames", "spread"),
            rows,
        )
    if section == "large":
        return table(
            "ViT-S/8 at 480 (3601 tokens), one picture, a process each",
            ("probe", "way", "pictures a second", "against timm", "peak memory"),
            large.measure(pictures[0], rounds=min(asked.rounds, 3)),
        )
    if section == "tapped":
        return table(
            "Heads of DINOv2-S/14 at 518 (1370 tokens), one picture",
            ("file", "pictures a second", "time against the port's", "spread", "peak memory"),
            tapped.measure(pictures[0], rounds=asked.rounds),
        )
    if section == "starts":
        return table(
            "From a cold process", ("what", "median"), starts.measure(pictures[0], times=5)
        )
    if section == "lengths":
        return table(
            "Heads by the demo's small model, JPEG files of 480x640, one run after another",
            ("pictures", "pictures a second", "peak memory so far"),
            lengths.measure(pictures),
        )
    raise SystemExit(f"there is no section {section!r}; there are {', '.join(SECTIONS)}.")


def machine() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return [
        f"{processor()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}; {', '.join(found)}."
    ]


def processor() -> str:
    """Name the processor: makes differ in what they have for products."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    has = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_tile") if flag in flags]
    return f"{names[0] if names else platform.machine()} ({', '.join(has)})"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"## {title}", "", f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


if __name__ == "__main__":
    main()
