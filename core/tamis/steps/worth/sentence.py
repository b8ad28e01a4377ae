"""The answer of a worth as sentences: which clusters help or harm, and whether another mixture is worth a try."""

from __future__ import annotations

import numpy as np

from tamis.steps.worth.result import GroupResult, WorthReport

NAMED = 3  # of each side


def worth_sentence(result: WorthReport) -> str:
    """What moving a tenth of the tokens does, then the mixture."""
    return f"{_clusters(result)} {_mixture(result)}"


def _clusters(result: WorthReport) -> str:
    size = f"{len(result.runs):,} runs, {len(result.groups)} super-clusters, {result.budget_tokens:,} tokens each"
    clear = sorted((one for one in result.groups if one.is_clear), key=lambda one: one.worth)
    helps = [one for one in clear if one.worth < 0][:NAMED]
    harms = [one for one in clear if one.worth > 0][::-1][:NAMED]
    if not clear:
        usual = float(np.median([one.half_width for one in result.groups]))
        return (
            f"No cluster's worth is told from 0 ({size}): a tenth of the tokens moved to one would have to change the loss by "
            f"about {usual:.3f} nats per token."
        )
    clauses = [f"lowers the loss if it goes to {_told(helps)}"] if helps else []
    clauses += (
        [
            f"raises it if it goes to {_told(harms)}"
            if helps
            else f"raises the loss if it goes to {_told(harms)}"
        ]
        if harms
        else []
    )
    return f"A tenth of the tokens {' and '.join(clauses)}, in nats per token ({size})."


def _told(groups: list[GroupResult]) -> str:
    names = [f"{one.name} (by {abs(one.worth):.3f} ± {one.half_width:.3f})" for one in groups]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _mixture(result: WorthReport) -> str:
    if result.worth_changing:
        return (
            f"The best mixture found promises {-result.promised:.3f} less than the pool's shares, after a quarter is taken off for "
            "having been chosen: let the referee decide."
        )
    if not result.enough_runs:
        return "With fewer than four runs for each super-cluster no mixture is called better than the pool's."
    return "No mixture is told from the pool's own shares."
