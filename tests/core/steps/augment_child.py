"""A run of augment in a process of its own, slow enough to be killed: ``python -m tests.core.steps.augment_child FOLDER``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tamis.llms.cache import CachedModel
from tamis.llms.scripted import ScriptedModel
from tamis.steps.augment import step
from tests.core.steps.augmenting import messy
from tests.core.steps.test_augment import House

ROWS = 40


def write_rows(folder: Path, *, pause_s: float):
    """The batch, written by a teacher by rule that pauses before each batch of answers."""

    class Slow(ScriptedModel):
        def complete(self, prompts, *, seed=0, **settings):
            time.sleep(pause_s)
            seeds = [seed] * len(prompts) if isinstance(seed, int) else seed
            return [[messy(str(prompt), one)] for prompt, one in zip(prompts, seeds, strict=True)]

    house = House(folder)
    teacher = CachedModel(Slow(completes=lambda prompt, k: ""), house.workspace.path / "cache" / "answers")
    usual, step.open_llm = step.open_llm, lambda *given, **more: teacher
    try:
        options = {"rows_per_parent": 100}
        return house.augment(rows=ROWS, filters={"length": False}, generator_options=options)
    finally:
        step.open_llm = usual


if __name__ == "__main__":
    write_rows(Path(sys.argv[1]), pause_s=0.05)
