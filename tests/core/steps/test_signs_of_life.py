"""No step is silent while a model works: between any two pieces of a slow model's work there is a sign of life.

What a slow machine takes ten seconds for is one pass of the model over one batch; so passes are counted, and no clock is asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tamis.actions.submit import freeze_pointers
from tamis.encoders.hashing import HashingEncoder
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobSpec, Progress, Resources
from tamis.jobs.worker.reporter import FolderReporter
from tamis.models.pulse import beat, listening
from tamis.scorers import SCORERS
from tamis.steps.augment.place import place
from tamis.steps.embed import step as embedding
from tamis.steps.execute import Task, execute
from tamis.steps.plan import plan_step
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.workspace import Workspace, open_workspace
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import RECIPE
from tests.pages.page_workspace import alpaca_file, import_file, run_step

transformers = pytest.importorskip("transformers")

N_ROWS = 12
PASS, SIGN = "pass", "sign"
ASKING = sorted(name for name, one in SCORERS.items() if one.needs_llm and name != "groundedness")


class Heard:
    """The passes of the model and the signs of life of a job, in the order in which they came."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        self.events.append(SIGN)

    def metric(self, name: str, value: float, position: float) -> None:
        """A point of a curve is none: nobody looks at curves alone."""

    def hear(self, n_tokens: int) -> None:
        self.events.append(SIGN)

    @property
    def n_passes(self) -> int:
        return self.events.count(PASS)

    @property
    def longest_silence(self) -> int:
        """The most passes in a row of which nothing was heard."""
        longest = run = 0
        for event in self.events:
            run = run + 1 if event == PASS else 0
            longest = max(longest, run)
        return longest


@contextmanager
def slow_model(kind: type, method: str, heard: Heard) -> Iterator[None]:
    """Every pass of a kind of model is noted before it is made."""
    forward = getattr(kind, method)

    def noted(self: object, *given: object, **named: object) -> object:
        heard.events.append(PASS)
        return forward(self, *given, **named)

    with pytest.MonkeyPatch.context() as patch, listening(heard.hear):
        patch.setattr(kind, method, noted)
        yield


class House:
    """A dataset with clusters, and the tiny model that every step asks."""

    def __init__(self, folder: Path) -> None:
        self.workspace: Workspace = open_workspace(folder / "w")
        self.data = import_file(folder / "w", alpaca_file(folder, N_ROWS))
        run_step(folder / "w", self.data, "embed", {"encoder": "hashing"})
        run_step(folder / "w", self.data, "cluster", {"method_options": {"n_clusters": 3}})
        run_step(folder / "w", self.data, "score", {"scorer": "alignment"})
        self.model = str(build_model(folder / "tiny"))
        # One sequence a batch: as many passes as a long text makes on a slow machine.
        self.client = {"model": self.model, "dtype": "float32", "device": "cpu", "batch_tokens": 64}

    def forget(self) -> None:
        """Nothing was ever asked."""
        shutil.rmtree(self.workspace.path / "cache", ignore_errors=True)

    def run(self, heard: Heard, step: str, values: dict[str, object], dataset: str = "") -> None:
        plan = plan_step(self.workspace.artifacts, dataset or self.data, step, values)
        options = plan.options.model_dump(mode="json")
        task = Task(dataset or self.data, step, options, plan.inputs, plan.input_kinds, plan.artifact_id)
        execute(self.workspace.artifacts, task, heard)

    def rows(self) -> str:
        """Every row, frozen."""
        return freeze_rows(self.workspace.artifacts, self.data, np.arange(N_ROWS), "test").id

    def asking(self, **values: object) -> dict[str, object]:
        return {"llm": "transformers", "llm_options": self.client, **values}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("signs"))


def _propose(house: House, heard: Heard) -> None:
    judged = {"judge": "transformers", "judge_options": house.client, "max_new_tokens": 8}
    house.run(heard, "propose", house.asking(method="correct", score="alignment", **judged))


def _examine(house: House, heard: Heard) -> None:
    house.run(heard, "examine", house.asking(mark="exact", max_new_tokens=8))


def _augment(house: House, heard: Heard) -> None:
    values = house.asking(rows=2, max_calls=6, max_new_tokens=8, parents=house.rows())
    exact = freeze_pointers(house.workspace, house.data, "augment", values)
    new_id, options = place(house.workspace, house.data, exact, values)
    house.run(heard, "augment", options, new_id)


def _refine(house: House, heard: Heard) -> None:
    told = {
        "mode": "tamis",
        "rounds": 1,
        "budget": 4,
        "train": False,
        "max_new_tokens": 6,
        "model": house.model,
    }
    options = {"dtype": "float32", "device": "cpu", "batch_tokens": 64}
    house.run(heard, "refine", told | {"model_options": options})


def _finetune(house: House, heard: Heard) -> None:
    recipe = RECIPE | {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
    evaluated = {"held_out_fraction": 0.25, "model": house.model, "recipe_options": recipe}
    house.run(heard, "finetune", evaluated)


STEPS_WITH_A_MODEL: dict[str, Callable[[House, Heard], None]] = {
    "propose": _propose, "examine": _examine, "augment": _augment, "refine": _refine, "finetune": _finetune,
}  # fmt: skip


# By day what reads and what writes; the others go through the same client, and training reports each batch.
BY_DAY = ("propose", "perplexity")


STEPS_BY_DAY = [
    one if one in BY_DAY else pytest.param(one, marks=pytest.mark.nightly) for one in STEPS_WITH_A_MODEL
]
SCORES_BY_DAY = [one if one in BY_DAY else pytest.param(one, marks=pytest.mark.nightly) for one in ASKING]


@pytest.mark.parametrize("step", STEPS_BY_DAY)
def test_no_step_is_silent_for_longer_than_a_pass(house: House, step: str) -> None:
    heard = Heard()
    house.forget()
    with slow_model(transformers.LlamaModel, "forward", heard):
        STEPS_WITH_A_MODEL[step](house, heard)
    assert heard.n_passes > 4, "the model was hardly asked: nothing is shown"
    assert heard.longest_silence == 1


@pytest.mark.parametrize("scorer", SCORES_BY_DAY)
def test_no_score_is_silent_for_longer_than_a_pass(house: House, scorer: str) -> None:
    heard = Heard()
    house.forget()
    with slow_model(transformers.LlamaModel, "forward", heard):
        house.run(heard, "score", house.asking(scorer=scorer))
    assert heard.n_passes > 4
    assert heard.longest_silence == 1


@pytest.mark.nightly
def test_vectors_are_not_silent_for_longer_than_a_pass(house: House) -> None:
    library = pytest.importorskip("sentence_transformers")
    heard = Heard()
    with slow_model(library.SentenceTransformer, "forward", heard):
        house.run(heard, "embed", {"encoder": "minilm", "encoder_options": {"batch_tokens": 32}})
    assert heard.n_passes > 4
    assert heard.longest_silence == 1


def test_what_is_heard_moves_between_two_positions(tmp_path: Path) -> None:
    spec = JobSpec(
        job_id="j", dataset_id="d", step="score", options={}, inputs={}, input_kinds={}, makes="scores", artifact_id="a",
        format_version=1, resources=Resources(), attempt=1, tamis_version="", submitted_at="",
    )  # fmt: skip
    folder = JobFolder.of(tmp_path, "j")
    folder.prepare(spec)
    reporter = FolderReporter(folder, spec)
    with listening(reporter.hear):
        reporter.progress("score", 0, 64)
        beat(300)
        beat(20)
        assert _said(reporter, folder).tokens == 320
        reporter.progress("write", 0, 1)
        assert _said(reporter, folder).tokens == 0
    beat(1)  # nobody listens any more


def _said(reporter: FolderReporter, folder: JobFolder) -> Progress:
    """What the reporter writes into its folder now."""
    reporter._write()
    said = folder.read_progress(1)
    assert said is not None
    return said


def test_embed_says_where_it_is_between_the_ends_of_its_chunks(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the time left is of this minute; it never goes back, and never says a chunk that is not written."""
    encode, seen = HashingEncoder.encode_with_counts, []

    def by_batches(
        self: HashingEncoder, texts: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        vectors, lengths = encode(self, texts)
        for length in lengths.tolist():
            beat(length)
        return vectors, lengths

    class Positions(Heard):
        def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
            if stage == "embed":
                seen.append(done)

    monkeypatch.setattr(embedding, "CHUNK_ROWS", 4)
    monkeypatch.setattr(HashingEncoder, "encode_with_counts", by_batches)
    house.run(Positions(), "embed", {"encoder": "hashing", "encoder_options": {"seed": 3}})
    assert seen == sorted(seen) and seen[-1] == N_ROWS
    assert {5, 6, 7, 9, 10, 11} & set(seen)
