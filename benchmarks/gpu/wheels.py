"""The packages that a bare machine lacks, fetched by pip and packed as one folder for its path."""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import lzma
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gpu import trim

MIB = 2**20
PYTHON = "3.12"  # of that machine, whatever it is here
RUNTIME = "onnxruntime-gpu==1.31.1"  # whose library `trim` was tried on
# What vitonnx imports on its way to engine and probes, beside what PyTorch's peers bring. PyAV, for
# videos alone, is left out. pydantic goes with one version of its core.
MISSING = (
    *("array-api-compat==1.16.0", "ndonnx==0.23.0", "spox==0.18.2", "platformdirs==4.14.8"),
    *("pydantic==2.14.4", "pydantic-core==2.50.5", "annotated-types==0.8.0"),
    *("typing-inspection==0.4.5", "typing-extensions==4.16.0"),
)
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 17)] + ["manylinux2014_x86_64"]
# The module has libonnxruntime.so linked into it; the rest is for other hardware, or no code.
LEFT_OUT = re.compile(
    r"(libonnxruntime\.so[.\d]*|libonnxruntime_providers_tensorrt\.so|ThirdPartyNotices\.txt"
    r"|Privacy\.md)$|\.data/|onnxruntime/(transformers/models|transformers/sam2"
    r"|tools/(mobile_helpers|ort_format_model|qdq_helpers|qnn))/"
)
PROVIDER = "libonnxruntime_providers_cuda.so"
FILTERS = [
    {"id": lzma.FILTER_X86},
    {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 64 * MIB},
]


def fetch(folder: Path, runtime: str) -> list[Path]:
    """Give the wheels; those that are missing are downloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [runtime, *MISSING]
    missing = [name for name in names if not _found(folder, name)]
    if missing:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        command += ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
        command += [f"--abi={abi}" for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none")]
        command += [f"--platform={platform}" for platform in PLATFORMS]
        subprocess.run([*command, "-d", str(folder), *missing], check=True)
    return [_found(folder, name)[-1] for name in names]


def _found(folder: Path, name: str) -> list[Path]:
    bare, _, version = name.partition("==")
    return sorted(folder.glob(f"{bare.replace('-', '_')}-{version or '*'}-*.whl"))


def pack(folder: Path, wheels: Sequence[Path], level: str) -> Path:
    """Make one archive of them; give that of before, if it was made of the same in the same way."""
    how = [inspect.getsource(trim), inspect.getsource(_members), LEFT_OUT.pattern]
    made = json.dumps([level, *(wheel.name for wheel in wheels), *how])
    archive = folder / f"site-{level}-{hashlib.sha256(made.encode()).hexdigest()[:12]}.tar.xz"
    if archive.exists():
        return archive
    print(f"packing ({level}); this takes some minutes …", flush=True)
    passing = archive.with_suffix(".part")
    with (
        lzma.open(passing, "wb", filters=FILTERS) as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        for wheel in wheels:
            for name, content, mode in _members(wheel, level):
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), mode
                tar.addfile(info, io.BytesIO(content))
    passing.rename(archive)
    return archive


def _members(wheel: Path, level: str) -> Iterator[tuple[str, bytes, int]]:
    """Give the name, the content and the mode of all files that travel."""
    with zipfile.ZipFile(wheel) as archive:
        for info in sorted(archive.infolist(), key=lambda each: each.filename):
            if info.is_dir() or LEFT_OUT.search(info.filename):
                continue
            content = archive.read(info)
            if info.filename.endswith(PROVIDER) and level != "whole":
                library = bytearray(content)
                seen = trim.trim(library, slim=level == "slim")
                print("  " + ", ".join(f"{what} {n / MIB:.0f} MiB" for what, n in seen.items()))
                content = bytes(library)
            yield info.filename, content, 0o755 if (info.external_attr >> 16) & 0o111 else 0o644
