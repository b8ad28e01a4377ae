"""From the options of a draw to its odds, the same for every method that draws by quality."""

from __future__ import annotations

from typing import Protocol

from tamis.compute.select.draw import LINEAR, RANK, Odds
from tamis.selectors.options import Weighting


class DrawsByQuality(Protocol):
    """Options that say how quality counts."""

    @property
    def weighting(self) -> Weighting:
        """How quality becomes a chance."""

    @property
    def spread_temperature(self) -> float:
        """Temperature of the softmax in standard deviations of the score."""

    @property
    def temperature(self) -> float | None:
        """The same in units of the score, where it is given."""


def odds_of(options: DrawsByQuality, *, non_negative: bool) -> Odds:
    """The odds that the options name; ``non_negative`` says whether the quality at hand can be linear odds."""
    if options.weighting == "softmax":
        in_score = options.temperature
        return Odds("softmax", in_score or options.spread_temperature, in_spreads=in_score is None)
    if options.weighting == "auto":
        return LINEAR if non_negative else RANK
    return LINEAR if options.weighting == "linear" else RANK
