"""What an answer took is kept beside it, so that a run that goes on counts what the run before it spent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tamis.llms.cache import CachedModel
from tamis.llms.scripted import ScriptedModel


class Counting(ScriptedModel):
    """100 tokens for each prompt, 10 for each answer."""

    def complete(self, prompts, **settings):
        made = super().complete(prompts, **settings)
        usage = self.usage
        self.usage = replace(
            usage,
            prompt_tokens=usage.prompt_tokens + 100 * len(prompts),
            completion_tokens=usage.completion_tokens + 10 * len(prompts),
        )
        return made


def model(folder: Path) -> tuple[Counting, CachedModel]:
    inner = Counting(completes=lambda prompt, k: f"answer to {prompt} {k}")
    return inner, CachedModel(inner, folder)


def test_what_a_batch_took_is_shared_by_its_texts_and_adds_up(tmp_path: Path) -> None:
    _, cached = model(tmp_path)
    cached.complete(["a", "b" * 99], seed=[1, 2])
    (short, long) = cached.latest
    assert short is not None
    assert long is not None
    assert (short[0] + long[0], short[1] + long[1]) == (200, 20)
    assert short[0] < long[0]


def test_a_known_answer_still_says_what_it_took(tmp_path: Path) -> None:
    _, first = model(tmp_path)
    first.complete(["a", "b", "a"], seed=[1, 1, 2])
    inner, again = model(tmp_path)
    again.complete(["a", "b", "a"], seed=[1, 1, 2])
    assert again.latest == first.latest
    assert (inner.asked, again.usage.reused) == ([], 3)


def test_another_seed_is_another_question_and_one_seed_for_all_is_the_same_for_each(tmp_path: Path) -> None:
    inner, cached = model(tmp_path)
    cached.complete(["a", "b"], seed=7)
    cached.complete(["a", "b"], seed=[7, 8])
    assert inner.asked == ["a", "b", "b"]


def test_nobody_counted_is_said(tmp_path: Path) -> None:
    cached = CachedModel(ScriptedModel(completes=lambda prompt, k: "x"), tmp_path)
    cached.complete(["a"], seed=[1])
    assert cached.latest == [None]
