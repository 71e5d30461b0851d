"""Validate the file of a part, which may come from anywhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    InstanceOf,
    NonNegativeInt,
    model_validator,
)

from vitonnx.engine import TotalEntry

__all__ = ["FORM", "PartContent", "SurveyEntry"]

FORM = 1  # of the file
MOST_PARTS = 10**6

# Names may hold what no encoding has, which Pydantic's own strings may not.
Text = InstanceOf[str]
Crop = Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]


class SurveyEntry(TotalEntry):
    """A total, and what was skipped for it."""

    skipped: dict[Text, Text]
    crops: list[Crop]

    @model_validator(mode="after")
    def _check_crops(self) -> Self:
        if len(self.crops) not in (0, self.count):
            raise ValueError
        return self


class PartContent(BaseModel):
    """All but the checksum."""

    model_config = ConfigDict(strict=True, extra="forbid")

    form: Literal[1]
    question: Text
    options: dict[Text, Any]
    models: Annotated[dict[Text, Text], Field(min_length=1)]
    number: NonNegativeInt
    parts: Annotated[int, Field(ge=1, le=MOST_PARTS)]
    settings: dict[Text, Text | int]
    files: list[Text]
    surveys: list[SurveyEntry]

    @model_validator(mode="after")
    def _check_number(self) -> Self:
        if self.number >= self.parts:
            raise ValueError
        return self
