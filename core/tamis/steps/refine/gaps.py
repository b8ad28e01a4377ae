"""GAPS: how a round compares the given answer of a row with the model's own (Eq. 4; METHODS.md 1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tamis.registry import Options, Plugin, Reach, Table
from tamis.scorers import SCORERS
from tamis.scorers.options import RewardModelOptions

if TYPE_CHECKING:
    from tamis.scorers.reward_model import RewardModelScorer


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Plugin):
    """One row. ``scorer`` is the score of both answers; the gap is ``sign · (given − generated)``.

    ``asks`` says which language model answers: the one that is being refined, a judge chosen apart, or none.
    """

    scorer: str
    asks: Literal["model", "judge", "none"]
    sign: int = 1


def _gap(
    name: str,
    scorer: str,
    *,
    title: str,
    summary: str,
    asks: Literal["model", "judge", "none"],
    sign: int = 1,
) -> Gap:
    row = SCORERS[scorer]
    return Gap(
        name=name,
        title=title,
        summary=summary,
        options=row.options,
        target=row.target,
        extra=row.extra,
        scorer=scorer,
        asks=asks,
        sign=sign,
    )


class RewardGapOptions(Options):
    """Any reward model with a chat template of its own; ``model`` is the one that is refined, so it has another name."""

    reward_model: Annotated[str, Reach.MODEL] = Field(
        "", description="Reward model: a folder on this machine or a hub id."
    )
    reward_revision: str | None = Field(
        None, description="Branch, tag or commit of a hub id; empty: its main branch."
    )
    max_tokens: int = Field(
        2048, ge=16, description="Longest conversation in tokens; its beginning is left out."
    )
    output: int = Field(0, ge=0, description="Which of the model's outputs is the reward; most have one.")


def build_reward_scorer(options: RewardGapOptions) -> RewardModelScorer:
    """The scorer of the score step with these options."""
    from tamis.scorers.reward_model import RewardModelScorer

    return RewardModelScorer(
        RewardModelOptions(
            model=options.reward_model,
            revision=options.reward_revision,
            max_tokens=options.max_tokens,
            output=options.output,
        )
    )


GAPS: Table[Gap] = Table(
    "score of a refinement",
    _gap(
        "pmi",
        "pmi",
        title="Likelihood ratio (PMI)",
        summary="How much more the prompt helps to predict the given answer than the model's own.",
        asks="model",
    ),
    _gap(
        "perplexity",
        "perplexity",
        title="Perplexity (Eq. 4 of the paper)",
        summary="log perplexity of the given answer less that of the model's own: it measures surprise, not quality, "
        "and so favours clusters with odd or broken answers.",
        asks="model",
        sign=-1,
    ),
    _gap(
        "llm_judge",
        "llm_rating",
        title="Rating by a judge",
        summary="A judge's rating of the given answer less that of the model's own (GPT-4 in the paper).",
        asks="judge",
    ),
    Gap(
        name="reward_model",
        title="Reward model",
        summary="Reward of the given answer less that of the model's own; the best of the three in the paper.",
        options=RewardGapOptions,
        target="tamis.steps.refine.gaps:build_reward_scorer",
        extra="models",
        scorer="reward_model",
        asks="none",
    ),
    _gap(
        "confidence",
        "confidence",
        title="Confidence",
        summary="Confidence in the given answer less that in the model's own: likelihood ratio, alignment and defects.",
        asks="model",
    ),
)
