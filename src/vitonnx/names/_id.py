"""``hf://ORG/REPO[@REVISION][/FILE]``: what a model of a hub is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from vitonnx.errors import UsageError
from vitonnx.manifest import safe_name

__all__ = ["HubId", "is_commit", "is_hub_id"]

PREFIX = "hf://"
MAIN = "main"
PART = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?"
# Branches have no slash in them, but for those of pull requests and of conversions.
REVISION = r"refs/(?:pr|convert)/[^/@]+|[^/@]+"
ID = re.compile(
    rf"(?P<repository>{PART}/{PART})(?:@(?P<revision>{REVISION}))?(?:/(?P<file>.*))?", re.ASCII
)
COMMIT = re.compile(r"[0-9a-f]{40}")


def is_hub_id(model: str) -> bool:
    """Tell whether a name is meant as that of a model on a hub."""
    return model.startswith(PREFIX)


def is_commit(revision: str) -> bool:
    """Tell whether a revision can't change, as a full commit hash."""
    return COMMIT.fullmatch(revision) is not None


@dataclass(frozen=True)
class HubId:
    """A repository ``ORG/REPO``, a revision (branch, tag or commit), and maybe a file in it.

    Examples
    --------
    >>> HubId.parse("hf://ada/vit@v1.0/onnx/model_fp16.onnx")
    HubId(repository='ada/vit', revision='v1.0', file='onnx/model_fp16.onnx')
    >>> HubId.parse("hf://ada/vit").revision, str(HubId.parse("hf://ada/vit@main"))
    ('main', 'hf://ada/vit')
    """

    repository: str
    revision: str = MAIN
    file: str | None = None

    @classmethod
    def parse(cls, text: str) -> HubId:
        """Read an id, or raise a UsageError."""
        match = ID.fullmatch(text.removeprefix(PREFIX).rstrip("/"))
        file = match["file"] if match else None
        if match is None or (file is not None and not _stays_inside(file)):
            raise UsageError(
                f"{text} is not a model on the hub: write {PREFIX}ORG/REPO or "
                f"{PREFIX}ORG/REPO@REVISION, each optionally followed by /FILE."
            )
        return cls(match["repository"], unquote(match["revision"] or MAIN), file)

    def __str__(self) -> str:
        revision = "" if self.revision == MAIN else f"@{self.revision}"
        return f"{PREFIX}{self.repository}{revision}" + (f"/{self.file}" if self.file else "")

    @property
    def name(self) -> str:
        """Name of the model: that of the repository, plus that of the file if given.

        Examples
        --------
        >>> HubId("ada/vit").name, HubId("ada/vit", file="onnx/model_fp16.onnx").name
        ('vit', 'vit.model_fp16')
        """
        name = self.repository.rpartition("/")[2]
        if self.file is None:
            return name
        parts = PurePosixPath(self.file).with_suffix("").parts
        return safe_name(".".join([name, *(part for part in parts if part != "onnx")]))

    def beside(self, file: str | None) -> HubId:
        """Name another file of the same repository and revision."""
        return HubId(self.repository, self.revision, file)


def _stays_inside(file: str) -> bool:
    parts = file.split("/")
    return not ({"", ".", ".."} & {*parts}) and "\\" not in file and file.isprintable()
