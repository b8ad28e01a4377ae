"""Options of select: how many rows, picked how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tamis.errors import InvalidOptions
from tamis.scorers import SCORERS
from tamis.selectors import SELECTORS, Selector
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON

NO_QUALITY = "none"
# Options of methods that came later, with the value that changes nothing.
ADDED: Mapping[str, JSON] = {"labels": "cluster", "per_label": False, "cluster_shares": ""}
COLUMN = "column:"  # before the name of a column that is the quality or the cost


class SelectOptions(StepOptions):
    """How many rows, picked how."""

    POINTERS: ClassVar[Mapping[str, str]] = {
        "clustering": "clustering",
        "embeddings": "embeddings",
        "scores": "scores",
        "within": "rows",
        "pinned": "rows",
        "excluded": "rows",
        "target": "target",
        "similarities": "scores",
    }
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", SELECTORS),)

    method: str = Field("kmq", description="Selection method.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    budget: float = Field(1000, gt=0, description="How much to select, in the unit below.")
    unit: Literal["rows", "fraction", "tokens", "cost"] = Field(
        "rows",
        description="Rows, a fraction of all rows between 0 and 1, tokens of prompt and response, or what the cost below adds "
        "up to.",
    )
    cost: str = Field(
        "",
        description="What a row costs, where the budget is not in rows: column:NAME for a column of numbers, or the name of a "
        "score. Every row that may be picked needs one above 0.",
    )
    quality: str = Field(
        "alignment",
        description="Score that makes a row more likely to be picked, or column:NAME for a column of numbers; none treats "
        "all rows alike.",
    )
    whiten: bool = Field(
        False,
        description="Whiten the vectors by the pool's own mean and covariance first, for methods that compare rows by them; whether "
        "that helps was not shown here.",
    )
    smooth: int = Field(
        0,
        ge=0,
        le=1000,
        description="Average the quality of a row, half and half, with that of so many nearest rows that say something else; 0: take "
        "it as it is. Whether that helps was not shown here.",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of every draw.")
    clustering: str = Field("", description="Clustering to spread over; the active one when empty.")
    embeddings: str = Field(
        "", description="Embeddings to compare rows by, and to count tokens with; the newest when empty."
    )
    scores: str = Field("", description="Exact scores to use as quality; the newest of that name when empty.")
    within: str = Field("", description="Rows to select from (a frozen scope); all rows when empty.")
    pinned: str = Field("", description="Rows that are always in (a frozen scope).")
    excluded: str = Field("", description="Rows that are never in (a frozen scope).")
    target: str = Field(
        "",
        description="What a method that selects for a target goes by, by name; several as first=2,second=1 with their shares; the only one when empty.",
    )
    similarities: str = Field(
        "", description="Exact scores towards the target; made first where there are none, when empty."
    )

    @model_validator(mode="before")
    @classmethod
    def _count_costs(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was given
        """A cost that is named is what the budget counts."""
        if isinstance(values, dict) and values.get("cost") and "unit" not in values:
            return {**values, "unit": "cost"}
        return values

    @model_validator(mode="before")
    @classmethod
    def _own_quality(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was given
        """A method may have a score of its own, as the longest first have their length."""
        own = own_quality(values) if isinstance(values, dict) else ""
        return {**values, "quality": own} if own and values.get("quality") is None else values

    @model_validator(mode="after")
    def _refuse_impossible_budget(self) -> Self:
        if (self.unit == "cost") != bool(self.cost):
            raise ValueError(
                "unit cost needs the cost of a row: cost column:NAME, or the name of a score"
                if self.unit == "cost"
                else f"the cost {self.cost!r} counts in units of its own, not in {self.unit}: leave one of both out"
            )
        if self.unit == "fraction" and self.budget > 1:
            raise ValueError(f"a budget of {self.budget:g} is no fraction; give 0 to 1, or unit rows")
        if self.unit in ("rows", "tokens") and self.budget != int(self.budget):
            raise ValueError(
                f"a budget of {self.budget:g} {self.unit} is not whole; give a whole number, or unit fraction"
            )
        return self

    def needs(self) -> tuple[Need, ...]:
        """What the method reads, the quality score, and the frozen scopes that were named.

        Raises InvalidOptions when the method cannot work with the quality or the unit asked for.
        """
        row = SELECTORS[self.method]
        self._check(row)
        wanted = {"examples": Need("examples", "examples")}
        if "clustering" in row.reads and not self.labels():
            wanted["clustering"] = Need("clustering", "clustering", self.clustering)
        if "embeddings" in row.reads or self.unit == "tokens" or self.smooths():
            wanted["embeddings"] = Need("embeddings", "embeddings", self.embeddings)
        if row.uses("quality") and self.quality != NO_QUALITY:
            # The default quality is a help, not a condition: without it every row counts the same.
            optional = "quality" not in row.reads and "quality" not in self.model_fields_set
            wanted["scores"] = Need("scores", "scores", self.scores, self._quality_made_with(row), optional)
        if "target" in row.reads:
            scorer = {"scorer": str(self.method_options["similarity"])}
            wanted["target"] = Need("target", "target", self.target)
            wanted["similarities"] = Need("similarities", "scores", self.similarities, scorer)
        if self.cost:
            wanted["costs"] = Need("costs", "scores", "", {"scorer": self.cost})
        if "column" in row.reads:
            wanted = self._column_need() | wanted
        frozen = {"within": self.within, "pinned": self.pinned, "excluded": self.excluded}
        wanted |= {role: Need(role, "rows", chosen) for role, chosen in frozen.items() if chosen}
        return tuple(wanted.values())

    def identity(self) -> dict[str, JSON]:
        """A method that reads no quality picks the same rows whatever quality was named; without a cost there is none, and what is
        asked of vectors, qualities or clusters and does nothing is left out.
        """
        named = super().identity()
        if not self.cost:
            del named["cost"]
        if not self.whiten or "embeddings" not in SELECTORS[self.method].reads:
            del named["whiten"]
        if not self.smooths():
            del named["smooth"]
        # What was not asked before there was a choice names nothing.
        named["method_options"] = {
            name: value
            for name, value in self.method_options.items()
            if name not in ADDED or value != ADDED[name]
        }
        return named if SELECTORS[self.method].uses("quality") else named | {"quality": NO_QUALITY}

    def labels(self) -> str:
        """The column of the file that rows are labelled by, where a method goes by labels and these are not clusters."""
        named = str(self.method_options.get("labels", "cluster"))
        return "" if named == "cluster" else named

    def smooths(self) -> bool:
        """Whether a quality is read and averaged over neighbours."""
        return self.smooth > 0 and SELECTORS[self.method].uses("quality") and self.quality != NO_QUALITY

    def _quality_made_with(self, row: Selector) -> dict[str, JSON]:
        """What narrows the scores: a method's own quality is made in one way, unless exact scores are named."""
        own = row.quality == self.quality and row.quality_options and not self.scores
        return {"scorer": self.quality} | ({"scorer_options": dict(row.quality_options)} if own else {})

    def _check(self, row: Selector) -> None:
        if "quality" in row.reads and self.quality == NO_QUALITY:
            raise InvalidOptions(
                f"{row.title} picks by a quality score and cannot work without one: name a score as quality, and run "
                "'score' first if the dataset has none."
            )
        if self.scores and "target" in row.reads:
            raise InvalidOptions(
                f"{row.title} goes by its target and reads no scores of a quality: leave scores out. How near a row is, is measured "
                "as similarity says (target_embedding, target_rds or target_bm25); exact ones are named as similarities."
            )
        if self.quality != NO_QUALITY and row.uses("quality"):
            check_weighting(getattr(self.chosen_options("method"), "weighting", ""), self.quality)
        if self.unit in ("tokens", "cost") and not row.counts_tokens:
            raise InvalidOptions(
                f"{row.title} divides a number of rows: give the budget in rows or as a fraction, or use kmq for {self.unit}."
            )

    def _column_need(self) -> dict[str, Need]:
        """What holds the column that the method groups rows by, besides the examples."""
        column = str(self.method_options["column"])
        family, _, name = column.partition(":")
        if column in ("cluster", "distance"):
            return {"clustering": Need("clustering", "clustering", self.clustering)}
        if column == "tokens":
            return {"embeddings": Need("embeddings", "embeddings", self.embeddings)}
        if family == "score":
            return {"column_scores": Need("column_scores", "scores", "", {"scorer": name})}
        return {}


def own_quality(values: Mapping[str, JSON]) -> str:
    """The score that the method of these options goes by of itself; empty for most."""
    name = str(values.get("method"))
    return SELECTORS[name].quality if name in SELECTORS else ""


def own_scores(values: Mapping[str, JSON]) -> dict[str, JSON]:
    """The request for the scores that the method of these options goes by of itself, in a way of its own; empty for most."""
    name, own = str(values.get("method")), own_quality(values)
    made_with = dict(SELECTORS[name].quality_options) if own else {}
    named = values.get("scores") or values.get("quality") not in (None, own)
    return {} if named or not made_with else {"scorer": own, "scorer_options": made_with}


def check_weighting(weighting: str, quality: str, made_with: Mapping[str, JSON] | None = None) -> None:
    """Refuse odds in proportion to a score that can be negative; raises InvalidOptions with the way out.

    ``made_with`` are the options of the scores; without them a score that Tamis does not compute may have been declared.
    """
    is_open = made_with is None and quality not in SCORERS and not quality.startswith(COLUMN)
    if weighting != "linear" or is_open:
        return
    if not is_non_negative(made_with or {"scorer": quality}):
        raise InvalidOptions(
            f"weighting = 'linear' gives a row of score 0 or less no chance, and {quality!r} can be negative: take "
            "'rank' or 'softmax', or leave it at 'auto'. Scores of a file can be declared never to be negative when they "
            "are imported (non_negative)."
        )


def is_non_negative(made_with: Mapping[str, JSON]) -> bool:
    """Whether scores that were made with these options are never negative: by their scorer, or by whoever imported them."""
    name = str(made_with["scorer"])
    return SCORERS[name].non_negative if name in SCORERS else made_with.get("non_negative") is True
