"""Generators driven by a list of texts: how many questions and rows come of a job, and what junk comes to."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pytest

from tamis.compute.augment.types import Budget, DraftProblem, ParentRow, SyntheticRow, WriteJob, WritingTask
from tamis.filters import choose_filters
from tamis.filters.pool import FilterPool
from tamis.generators import GENERATORS
from tamis.generators.answers import object_schema
from tamis.generators.c2d import C2dGenerator, counts_of
from tamis.generators.claims import claim_question, read_vote, verdict_of
from tamis.generators.d2c import CLAIM as SUM_UP
from tamis.generators.d2c import D2cGenerator, in_parts
from tamis.generators.options import ClaimOptions, SelfGuideWriterOptions
from tamis.generators.self_guide import SelfGuideGenerator
from tamis.protocols import CutText
from tamis.steps.augment.asking import Asker
from tamis.steps.augment.driver import Driver, RunSettings
from tests.core.steps.augmenting import Teacher


def play(generator, task, job, says):
    """The questions of a job in order, answered by ``says(question, k)``, and what came of it."""
    dialogue, asked = generator.write(job, task), []
    questions = next(dialogue)
    while True:
        asked += questions
        texts = [[says(one, k) for k in range(one.n)] for one in questions]
        try:
            questions = dialogue.send(texts)
        except StopIteration as stop:
            return asked, stop.value


def fenced_in(question) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in re.findall(r"<(\w+) \w{6}>\n(.*?)\n</", question.turns[-1].text, re.DOTALL):
        found.setdefault(name, []).append(text)
    return found


# C2D: facts are letters, a sentence is half of one ("a1"), and a text supports a fact where both halves are in it.


def oracle(n: int):
    letters = "abcd"[:n]

    def holds(text: str, fact: str) -> bool:
        return f"{fact}1" in text and f"{fact}2" in text

    def says(question, k: int) -> str:
        kind, texts = question.template.split(":")[1], fenced_in(question)
        if kind == "facts":
            return json.dumps({"facts": list(letters)})
        if kind == "pair":
            (fact,) = texts["fact"]
            return json.dumps({"first_sentence": f"{fact}1.", "second_sentence": f"{fact}2."})
        if kind == "paragraph":
            return json.dumps(
                {"new_paragraph": " ".join(one for several in texts.values() for one in several)}
            )
        if kind == "merge":
            return json.dumps({"new_claim": "+".join(one for several in texts.values() for one in several)})
        return "yes" if holds(texts["text"][0], texts["claim"][0]) else "No."

    return says


CLAIM = ParentRow(
    7, ({"role": "user", "content": "?"}, {"role": "assistant", "content": "All."}), "?", "Everything is so."
)


@pytest.mark.parametrize(
    ("n", "zeros", "ones", "questions"), [(2, 8, 7, 24), (3, 24, 25, 44), (4, 64, 71, 72)]
)
def test_c2d_makes_the_counted_rows_with_the_counted_questions(n, zeros, ones, questions) -> None:
    task = WritingTask(parents=(CLAIM,))
    generator = C2dGenerator(ClaimOptions(most_facts=4))
    asked, came = play(generator, task, WriteJob(0, (7,)), oracle(n))
    labels = Counter(one.response for one in came)
    assert (labels["no"], labels["yes"], len(asked)) == (zeros, ones, questions)
    assert counts_of(n) == {"no": zeros, "yes": ones, "questions": questions}
    assert {one.n for one in asked if ":vote:" in one.template} == {3}
    for row in came:
        names = [letter for letter in "abcd"[:n] if letter in row.meta["claim"]] or list("abcd"[:n])
        held = all(f"{one}1" in row.meta["document"] and f"{one}2" in row.meta["document"] for one in names)
        assert row.response == ("yes" if held else "no")
        assert (row.meta["agreement"], row.provenance.parent_ids) == (1.0, (7,))


def test_c2d_makes_no_row_of_what_the_checks_do_not_confirm() -> None:
    task, generator = WritingTask(parents=(CLAIM,)), C2dGenerator(ClaimOptions(tries=2))
    truth = oracle(2)

    def always_yes(question, k):
        return "yes" if ":vote:" in question.template else truth(question, k)

    asked, came = play(generator, task, WriteJob(0, (7,)), always_yes)
    assert [one.kind for one in came] == ["unverified"], "each sentence alone supports its fact: no pair"
    assert sum(":pair:" in one.template for one in asked) == 4, "two facts, two tries"

    def undecided(question, k):
        return ("yes", "no", "perhaps")[k] if ":vote:" in question.template else truth(question, k)

    assert [one.kind for one in play(generator, task, WriteJob(0, (7,)), undecided)[1]] == ["unverified"]

    def one_fact(question, k):
        return json.dumps({"facts": ["only one"]}) if ":facts:" in question.template else truth(question, k)

    assert [one.kind for one in play(generator, task, WriteJob(0, (7,)), one_fact)[1]] == ["unsuitable"]


def test_c2d_keeps_what_holds_where_one_edited_paragraph_fails() -> None:
    truth = oracle(2)

    def loses_b(question, k):
        text = " ".join(sum(fenced_in(question).values(), []))
        edited = ":paragraph:" in question.template and "a1" not in text
        return json.dumps({"new_paragraph": "a2."}) if edited else truth(question, k)

    _, came = play(
        C2dGenerator(ClaimOptions(tries=1)), WritingTask(parents=(CLAIM,)), WriteJob(0, (7,)), loses_b
    )
    rows = [one for one in came if isinstance(one, SyntheticRow)]
    problems = [one for one in came if isinstance(one, DraftProblem)]
    assert len(rows) == 15 - 3
    assert [one.kind for one in problems] == ["unverified"], (
        "an unproven paragraph is a problem and no row labelled 0"
    )


def test_d2c_asks_each_vote_once() -> None:
    document = " ".join(
        f"Part {part} sentence {number} says s{part}{number}." for part in range(3) for number in range(7)
    )
    parent = ParentRow(0, CLAIM.messages, "?", "!", meta={"document": document})

    def says(question, k):
        kind, texts = question.template.split(":")[1], fenced_in(question)
        if kind == "claim":
            part = texts["text"][0][5]
            return json.dumps({"new_claim": f"s{part}0 and s{part}1"})
        if kind == "facts":
            return json.dumps({"facts": texts["claim"][0].split(" and ")})
        return "yes" if texts["claim"][0] in texts["text"][0] else "no"

    generator = D2cGenerator(ClaimOptions())
    task = WritingTask(parents=(parent,), documents=(document,))
    (job,) = generator.jobs(task, np.random.default_rng(0))
    asked, came = play(generator, task, job, says)
    assert len(asked) == 60, "7 sentences and 2 facts a part: not 138"
    by_label = Counter(one.response for one in came)
    # A part: its claim; two gaps with a fact that fails, one that holds, and the claim; both other parts refute all three.
    assert by_label == {"yes": 3 * (1 + 2), "no": 3 * (2 * 2 + 2 * 3)}
    short = ParentRow(0, CLAIM.messages, "?", "!", meta={"document": "One. Two. Three."})
    with pytest.raises(StopIteration) as stop:
        next(generator.write(job, WritingTask(parents=(short,))))
    (problem,) = stop.value.value
    assert problem.kind == "unsuitable"


def test_a_split_into_three_is_even_for_any_number() -> None:
    for n in range(3, 40):
        sizes = [len(one) for one in in_parts([str(i) for i in range(n)])]
        assert sum(sizes) == n
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == 3
    assert len(in_parts(["a", "b"])) == 2


def test_a_vote_is_yes_or_no_and_nothing_that_holds_the_word() -> None:
    assert read_vote("Yes.") is True
    assert read_vote(" no, it is not") is False
    for text in ("", "It says yes", "yes or no", "nothing", "yesterday", "NaN"):
        assert read_vote(text) is None
    assert verdict_of(["yes", "yes", "no"], 3).supported is True
    assert verdict_of(["yes", "?", "?"], 3).supported is None, "one of one is no majority of three"
    assert verdict_of(["yes", "no"], 2).supported is None


# SELF-GUIDE

DEMOS = tuple(
    ParentRow(
        i,
        (
            {"role": "user", "content": f"Name the colour.\n\n{thing}"},
            {"role": "assistant", "content": colour},
        ),
        f"Name the colour.\n\n{thing}",
        colour,
    )
    for i, (thing, colour) in enumerate(
        [("a ripe tomato", "red"), ("fresh grass", "green"), ("a clear sky", "blue")]
    )
)
TASK = WritingTask(instruction="Name the colour.", parents=DEMOS)


def guide(**options) -> SelfGuideGenerator:
    return SelfGuideGenerator(SelfGuideWriterOptions(**{"inputs_per_chain": 3, "answers": 10} | options))


def chain(answers, task=TASK, inputs=("an old brick", "a lemon peel", "a lump of coal"), **options):
    written = iter(inputs)

    def says(question, k):
        if ":input:" in question.template:
            return json.dumps({"new_input": next(written)})
        return answers[k]

    job = next(guide(**options).jobs(task, np.random.default_rng(3)))
    return play(guide(**options), task, job, says)


def test_a_chain_writes_inputs_then_answers_and_takes_the_majority_of_all_that_were_asked() -> None:
    asked, came = chain([*["red"] * 4, *["blue"] * 3, "c", "d", "e"])
    assert [one.template.split(":")[1] for one in asked] == ["input"] * 3 + ["answer"] * 3
    assert {(one.n, one.temperature) for one in asked[3:]} == {(10, 0.2)}
    assert [(one.response, one.meta["agreement"]) for one in came] == [("red", 0.4)] * 3
    assert came[0].prompt == "Name the colour.\n\nan old brick", "in the form of the demonstrations"
    assert (came[0].provenance.parent_ids, len(came[0].provenance.demo_ids)) == ((), 3), (
        "demonstrations make no family"
    )
    shown = fenced_in(asked[2])
    assert set(shown["earlier_input"]) <= {"an old brick", "a lemon peel"}
    assert set(shown["good_input"]) == {"a ripe tomato", "fresh grass", "a clear sky"}
    assert not any("red" in text for one in asked[:3] for text in [one.turns[-1].text]), (
        "no solution among the inputs"
    )
    assert [turn.role for turn in asked[3].turns] == ["system", *["user", "assistant"] * 3, "user"]


def test_agreement_is_of_all_that_were_asked_and_a_cut_answer_counts_for_none() -> None:
    answers = [letter * 4 for letter in "abcdefghij"]
    _, came = chain(answers)
    rows = [one.meta["agreement"] for one in came]
    assert rows == [0.1] * 3
    (agreement,) = [one for one in choose_filters({}) if one.name == "agreement"]
    pool = FilterPool(parents={}, known=[])
    assert [one.filter for one in agreement.filter.look(came, pool)] == ["agreement"] * 3
    _, came = chain([CutText("red"), *["red"] * 2, *[""] * 7])
    assert [one.meta["agreement"] for one in came] == [0.2] * 3
    _, came = chain([""] * 10)
    assert {one.kind for one in came} == {"empty"}


def test_labels_are_asked_for_and_never_taken_as_the_answer() -> None:
    task = WritingTask(instruction="Name the colour.", parents=DEMOS, labels=("red", "green", "blue"))
    asked, came = chain(["Blue."] * 6 + ["teal"] * 4, task=task)
    assert [(one.response, one.meta["agreement"]) for one in came] == [("blue", 0.6)] * 3
    hinted = [one.provenance.label for one in came]
    assert set(hinted) <= set(task.labels)
    assert all(
        f"this one, which the input itself must not say: {label}" in one.turns[-1].text
        for one, label in zip(asked, hinted, strict=False)
    )


def test_what_asks_for_an_object_says_its_schema_to_endpoints_that_can_be_held_to_one() -> None:
    asked, _ = play(C2dGenerator(ClaimOptions()), WritingTask(parents=(CLAIM,)), WriteJob(0, (7,)), oracle(3))
    asked += chain(["red"] * 10)[0]
    asked.append(claim_question(SUM_UP, "d2c:claim:1", text="It is so."))
    kinds = set()
    for one in asked:
        words = " ".join(str(turn.text) for turn in one.turns)
        named = (*one.fields, *one.lists)
        assert bool(named) == ("JSON object" in words) and all(f'"{name}"' in words for name in named)
        kinds |= set(named)
    assert kinds == {
        "facts", "first_sentence", "second_sentence", "new_paragraph", "new_claim", "new_input",
    }  # fmt: skip
    assert object_schema((), ("facts",))["properties"] == {
        "facts": {"type": "array", "items": {"type": "string"}}
    }


def test_an_input_that_comes_again_is_answered_once() -> None:
    asked, came = chain(["red"] * 10, inputs=("a brick", "A brick.", "a brick"))
    assert sum(":answer:" in one.template for one in asked) == 1
    assert len(came) == 3, "the filter repeats says so, and nothing vanishes"


def test_a_model_that_always_writes_the_same_input_ends_by_stall() -> None:
    def same(prompt: str, seed: int) -> str:
        return json.dumps({"new_input": "an old brick"}) if "new_input" in prompt else "red"

    task, settings = TASK, RunSettings(budget=Budget(rows=100, stall_rows=50), max_new_tokens=64)
    row = GENERATORS["self_guide"]
    pool = FilterPool(parents={one.example_id: one for one in DEMOS}, known=[], scaffold=row.scaffold)
    driver = Driver(
        guide(inputs_per_chain=10), task, Asker(Teacher(same)), settings,
        filters=choose_filters({}, row.filters, row.without), pool=pool, clock=lambda: 0.0,
    )  # fmt: skip
    outcome = driver.run()
    assert (outcome.stopped_by, outcome.n_passed) == ("stall", 1)
    assert outcome.reasons()["repeats"] == len(outcome.judged) - 1


def test_demonstrations_fit_into_their_characters() -> None:
    long = tuple(ParentRow(i, DEMOS[0].messages, "x" * 900, "y" * 200) for i in range(5))
    job = next(guide(demo_characters=2500).jobs(WritingTask(parents=long), np.random.default_rng(0)))
    assert len(job.demo_ids) == 2
    job = next(guide(demo_characters=100).jobs(WritingTask(parents=long), np.random.default_rng(0)))
    assert len(job.demo_ids) == 1
