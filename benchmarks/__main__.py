"""Measure, and write Markdown tables: `python -m benchmarks [graphs files video large …]`."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pictures import picture_files
from benchmarks.tables import machine, table
from vitonnx.engine.devices import Device, choose_device

HERE = Path(__file__).parent
SECTIONS = ("graphs", "files", "video", "large", "tapped", "starts", "lengths")


def main() -> None:
    if sys.argv[1:2] == ["gpu"]:
        from benchmarks.gpu.__main__ import main as on_gpu

        sys.exit(on_gpu(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", default=SECTIONS, help=", ".join((*SECTIONS, "or gpu"))
    )
    parser.add_argument("--device", default="cpu", help="for all but starts")
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
    # On a machine that has what the GPU's benchmarks need, there may be no PyAV.
    from benchmarks import files, graphs, large, lengths, starts, tapped, videos

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
            large.measure(pictures[0], rounds=min(asked.rounds, 3), device=device.name),
        )
    if section == "tapped":
        return table(
            "Heads of DINOv2-S/14 at 518 (1370 tokens), one picture",
            ("file", "pictures a second", "time against the port's", "spread", "peak memory"),
            tapped.measure(pictures[0], rounds=asked.rounds, device=device.name),
        )
    if section == "starts":
        return table(
            "From a cold process", ("what", "median"), starts.measure(pictures[0], times=5)
        )
    if section == "lengths":
        return table(
            "Heads by the demo's small model, JPEG files of 480x640, one run after another",
            ("pictures", "pictures a second", "peak memory so far"),
            lengths.measure(pictures, device=device.name),
        )
    raise SystemExit(f"there is no section {section!r}; there are {', '.join(SECTIONS)}.")


if __name__ == "__main__":
    main()
