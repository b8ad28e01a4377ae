"""A language model rates a response by a rubric, from 1 to 5."""

from __future__ import annotations

import re

import numpy as np

from tamis.compute.clear.expectation import expected_rating
from tamis.compute.text.judge_text import WARNING, fence_code, fenced
from tamis.scorers import ScorerInput
from tamis.scorers.options import RatingOptions
from tamis.scorers.transcript import transcript_of
from tamis.types import Float32s, Float64s

DIGITS = ("1", "2", "3", "4", "5")
# What is the same for every row comes first, so that a local model reads it once.
QUESTION = """You rate how good a response to a prompt is. {rubric}
1 = useless or wrong, 2 = poor, 3 = acceptable, 4 = good, 5 = excellent.
Answer with one digit from 1 to 5 and nothing else."""
END = "How good is the response, from 1 to 5? Answer with one digit."


def rating_prompt(rubric: str, prompt: str, response: str) -> str:
    """The question about one row."""
    asked = transcript_of(prompt)
    code = fence_code(asked, response)
    parts = [
        QUESTION.replace("{rubric}", rubric),
        WARNING.replace("{code}", code),
        fenced("prompt", asked, code),
        fenced("response", response, code),
        END,
    ]
    return "\n\n".join(parts)


def parse_rating(text: str) -> float:
    """The digit of an answer that holds exactly one from 1 to 5 on its first line; NaN otherwise."""
    lines = text.strip().splitlines()
    ratings = re.findall(r"(?<![\d.])([1-5])(?![\d]|\.\d|\s*-\s*\d)(?:\s*/\s*5)?", lines[0] if lines else "")
    return float(ratings[0]) if len(set(ratings)) == 1 else float("nan")


class RatingScorer:
    """Mean over the digits' probabilities where the model gives them, else the digit it writes; NaN if it writes none."""

    def __init__(self, options: RatingOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 1 to 5, ``mass`` (n,): how much of the model's next word the digits are, and ``n_unparsed`` (n,):
        1 where a reply came that names no digit, or several.
        """
        model = rows.model()
        filled = [i for i, response in enumerate(rows.responses) if response.strip()]
        asked = [rating_prompt(self._options.rubric, rows.prompts[i], rows.responses[i]) for i in filled]
        score, mass, unread = (np.full(len(rows.prompts), np.nan) for _ in range(3))
        if asked and "choose" in model.abilities:
            choices = model.choose(asked, DIGITS)
            score[filled], mass[filled] = (
                expected_rating(choices.probabilities, np.arange(1, 6)),
                choices.mass,
            )
            unread[filled] = np.isnan(choices.probabilities).any(axis=1) & (choices.mass == 0)
        elif asked:
            replies = [one[0] for one in model.complete(asked, max_new_tokens=8)]
            written: Float64s = np.array([parse_rating(reply) for reply in replies])
            score[filled] = written
            unread[filled] = [
                bool(reply.strip()) and np.isnan(value) for reply, value in zip(replies, written, strict=True)
            ]
        columns = {"score": score, "mass": mass, "n_unparsed": unread}
        return {name: column.astype(np.float32) for name, column in columns.items()}
