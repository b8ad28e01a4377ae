"""Versions by their verbs: made under a default name, compared, and read where they differ."""

from __future__ import annotations

import pytest

from tamis.actions.decisions import DecidedBy, own_messages, save_edit
from tamis.actions.drafts import start_edit
from tamis.actions.versions import (
    carry_over,
    compare_versions,
    default_version_name,
    earlier_versions,
    make_version,
    parent_version,
    read_changed,
)
from tamis.actions.word_marks import mark_words
from tamis.errors import InvalidOptions
from tamis.steps.resolve_rows import look_at
from tamis.store.names import dataset_names
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_pipeline, run_step
from tests.support.in_process import run_queued

KIM = DecidedBy(reviewer="kim")


def decide_one(workspace: Workspace, dataset_id: str) -> None:
    (own,) = own_messages(workspace, dataset_id, [3])
    save_edit(workspace, dataset_id, 3, start_edit(own, "Another answer."), KIM)


def test_a_version_is_queued_under_the_default_name(workspace: Workspace, dataset_id: str) -> None:
    with pytest.raises(InvalidOptions, match="Nothing is decided"):
        make_version(workspace, dataset_id)
    decide_one(workspace, dataset_id)
    job = make_version(workspace, dataset_id).job
    assert (job.step, job.options["parent"]) == ("curate", dataset_id)
    assert job.options["name"] == default_version_name(workspace, dataset_id) == "Questions, curated"
    assert make_version(workspace, dataset_id).attached
    with pytest.raises(InvalidOptions):
        make_version(workspace, dataset_id, "x" * 300)


def test_a_version_is_compared_with_what_it_was_made_from(workspace: Workspace, dataset_id: str) -> None:
    assert earlier_versions(workspace, dataset_id) == []
    with pytest.raises(
        InvalidOptions, match="was not made from another dataset.*name the one to compare it with"
    ):
        parent_version(workspace, dataset_id)
    decide_one(workspace, dataset_id)
    job = make_version(workspace, dataset_id, " Better ").job
    run_step(workspace.path, job.dataset_id, "curate", job.options)
    assert dataset_names(workspace)[job.dataset_id] == "Better"
    assert parent_version(workspace, job.dataset_id) == dataset_id
    found = compare_versions(workspace, dataset_id, job.dataset_id)
    assert (found.n_kept, [row.old_id for row in found.rows]) == (39, [3])
    ((before, after),) = read_changed(workspace, found, found.rows)
    assert before is not None and after is not None
    assert [turns[-1]["content"] for turns in (before, after)] == ["Answer 3 on rivers.", "Another answer."]


def test_marks_say_how_much_two_texts_share() -> None:
    alike = mark_words("The oven is hot.", "The oven is cold.")
    assert [part.kind for part in alike.parts] == ["kept", "removed", "added", "kept"]
    assert 0.7 < alike.shared_fraction < 1 and 0 < alike.changed_fraction < 0.3
    other = mark_words("", "words")
    assert (other.shared_fraction, other.changed_fraction) == (0.0, 1.0)
    same = mark_words("words", "words")
    assert (same.shared_fraction, same.changed_fraction) == (1.0, 0.0)


def test_a_version_is_given_what_its_parent_has_in_view_and_nothing_known_is_computed_again(
    workspace: Workspace, dataset_id: str
) -> None:
    decide_one(workspace, dataset_id)
    run_pipeline(workspace.path, dataset_id)
    run_step(workspace.path, dataset_id, "score", {"scorer": "length"})
    job = make_version(workspace, dataset_id).job
    queued = carry_over(workspace, dataset_id, job.dataset_id)  # before the version is there
    assert [one.job.step for one in queued] == ["embed", "cluster", "project", "score", "score"]
    assert queued[0].job.waits_for == (job.job_id,)
    run_queued(workspace)
    before, after = look_at(workspace, dataset_id), look_at(workspace, job.dataset_id)
    for kind in ("embeddings", "clustering", "layout"):
        old, new = getattr(before, kind), getattr(after, kind)
        assert new.manifest.options == old.manifest.options
    assert set(after.scores) == set(before.scores) == {"alignment", "length"}
    assert after.score == before.score
    made = after.embeddings
    assert made is not None
    # 40 prompts and 40 answers, of which one is new.
    assert made.summary["n_reused"] == made.summary["n_texts"] - 1
