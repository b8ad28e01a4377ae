"""Sound and cut endings of all kinds, written for this project, with what the bundled model says of each end."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tamis.compute.clear.confidence import STOPS, Constants, Likelihoods, combine
from tamis.compute.clear.defects import DEFECTS
from tamis.compute.clear.endings import SURE, Endings, cut, read_endings
from tamis.types import Float64s

ENDINGS = Path(__file__).parent.parent / "fixtures" / "endings.jsonl"
SHORT = ENDINGS.with_name(
    "endings_short.jsonl"
)  # answers of a few words in eight languages, written later, too, and cut ones
UNSEEN = ENDINGS.with_name("endings_unseen.jsonl")  # sound ones written later, to which nothing was fitted
FLAGGED_BELOW = 0.5  # γ as the page of refinements offers it


@dataclass(frozen=True, slots=True)
class Ending:
    """A response of a kind, from the row ``number`` of the file, and log p of its end."""

    number: int
    kind: str
    text: str
    is_sound: bool
    log_p_end: float
    log_p_stopped: float  # of a full stop and the end, NaN behind a mark
    prompt: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether the rules alone raise an alarm."""
        return cut(self.text) >= SURE


def read_ending_rows(path: Path = ENDINGS) -> list[Ending]:
    """Every sound ending and the cut one of it, where it has one."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        Ending(
            number,
            row["kind"],
            row[name],
            name == "sound",
            row[f"{name}_log_p_end"],
            math.nan if row[f"{name}_log_p_stopped"] is None else row[f"{name}_log_p_stopped"],
            row["prompt"],
        )
        for number, row in enumerate(rows)
        for name in ("sound", "cut")
        if row.get(name)
    ]


def ends_factor(rows: Sequence[Ending], constants: Constants = STOPS) -> Float64s:
    """What the confidence says of each end, shape (n,)."""
    n = len(rows)
    unknown = np.full(n, np.nan)
    read = Likelihoods(
        unknown,
        unknown,
        np.ones(n, dtype=np.int64),
        np.array([row.log_p_end for row in rows]),
        np.array([row.log_p_stopped for row in rows]),
    )
    severity, endings = _seen(tuple((row.text, row.prompt) for row in rows))
    defects = {name: np.zeros(n) for name in DEFECTS} | {"cut": severity}
    return combine(read, unknown, defects, endings, constants=constants)[1]["ends"]


@cache
def _seen(rows: tuple[tuple[str, str], ...]) -> tuple[Float64s, Endings]:
    """What the rules see, once: a fit asks for it at every step."""
    texts, prompts = zip(*rows, strict=True)
    return np.array([cut(text) for text in texts]), read_endings(texts, prompts)
