"""The default confidence in a row: what a small model's likelihoods, an encoder and plain rules say together.

Three logistic factors and a product of defects, as if each could spoil a row by itself. All constants were fitted
together by maximum likelihood (tests/benchmarks/confidence.py, METHODS.md 2.5) to rows of the sample data of which a fifth
had a swapped, cut or garbled response: the score is a probability at that share. ``confidence_by_hand`` has those before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tamis.compute.clear.endings import SURE, Endings
from tamis.types import Float64s, Int64s

# A prior of four usual tokens: one surprising word alone is no garble.
USUAL_FLUENCY, USUAL_TOKENS = -3.0, 4.0
USUAL_BACKGROUND = 0.03  # cosine of a prompt with another row's response where rows are about many things


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """Log odds of each factor as an offset and weights of what is measured; what each defect may lower the whole by."""

    fits: float
    gain: float  # of nats per √token that the prompt helps
    alignment: float  # of the cosine above its background
    fluent: float
    fluency: float  # of nats per token
    ends_marked: float  # where a response ends in a mark
    end_marked: float  # of log p of the end
    ends_unmarked: float
    end_unmarked: float
    stop_unmarked: float  # of log p of the end, with a full stop before it or without
    ends_unread: float  # where the model cannot tell, or not in this language and the response ends in a mark
    unread_unmarked: float  # where it hardly reads the language and there is no mark
    unread_end: float
    unread_stop: float
    ends_final: float  # where nothing follows, whatever the model says
    cut: float  # of the severity that the rules find
    defects: Mapping[str, float]


# Not fitted: a fifteenth of the rows is cut, and fewer than a hundredth of those right behind a result (ends_final); what
# the rules are sure of is an alarm where the model cannot be heard (ends_unread below cut; the fit has 4.3);
# nothing that is planted is empty, repeated or refused, and little in another language (weights of before).
STOPS = Constants(
    fits=-1.23, gain=1.15, alignment=15.9, fluent=22.5, fluency=4.04,
    ends_marked=10.5, end_marked=0.76, ends_unmarked=12.4, end_unmarked=0.49, stop_unmarked=0.19,
    ends_unread=3.9, unread_unmarked=10.1, unread_end=0.22, unread_stop=0.19, ends_final=6.0, cut=4.0,
    defects={"empty": 1.0, "garbled": 0.83, "repeated": 0.3, "refusal": 0.3, "language_mismatch": 0.9},
)  # fmt: skip
# Before the model was asked for a missing full stop.
FITTED = Constants(
    fits=-1.24, gain=1.14, alignment=16.3, fluent=22.4, fluency=4.03,
    ends_marked=10.5, end_marked=0.77, ends_unmarked=12.5, end_unmarked=0.6, stop_unmarked=0.0,
    ends_unread=3.7, unread_unmarked=3.7, unread_end=0.0, unread_stop=0.0, ends_final=6.0, cut=4.2,
    defects={"empty": 1.0, "garbled": 0.84, "repeated": 0.3, "refusal": 0.3, "language_mismatch": 0.9},
)  # fmt: skip
EDITIONS: Mapping[str, Constants] = {"stops": STOPS, "fitted": FITTED}


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """Sums of log p over ``n_tokens`` (n,) of a response's beginning, after its prompt and alone, and log p of the end.

    ``stopped`` (n,) is log p of a full stop and then the end, NaN where a response has its mark; None where nobody asked.
    """

    given_prompt: Float64s
    alone: Float64s
    n_tokens: Int64s
    end: Float64s
    stopped: Float64s | None = None

    @property
    def end_or_stop(self) -> Float64s:
        """Log p that the response ends, with a full stop before it or without, shape (n,)."""
        if self.stopped is None:
            return self.end
        known = np.isfinite(self.stopped) & np.isfinite(self.end)
        both: Float64s = np.logaddexp(np.where(known, self.end, 0.0), np.where(known, self.stopped, 0.0))
        return np.where(known, both, self.end)

    @property
    def gain_per_token(self) -> Float64s:
        """How much the prompt helps to predict the response, in nats per token, shape (n,)."""
        result: Float64s = (self.given_prompt - self.alone) / np.maximum(self.n_tokens, 1)
        return result

    @property
    def gain(self) -> Float64s:
        """The same in nats per √token, so that short and long responses compare, shape (n,)."""
        result: Float64s = self.gain_per_token * np.sqrt(np.maximum(self.n_tokens, 1))
        return result

    @property
    def fluency(self) -> Float64s:
        """Nats per token after the prompt, drawn towards the usual for few tokens, shape (n,)."""
        result: Float64s = (self.given_prompt + USUAL_FLUENCY * USUAL_TOKENS) / (
            np.maximum(self.n_tokens, 1) + USUAL_TOKENS
        )
        return result


def combine(
    read: Likelihoods,
    alignment: Float64s,
    defects: Mapping[str, Float64s],
    endings: Endings,
    *,
    background: float = float("nan"),
    constants: Constants = STOPS,
) -> tuple[Float64s, dict[str, Float64s]]:
    """Confidence (n,), 0 to 1, and its factors ``fits``, ``fluent``, ``ends`` and ``sound``, each 0 to 1.

    ``alignment`` counts above ``background``, the mean cosine of a prompt with other rows' responses (USUAL_BACKGROUND
    where that is NaN): where all rows are alike, a swapped response is near, too. The severity of ``cut`` and the model's
    word are weighed together in ``ends``, so that a missing full stop counts little where the model sees an end, or sees
    one behind that stop; its word counts less where ``endings`` say that it hardly reads the language, and not where the
    end is an address or a result.

    What is unknown (NaN) is left out: ``fluent`` is then 1, ``ends`` the rules alone, and ``fits`` has the part that is
    known, or its offset alone. NaN only where neither likelihoods nor alignment are known and no defect is certain.
    """
    c = constants
    helped = c.gain * read.gain
    near = c.alignment * (alignment - (USUAL_BACKGROUND if np.isnan(background) else background))
    factors = {
        "fits": logistic(c.fits + np.nan_to_num(helped) + np.nan_to_num(near)),
        "fluent": known(logistic(c.fluent + c.fluency * read.fluency)),
        "ends": _ends(read, defects["cut"], endings, c),
        "sound": np.prod([1 - weight * defects[name] for name, weight in c.defects.items()], axis=0),
    }
    result = np.prod(list(factors.values()), axis=0)
    none_sure = (factors["sound"] > 0.5) & (defects["cut"] < SURE)
    return np.where(np.isnan(helped) & np.isnan(near) & none_sure, np.nan, result), factors


def _ends(read: Likelihoods, cut: Float64s, endings: Endings, c: Constants) -> Float64s:
    end, either = read.end, read.end_or_stop
    marked = c.ends_marked + c.end_marked * end
    unmarked = c.ends_unmarked + c.end_unmarked * end + c.stop_unmarked * either
    hardly_read = c.unread_unmarked + c.unread_end * end + c.unread_stop * either
    unread = np.where(endings.is_marked | np.isnan(end), c.ends_unread, hardly_read)
    odds = np.where(endings.is_marked, marked, unmarked)
    odds = np.where(endings.is_read & ~np.isnan(end), odds, unread)
    return logistic(np.where(endings.is_final, c.ends_final, odds) - c.cut * cut)


def known(factor: Float64s) -> Float64s:
    """The factor, 1 where it is NaN."""
    return np.where(np.isnan(factor), 1.0, factor)


def logistic(values: Float64s) -> Float64s:
    """``1 / (1 + exp(-values))``, NaN where they are."""
    result: Float64s = 1 / (1 + np.exp(-np.clip(values, -60, 60)))
    return result
