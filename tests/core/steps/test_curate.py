import json
from pathlib import Path

import numpy as np
import pytest

from tamis.actions.export import ExportRequest, export
from tamis.actions.replay import replay_manifest
from tamis.errors import CurationError, InvalidOptions
from tamis.steps.curate.step import plan_curate
from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.versions import parent_of, read_parent_ids, versions
from tamis.store.review.decisions import BulkChoice, decide, decide_many, undo_event
from tamis.store.review.frozen_decisions import freeze_decisions, read_frozen_decisions
from tamis.store.rows.version_diff import diff_versions, read_conversations
from tamis.store.workspace import open_workspace

N = 30


class _Quiet:
    def progress(self, stage, done, total, message=""):
        pass

    def metric(self, name, value, position):
        pass


class Place:
    """A workspace with one imported file, and short words for what is done in it."""

    def __init__(self, folder: Path, lines: list[str]) -> None:
        self.source = folder / "rows.jsonl"
        self.source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.folder = folder
        self.workspace = open_workspace(folder / "w")
        self.store, self.database = self.workspace.artifacts, self.workspace.database
        plan = plan_import([str(self.source)], name="Rows")
        self.dataset = plan.dataset_id
        self.run(self.dataset, "import", plan.options)

    def run(self, dataset: str, step: str, values: dict):
        plan = plan_step(self.store, dataset, step, values)
        options = plan.options.model_dump(mode="json")
        task = Task(dataset, step, options, plan.inputs, plan.input_kinds, plan.artifact_id)
        return execute(self.store, task, _Quiet())

    def curate(self, dataset: str = "", name: str = "") -> str:
        new_id, options = plan_curate(self.workspace, dataset or self.dataset, name)
        self.run(new_id, "curate", options)
        return new_id

    def replace(self, row: int, answer: str, dataset: str = ""):
        examples = self.store.examples(dataset or self.dataset)
        messages = json.loads(read_examples(examples, ["messages"])["messages"][row].as_py())
        new = [*messages[:-1], {"role": "assistant", "content": answer}]
        return decide(
            self.database,
            dataset or self.dataset,
            row,
            verdict="replace",
            messages=new,
            via="edit",
            reviewer="ann",
        ).decision

    def drop(self, *rows: int, dataset: str = ""):
        choices = [BulkChoice(row, "drop") for row in rows]
        return decide_many(self.database, dataset or self.dataset, choices, rule="r", reviewer="ann")

    def export(self, dataset: str = "", name: str = "out.jsonl", **request):
        wanted = ExportRequest(dataset_id=dataset or self.dataset, **{"decisions": "current"} | request)
        return export(self.workspace, wanted, self.folder / name)

    def replayed(self, exported):
        return replay_manifest(
            exported.manifest_path, self.folder / "again", sources=[], out=None, say=lambda _: None
        )


def _line(i: int) -> str:
    # Spaces and key order that no serializer writes: an untouched record has to come back as it is.
    return f'{{"id":{i},  "output":"answer {i}", "instruction":"Question {i}?", "input":null, "kind":"k{i % 3}"}}'


LINES = [_line(i) for i in range(N)]


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path, LINES)


def test_an_export_with_decisions_is_exactly_the_decided_text(place):
    place.replace(3, "decided 3")
    place.drop(5, 6)
    done = place.export()
    expected = [line for i, line in enumerate(LINES) if i not in (5, 6)]
    expected[3] = json.dumps(json.loads(LINES[3]) | {"output": "decided 3"}, separators=(",", ":"))
    assert done.path.read_text(encoding="utf-8").splitlines() == expected
    assert place.export(decisions="").path.read_text(encoding="utf-8").splitlines() == LINES


@pytest.mark.parametrize(
    "format_name",
    [
        "messages",
        "sharegpt",
        "alpaca",
        "prompt_completion",
        "instruction_response",
        "question_answer",
        "turns",
        "self_instruct",
    ],
)
@pytest.mark.parametrize("container", ["jsonl", "parquet"])
def test_every_format_writes_the_decided_text(place, format_name, container):
    import pyarrow.parquet as pq

    place.replace(3, "decided 3")
    place.drop(5)
    done = place.export(name=f"out.{container}", format_name=format_name, container=container)
    text = str(pq.read_table(done.path).to_pylist()) if container == "parquet" else done.path.read_text()
    assert done.n_rows == N - 1
    assert "decided 3" in text
    assert "answer 3'" not in text
    assert 'answer 3"' not in text
    assert "Question 5?" not in text


def test_the_manifest_lists_the_decisions_and_replays_to_the_same_bytes(place):
    place.replace(3, "decided 3")
    place.drop(5, 6)
    done = place.export()
    (listed,) = done.manifest.decided.values()
    assert [(row.example_id, row.verdict, row.reviewer) for row in listed] == [
        (3, "replace", "ann"), (5, "drop", "ann"), (6, "drop", "ann"),
    ]  # fmt: skip
    assert done.manifest.decisions in {made.artifact_id for made in done.manifest.artifacts}
    again = place.replayed(done)
    assert (again.identical, again.n_rows) == (True, N - 2)


def test_decisions_on_a_selection_replay_too(place):
    place.replace(3, "decided 3")
    place.drop(5)
    made = place.run(place.dataset, "select", {"method": "random", "budget": 20, "quality": "none"})
    done = place.export(selection=made.id)
    assert place.replayed(done).identical
    narrowed = place.export(selection=made.id, scope="", format_name="messages")
    assert place.replayed(narrowed).identical


def test_a_decision_reverted_later_is_gone_from_the_next_export(place):
    decision = place.replace(3, "decided 3")
    place.drop(5)
    before = freeze_decisions(place.workspace, place.dataset)
    first = place.export()
    undo_event(place.database, place.dataset, decision.event_id, "bob")
    second = place.export(name="second.jsonl")
    assert second.path.read_text().splitlines() == [line for i, line in enumerate(LINES) if i != 5]
    # What was exported before can still be made again, by its frozen decisions and by its manifest.
    assert place.export(name="third.jsonl", decisions=before.id).sha256 == first.sha256
    assert place.replayed(first).identical


def test_a_tampered_list_of_decisions_is_refused_by_replay(place):
    place.replace(3, "decided 3")
    done = place.export()
    done.manifest_path.write_text(done.manifest_path.read_text().replace("decided 3", "tampered"))
    with pytest.raises(CurationError, match="changed since"):
        place.replayed(done)


def test_current_decisions_without_any_change_nothing(place):
    done = place.export()
    assert (done.n_rows, done.manifest.decisions, done.manifest.decided) == (N, "", {})


def test_an_export_of_only_dropped_rows_says_so(place):
    place.drop(*range(N))
    with pytest.raises(InvalidOptions, match="decided to be dropped"):
        place.export()
    with pytest.raises(InvalidOptions, match="decided to be dropped"):
        plan_curate(place.workspace, place.dataset)


def test_a_decided_conversation_that_breaks_the_rules_is_refused_with_its_row(place):
    place.replace(3, "  ")
    for act in (place.export, place.curate):
        with pytest.raises(CurationError, match=r"row 3 .*Write a response"):
            act()


def test_frozen_decisions_are_named_by_what_they_say(place):
    assert freeze_decisions(place.workspace, place.dataset) is None
    first = place.replace(3, "A")
    frozen = freeze_decisions(place.workspace, place.dataset)
    undo_event(place.database, place.dataset, first.event_id, "bob")
    place.replace(3, "A")
    assert freeze_decisions(place.workspace, place.dataset).id == frozen.id
    found = read_frozen_decisions(frozen)
    assert (found[3].verdict, found[3].messages[-1]["content"]) == ("replace", "A")
    assert frozen.summary == {"n_decided": 1, "n_keep": 0, "n_drop": 0, "n_replace": 1}


def test_a_new_version_holds_the_decided_rows_and_where_they_came_from(place):
    place.replace(3, "decided 3")
    place.drop(1, 5)
    new_id = place.curate(name="Clean rows")
    examples = place.store.examples(new_id)
    table = read_examples(
        examples, ["example_id", "response", "prompt", "source_row", "n_turns", "raw", "content_hash"]
    )
    assert table["example_id"].to_pylist() == list(range(N - 2))
    assert read_parent_ids(examples).tolist() == [i for i in range(N) if i not in (1, 5)]
    assert table["source_row"].to_pylist() == [i + 1 for i in range(N) if i not in (1, 5)]
    assert table["response"][2].as_py() == "decided 3"
    assert table["raw"][2].as_py() == LINES[3]
    old = read_examples(place.store.examples(place.dataset), ["content_hash", "response"])
    assert table["content_hash"][2] != old["content_hash"][3]
    assert table["content_hash"][1] == old["content_hash"][2]
    assert old["response"][3].as_py() == "answer 3"  # the old version is as it was
    said = examples.summary
    assert (said["n_examples"], said["n_dropped"], said["n_replaced"], said["n_unchanged"]) == (
        N - 2,
        2,
        1,
        N - 3,
    )
    parent = parent_of(examples)
    assert (parent.dataset_id, parent.examples) == (place.dataset, place.store.examples(place.dataset).id)
    assert place.store.find(place.dataset, "decisions", parent.decisions)


def test_the_same_decisions_make_the_same_version(place):
    with pytest.raises(InvalidOptions, match="Nothing is decided"):
        plan_curate(place.workspace, place.dataset)
    place.drop(1)
    assert place.curate() == place.curate()
    first = place.curate()
    place.drop(2)
    assert place.curate() != first


def test_versions_are_compared_row_by_row_over_several_generations(place):
    place.replace(3, "decided 3")
    place.drop(1, 5)
    second = place.curate(name="second")
    place.replace(0, "later 0", dataset=second)
    place.drop(10, dataset=second)  # row 12 of the first version
    third = place.curate(second, name="third")
    found = diff_versions(place.store, place.dataset, third)
    assert [(row.kind, row.old_id, row.new_id) for row in found.rows] == [
        ("edited", 0, 0),
        ("dropped", 1, -1),
        ("edited", 3, 2),
        ("dropped", 5, -1),
        ("dropped", 12, -1),
    ]
    assert found.n_kept == N - 5
    assert {row.decision.reviewer for row in found.rows} == {"ann"}
    old, new = (
        read_conversations(place.store.examples(one), np.array([0])) for one in (place.dataset, third)
    )
    assert (old[0][-1]["content"], new[0][-1]["content"]) == ("answer 0", "later 0")
    assert versions(place.store, third) == [place.dataset, second, third]
    same = diff_versions(place.store, third, third)
    assert (same.rows, same.n_kept) == ((), N - 3)


def test_what_an_older_version_had_is_added_when_looked_at_the_other_way(place):
    place.replace(3, "decided 3")
    place.drop(1, 5)
    second = place.curate()
    found = diff_versions(place.store, second, place.dataset)
    assert [(row.kind, row.old_id, row.new_id) for row in found.rows] == [
        ("added", -1, 1),
        ("edited", 2, 3),
        ("added", -1, 5),
    ]


def test_two_versions_of_one_dataset_are_compared_through_it(place):
    place.drop(1, 2)
    place.replace(4, "by hand")
    first = place.curate(name="first")
    choices = [
        BulkChoice(
            7, "replace", [{"role": "user", "content": "question 7"}, {"role": "assistant", "content": "x"}]
        )
    ]
    decide_many(place.database, place.dataset, choices, rule="all above 0.9", reviewer="ben")
    place.drop(8)
    second = place.curate(name="second")
    found = diff_versions(place.store, first, second)
    assert found.base_id == place.dataset
    assert [(row.kind, row.old_id, row.new_id) for row in found.rows] == [
        ("corrected", 5, 5),
        ("dropped", 6, -1),
    ]
    assert found.counts == {"corrected": 1, "edited": 0, "dropped": 1, "added": 0}
    assert found.n_kept == N - 4


def test_datasets_of_different_families_are_not_compared(place, tmp_path):
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "more.jsonl"
    path.write_text('{"instruction": "q", "output": "a"}\n', encoding="utf-8")
    plan = plan_import([str(path)], name="Other")
    place.run(plan.dataset_id, "import", plan.options)
    with pytest.raises(InvalidOptions, match="no common dataset"):
        diff_versions(place.store, plan.dataset_id, place.dataset)


def test_an_export_of_a_later_version_replays_from_the_first_file(place):
    place.replace(3, "decided 3")
    place.drop(1, 5)
    second = place.curate(name="second")
    place.replace(0, "later 0", dataset=second)
    plain = place.export(second, name="plain.jsonl", decisions="")
    assert json.loads(plain.path.read_text().splitlines()[2]) == json.loads(LINES[3]) | {
        "output": "decided 3"
    }
    assert plain.path.read_text().splitlines()[1] == LINES[2]
    assert place.replayed(plain).identical
    decided = place.export(second, name="decided.jsonl")
    assert json.loads(decided.path.read_text().splitlines()[0])["output"] == "later 0"
    assert place.replayed(decided).identical
    assert len(decided.manifest.decided) == 2


def test_a_version_can_be_embedded_and_selected_from_like_any_dataset(place):
    place.drop(*range(10))
    new_id = place.curate()
    made = place.run(new_id, "select", {"method": "random", "budget": 5, "quality": "none"})
    assert made.summary["n_selected"] == 5
    assert place.replayed(place.export(new_id, selection=made.id)).identical


def test_many_rows_over_several_batches_keep_their_texts(tmp_path):
    n = 25_000
    place = Place(tmp_path, [json.dumps({"instruction": f"q{i}", "output": f"a{i}"}) for i in range(n)])
    edited = [9_999, 10_000, 20_001, 24_999]
    choices = [
        BulkChoice(
            i, "replace", [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"new {i}"}]
        )
        for i in edited
    ]
    decide_many(place.database, place.dataset, choices, rule="r", reviewer="ann")
    place.drop(0, 10_001)
    new = read_examples(place.store.examples(place.curate()), ["example_id", "response"])
    expected = [f"new {i}" if i in edited else f"a{i}" for i in range(n) if i not in (0, 10_001)]
    assert new["response"].to_pylist() == expected
    assert np.array_equal(new["example_id"].to_numpy(), np.arange(n - 2))
