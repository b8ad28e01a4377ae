"""Targets from what they are made of to the rows that are selected for them, by the actions that every caller uses."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.actions.grid import Grid, submit_grid
from tamis.actions.referee import RefereeRequest, submit_referee, with_target
from tamis.actions.referee_estimate import estimate_referee
from tamis.actions.submit import freeze_pointers, lacking_for_target, plan_run, submit
from tamis.actions.tags import add_tag
from tamis.actions.targets import (
    TargetExample,
    TargetSource,
    add_target,
    delete_target,
    describe_cover,
    list_targets,
    newest_scores,
    out_of_reach,
    plan_target_deletion,
    require_scores,
    rows_kept_out,
    show_target,
)
from tamis.errors import ArtifactMissing, InvalidOptions, JobConflict, UnknownName
from tamis.jobs import job_table
from tamis.jobs.scheduler import queue
from tamis.settings import sample_data_folder
from tamis.steps.import_file.identify import plan_import
from tamis.store.artifacts.readers import read_selection
from tamis.store.artifacts.targets import MOST_EXAMPLES, read_target
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import add_target as typed_target
from tests.pages.page_workspace import run_step

BREAD = ("How is bread made at home?", "Why does bread rise?", "Which bread keeps longest?")


def typed(*prompts: str) -> TargetSource:
    return TargetSource(examples=[TargetExample(one) for one in prompts])


@pytest.fixture
def embedded(workspace: Workspace, dataset_id: str) -> str:
    run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing"})
    return dataset_id


def select(workspace: Workspace, dataset_id: str, target: str, **more: object):
    """A selection for a target with scores made by hand, as the jobs would."""
    asked = freeze_pointers(
        workspace, dataset_id, "select", {"method": "target_round_robin", "target": target} | more
    )
    scorer = asked.get("method_options", {}).get("similarity", "target_embedding")
    run_step(workspace.path, dataset_id, "score", {"scorer": scorer, "target": asked["target"]})
    return run_step(
        workspace.path, dataset_id, "select", plan_run(workspace, dataset_id, "select", asked).options
    )


# ---- what a target is made of


def test_targets_are_made_of_typed_prompts_files_tags_scopes_and_selections(workspace, dataset_id, tmp_path):
    add_target(workspace, dataset_id, "typed", typed(*BREAD))
    (tmp_path / "eval.jsonl").write_text(
        "\n".join(json.dumps({"instruction": q, "output": "A."}) for q in BREAD)
    )
    (tmp_path / "odd.txt").write_text("Only a line\nAnother line\n")
    add_target(workspace, dataset_id, "file", TargetSource(file=str(tmp_path / "eval.jsonl")))
    add_target(workspace, dataset_id, "lines", TargetSource(file=str(tmp_path / "odd.txt")))
    add_tag(workspace, dataset_id, "good", np.array([3, 5]), "ann")
    tagged = add_target(workspace, dataset_id, "tag", TargetSource(tag="good"))
    selection = run_step(workspace.path, dataset_id, "select", {"method": "random", "budget": 4})
    picked = add_target(workspace, dataset_id, "picked", TargetSource(selection="newest"))
    assert picked.summary["source"] == f"selection {selection.id}"
    listed = {one.name: one for one in list_targets(workspace, dataset_id)}
    assert {name: one.n_examples for name, one in listed.items()} == {
        "typed": 3, "file": 3, "lines": 2, "tag": 2, "picked": 4,
    }  # fmt: skip
    assert listed["tag"].source == "tag good"
    assert [one.row for one in read_target(tagged).examples] == [3, 5]
    _, found = show_target(workspace, dataset_id, "file")
    assert [(one.prompt, one.response) for one in found.examples] == [(q, "A.") for q in BREAD]
    assert found.examples[0].turns()[-1] == {"role": "assistant", "content": "A."}
    assert show_target(workspace, dataset_id, "lines")[1].examples[1].turns() == [
        {"role": "user", "content": "Another line"}
    ]


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("", typed("a"), "no name"),
        ("a,b", typed("a"), "no name"),
        ("a=2", typed("a"), "no name"),
        ("x", TargetSource(), "made of one thing"),
        ("x", TargetSource(tag="t", examples=[TargetExample("a")]), "made of one thing"),
        ("x", typed(" "), "no example with a text"),
        ("x", typed(*map(str, range(MOST_EXAMPLES + 1))), "at most 5,000"),
    ],
)
def test_what_is_no_target_is_refused_with_the_way_out(workspace, dataset_id, name, source, said):
    with pytest.raises(InvalidOptions, match=said):
        add_target(workspace, dataset_id, name, source)


def test_a_name_means_one_target_and_the_same_examples_are_the_same_target(workspace, dataset_id):
    made = add_target(workspace, dataset_id, "baking", typed(*BREAD))
    assert add_target(workspace, dataset_id, " baking ", typed(*BREAD)).id == made.id
    assert made.id in {one.artifact.id for one in list_targets(workspace, dataset_id)}
    for other in (typed("Else"), typed(*BREAD[:2])):
        with pytest.raises(InvalidOptions, match="another target"):
            add_target(workspace, dataset_id, "baking", other)
    with pytest.raises(InvalidOptions, match="another target"):
        add_target(workspace, dataset_id, "baking", typed(*BREAD), split=True)
    with pytest.raises(UnknownName, match="baking"):
        show_target(workspace, dataset_id, "backing")


def test_half_of_a_target_judges_and_does_not_steer(workspace, embedded):
    prompts = [f"Question {i} about bread?" for i in range(0, 40, 4)]  # rows of the dataset, every one
    made = add_target(workspace, embedded, "baking", typed(*prompts), split=True)
    examples = read_target(made)
    assert 1 <= examples.judges.sum() <= 9
    assert list_targets(workspace, embedded)[0].n_judging == examples.judges.sum()
    scores = run_step(workspace.path, embedded, "score", {"scorer": "target_embedding", "target": made.id})
    assert np.load(scores.file("similarities.npy")).shape == (40, len(examples.steering()))
    (about,) = scores.summary["targets"]
    assert (about["n_examples"], about["n_judging"]) == (len(examples.steering()), examples.judges.sum())
    best = pq.read_table(scores.file("scores.parquet"))["best_example"].to_numpy()
    assert set(best.astype(int)) <= set(examples.steering())
    assert {one.row for one in rows_kept_out(workspace, scores)} == set(
        range(0, 40, 4)
    )  # what judges is guarded all the same


def test_several_targets_are_one_with_shares_and_one_is_itself(workspace, dataset_id):
    first = add_target(workspace, dataset_id, "bread", typed(*BREAD))
    add_target(workspace, dataset_id, "stars", typed("How far are stars?"))
    frozen = freeze_pointers(
        workspace, dataset_id, "score", {"scorer": "target_bm25", "target": "bread=2, stars"}
    )
    both = read_target(workspace.artifacts.get(dataset_id, "target", str(frozen["target"])))
    assert (both.names, both.shares, both.part.tolist()) == (("bread", "stars"), (2.0, 1.0), [0, 0, 0, 1])
    assert len(list_targets(workspace, dataset_id)) == 2
    alone = freeze_pointers(workspace, dataset_id, "score", {"scorer": "target_bm25", "target": "bread=5"})
    assert alone["target"] == first.id
    for wrong in ("bread=0", "bread=much", "bread,bread"):
        with pytest.raises(InvalidOptions):
            freeze_pointers(workspace, dataset_id, "score", {"scorer": "target_bm25", "target": wrong})


def test_the_only_target_is_taken_where_none_is_named_and_of_several_one_has_to_be(workspace, embedded):
    """Scores, a selection, a grid and a referee alike: which is newest says nothing of which is meant."""
    asked = {"score": {"scorer": "target_bm25"}, "select": {"method": "target_round_robin", "budget": 5}}
    referee = RefereeRequest(methods=("target_round_robin",))
    grid = Grid(methods=("random", "target_round_robin"), budget=5)
    made = add_target(workspace, embedded, "bread", typed(*BREAD))
    for step, options in asked.items():
        assert freeze_pointers(workspace, embedded, step, options)["target"] == made.id
    assert with_target(workspace, embedded, referee).target == "bread"
    assert not with_target(workspace, embedded, RefereeRequest(methods=("kmq",))).target
    add_target(workspace, embedded, "stars", typed("How far are stars?"))
    before = len(job_table.list_jobs(workspace.database))
    for ask in (
        *(partial(submit, workspace, embedded, step, options) for step, options in asked.items()),
        partial(submit_grid, workspace, embedded, grid),
        partial(submit_referee, workspace, embedded, referee),
        partial(estimate_referee, workspace, embedded, referee),
    ):
        with pytest.raises(
            InvalidOptions, match="2 targets and none is named: give target as one of stars, bread"
        ):
            ask()
    assert len(job_table.list_jobs(workspace.database)) == before
    done = submit_grid(workspace, embedded, replace(grid, shared={"target": "bread"}))
    random, towards = (one.job for one in done.selections)
    assert towards.inputs["target"] == made.id and "target" not in random.inputs


def test_a_target_that_scores_are_towards_stays(workspace, embedded):
    add_target(workspace, embedded, "bread", typed(*BREAD))
    made = add_target(workspace, embedded, "stars", typed("How far are stars?"))
    assert newest_scores(workspace, embedded, made.id) is None
    with pytest.raises(ArtifactMissing, match="tamis run score"):
        require_scores(workspace, embedded, "stars")
    scores = run_step(workspace.path, embedded, "score", {"scorer": "target_bm25", "target": made.id})
    assert require_scores(workspace, embedded, "stars").id == scores.id
    assert scores.id in plan_target_deletion(workspace, embedded, "stars").obstacle
    with pytest.raises(JobConflict):
        delete_target(workspace, embedded, "stars")
    delete_target(workspace, embedded, "bread")
    assert [one.name for one in list_targets(workspace, embedded)] == ["stars"]


# ---- scores and selections


@pytest.mark.parametrize("scorer", ["target_embedding", "target_bm25"])
def test_a_planted_target_is_recalled_whole_at_a_budget_of_its_size(workspace, embedded, scorer):
    """Every fourth row is about bread: a budget of just these rows finds all of them, and no other."""
    add_target(workspace, embedded, "bread", typed("Question about bread?"))
    picked = select(workspace, embedded, "bread", budget=10, method_options={"similarity": scorer})
    assert sorted(read_selection(picked)["example_id"].to_pylist()) == list(range(0, 40, 4))
    assert picked.summary["shortfall"] == 0


def test_each_target_gets_its_share_and_every_pick_says_whose_it_is(workspace, embedded):
    add_target(workspace, embedded, "bread", typed(*BREAD))
    add_target(workspace, embedded, "stars", typed("How far are stars?", "Why do stars shine?"))
    picked = select(workspace, embedded, "bread=2,stars=1", budget=12)
    counted = {one["name"]: one["n_picked"] for one in picked.summary["notes"]["targets"]}
    assert counted == {"bread": 8, "stars": 4}
    turns = pq.read_table(picked.file("turns.parquet"))
    assert turns["target"].to_pylist() == [0, 1, 0] * 4
    assert turns["example_id"].to_pylist() == read_selection(picked).sort_by("rank")["example_id"].to_pylist()
    scores = require_scores(workspace, embedded, "stars")
    assert {(one.target, one.number) for one in describe_cover(workspace, scores)} == {
        ("bread", 0), ("bread", 1), ("bread", 2), ("stars", 0), ("stars", 1),
    }  # fmt: skip
    by_tokens = select(workspace, embedded, "bread=2,stars=1", budget=160, unit="tokens")
    spent = [one["spent"] for one in by_tokens.summary["notes"]["targets"]]
    assert sum(spent) == by_tokens.summary["n_tokens"]
    assert abs(spent[0] - 2 * spent[1]) < 40


def test_rows_that_are_the_target_are_kept_out_and_listed(workspace, embedded):
    own = TargetExample("question 4 about BREAD", "")
    source = TargetSource(examples=[own, TargetExample("Is bread good?")])
    add_target(workspace, embedded, "bread", source)
    picked = select(workspace, embedded, "bread", budget=9)
    rows = read_selection(picked)["example_id"].to_pylist()
    assert 4 not in rows
    assert picked.summary["notes"]["n_leaks"] == 1
    (kept_out,) = rows_kept_out(workspace, require_scores(workspace, embedded, "bread"))
    assert (kept_out.row, kept_out.reason, kept_out.number) == (4, "same prompt", 0)
    # Without the guard it would be the first of all.
    similarity = np.load(require_scores(workspace, embedded, "bread").file("similarities.npy"))
    assert similarity[:, 0].argmax() == 4


def test_a_row_as_near_as_a_cosine_that_was_named_is_the_target(workspace, embedded):
    target = add_target(workspace, embedded, "bread", typed("question 4 about the bread?", "Else entirely"))
    asked = {"scorer": "target_embedding", "target": target.id}
    assert not run_step(workspace.path, embedded, "score", asked).summary["n_leaks"]
    near = run_step(workspace.path, embedded, "score", asked | {"scorer_options": {"leak_cosine": 0.85}})
    found = rows_kept_out(workspace, near)
    assert {one.reason for one in found} == {"same vector"}
    assert 4 in {one.row for one in found}


def test_rows_that_the_target_was_made_of_are_leaks(workspace, embedded):
    add_tag(workspace, embedded, "good", np.array([0, 4]), "ann")
    add_target(workspace, embedded, "good", TargetSource(tag="good"))
    picked = select(workspace, embedded, "good", budget=5)
    assert not {0, 4} & set(read_selection(picked)["example_id"].to_pylist())
    assert {one.row for one in rows_kept_out(workspace, require_scores(workspace, embedded, "good"))} == {
        0,
        4,
    }


def test_examples_that_no_row_comes_near_are_named(workspace, embedded):
    near = [f"Question {i} about rivers?" for i in (3, 7, 11, 15)]
    far = [
        "Zwölf Boxkämpfer jagen Viktor",
        "Quer über den großen Sylter Deich",
        "Blau fährt ein Zug",
        "Öl im Fjord",
    ]
    add_target(workspace, embedded, "mixed", typed(*near, *far))
    select(workspace, embedded, "mixed", budget=5)
    scores = require_scores(workspace, embedded, "mixed")
    found = out_of_reach(workspace, scores)
    assert {one.prompt for one in found} == set(far)
    assert [one.similarity for one in found] == sorted(one.similarity for one in found)
    (about,) = scores.summary["targets"]
    assert about["n_out_of_reach"] == 4
    assert about["coverage_fraction"] == 0.5
    assert scores.summary["compared"] == "prompt"  # no example has an answer


def test_spread_then_target_prefers_the_target_inside_every_cluster(workspace, embedded):
    run_step(workspace.path, embedded, "cluster", {"method_options": {"n_clusters": 4}})
    target = typed_target(workspace.path, embedded)
    scores = run_step(workspace.path, embedded, "score", {"scorer": "target_embedding", "target": target.id})
    asked = {"method": "spread_then_target", "budget": 12, "target": target.id, "similarities": scores.id}
    picked = run_step(workspace.path, embedded, "select", asked)
    assert picked.summary["n_clusters_hit"] == 4
    best = pq.read_table(scores.file("scores.parquet"))["score"].to_numpy()
    rows = read_selection(picked)["example_id"].to_numpy()
    assert best[rows].mean() > best.mean()


def test_whitened_scores_say_when_rows_are_few(workspace, embedded):
    target = typed_target(workspace.path, embedded)
    asked = {"scorer": "target_embedding", "target": target.id, "scorer_options": {"whiten": True}}
    scores = run_step(workspace.path, embedded, "score", asked)
    assert scores.summary["few_rows_to_whiten"] is True
    assert scores.summary["n_scored"] == 40


# ---- what is missing is made first


def test_missing_embeddings_and_scores_are_queued_first(workspace, dataset_id):
    add_target(workspace, dataset_id, "bread", typed(*BREAD))
    asked = {"method": "target_round_robin", "target": "bread", "budget": 5}
    with pytest.raises(ArtifactMissing):
        plan_run(workspace, dataset_id, "select", asked)
    with pytest.raises(InvalidOptions, match="leave scores out"):
        submit(workspace, dataset_id, "select", asked | {"scores": "target_bm25"})
    made = submit(workspace, dataset_id, "select", asked)
    assert [one.step for one in made.first] == ["embed", "score"]
    embed, score = made.first
    assert score.waits_for == (embed.job_id,)
    assert score.job_id in made.job.waits_for
    assert made.job.inputs["similarities"] == score.artifact_id
    again = submit(workspace, dataset_id, "select", asked)
    assert again.attached
    assert plan_run(workspace, dataset_id, "select", asked).artifact_id == made.job.artifact_id
    other = {"method": "target_round_robin", "target": "bread", "budget": 0.5}
    before = len(list(queue.pending_results(workspace.database, dataset_id)))
    with pytest.raises(InvalidOptions):
        submit(workspace, dataset_id, "select", other)
    assert len(list(queue.pending_results(workspace.database, dataset_id))) == before


def test_the_longest_have_their_tokens_counted_first_and_no_words_taken_for_them(workspace, dataset_id):
    words = submit(workspace, dataset_id, "score", {"scorer": "length"}).job
    asked = {"method": "longest", "budget": 5}
    with pytest.raises(ArtifactMissing, match="length in tokens"):
        plan_run(workspace, dataset_id, "select", asked)
    assert lacking_for_target(workspace, dataset_id, asked)
    made = submit(workspace, dataset_id, "select", asked)
    assert [one.options["scorer_options"]["unit"] for one in made.first] == ["tokens"]
    assert made.job.inputs["scores"] == made.first[0].artifact_id != words.artifact_id
    assert made.first[0].job_id in made.job.waits_for
    assert not lacking_for_target(workspace, dataset_id, asked)
    assert submit(workspace, dataset_id, "select", asked).attached
    by_words = submit(workspace, dataset_id, "select", asked | {"scores": words.artifact_id})
    assert not by_words.first and by_words.job.inputs["scores"] == words.artifact_id


def test_without_a_target_the_command_that_makes_one_is_named(
    workspace: Workspace, dataset_id: str, tmp_path: Path
):
    for step, options in (("score", {"scorer": "target_bm25"}), ("select", {"method": "target_round_robin"})):
        with pytest.raises(ArtifactMissing, match="tamis target add"):
            submit(workspace, dataset_id, step, options)


def test_scores_towards_another_target_are_refused(workspace, embedded):
    one = add_target(workspace, embedded, "bread", typed(*BREAD))
    other = add_target(workspace, embedded, "stars", typed("How far are stars?"))
    scores = run_step(workspace.path, embedded, "score", {"scorer": "target_embedding", "target": one.id})
    asked = {"method": "target_round_robin", "target": other.id, "similarities": scores.id, "budget": 3}
    with pytest.raises(InvalidOptions, match="not towards"):
        run_step(workspace.path, embedded, "select", asked)


def test_rows_planted_in_the_sample_are_recalled_whole_and_shares_are_exact(workspace, tmp_path):
    """Recall at a budget of as many rows as were planted; by hashed words, which stand in for an encoder."""
    made = (
        "stitches",
        "a raglan sleeve",
        "a sock heel",
        "lace",
        "cables",
        "a ribbed cuff",
        "mittens",
        "a wool scarf",
    )
    rows = [
        {"instruction": f"How do I knit {one}?", "output": f"Knit {one} with yarn and two needles."}
        for one in made
    ]
    planted = tmp_path / "planted.jsonl"
    planted.write_text("\n".join(map(json.dumps, rows)))
    files = [sample_data_folder() / name for name in ("kitchen_and_home.jsonl", "work_and_code.csv")]
    plan = plan_import([*map(str, files), str(planted)], name="Planted")
    run_step(workspace.path, plan.dataset_id, "import", plan.options)
    run_step(workspace.path, plan.dataset_id, "embed", {"encoder": "hashing"})
    wanted = [
        TargetExample("How do I knit a hat?", "Knit it with yarn and needles."),
        TargetExample("How do I knit gloves?", "Yarn, two needles."),
    ]
    add_target(workspace, plan.dataset_id, "knitting", TargetSource(examples=wanted))
    add_target(workspace, plan.dataset_id, "code", typed("Write a Python function that counts words."))
    picked = select(workspace, plan.dataset_id, "knitting", budget=len(made))
    n_rows = picked.summary["n_rows"]
    ids = read_selection(picked)["example_id"].to_pylist()
    assert sorted(ids) == list(range(n_rows - len(made), n_rows))
    both = select(workspace, plan.dataset_id, "knitting=3,code=1", budget=40)
    assert [one["n_picked"] for one in both.summary["notes"]["targets"]] == [30, 10]
