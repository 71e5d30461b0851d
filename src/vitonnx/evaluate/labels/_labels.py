"""Where the labels of a dataset are: in it, or in a file beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vitonnx.dataset import Dataset, Label, Listing, Sample
from vitonnx.errors import PictureError, UsageError
from vitonnx.evaluate.labels._read_truth import read_truth
from vitonnx.evaluate.labels._truth import ListedTruth, Truth

__all__ = ["Labels"]

NO_LABEL = ": it has no label."
UNLABELLED = 100
"""So many pictures without a label, and none that counts: this is no dataset with labels."""


@dataclass(frozen=True)
class Labels:
    """The labels of a dataset's pictures.

    Parameters
    ----------
    truth : NamedTruth or ListedTruth, optional
        The labels, in place of those that the dataset says.

    Examples
    --------
    >>> Labels().of(Sample("cat/0.png", "cat/0.png", "cat"))
    'cat'
    """

    truth: Truth | None = None

    @classmethod
    def in_file(
        cls, file: Path | None, dataset: Dataset, whole: Callable[[], Dataset] | None = None
    ) -> Labels:
        """Read them from a file, if there is one.

        Parameters
        ----------
        file : Path, optional
            See `read_truth`.
        dataset : Dataset
            The pictures.
        whole : callable, optional
            Gives the dataset that this one is a sample of: where only the order of the pictures
            tells their labels, all of them count.

        Raises
        ------
        UsageError
            If the file can't be read, or is that of other pictures.
        """
        if file is None:
            return cls()
        truth = read_truth(file)
        if isinstance(truth, ListedTruth):
            first = next(dataset.samples(), None)
            if first is not None and not truth.is_numbered(first.id):
                every = dataset if whole is None else whole()
                truth = truth.in_order([sample.id for sample in every.samples()])
        return cls(truth)

    def of(self, sample: Sample) -> Label | None:
        """Give the label of a picture; None if it has none."""
        return sample.label if self.truth is None else self.truth.label(sample.id)

    def known(self, dataset: Dataset) -> set[Label]:
        """Give those labels that are known before a picture is read: of files, by their names.

        Raises
        ------
        UsageError
            If the pictures of a dataset of nothing else have none.
        """
        listed = Dataset([shard for shard in dataset.shards if isinstance(shard, Listing)])
        labels = {self.of(sample) for sample in listed.samples()} - {None}
        if not labels and dataset.is_listed:
            raise self._missing(shard.name for shard in dataset.shards)
        return {label for label in labels if label is not None}

    def refused(self, sample: Sample) -> PictureError:
        """Say that a picture has no label, for the list of what was skipped."""
        return PictureError(f"{sample.name}{NO_LABEL}")

    def require_some(self, skipped: Mapping[str, str], done: int, *, ended: bool = False) -> None:
        """Refuse a dataset none of whose pictures counts, as soon as that is for want of labels.

        Parameters
        ----------
        skipped : mapping of str to str
            All pictures so far, each with the reason why it doesn't count.
        done : int
            Their number; few may be strays.
        ended : bool
            Whether there are no more.

        Raises
        ------
        UsageError
            If all are without a label.
        """
        enough = done >= UNLABELLED or (ended and done)
        if enough and all(why.endswith(NO_LABEL) for why in skipped.values()):
            raise self._missing(skipped)

    def _missing(self, names: Iterable[str]) -> UsageError:
        """Say that the pictures of a dataset have no labels, and how to give them."""
        of = next(iter(names), "the dataset")
        if self.truth is not None:
            return UsageError(
                f"{self.truth.file} has no label for any picture ({of}): give the file of this "
                "dataset."
            )
        return UsageError(
            f"the pictures have no labels ({of}): give a folder with a folder for each class, "
            "a file with --truth, or the label's column or key with --label."
        )

    def described(self) -> dict[str, str]:
        """Describe the file of labels so closely that another differs."""
        return {"the truth": "the dataset's own" if self.truth is None else self.truth.described()}
