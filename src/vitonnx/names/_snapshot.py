"""A hub repository at one commit: list of its files, and download of each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vitonnx.errors import DownloadError, UsageError
from vitonnx.names._id import HubId, is_commit
from vitonnx.names._listener import Listener
from vitonnx.names._refusals import UnansweredError, answered, quiet_hub

__all__ = ["NotThereError", "Snapshot", "UnsureError", "ask_hub", "find_stored"]

SHORT, LONG = 4.0, 20.0  # seconds: where there is something to fall back on, and where not
MOST_NAMES = 12

SHA1, SHA256 = 40, 64  # hexadecimal digits


class NotThereError(UsageError):
    """A repository lacks a needed file."""


class UnsureError(NotThereError):
    """Files on this machine may be outdated, and the repository can't be reached to tell."""


@dataclass(frozen=True)
class Snapshot:
    """A repository at one commit, and the lengths in bytes of its files where the hub says them.

    With a folder, that holds all of `files`, while the repository may have others; without, they
    are yet to be downloaded and the list is complete.
    """

    asked: HubId
    commit: str
    files: Mapping[str, int | None]
    folder: Path | None = None

    def fetch(self, file: str, listener: Listener) -> Path:
        """Fetch a file into the hub's cache, unless it is there.

        Raise a NotThereError if the repository hasn't it, a DownloadError if it doesn't come whole.
        """
        if file not in self.files:
            raise self.lacks(f"no {file}")
        if self.folder is not None:
            return self.folder / file
        import huggingface_hub

        megabytes = (self.files[file] or 0) / 1e6
        listener.progress(f"fetching {file}" + (f", {megabytes:.0f} MB" if megabytes >= 1 else ""))
        whole = self.asked.beside(file)
        broken = f"the download of {whole} broke off"
        with quiet_hub(), answered(whole, broken):
            path = Path(
                huggingface_hub.hf_hub_download(self.asked.repository, file, revision=self.commit)
            )
        # The client believes whatever comes, where the server says no length.
        if not is_whole(path):
            (path.parent / path.readlink()).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise DownloadError(f"{broken}: check the connection, and try again.")
        return path

    def lacks(
        self, what: str, fix: str = "give one of its files, or another repository"
    ) -> NotThereError:
        """Make the error for a missing file (``no config.json``), with a list of those there."""
        names = sorted(self.files, key=lambda name: (not name.endswith(".onnx"), name))
        more = len(names) - MOST_NAMES
        listed = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        return NotThereError(
            f"{self.asked.beside(None)} has {what}, but {listed or 'no file at all'}: {fix}."
        )


def ask_hub(asked: HubId, *, patient: bool) -> Snapshot:
    """Ask the hub for the commit of a revision, and for its files; with patience if it is slow.

    Raises
    ------
    UnansweredError
        If it can't be reached, or has no answer now.
    VitonnxError
        If it has no such thing, or doesn't give it.
    """
    import huggingface_hub
    from huggingface_hub import constants

    unreachable = f"can't reach {constants.ENDPOINT} for {asked}"
    with quiet_hub(), answered(asked, unreachable):
        found = huggingface_hub.HfApi().model_info(
            asked.repository,
            revision=asked.revision,
            timeout=LONG if patient else SHORT,
            files_metadata=True,
        )
        files = {each.rfilename: each.size for each in found.siblings or ()}
        commit = found.sha or ""
    if not is_commit(commit):
        raise UnansweredError(
            f"{constants.ENDPOINT} doesn't tell the commit of {asked}: try again later."
        )
    return Snapshot(asked, commit, files)


def find_stored(asked: HubId, commit: str | None) -> Snapshot | None:
    """Find what the hub's cache has of a repository, without the hub.

    Without a commit, only the cache itself can know where the revision was.
    """
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import CacheNotFound

    with quiet_hub():
        try:
            repositories = huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE).repos
        except (CacheNotFound, ValueError):
            return None
    for repository in repositories:
        if (repository.repo_type, repository.repo_id) != ("model", asked.repository):
            continue
        for stored in repository.revisions:
            if stored.commit_hash == (commit or asked.revision) or (
                commit is None and asked.revision in stored.refs
            ):
                folder = Path(stored.snapshot_path)
                files = {
                    Path(each.file_path).relative_to(folder).as_posix(): each.size_on_disk
                    for each in stored.files
                }
                return Snapshot(asked, stored.commit_hash, files, folder)
    return None


def is_whole(path: Path) -> bool:
    """Compare a file in a hub's cache with the digest that it is called by.

    A regular file instead of a link, which the cache has on some systems, or a name that is not a
    digest tells nothing of the expected content, and is trusted.
    """
    name = path.readlink().name if path.is_symlink() else ""
    if len(name) == SHA256:
        digests = [hashlib.sha256()]
    elif len(name) == SHA1:  # as Git calls what it keeps; or of the bytes alone, as mirrors do
        header = f"blob {path.stat().st_size}\0".encode()
        digests = [hashlib.sha1(start, usedforsecurity=False) for start in (header, b"")]
    else:
        return True
    with path.open("rb") as stream:
        while part := stream.read(2**20):
            for digest in digests:
                digest.update(part)
    return name in [digest.hexdigest() for digest in digests]
