"""The answer of a referee as sentences: who beats random by how much, who cannot be told apart, what selecting cost."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.steps.referee.result import MethodResult, PairResult, Ruling

MANY = 2  # trainings: from here on they are counted


def sentence_of(result: Ruling) -> str:
    """The whole answer, the part that matters most first."""
    parts = [_against_random(result), _told_apart(result), _cost(result)]
    if result.methods and not _claimed(result, "better"):
        parts.insert(
            1,
            f"With {result.max_seeds} seeds a true difference of about {result.detectable:.3f} would be claimed four times in five.",
        )
    return " ".join(part for part in parts if part)


def _against_random(result: Ruling) -> str:
    size = (
        f"{result.n_seeds} seeds, {result.n_families:,} families, {result.budget_tokens:,} "
        f"{'response tokens' if result.count == 'response' else 'tokens'} each"
    )
    clauses = []
    for verdict, words in (("better", "beats"), ("worse", "loses to")):
        for pair in _claimed(result, verdict):
            title = result.methods[pair.second].title
            clauses.append(f"{title} {words} random by {abs(pair.difference):.3f} ± {pair.half_width:.3f}")
    if not clauses:
        names = _names([one.title for one in result.methods[1:]])
        same = [pair for pair in result.against_random() if pair.verdict == "equivalent"]
        if same and len(same) == len(result.methods) - 1:
            return f"{names} and random are equivalent within {result.equivalence_margin:g} nats per token ({size})."
        return f"No method is told from random ({names}; {size})."
    clauses[0] += f" nats per token ({size})"
    return "; ".join(clauses) + "."


def _told_apart(result: Ruling) -> str:
    """What the leader is not told from; equivalent methods by name."""
    parts = []
    winners = _claimed(result, "better")
    if winners:
        leader = winners[0].second
        others = [_other(pair, leader) for pair in result.pairs if leader in (pair.first, pair.second) and pair.first != 0
                  and pair.verdict == "not distinguishable"]  # fmt: skip
        if others:
            parts.append(
                f"{result.methods[leader].title} is not distinguishable from {_titles(result, others)}."
            )
    unclear = [pair.second for pair in result.against_random() if pair.verdict == "not distinguishable"]
    if unclear and len(unclear) < len(result.methods) - 1:
        parts.append(f"Not distinguishable from random: {_titles(result, unclear)}.")
    same = [pair.second for pair in result.against_random() if pair.verdict == "equivalent"]
    if same and len(same) < len(result.methods) - 1:
        parts.append(f"Equivalent to random within {result.equivalence_margin:g}: {_titles(result, same)}.")
    return " ".join(parts)


def _cost(result: Ruling) -> str:
    known = [one for one in result.methods[1:] if one.cold is not None and one.cold > 0]
    if not known:
        return ""
    winners = [pair.second for pair in _claimed(result, "better")]
    chosen = [result.methods[i] for i in winners if result.methods[i] in known] or known
    dearest = max(chosen, key=lambda one: one.cold or 0.0)
    return f"Selecting by {dearest.title} cost {cost_text(dearest)}."


def cost_text(method: MethodResult) -> str:
    """Both costs beside one training."""
    if method.cold is None:
        return "an amount that is not known"
    if not method.cold:
        return "nothing to speak of"
    cached = "" if method.marginal is None else f" ({share_text(method.marginal)} with what was cached)"
    of_one = "" if method.cold >= MANY else " of one training"
    return f"{share_text(method.cold)}{of_one}{cached}"


def share_text(value: float) -> str:
    """A share of a training in percent, or how many of them."""
    if value >= MANY:
        return f"{value:,.0f} trainings"
    digits = 0 if value >= 0.1 or value == 0 else 1
    return f"{100 * value:.{digits}f} %"


def _claimed(result: Ruling, verdict: str) -> list[PairResult]:
    found = [pair for pair in result.against_random() if pair.verdict == verdict]
    return sorted(found, key=lambda pair: pair.difference)


def _other(pair: PairResult, method: int) -> int:
    return pair.first if pair.second == method else pair.second


def _titles(result: Ruling, methods: Sequence[int]) -> str:
    return _names([result.methods[i].title for i in methods])


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
