"""Decisions about a batch, a version with its accepted rows, and a split in which no written row tells what is held out."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tamis.actions.augment_trial import try_drafts
from tamis.actions.augmenting import accept_passed, batch_funnel, list_batches, rows_with_reason
from tamis.actions.decisions import DecidedBy, approve_proposal, reject_proposal
from tamis.actions.manifests import lineage
from tamis.actions.proposals import proposal_columns, proposal_table, proposals_for
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.filters import FILTERS
from tamis.registry import parse_options
from tamis.steps.curate.step import plan_curate
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.finetune.split import split_rows, split_text
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.versions import added_rows, ancestor_ids, read_parent_ids, row_family_numbers
from tamis.store.review.decisions import BulkChoice, decide_many, undo_event
from tamis.store.rows.version_diff import diff_versions
from tests.core.steps.test_augment import ANSWERS, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def decide(house: House, dataset: str, **verdicts: list[int]):
    """Keep, drop or replace rows of a dataset, as one event."""
    new = [{"role": "user", "content": "Which one?"}, {"role": "assistant", "content": "The decided one."}]
    choices = [
        BulkChoice(row, verdict, new if verdict == "replace" else None, None)
        for verdict, rows in verdicts.items()
        for row in rows
    ]
    return decide_many(house.workspace.database, dataset, choices, rule="test", reviewer="ann")


def join(house: House, *batches: str, dataset: str = "") -> str:
    new_id, options = plan_curate(house.workspace, dataset or house.data, additions=batches)
    house.run(new_id, "curate", options)
    return new_id


def batch_of(house: House, **values) -> str:
    return house.augment(rows=3, filters={"length": False}, **values).manifest.dataset_id


def test_kept_and_replaced_rows_enter_behind_the_parents_own(house: House) -> None:
    """A parent of 6 with row 1 dropped, a batch of 3 with 0 kept, 1 undecided and 2 replaced: 5 + 2 rows."""
    batch = batch_of(house)
    decide(house, house.data, drop=[1])
    decide(house, batch, keep=[0], replace=[2])
    version = house.store.examples(join(house, batch))
    assert read_parent_ids(version).tolist() == [0, 2, 3, 4, 5, -1, -1]
    assert read_examples(version, ["example_id"])["example_id"].to_pylist() == list(range(7))
    assert read_examples(version, ["response"])["response"].to_pylist()[-1] == "The decided one."
    added = added_rows(version).to_pylist()
    assert [(one["example_id"], one["batch"], one["batch_id"]) for one in added] == [
        (5, batch, 0),
        (6, batch, 2),
    ]
    assert version.summary["n_added"] == 2
    sources = read_examples(version, ["source"])["source"].to_pylist()
    assert [one.startswith("synthetic:") for one in sources] == [False] * 5 + [True] * 2


def test_a_row_that_nobody_decided_about_never_enters(house: House) -> None:
    batch = batch_of(house)
    with pytest.raises(InvalidOptions, match="accepted yet"):
        join(house, batch)
    decide(house, batch, drop=[0, 1])
    with pytest.raises(InvalidOptions, match="accepted yet"):
        join(house, batch)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["keep", "drop", "replace", ""]), min_size=3, max_size=3))
def test_exactly_what_is_accepted_enters(house: House, verdicts: list[str]) -> None:
    batch = batch_of(house)
    event = None
    rows = {name: [i for i, one in enumerate(verdicts) if one == name] for name in set(verdicts) - {""}}
    if rows:
        event = decide(house, batch, **rows)
    wanted = [i for i, one in enumerate(verdicts) if one in ("keep", "replace")]
    try:
        if wanted:
            version = house.store.examples(join(house, batch))
            assert added_rows(version)["batch_id"].to_pylist() == wanted
        else:
            with pytest.raises(InvalidOptions):
                join(house, batch)
    finally:
        if event is not None:
            undo_event(house.workspace.database, batch, event.event_id, "ann")


def test_all_that_passed_is_accepted_as_one_event_and_undone_as_one(house: House) -> None:
    batch = batch_of(house)
    before = batch_funnel(house.workspace, batch)
    assert (before.n_waiting, before.n_accepted) == (before.n_passed, 0)
    event = accept_passed(house.workspace, batch, reviewer="ann")
    assert event.n_rows == before.n_passed
    assert "accept all that passed" in event.rule
    assert batch_funnel(house.workspace, batch).n_accepted == before.n_passed
    with pytest.raises(InvalidOptions, match="all are decided"):
        accept_passed(house.workspace, batch, reviewer="ann")
    undo_event(house.workspace.database, batch, event.event_id, "ann")
    assert batch_funnel(house.workspace, batch).n_accepted == 0


def test_the_funnel_counts_every_draft(house: House) -> None:
    batch = house.augment(rows=8, stall_rows=9, filters={"length": False}).manifest.dataset_id
    funnel = batch_funnel(house.workspace, batch)
    assert funnel.n_drafts == funnel.n_passed + sum(funnel.reasons.values())
    assert list(funnel.left_after.values())[-1:] in ([], [funnel.n_passed])
    for name, n in funnel.reasons.items():
        assert len(rows_with_reason(house.workspace, batch, name)) == n
    assert [one.dataset_id for one in list_batches(house.workspace, house.data)] == [batch]


def test_a_version_says_what_was_added_and_its_children_too(house: House) -> None:
    batch = batch_of(house)
    accept_passed(house.workspace, batch, reviewer="ann")
    first = join(house, batch)
    diff = diff_versions(house.store, house.data, first)
    n_added = len(added_rows(house.store.examples(first)))
    assert diff.counts == {"corrected": 0, "edited": 0, "dropped": 0, "added": n_added}
    decide(house, first, drop=[0, 6])
    second_id, options = plan_curate(house.workspace, first)
    house.run(second_id, "curate", options)
    second = house.store.examples(second_id)
    assert ancestor_ids(house.store, second, house.data).tolist() == [1, 2, 3, 4, 5] + [-1] * (n_added - 1)
    counts = diff_versions(house.store, house.data, second_id).counts
    assert (counts["added"], counts["dropped"]) == (n_added - 1, 1)
    assert diff_versions(house.store, first, second_id).counts["dropped"] == 2
    assert len(row_family_numbers(second)) == 5 + n_added - 1


def test_a_batch_enters_once_and_only_where_it_belongs(house: House) -> None:
    batch = batch_of(house)
    accept_passed(house.workspace, batch, reviewer="ann")
    first = join(house, batch)
    with pytest.raises(InvalidOptions, match="already"):
        join(house, batch, dataset=first)
    with pytest.raises(InvalidOptions, match="is no batch"):
        join(house, first)
    with pytest.raises(InvalidOptions, match="adds to"):
        join(house, batch, dataset=batch)


def test_a_batch_of_an_earlier_version_joins_a_later_one(house: House) -> None:
    batch = batch_of(house)
    accept_passed(house.workspace, batch, reviewer="ann")
    decide(house, house.data, drop=[0])
    later, options = plan_curate(house.workspace, house.data)
    house.run(later, "curate", options)
    version = house.store.examples(join(house, batch, dataset=later))
    parents = {one["batch_id"]: one["parent_ids"] for one in added_rows(version).to_pylist()}
    assert all(row < 5 for several in parents.values() for row in several)


def _with_families(house: House, families: list[int], written: list[bool]):
    """The imported rows as if some were written: what a split reads of a version."""
    examples = house.store.examples(house.data)
    np.save(examples.path / "families.npy", np.array(families, dtype=np.int64))
    table = pq.read_table(examples.file("examples.parquet"))
    sources = ["synthetic:similar" if one else "plants" for one in written]
    table = table.set_column(table.column_names.index("source"), "source", pa.array(sources))
    pq.write_table(table, examples.path / "examples.parquet")
    changed = {one: examples.path / one for one in ("families.npy", "examples.parquet")}
    sizes = {name: path.stat().st_size for name, path in changed.items()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in changed.items()}
    manifest = examples.manifest.model_copy(
        update={
            "files": {**examples.manifest.files, **sizes},
            "digests": {**examples.manifest.digests, **digests},
        }
    )
    (examples.path / "manifest.json").write_text(manifest.model_dump_json())
    return house.store.examples(house.data)


@pytest.mark.parametrize("split", ["rows", "grouped", "connected"])
def test_no_written_row_of_a_held_out_family_is_trained_on(house: House, split: str) -> None:
    """Rows 0 and 1 are real, 2 comes from 0, 3 from 2, 4 from 1; held out is 0: training is 1, 4 and 5."""
    examples = _with_families(house, [0, 1, 0, 0, 1, 5], [False, False, True, True, True, False])
    named = {"examples": examples, "held_out": freeze_rows(house.store, house.data, np.array([0]), "test")}
    options = parse_options(FinetuneOptions, {"split": split})
    made = split_rows(named, options, house.workspace.path)
    assert made.held_out.tolist() == [0]
    assert not {2, 3} & set(made.train.tolist())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1000))
def test_only_real_rows_are_held_out(house: House, seed: int) -> None:
    families, written = [0, 1, 0, 0, 1, 5], [False, False, True, True, True, False]
    examples = house.store.examples(house.data)
    if "families.npy" not in examples.manifest.files:
        examples = _with_families(house, families, written)
    options = parse_options(FinetuneOptions, {"held_out_fraction": 0.3, "seed": seed})
    made = split_rows({"examples": examples}, options, house.workspace.path)
    apart = set(made.held_out.tolist())
    assert apart <= {0, 1, 5}
    lost = {row for row in range(6) if written[row] and families[row] in {families[one] for one in apart}}
    assert not lost & set(made.train.tolist())
    if lost and made.counts is not None:
        assert "were not trained on" in split_text(made, stops_early=False)


# -------------------------------------------------------------- proposals and trials


def propose(house: House, batch: str, **values):
    return house.run(batch, "propose", {"method": "additions"} | values)


def test_proposals_add_what_passes_and_drop_the_rest_with_reasons_and_parents(house: House) -> None:
    batch = house.augment(rows=8, stall_rows=9, filters={"length": False}).manifest.dataset_id
    funnel = batch_funnel(house.workspace, batch)
    made = propose(house, batch)
    assert (made.summary["n_add"], made.summary["n_drop"]) == (
        funnel.n_passed,
        funnel.n_drafts - funnel.n_passed,
    )
    assert made.summary["reasons"] == dict(funnel.reasons)
    for one in proposals_for(proposal_table(made), proposal_columns(made), np.arange(funnel.n_drafts)):
        assert one.kind in ("add:passed_filters", "drop:filtered")
        assert bool(one.evidence["reasons"]) == (one.action == "drop")
        assert one.evidence["parents"] and one.evidence["why"]


def test_a_batch_can_be_filtered_again_without_asking(house: House) -> None:
    batch = batch_of(house)
    strict = propose(
        house, batch, filters={"length": {"prompts": True}, "repeats": {"rouge_l": 0.05, "jaccard": 0.05}}
    )
    mild = propose(house, batch, filters={name: False for name in FILTERS})
    assert strict.summary["n_add"] < mild.summary["n_add"] == mild.summary["n_rows"]
    event = accept_passed(house.workspace, batch, reviewer="ann")
    assert event.proposals_id == mild.id
    assert event.n_rows == mild.summary["n_add"]


def test_filters_of_scores_need_the_scores(house: House) -> None:
    batch = batch_of(house)
    with pytest.raises(ArtifactMissing, match="--scorer confidence"):
        propose(house, batch, filters={"confidence": {"gamma": 0.5}})
    with pytest.raises(InvalidOptions, match="no batch"):
        propose(house, house.data)


def test_approving_an_addition_keeps_it_and_rejecting_drops_it(house: House) -> None:
    batch = batch_of(house)
    made = propose(house, batch, filters={name: False for name in FILTERS})
    first, second = proposals_for(proposal_table(made), proposal_columns(made), np.array([0, 1]))
    by = DecidedBy(reviewer="ann")
    assert approve_proposal(house.workspace, batch, first, by).decision.verdict == "keep"
    assert reject_proposal(house.workspace, batch, second, by).decision.verdict == "drop"


def test_three_drafts_say_what_a_run_would_take_and_the_run_asks_them_no_more(house: House) -> None:
    asked = {
        "llm": "scripted",
        "llm_options": {"answers": list(ANSWERS)},
        "rows": 5,
        "filters": {"length": False},
    }
    trial = try_drafts(house.workspace, house.data, asked)
    assert len(trial.jobs) == 3
    assert all(job.asked and job.parent_ids and (job.drafts or job.problems) for job in trial.jobs)
    assert trial.passed_fraction > 0
    assert trial.questions >= 5
    assert house.store.dataset_ids() == [house.data]
    made = house.augment(**asked)
    assert made.summary["reused"] >= 3


def test_a_trial_in_which_nothing_passes_says_that_nothing_can_be_said(house: House) -> None:
    trial = try_drafts(house.workspace, house.data, {"llm": "scripted", "llm_options": {"answers": ["no"]}})
    assert (trial.passed_fraction, trial.questions, trial.n_jobs) == (0, None, None)
    assert {problem.kind for job in trial.jobs for problem in job.problems} == {"unparseable"}


def test_a_version_with_written_rows_is_exported_with_all_that_it_was_made_from(house: House) -> None:
    batch = batch_of(house, parents=house.wrong())
    accept_passed(house.workspace, batch, reviewer="ann")
    version = join(house, batch)
    line = [one.manifest.step for one in lineage(house.store, house.store.examples(version))]
    assert line[0] == "import"
    assert line[-1] == "curate"
    assert {"examine", "augment", "freeze", "freeze decisions"} <= set(line)


def test_a_batch_whose_dataset_was_deleted_says_so(house: House) -> None:
    batch = batch_of(house)
    shutil.rmtree(house.store.datasets_path / house.data)
    with pytest.raises(ArtifactMissing, match="was deleted"):
        propose(house, batch)
    assert batch_funnel(house.workspace, batch).n_drafts


def test_a_batch_of_which_nothing_could_be_read_is_said_to_have_no_rows(house: House) -> None:
    batch = house.augment(llm_options={"answers": ["no object"]}, stall_rows=2).manifest.dataset_id
    with pytest.raises(InvalidOptions, match="read the reasons"):
        accept_passed(house.workspace, batch, reviewer="ann")
    assert propose(house, batch).summary["n_rows"] == 0
    with pytest.raises(InvalidOptions, match="has no rows"):
        house.run(batch, "embed", {"encoder": "hashing"})
