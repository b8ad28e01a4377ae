"""What each filter of written rows finds of planted junk, and takes of sound rows: the figures that README and METHODS.md tell."""

from __future__ import annotations

import json

import pytest

from tamis.compute.augment.types import Budget, WritingTask
from tamis.generators.options import SelfGuideWriterOptions
from tamis.generators.self_guide import SelfGuideGenerator
from tests.benchmarks.junk import FILTERS_OF_SELF_GUIDE, N_JUNK, found
from tests.core.steps.augmenting import Teacher, digest, drive, parents, pool_of

MISSED = {"scaffold": 4, "repeats": 3}  # planted in ways that the filters do not know
SOUND_TAKEN = {"length": 5}


@pytest.fixture(scope="module")
def measured():
    return found()


@pytest.mark.parametrize("name", FILTERS_OF_SELF_GUIDE)
def test_a_filter_alone(measured, name: str) -> None:
    (one,) = [one for one in measured[0] if one.name == name]
    right = N_JUNK - MISSED.get(name, 0)
    assert (one.n_planted, one.n_right) == (N_JUNK, right)
    assert one.n_taken - one.n_right == SOUND_TAKEN.get(name, 0)
    assert one.recall == right / N_JUNK and one.precision == right / (right + SOUND_TAKEN.get(name, 0))


def test_all_together(measured) -> None:
    texts, labels = measured[1]
    assert texts == (92, 98, 75, 80)
    assert labels == (28, 28, 79, 80)


def test_answers_of_a_scripted_model_that_are_junk_make_no_row() -> None:
    """Blank, scaffold, of another length: such answers of the ten count for nothing, and too few others are no majority."""
    junk = ("", "Sure! The cedar grows tallest there.", "Answer: The cedar does.", "cedar " * 300)

    def says(prompt: str, seed: int) -> str:
        if "new_input" in prompt:
            number = digest(prompt, seed)
            kind = "odd" if number % 3 == 0 else "even"
            return json.dumps(
                {"new_input": f"Which plant of bed {number % 9973} in the {kind} garden grows tallest?"}
            )
        sound = (
            f"Plant {seed % 7} grows tallest there."
            if "odd garden grows" in prompt
            else "Plant 3 grows tallest there."
        )
        return junk[seed % 4] if seed % 10 < 4 else sound

    task = WritingTask(instruction="Name the plant.", parents=parents(6))
    options = SelfGuideWriterOptions(inputs_per_chain=6, answers=10)
    outcome, _ = drive(
        Teacher(says), Budget(rows=30, stall_rows=200), generator=SelfGuideGenerator(options), task=task, pool=pool_of(task)
    )  # fmt: skip
    passed = [one.row for one in outcome.judged if one.passed]
    assert passed and all(
        "even garden" in row.prompt and row.response == "Plant 3 grows tallest there." for row in passed
    )
    split = [one for one in outcome.judged if "odd garden" in one.row.prompt]
    assert split and all(one.reasons[0].filter == "agreement" for one in split)
