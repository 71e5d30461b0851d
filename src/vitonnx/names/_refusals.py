"""huggingface-hub at work: kept quiet, and its refusals turned into sentences."""

from __future__ import annotations

import errno
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from vitonnx.errors import DownloadError, UnknownModelError, UsageError, VitonnxError
from vitonnx.names._id import HubId

__all__ = ["UnansweredError", "answered", "quiet_hub"]

TOKEN = "set HF_TOKEN to your token"
BUSY = (408, 429)  # and whatever is from 500: the hub says nothing of what was asked for


class UnansweredError(DownloadError):
    """The hub can't be reached, or fails to answer for now."""


@contextmanager
def answered(asked: HubId, otherwise: str) -> Iterator[None]:
    """Turn errors of the hub's client into a sentence on the request.

    ``otherwise`` is the sentence for when the hub has not answered at all.

    Raises
    ------
    UnknownModelError
        If there is no such repository, or it is hidden.
    UsageError
        If it has no such revision.
    UnansweredError
        If the hub fails, can't be reached, or must not be contacted (HF_HUB_OFFLINE).
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
                f"{asked} is gated: request access at {hub}/{repository}, then {TOKEN}."
            )
        case errors.RepositoryNotFoundError():
            return UnknownModelError(
                f"{hub} has no model repository {repository}, or it is private: check the name; "
                f"if it is private, {TOKEN}."
            )
        case errors.RevisionNotFoundError():
            return UsageError(
                f"{repository} has no revision {asked.revision!r}: give an existing branch, tag "
                "or full commit hash, or omit it."
            )
        case errors.OfflineModeIsEnabled():
            return UnansweredError(
                f"{asked} wasn't downloaded before, and HF_HUB_OFFLINE is set: unset it, or "
                f"download it while online with `hf download {repository}`."
            )
        case errors.HfHubHTTPError() if error.response is not None:
            status = error.response.status_code
            if status in (401, 403):
                return DownloadError(f"{hub} refuses access to {asked} ({status}): {TOKEN}.")
            if status in BUSY or status >= 500:
                return UnansweredError(
                    f"{hub} can't serve {asked} now (status {status}): try again later."
                )
            return DownloadError(f"{hub} doesn't serve {asked} (status {status}): check the name.")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return DownloadError(
                f"can't store {asked} in {constants.HF_HUB_CACHE}: the disk is full. Free some "
                "space, or set HF_HOME to another folder."
            )
        case PermissionError() | OSError(errno=errno.EROFS):
            return DownloadError(
                f"can't store {asked} in {constants.HF_HUB_CACHE}: permission denied. Set HF_HOME "
                "to a folder of yours."
            )
    return UnansweredError(f"{otherwise}: check the connection, and try again.")


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Let the hub's client say nothing of its own while the block runs."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level, bars = logger.level, not are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disable_progress_bars()
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
            if bars:
                enable_progress_bars()
