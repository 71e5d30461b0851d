"""What a hub answers when it doesn't give what it is asked for, in sentences."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from vitonnx.errors import DownloadError, UnknownModelError, UsageError, VitonnxError
from vitonnx.names._id import HubId

__all__ = ["UnansweredError", "answered"]

TOKEN = "set HF_TOKEN to a token of yours"
BUSY = (408, 429)  # and whatever is from 500: the hub says nothing of what was asked for


class UnansweredError(DownloadError):
    """The hub can't be reached, or says nothing now of what it was asked for."""


@contextmanager
def answered(asked: HubId, otherwise: str) -> Iterator[None]:
    """Turn what the hub's client raises into a sentence on what was asked for.

    Parameters
    ----------
    asked : HubId
        What it is about.
    otherwise : str
        What has happened where the hub has not answered at all.

    Raises
    ------
    UnknownModelError
        If there is no such repository, or nobody shall know of it.
    UsageError
        If it has no such revision.
    UnansweredError
        If the hub fails, can't be reached, or isn't to be asked.
    DownloadError
        If it is gated or refused, or the disk is full.
    """
    try:
        yield
    except VitonnxError:
        raise
    # The hub's client, its HTTP library and the system each have error classes of their own.
    except Exception as error:
        raise _sentence(asked, otherwise, error) from error


def _sentence(asked: HubId, otherwise: str, error: Exception) -> VitonnxError:
    from huggingface_hub import constants, errors

    repository, hub = asked.repository, constants.ENDPOINT
    match error:
        case errors.GatedRepoError():
            return DownloadError(
                f"{asked} is gated: ask for access at {hub}/{repository}, and {TOKEN} that has it."
            )
        case errors.RepositoryNotFoundError():
            return UnknownModelError(
                f"{hub} has no model repository {repository}, or a private one: check the name, "
                f"and for a private one {TOKEN} that may read it."
            )
        case errors.RevisionNotFoundError():
            return UsageError(
                f"{repository} has no revision {asked.revision!r}: name a branch, a tag or a whole "
                "commit that it has, or leave it out."
            )
        case errors.OfflineModeIsEnabled():
            return UnansweredError(
                f"{asked} was not fetched before, and HF_HUB_OFFLINE is set: unset it, or fetch "
                f"it where there is a network, with `hf download {repository}`."
            )
        case errors.HfHubHTTPError() if error.response is not None:
            status = error.response.status_code
            if status in (401, 403):
                return DownloadError(
                    f"{hub} refuses {asked} to whoever asks ({status}): {TOKEN} that may read it."
                )
            if status in BUSY or status >= 500:
                return UnansweredError(
                    f"{hub} can't give {asked} now (it answers {status}): try again later."
                )
            return DownloadError(
                f"{hub} doesn't give {asked} (it answers {status}): check the name."
            )
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return DownloadError(
                f"{asked} can't be kept in {constants.HF_HUB_CACHE}: the disk is full; free some "
                "space, or set HF_HOME to a folder elsewhere."
            )
        case PermissionError() | OSError(errno=errno.EROFS):
            return DownloadError(
                f"{asked} can't be kept in {constants.HF_HUB_CACHE}: there is no permission to "
                "write there; set HF_HOME to a folder of yours."
            )
    return UnansweredError(f"{otherwise}: check the connection, and try again.")
