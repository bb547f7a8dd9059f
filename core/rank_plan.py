"""How ranks are learned: options of a spec, usable from Python as they are. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from unistd.core.errors import UsageError
from unistd.core.settings import Positive, Settings, Steps


class Phase(Settings):
    """Length of the rank phase: a number is a share of the training, ``{steps: 300}`` and ``{epochs: 10}`` say what
    they are.
    """

    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the training steps."""
    steps: Steps | None = None
    """Training steps."""
    epochs: Positive | None = None
    """Passes over the training windows of all tasks together."""

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return {"share": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(length is not None for length in (self.share, self.steps, self.epochs)) != 1:
            raise ValueError("give a share of the training, such as 0.11, or one of 'steps' and 'epochs'")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        own = handler.resolve_ref_schema(handler(schema))
        number = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return {"anyOf": [number, own], "description": own.pop("description", "")}

    def length(self, steps: int, epoch: int) -> int:
        """Return the steps of the phase in a training of ``steps``, ``epoch`` of which pass over all windows once.

        Raises:
            UsageError: The phase would outlast the training.
        """
        asked = self.steps or (self.epochs and self.epochs * epoch) or (self.share or 0) * steps
        length = max(1, round(asked))
        if length > steps:
            raise UsageError(
                f"the rank phase of '{length}' steps does not end in the training of {steps}",
                help="a shorter model.adapter.rank.phase, such as 0.11, or more training.steps",
            )
        return length


class RankPlan(Settings):
    """Ranks of the experts: where they start, how far they may move, and how many there are to share (method §3)."""

    first: Positive = 4.5
    """Rank at the start; a fraction lets the next component learn (method §5)."""
    min: Annotated[int, Field(ge=0)] = 0
    """Smallest rank; 0 lets an expert lose all its components."""
    max: Annotated[int, Field(ge=1)] = 8
    """Largest rank R, for which there is room while ranks learn."""
    budget: Positive | None = None
    """Mean rank C the ranks are held to, over all experts of all layers together; the first rank by default."""
    beta: Annotated[float, Field(ge=0)] = 1.0
    """Strength of the budget; 0 lets the ranks add up to whatever is learned."""
    phase: Phase = Phase.model_construct(share=0.11)
    """How long ranks learn before they are rounded and fixed; the paper's 10 of 90 epochs by default."""
    lr: Positive | None = None
    """Furthest a rank moves in one step; by default the range of ranks ÷ steps of the phase."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"the smallest rank, min {self.min}, must be below the largest, max {self.max}")
        for name, value in (("first rank", self.first), ("budget", self.mean)):
            if not self.min <= value <= self.max:
                raise ValueError(f"the {name} {value:g} lies outside the ranks from min {self.min} to max {self.max}")
        return self

    @property
    def mean(self) -> float:
        """Return the mean rank the budget allows."""
        return self.first if self.budget is None else self.budget

    def step_size(self, steps: int) -> float:
        """Return how far a rank moves at most in each of the ``steps`` of the phase."""
        return self.lr or (self.max - self.min) / steps
