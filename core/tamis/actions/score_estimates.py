"""What each score would take, said before anybody asks: from earlier runs on this machine, else a guess from the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.errors import CurationError
from tamis.jobs.forecast.measured import earlier_runs, forecast_from_runs
from tamis.registry import parse_options
from tamis.scorers import SCORERS, Scorer
from tamis.steps.score.options import ScoreOptions
from tamis.store.artifacts.readers import read_text_lengths, read_token_counts

SAMPLE_ROWS = 200  # rows to score first where all of them take long
LONG_S = 120.0
# SmolLM2-135M in bfloat16 on two cores: the 1,028 rows of LIMA take about half an hour to read with their prompts and without.
READ_TOKENS_PER_S, WRITTEN_TOKENS_PER_S = 550.0, 60.0
_QUESTION_TOKENS, _ANSWER_TOKENS = 150, 128
_MOST_TOKENS = 1_024  # of a row, which is cut beyond
_CHARACTERS_PER_TOKEN = 4
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ScoreEstimate:
    """Seconds for all rows, None where nothing is known; ``basis`` is what it was told from."""

    seconds: float | None
    basis: Literal["runs", "tokens", "rows", "nothing"]

    @property
    def is_long(self) -> bool:
        """Whether a sample is worth looking at first."""
        return self.seconds is not None and self.seconds > LONG_S


def estimate_scores(context: DatasetContext) -> dict[str, ScoreEstimate]:
    """What every score would take with its usual options on this dataset; nothing is asked, and no model loaded."""
    tokens = _row_tokens(context)
    return {name: _estimate(context, one, tokens) for name, one in SCORERS.items()}


def _estimate(context: DatasetContext, scorer: Scorer, tokens: tuple[float, float]) -> ScoreEstimate:
    try:
        options = parse_options(ScoreOptions, {"scorer": scorer.name})
        runs = earlier_runs(context.workspace, "score", options)
    except CurationError:  # a scorer whose usual options lack something: nobody has run it like that
        runs = []
    if runs:
        return ScoreEstimate(forecast_from_runs(runs, context.n_rows).seconds, "runs")
    if scorer.needs_llm:
        return ScoreEstimate(_guess(scorer, tokens, context.n_rows), "tokens")
    if "model" in scorer.options.model_fields:  # whichever model a person names
        return ScoreEstimate(None, "nothing")
    return ScoreEstimate(_SECONDS + context.n_rows / 20_000, "rows")


def _guess(scorer: Scorer, tokens: tuple[float, float], n_rows: int) -> float:
    """What the bundled model reads and writes, over its speed on two cores."""
    whole, response = tokens
    if "complete" in scorer.needs_llm:
        read, written = whole + n_rows * _QUESTION_TOKENS, n_rows * _ANSWER_TOKENS
    elif "choose" in scorer.needs_llm:
        read, written = whole + n_rows * _QUESTION_TOKENS, 0
    else:
        # Once with the prompt and once without.
        read, written = whole + response, 0
    return read / READ_TOKENS_PER_S + written / WRITTEN_TOKENS_PER_S


def _row_tokens(context: DatasetContext) -> tuple[float, float]:
    """Tokens of all rows, each cut as a model reads it, and those of the responses, by characters."""
    prompts, responses = (one / _CHARACTERS_PER_TOKEN for one in read_text_lengths(context.view.examples))
    whole = np.minimum(prompts + responses, _MOST_TOKENS).sum()
    if context.view.embeddings is not None:
        whole = np.minimum(np.asarray(read_token_counts(context.view.embeddings)), _MOST_TOKENS).sum()
    return float(whole), float(np.minimum(responses, _MOST_TOKENS).sum())
