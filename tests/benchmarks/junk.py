"""Junk planted among sound rows: what each filter of written rows finds of it, and what of sound rows it takes.

``python -m tests.benchmarks.junk``: sound drafts and their parents are questions of the bundled sample; junk is made of other
questions there, in ways that the filters know and in ways that they do not. Nothing is random but by the seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.augment.shapes import agreement
from tamis.compute.augment.types import JudgedRow, KnownRow, ParentRow, Provenance, SyntheticRow
from tamis.filters import FILTERS, Chosen, choose_filters
from tamis.filters.judging import judge_rows, judge_set
from tamis.filters.pool import FilterPool
from tamis.generators import GENERATORS
from tamis.protocols import CutText
from tests.benchmarks.measure import ROOT, print_table

N_PARENTS, N_SOUND, N_JUNK = 30, 80, 14
LABELS = ("positive", "negative", "neutral")
FILTERS_OF_SELF_GUIDE = (
    "empty", "cut", "scaffold", "length", "repeats", "defects", "contamination", "label", "agreement",
)  # fmt: skip
Text = tuple[str, str]
Planted = tuple[str, SyntheticRow]


@dataclass(frozen=True, slots=True)
class Found:
    """How a filter does alone: planted rows of its kind, those it took of them, and all that it took."""

    name: str
    n_planted: int
    n_right: int
    n_taken: int

    @property
    def precision(self) -> float:
        """Of what it took, the share that is junk of any kind; 1 where it took nothing."""
        return self.n_right / self.n_taken if self.n_taken else 1.0

    @property
    def recall(self) -> float:
        """Of the junk that it is there for, the share that it took."""
        return self.n_right / self.n_planted


def sample() -> list[Text]:
    """English questions of the sample with their answers, in a fixed order, without those with a planted defect."""
    folder = ROOT / "sample_data"
    spoilt = {
        one["id"] for one in json.loads((folder / "planted_defects.json").read_text("utf-8"))["defects"]
    }
    lines = [json.loads(one) for one in (folder / "kitchen_and_home.jsonl").read_text("utf-8").splitlines()]
    texts = {one["id"]: (one["instruction"], one["output"]) for one in lines if not one["input"]}
    for one in json.loads((folder / "science_and_history.json").read_text("utf-8")):
        if len(one["conversations"]) == 2:
            texts[one["id"]] = tuple(turn["value"] for turn in one["conversations"])
    kept = [one for name, one in texts.items() if name not in spoilt and _fits(one)]
    return [kept[place] for place in np.random.default_rng(7).permutation(len(kept)).tolist()]


def _fits(text: Text) -> bool:
    return all(30 <= len(side) <= 700 and side.isascii() for side in text)


def row_of(text: Text, place: int, **meta: object) -> SyntheticRow:
    turns = ({"role": "user", "content": text[0]}, {"role": "assistant", "content": text[1]})
    about = Provenance(
        generator="self_guide", template="planted", demo_ids=(0, 1, 2, 3), job=place, parent_ids=()
    )
    return SyntheticRow(turns, about, dict(meta))


def _opened(text: Text, n: int) -> Text:
    """Scaffold of fourteen kinds; the last four are none that the filter knows."""
    asked, said = text
    ways: list[Text] = [
        (asked, f"Sure! {said}"), (asked, f"Certainly, here it is: {said}"), (f"Here is a new input: {asked}", said),
        (f"<good_input a1b2c3>\n{asked}\n</good_input a1b2c3>", said), (f'{{"new_input": "{asked}"}}', said),
        (asked, f"```\n{said}\n```"), (asked, f"As an AI language model, I would say this: {said}"), (f"Below is one: {asked}", said),
        (f"Input 4: {asked}", said), (asked, f"Answer: {said}"), (asked, f"{said} I hope this helps!"), (f"Let me think of one. {asked}", said),
        (f"{asked} (This differs from the others.)", said), (asked, f"{said} Explanation: the answer follows from the question."),
    ]  # fmt: skip
    return ways[n % len(ways)]


def _defective(text: Text, n: int) -> Text:
    asked, said = text
    words = said.split()
    ways = (
        " ".join(words[: max(3, len(words) // 2)]).rstrip(".,;:!?"), " ".join(words[:6] * 12),
        "I'm sorry, but I cannot help with that request.", "".join(chr(33 + (i * 37 + n) % 90) for i in range(120)),
    )  # fmt: skip
    return asked, ways[n % len(ways)]


def _lengthy(text: Text, n: int) -> Text:
    asked, said = text
    return ((asked, " ".join([said] * 9)), (" ".join([asked] * 14), said), (asked, "Yes."), ("Why?", said))[
        n % 4
    ]


def _blank(text: Text, n: int) -> Text:
    asked, said = text
    return (("", said), (asked, " \n\t"), ("\u00a0", said), (asked, ""))[n % 4]


def _repeated(text: Text, n: int, parents: Sequence[ParentRow]) -> Text:
    """A parent's prompt again: as it is, in capitals, with a word more where it is long, or asked in other words."""
    old = parents[n].prompt
    ways = (
        old,
        old.upper().rstrip("?.") + " ?",
        f"Please {old[0].lower()}{old[1:]}",
        " ".join(reversed(old.split(" ", 3))),
    )
    return ways[n % 4], text[1]


def plant() -> tuple[list[Planted], FilterPool]:
    """Sound rows ("") and junk by the filter that is there for it, in one order, and what the filters look at besides."""
    texts = sample()
    parents = [ParentRow(i, row_of(one, i).messages, *one) for i, one in enumerate(texts[:N_PARENTS])]
    held_out = texts[N_PARENTS : N_PARENTS + N_JUNK]
    sound = texts[N_PARENTS + N_JUNK :][:N_SOUND]
    rest = texts[N_PARENTS + N_JUNK + N_SOUND :]
    assert len(rest) >= N_JUNK
    junk: dict[str, Callable[[Text, int], SyntheticRow]] = {
        "empty": lambda text, n: row_of(_blank(text, n), n),
        "cut": lambda text, n: row_of((text[0], CutText(text[1][: len(text[1]) // 2])), n),
        "scaffold": lambda text, n: row_of(_opened(text, n), n),
        "length": lambda text, n: row_of(_lengthy(text, n), n),
        "defects": lambda text, n: row_of(_defective(text, n), n),
        "repeats": lambda text, n: row_of(_repeated(text, n, parents), n),
        "contamination": lambda text, n: row_of(
            (f"{text[0]} {held_out[n][0]}", held_out[n][1] if n % 2 else text[1]), n
        ),
    }
    planted = [("", row_of(one, i)) for i, one in enumerate(sound)]
    for kind, make in junk.items():
        planted += [(kind, make(rest[n % len(rest)], n)) for n in range(N_JUNK)]
    order = np.random.default_rng(11).permutation(len(planted)).tolist()
    pool = FilterPool(
        parents={one.example_id: one for one in parents},
        known=[KnownRow("data", one.example_id, one.prompt, one.response) for one in parents],
        held_out=[KnownRow("data", 900 + i, *one) for i, one in enumerate(held_out)],
        scaffold=GENERATORS["self_guide"].scaffold, batch="batch",
    )  # fmt: skip
    return [planted[place] for place in order], pool


def plant_labels() -> tuple[list[Planted], FilterPool]:
    """A task of three labels: answers that are labels however they are spelt, and answers that are none; votes that agree and not."""
    texts = sample()
    parents = [
        ParentRow(i, row_of((asked, LABELS[i % 3]), i).messages, asked, LABELS[i % 3])
        for i, (asked, _) in enumerate(texts[:N_PARENTS])
    ]
    rows: list[Planted] = []
    rng = np.random.default_rng(5)
    for n, (asked, _) in enumerate(texts[N_PARENTS : N_PARENTS + 80]):
        label = LABELS[n % 3]
        spelt = (label, label.upper(), f"{label.title()}.", f" {label}\n")[n % 4]
        rows.append(
            ("", row_of((asked, spelt), n, agreement=_votes([label] * int(rng.integers(4, 11)), rng)))
        )
    for n, (asked, _) in enumerate(texts[-2 * N_JUNK : -N_JUNK]):
        said = (f"It is {LABELS[n % 3]}.", "pos", "positive or neutral", "I cannot tell")[n % 4]
        rows.append(("label", row_of((asked, said), n, agreement=1.0)))
    for n, (asked, _) in enumerate(texts[-N_JUNK:]):
        readable = [f"answer {i // 2}" for i in range(int(rng.integers(2, 11)))]  # no answer more than twice
        rows.append(("agreement", row_of((asked, LABELS[n % 3]), n, agreement=_votes(readable, rng))))
    pool = FilterPool(parents={one.example_id: one for one in parents}, labels=LABELS, batch="batch")
    return rows, pool


def _votes(readable: Sequence[str], rng: np.random.Generator) -> float:
    """The share of the most frequent of ten answers, of which only some can be read."""
    return agreement(list(readable), 10)[1]


def measure_alone(name: str, planted: Sequence[Planted], pool: FilterPool) -> Found:
    """One filter, every other off."""
    chosen = choose_filters({one: one == name for one in FILTERS if not FILTERS[one].measured})
    judged = _judged(planted, chosen, pool)
    taken = [kind for (kind, _), one in zip(planted, judged, strict=True) if not one.passed]
    n_planted = sum(kind == name for kind, _ in planted)
    return Found(
        name, n_planted, sum(kind == name for kind in taken), sum(kind in (name, "") for kind in taken)
    )


def measure_all(planted: Sequence[Planted], pool: FilterPool) -> tuple[int, int, int, int]:
    """All filters that are usually on: junk that did not pass, all junk, sound rows that passed, all sound rows."""
    judged = _judged(planted, choose_filters({}), pool)
    pairs = [(bool(kind), one.passed) for (kind, _), one in zip(planted, judged, strict=True)]
    junk, sound = [p for is_junk, p in pairs if is_junk], [p for is_junk, p in pairs if not is_junk]
    return junk.count(False), len(junk), sound.count(True), len(sound)


def _judged(planted: Sequence[Planted], chosen: Sequence[Chosen], pool: FilterPool) -> list[JudgedRow]:
    # A pool remembers what has passed.
    fresh = FilterPool(
        parents=pool.parents, known=pool.known, held_out=pool.held_out, labels=pool.labels, scaffold=pool.scaffold, batch=pool.batch
    )  # fmt: skip
    return judge_set(judge_rows([row for _, row in planted], chosen, fresh), chosen, fresh)


def found() -> tuple[list[Found], list[tuple[int, int, int, int]]]:
    """Every filter of SELF-GUIDE alone, then all together on either task."""
    texts, labels = plant(), plant_labels()
    alone = [
        measure_alone(name, *(labels if name in ("label", "agreement") else texts))
        for name in FILTERS_OF_SELF_GUIDE
    ]
    return alone, [measure_all(*texts), measure_all(*labels)]


def main() -> None:
    alone, together = found()
    lines = [
        [one.name, f"{one.n_right} of {one.n_planted}", f"{one.recall:.2f}", f"{one.precision:.2f}"]
        for one in alone
    ]
    print_table(
        "Junk planted among sound rows", ["filter", "taken of its junk", "recall", "precision"], lines
    )
    for name, (out, junk, kept, sound) in zip(("texts", "labels"), together, strict=True):
        print(f"{name}: together {out} of {junk} junk rows did not pass, {kept} of {sound} sound ones did")


if __name__ == "__main__":
    main()
