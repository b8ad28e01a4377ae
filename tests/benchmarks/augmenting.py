"""Rows written from what a student got wrong against rows written from random ones, at equal rows, by a teacher by rule.

``python -m tests.benchmarks.augmenting``: three labels of messages to a shop, of which half of the kinds are rare among the 30 seed
rows and as frequent as the others among the 3,000 that are judged. The teacher writes another message of its parent's kind. The
student is a logistic regression on words; what it gets wrong is found out of fold. Ten rounds, five seeds, paired interval.
"""

from __future__ import annotations

import json
import re

import numpy as np
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from tamis.compute.augment.types import Budget, ParentRow, WritingTask
from tests.core.steps.augmenting import Teacher, drive

KINDS = {
    "delivery": ("my parcel with {} has not come", "the courier left {} at the wrong door", "where is the order of {}",
                 "{} was to arrive on {}", "tracking of {} shows nothing since {}", "the box with {} is at a neighbour since {}"),
    "payment": ("I was charged twice for {}", "my card was refused when I bought {}", "please send the invoice of {}",
                "a refund for {} has not come since {}", "the price of {} differs from the bill of {}", "can I pay {} by parts until {}"),
    "defect": ("{} does not switch on", "the cover of {} is cracked", "a piece of {} is missing",
               "{} makes a strange noise since {}", "{} stopped working on {}", "{} gets hot and smells since {}"),
}  # fmt: skip
THINGS = "kettle lamp phone chair radio camera printer watch drill heater speaker tablet bicycle mixer router fan toaster scale"
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
N_SEEDS, N_ROWS, N_JUDGED, ROUNDS, RARE = 5, 30, 3000, 10, 0.25
Row = tuple[str, str]


def write(label: str, kind: int, rng: np.random.Generator) -> str:
    things, days = THINGS.split(), DAYS.split()
    words = f"the {things[rng.integers(len(things))]}", days[rng.integers(7)]
    return KINDS[label][kind].format(*words)


def draw(n: int, rng: np.random.Generator, rare: float, kind_of: dict[str, Row]) -> list[Row]:
    rows = []
    for _ in range(n):
        label = list(KINDS)[rng.integers(3)]
        kind = int(rng.integers(3)) + 3 * int(rng.random() < rare)
        text = write(label, kind, rng)
        kind_of[text] = (label, kind)
        rows.append((text, label))
    return rows


def fit(rows: list[Row]) -> Pipeline:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=500))
    return model.fit([text for text, _ in rows], [label for _, label in rows])


def accuracy(model: Pipeline, rows: list[Row]) -> float:
    return float(np.mean(model.predict([text for text, _ in rows]) == [label for _, label in rows]))


def wrong_out_of_fold(rows: list[Row], n_real: int, rng: np.random.Generator) -> list[int]:
    """Places of the real rows that a student gets wrong which was not trained on them."""
    order, wrong = rng.permutation(len(rows)), []
    for fold in range(5):
        left_out = set(order[fold::5].tolist())
        model = fit([row for i, row in enumerate(rows) if i not in left_out])
        wrong += [i for i in left_out if i < n_real and model.predict([rows[i][0]])[0] != rows[i][1]]
    return sorted(wrong)


def written(places: list[int], rows: list[Row], n: int, seed: int, kind_of: dict[str, Row]) -> list[Row]:
    """``n`` rows that pass the usual filters, written from these rows by the teacher."""

    def says(prompt: str, one: int) -> str:
        parent = re.search(r"<parent_prompt \w+>\n(.*?)\n</parent_prompt", prompt, re.DOTALL)
        label, kind = kind_of[parent.group(1)]
        text = write(label, kind, np.random.default_rng([one, seed]))
        kind_of[text] = (label, kind)
        return json.dumps({"new_prompt": text, "new_response": label})

    parents = tuple(
        ParentRow(i, ({"role": "user", "content": rows[i][0]}, {}), rows[i][0], rows[i][1]) for i in places
    )
    task = WritingTask(parents=parents, labels=tuple(KINDS))
    outcome, _ = drive(Teacher(says), Budget(rows=n, stall_rows=200), task=task, seed=seed)
    return [(one.row.prompt, one.row.response) for one in outcome.judged if one.passed]


def run_seed(seed: int) -> tuple[float, float, float, int]:
    """Accuracy of the seed rows alone, with rows from wrong ones, with as many from random ones; and how many."""
    rng, kind_of = np.random.default_rng(seed), {}
    real, judged = draw(N_ROWS, rng, RARE, kind_of), draw(N_JUDGED, rng, 0.5, {})
    rows, added = list(real), 0
    for turn in range(ROUNDS):
        wrong = wrong_out_of_fold(rows, N_ROWS, np.random.default_rng([seed, turn]))
        if wrong:
            rows += written(wrong, real, len(wrong), 100 * seed + turn, kind_of)
    added = len(rows) - N_ROWS
    control = real + (written(list(range(N_ROWS)), real, added, 100 * seed + 99, kind_of) if added else [])
    return accuracy(fit(real), judged), accuracy(fit(rows), judged), accuracy(fit(control), judged), added


def main() -> None:
    gains = []
    for seed in range(N_SEEDS):
        base, targeted, control, added = run_seed(seed)
        gains.append(targeted - control)
        print(
            f"seed {seed}: {base:.3f} alone; {added} rows from wrong ones {targeted:.3f}, from random ones {control:.3f}"
        )
    half = stats.t.ppf(0.975, N_SEEDS - 1) * np.std(gains, ddof=1) / np.sqrt(N_SEEDS)
    mean = np.mean(gains)
    print(f"wrong against random: {mean:+.4f}, 95 % interval {mean - half:+.4f} to {mean + half:+.4f}")


if __name__ == "__main__":
    main()
