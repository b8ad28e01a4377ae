"""From a dataset over an examination to a batch, its proposals, and a version with the rows that somebody accepted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tamis.actions.dataset_context import open_context
from tamis.actions.read_rows import ALL_ROWS, columns_of, matching, read_column
from tamis.actions.submit import freeze_pointers
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.steps.augment.place import place
from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.batches import additions_to, read_batch, read_provenance
from tamis.store.artifacts.examinations import read_examination, read_groups, wrong_rows
from tamis.store.artifacts.readers import read_examples, read_rejects
from tamis.store.workspace import open_workspace

PLANTS = ("cedar", "maple", "iris", "fennel", "hazel", "olive", "poppy", "laurel")
ANSWERS = tuple(
    json.dumps(
        {
            "new_prompt": f"Which herb should grow beside the {plant} in a bed of {number} square metres?",
            "new_response": f"Thyme grows well beside the {plant}.",
        }
    )
    for number, plant in enumerate(PLANTS, 2)
)


RIGHT = {"answers": ["The maple grows tallest there."]}


class Quiet:
    def progress(self, stage, done, total, message=""):
        pass

    def metric(self, name, value, position):
        pass


class House:
    """A workspace with six rows on two subjects, and short words for what is done in it."""

    def __init__(self, folder: Path) -> None:
        source = folder / "plants.jsonl"
        rows = [
            {
                "instruction": f"Which plant of the {kind} in bed {number} grows tallest?",
                "input": "",
                "output": f"The {PLANTS[number]} grows tallest there.",
                "kind": kind,
            }
            for number in range(6)
            for kind in ["garden" if number % 2 else "forest"]
        ]
        source.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        self.workspace = open_workspace(folder / "w")
        self.store = self.workspace.artifacts
        plan = plan_import([str(source)], name="Plants")
        self.data = plan.dataset_id
        self.run(self.data, "import", plan.options)

    def run(self, dataset: str, step: str, values: dict):
        plan = plan_step(self.store, dataset, step, values)
        options = plan.options.model_dump(mode="json")
        task = Task(dataset, step, options, plan.inputs, plan.input_kinds, plan.artifact_id)
        return execute(self.store, task, Quiet())

    def examine(self, **values):
        exact = freeze_pointers(self.workspace, self.data, "examine", values)
        return self.run(self.data, "examine", exact)

    def wrong(self) -> str:
        """The rows but number 1, as an examination marks them."""
        return f"wrong:{self.examine(llm='scripted', llm_options=RIGHT, mark='exact', group='meta:kind').id}"

    def augment(self, dataset: str = "", **values):
        values = {"llm": "scripted", "llm_options": {"answers": ANSWERS}, "rows": 3} | values
        exact = freeze_pointers(self.workspace, dataset or self.data, "augment", values)
        new_id, options = place(self.workspace, dataset or self.data, exact, values)
        return self.run(new_id, "augment", options)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("plants"))


def test_an_examination_marks_rows_and_counts_groups(house: House) -> None:
    made = house.examine(llm="scripted", llm_options=RIGHT, mark="exact", group="meta:kind")
    table = read_examination(made)
    assert table["example_id"].to_pylist() == list(range(6))
    assert table["mark"].to_pylist() == [0, 1, 0, 0, 0, 0]
    assert wrong_rows(made).tolist() == [0, 2, 3, 4, 5]
    forest, garden = read_groups(made)
    assert (forest.group, forest.n, forest.right) == ("forest", 3, 0)
    assert (garden.group, garden.accuracy) == ("garden", pytest.approx(1 / 3))
    assert garden.low < 1 / 3 < garden.high
    assert (made.summary["n_right"], made.summary["n_wrong"]) == (1, 5)


def test_a_mark_is_a_column_that_colours_and_filters(house: House) -> None:
    made = house.examine(llm="scripted", llm_options=RIGHT, mark="exact")
    context = open_context(house.workspace, house.data)
    key = f"mark:{made.id}"
    assert key in [one.key for one in columns_of(context)]
    assert read_column(context, key).tolist() == [0, 1, 0, 0, 0, 0]
    wrong = ALL_ROWS.and_where("range", [0, 0], key)
    assert matching(context, wrong).tolist() == wrong_rows(made).tolist()
    with pytest.raises(ArtifactMissing, match="no examination 'gone'"):
        read_column(context, "mark:gone")


@pytest.mark.parametrize(
    ("mark", "more", "n_wrong"),
    [
        ("overlap", {}, 0),
        ("overlap", {"mark_options": {"least": 0.99}}, 5),
        ("label", {}, 5),
        ("loss", {}, 2),
        ("judge", {"judge": "scripted", "judge_options": {"answers": ["[[A]]"]}}, None),
    ],
)
def test_every_mark_marks(house: House, mark: str, more: dict, n_wrong: int | None) -> None:
    made = house.examine(llm="scripted", llm_options=RIGHT, mark=mark, **more)
    assert made.summary["n_rows"] == 6
    assert n_wrong is None or made.summary["n_wrong"] == n_wrong


def test_a_wanted_answer_without_a_number_is_not_marked(house: House) -> None:
    made = house.examine(llm="scripted", llm_options=RIGHT, mark="number")
    assert made.summary["not_marked"] == {"no_gold": 6}
    assert np.isnan(read_examination(made)["mark"].to_numpy()).all()


def test_a_judge_that_is_the_student_is_said(house: House) -> None:
    mine = {"llm": "scripted", "llm_options": RIGHT, "judge": "scripted", "judge_options": RIGHT}
    assert house.examine(mark="judge", **mine).summary["judge_is_student"] is True


def test_a_cut_answer_is_not_wrong() -> None:
    from tamis.llms.scripted import ScriptedModel
    from tamis.protocols import CutText
    from tamis.registry import parse_options
    from tamis.steps.examine.chunks import mark_rows
    from tamis.steps.examine.options import ExamineOptions
    from tamis.steps.propose.chunks import RowTexts

    model = ScriptedModel(completes=lambda prompt, k: CutText("It is") if "1" in prompt else "It is 4.")
    rows = RowTexts([0, 1, 2], ["1 + 1?", "2 + 2?", "2 + 3?"], ["It is 2.", "It is 4.", "It is 5."])
    options = parse_options(ExamineOptions, {"mark": "number", "llm": "scripted"})
    marked = mark_rows(rows, model, model, options, 9)
    assert [one.why for one in marked] == ["cut", "", ""]
    assert np.isnan(marked[0].mark)
    assert [one.mark for one in marked[1:]] == [1, 0]


@pytest.fixture(scope="module")
def batch(house: House):
    return house.augment(parents=house.wrong())


def test_a_batch_is_a_dataset_that_knows_what_it_adds_to(house: House, batch) -> None:
    assert additions_to(batch).dataset_id == house.data
    assert batch.manifest.dataset_id in house.store.dataset_ids()
    assert batch.manifest.dataset_id != house.data
    assert batch.summary["stopped_by"] in ("rows", "jobs")
    table = read_examples(batch, ["example_id", "source", "response"])
    assert table["example_id"].to_pylist() == list(range(batch.summary["n_drafts"]))
    assert set(table["source"].to_pylist()) == {"synthetic:similar"}


def test_every_row_says_where_it_comes_from(house: House, batch) -> None:
    lines = read_provenance(batch).to_pylist()
    assert {one["parent_ids"][0] for one in lines} <= {0, 2, 3, 4, 5}
    assert all(
        one["model"] and one["seed"] and one["prompt_hash"] and one["template"] == "similar:1"
        for one in lines
    )
    asked = [json.loads(line) for line in batch.file("asked.jsonl").read_text().splitlines()]
    assert {one["prompt_hash"] for one in lines} <= {one["prompt_hash"] for one in asked}
    assert any("The maple grows tallest there." in turn["content"] for one in asked for turn in one["turns"])
    assert [one.passed for one in read_batch(batch)] == [one["passed"] for one in lines]


def test_the_same_request_is_the_same_batch_and_the_next_one_holds_against_it(house: House, batch) -> None:
    again = house.augment(parents=house.wrong())
    assert (again.manifest.dataset_id, again.id) == (batch.manifest.dataset_id, batch.id)
    later = house.augment(parents=house.wrong(), round=1)
    assert later.manifest.options["earlier"] == [
        {"dataset_id": batch.manifest.dataset_id, "examples": batch.id}
    ]
    old = {row.row.prompt for row in read_batch(batch) if row.passed}
    new = [row for row in read_batch(later) if row.passed]
    assert not old & {row.row.prompt for row in new}


def test_problems_are_rejects_with_their_raw_answer(house: House) -> None:
    made = house.augment(llm_options={"answers": ["no object"]}, stall_rows=2, attempts_per_job=2)
    assert (made.summary["stopped_by"], made.summary["n_examples"]) == ("stall", 0)
    lines = read_rejects(made).to_pylist()
    assert len(lines) == made.summary["n_rejected"] >= 4
    assert lines[0]["reason"].startswith("unparseable: ")
    assert lines[0]["raw"] == "no object"


def test_two_runs_write_the_same_bytes(tmp_path: Path, house: House, batch) -> None:
    other = House(tmp_path)
    made = other.augment(parents=other.wrong())
    for name in ("examples.parquet", "provenance.parquet", "rejects.parquet", "asked.jsonl"):
        assert made.manifest.digests[name] == batch.manifest.digests[name], name


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_cost": 2.5}, "needs prices"),
        ({"labels": ("yes", "no")}, "No parent is answered by one of the labels"),
        ({"parents": "tag:none"}, "has the tag"),
        ({"mix": "bad_case"}, "needs the accuracy of groups"),
        ({"filters": {"grounded": True}}, "score the batch"),
        ({"filters": {"nothing": True}}, "nothing"),
        ({"generator": "none"}, "generator"),
        ({"held_out": "scope:", "parents": "scope:"}, "left to write from"),
        ({"evaluation_files": ("/nowhere/eval.jsonl",)}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(house: House, values: dict, said: str) -> None:
    from tamis.errors import CurationError

    with pytest.raises(CurationError, match=said) as caught:
        house.augment(**values)
    assert str(caught.value).endswith(".")


def test_an_examination_without_a_wrong_row_says_that_there_is_nothing_to_write_from(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.examine(llm="scripted", llm_options=RIGHT, mark="overlap")
    with pytest.raises(InvalidOptions, match="no wrong row"):
        house.augment(parents="wrong:newest")


def test_rows_that_a_model_wrote_are_no_parents(house: House, batch) -> None:
    with pytest.raises(InvalidOptions, match="written by a model"):
        house.augment(batch.manifest.dataset_id)
    made = house.augment(batch.manifest.dataset_id, parents_real_only=False, rows=1)
    assert additions_to(made).dataset_id == batch.manifest.dataset_id
