"""Refinement from end to end with a tiny random model, and stopped in every stage."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tamis.actions.export import ExportRequest, export
from tamis.actions.replay import replay_manifest
from tamis.errors import ArtifactMissing, InvalidOptions, JobCancelled
from tamis.steps.compare.method_groups import group_by_method
from tamis.steps.execute import Task, execute
from tamis.steps.plan import plan_step
from tamis.store.artifacts.adapters import read_curves
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import read_cluster_ids, read_selection
from tamis.store.artifacts.refinements import (
    known_round_models,
    read_flags,
    read_generations,
    read_picks,
    read_round_clusters,
    read_round_picks,
    read_row_scores,
    read_weights,
    rounds_of,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.review.frozen_decisions import FrozenDecision, store_decisions
from tamis.store.workspace import open_workspace
from tests.core.llms.conftest import build_model
from tests.pages.page_workspace import alpaca_file, import_file, run_step

pytest.importorskip("transformers")
N_ROWS = 48
LEFT_OUT = shutil.ignore_patterns("cache", "refinement*", "selection")


class Silent:
    def progress(self, stage, done, total, message=""): ...

    def metric(self, name, value, position): ...


class Recorder(Silent):
    def __init__(self):
        self.stages = []

    def progress(self, stage, done, total, message=""):
        if not self.stages or self.stages[-1] != stage:
            self.stages.append(stage)


class StopAt(Silent):
    """Ends the job at the nth report of a stage, as a killed or cancelled worker ends."""

    def __init__(self, stage, nth):
        self.stage, self.left = stage, nth

    def progress(self, stage, done, total, message=""):
        if stage == self.stage:
            self.left -= 1
            if self.left == 0:
                raise JobCancelled("stopped")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refine")
    workspace = folder / "workspace"
    dataset_id = import_file(workspace, alpaca_file(folder, N_ROWS))
    run_step(workspace, dataset_id, "embed", {"encoder": "hashing"})
    run_step(workspace, dataset_id, "cluster", {"method_options": {"n_clusters": 5}})
    model = build_model(folder / "tiny")
    return workspace, dataset_id, str(model)


@pytest.fixture
def place(base, tmp_path):
    """A workspace of its own, so that no test finds the rounds of another."""
    workspace, dataset_id, model = base
    copy = tmp_path / "workspace"
    shutil.copytree(workspace, copy, ignore=LEFT_OUT)
    return copy, dataset_id, {**CHEAP, "model": model}


CHEAP = {
    # Of one round at a time: what is scored is what was picked. The default has tests of its own.
    "mode": "tamis",
    "rounds": 3,
    "budget": 14,
    "train": False,
    "max_new_tokens": 8,
    "model_options": {"dtype": "float32", "device": "cpu"},
    "scorer_options": {"response_words": 6, "prompt_words": 8},
}


def refine(place, reporter=None, **values) -> Artifact:
    workspace, dataset_id, shared = place
    store = ArtifactStore(workspace)
    plan = plan_step(store, dataset_id, "refine", {**shared, **values})
    options = plan.options.model_dump(mode="json")
    task = Task(dataset_id, "refine", options, plan.inputs, plan.input_kinds, plan.artifact_id)
    return execute(store, task, reporter or Silent())


def rows_of(selection: Artifact) -> list[int]:
    return read_selection(selection)["example_id"].to_pylist()


def final(place, refinement: Artifact) -> list[int]:
    return rows_of(ArtifactStore(place[0]).get(place[1], "selection", refinement.summary["selection"]))


def test_three_rounds_spend_the_budget_and_say_what_happened(place):
    recorder = Recorder()
    made = refine(place, recorder)
    store = ArtifactStore(place[0])
    assert recorder.stages == [
        f"round {number}/3: {stage}" for number in (1, 2, 3) for stage in ("select", "generate", "score", "update")
    ]  # fmt: skip
    rounds = rounds_of(store, made)
    assert [one.summary["n_new"] for one in rounds] == [5, 5, 4]
    picks = read_picks(made)
    assert picks.num_rows == len(set(picks["example_id"].to_pylist())) == 14
    assert picks["round"].to_pylist() == [1] * 5 + [2] * 5 + [3] * 4
    assert final(place, made) == picks["example_id"].to_pylist()
    weights = read_weights(made).to_pandas()
    assert weights.groupby("round")["weight"].sum().to_numpy() == pytest.approx(1)
    assert weights.groupby("round")["budget"].sum().tolist() == [0, 5, 5, 4]
    assert made.summary["cheap"]
    assert any("nothing was trained" in note for note in made.summary["notes"])
    assert made.summary["shortfall"] == 0
    for one in rounds:
        scores, answers = read_row_scores(one), read_generations(one)
        assert scores["example_id"].to_pylist() == sorted(read_round_picks(one)["example_id"].to_pylist())
        assert answers["example_id"].to_pylist() == scores["example_id"].to_pylist()
        gap = scores["gap"].to_numpy()
        np.testing.assert_allclose(gap, scores["gold"].to_numpy() - scores["generated"].to_numpy(), atol=1e-5)
        clusters = read_round_clusters(one).to_pandas()
        assert clusters["n_scored"].sum() == np.isfinite(gap).sum() == one.summary["n_scored"]
    flags = read_flags(made).to_pandas()
    gaps = [read_row_scores(one)["gap"].to_numpy() for one in rounds]
    below = sum(int((gap < min(0, np.nanmean(gap) - np.nanstd(gap, ddof=1))).sum()) for gap in gaps)
    assert (flags["reason"] == "below_own_answer").sum() == below > 0


def test_every_round_leaves_a_selection_and_nothing_is_computed_twice(place):
    made = refine(place)
    store = ArtifactStore(place[0])
    sizes = [
        store.get(place[1], "selection", one).summary["n_selected"] for one in made.summary["selections"]
    ]
    assert sizes == [5, 10, 14]
    shorter = refine(place, recorder := Recorder(), rounds=2, budget=10)
    assert recorder.stages == []
    assert shorter.summary["rounds"] == made.summary["rounds"][:2]


def test_the_same_seed_repeats_and_another_differs(place, base, tmp_path):
    one = final(place, refine(place))
    other_workspace = tmp_path / "again"
    shutil.copytree(base[0], other_workspace, ignore=LEFT_OUT)
    again = (other_workspace, *place[1:])
    assert final(again, refine(again)) == one
    assert final(place, refine(place, seed=7)) != one


TRAINING = {
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "save_steps": 1,
    "max_length": 64,
}
STOPS = [("select", 1), ("generate", 3), ("score", 1), ("score", 3), ("update", 2)]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_run_stopped_in_any_stage_goes_on_to_the_same_selection(place, base, tmp_path, monkeypatch, number):
    monkeypatch.setattr("tamis.steps.refine.chunks.CHUNK_ROWS", 2)
    expected = final(place, refine(place))
    for stage, nth in STOPS:
        workspace = tmp_path / f"{stage}{nth}"
        shutil.copytree(base[0], workspace, ignore=LEFT_OUT)
        other = (workspace, *place[1:])
        with pytest.raises(JobCancelled):
            refine(other, StopAt(f"round {number}/3: {stage}", nth))
        assert len(ArtifactStore(workspace).list(place[1], "refinement_round")) == number - 1
        assert final(other, refine(other)) == expected


def test_continuing_gives_what_a_longer_run_would_have_given(place, base, tmp_path):
    whole = refine(place, rounds=3, budget=15)
    workspace = tmp_path / "continued"
    shutil.copytree(base[0], workspace, ignore=LEFT_OUT)
    other = (workspace, *place[1:])
    first = refine(other, rounds=2, budget=10)
    more = refine(other, rounds=1, budget=5, continue_from=first.id)
    assert more.summary["rounds"] == whole.summary["rounds"]
    assert more.summary["n_rounds"] == 3
    assert read_weights(more).to_pandas().equals(read_weights(whole).to_pandas())
    assert final(other, more) == final(place, whole)


def test_another_clustering_cannot_continue(place):
    first = refine(place, rounds=1, budget=5)
    run_step(place[0], place[1], "cluster", {"method_options": {"n_clusters": 3}})
    with pytest.raises(InvalidOptions, match=first.manifest.inputs["clustering"]):
        refine(place, rounds=1, budget=5, continue_from=first.id)


def test_an_excluded_cluster_gets_nothing_and_a_pinned_one_keeps_its_weight(place):
    made = refine(place, cluster_factors={"0": "excluded", "1": "pinned", "2": 3})
    weights = read_weights(made).to_pandas()
    excluded, pinned = (weights[weights["cluster_id"] == cluster] for cluster in (0, 1))
    assert excluded["weight"].tolist() == [0] * 4
    assert excluded["budget"].tolist() == [0] * 4
    assert pinned["weight"].to_numpy() == pytest.approx(pinned["weight"].iloc[0])
    assert weights[weights["round"] == 3]["factor"].tolist() == ["excluded", "pinned", "3", "", ""]
    again = refine(place, rounds=1, budget=5, continue_from=made.id)
    last = read_weights(again).to_pandas().query("round == 4 and cluster_id == 0")
    assert last["weight"].iloc[0] > 0
    with pytest.raises(InvalidOptions, match="cluster 9"):
        refine(place, cluster_factors={"9": "pinned"})


def decided(place, verdicts, *, prompt="New question") -> str:
    """Frozen decisions as the review leaves them: a text replaces the answer, none drops the row."""
    frozen = [
        FrozenDecision(
            row,
            "replace" if text else "drop",
            ({"role": "user", "content": prompt}, {"role": "assistant", "content": text}) if text else None,
        )
        for row, text in verdicts.items()
    ]
    return store_decisions(ArtifactStore(place[0]), place[1], frozen).id


def test_the_next_round_respects_decisions(place):
    first = refine(place, rounds=1, budget=6)
    picked = read_picks(first)["example_id"].to_pylist()
    outside = next(row for row in range(N_ROWS) if row not in picked)
    pointer = decided(place, {picked[0]: "", outside: "", picked[1]: "A better answer."})
    more = refine(place, rounds=1, budget=4, continue_from=first.id, decisions=pointer, score_rows="all")
    selected = final(place, more)
    assert len(selected) == 10
    assert not {picked[0], outside} & set(selected)
    last = rounds_of(ArtifactStore(place[0]), more)[-1]
    assert last.summary["n_new"] == 5
    assert last.summary["n_refilled"] == 1
    assert sorted(read_row_scores(last)["example_id"].to_pylist()) == sorted(selected)
    before = {
        row["example_id"]: row["gold"]
        for row in read_row_scores(rounds_of(ArtifactStore(place[0]), first)[0]).to_pylist()
    }
    after = {row["example_id"]: row["gold"] for row in read_row_scores(last).to_pylist()}
    assert after[picked[1]] != pytest.approx(before[picked[1]])
    assert after[picked[2]] == pytest.approx(before[picked[2]], abs=1e-4)


def test_a_budget_above_the_pool_is_a_shortfall_that_is_told(place):
    store = ArtifactStore(place[0])
    within = freeze_rows(store, place[1], np.arange(7), "seven").id
    made = refine(place, budget=12, within=within)
    assert sorted(final(place, made)) == list(range(7))
    assert made.summary["shortfall"] == 5
    assert "no row was left" in made.summary["notes"][-1]
    selection = store.get(place[1], "selection", made.summary["selection"])
    assert selection.summary["shortfall"] == 5


@pytest.mark.parametrize("control", ["random", "km_random", "kmq"])
def test_controls_pick_as_many_rows_and_ask_nothing(place, control):
    made = refine(place, recorder := Recorder(), control=control, quality="none", model="/nowhere/at/all")
    assert made.summary["n_selected"] == 14
    assert made.summary["n_scored"] == 0
    assert all(stage.split()[-1] in ("select", "update") for stage in recorder.stages)
    picks, labels = (
        read_picks(made),
        read_cluster_ids(ArtifactStore(place[0]).list(place[1], "clustering")[0]),
    )
    assert picks["cluster_id"].to_pylist() == labels[picks["example_id"].to_numpy()].tolist()
    budget = read_weights(made).to_pandas().groupby("cluster_id")["budget"].sum()
    assert budget.tolist() == np.bincount(picks["cluster_id"].to_numpy(), minlength=5).tolist()


def test_rows_that_the_model_was_trained_on_are_told(place):
    """Its answers to them are not what it would write to new ones, so neither are the gaps."""
    workspace, dataset_id, shared = place
    store = ArtifactStore(workspace)
    values = {
        "model": shared["model"], "within": freeze_rows(store, dataset_id, np.arange(4), "a test").id, "held_out_fraction": 0,
        "n_generate": 0, "recipe_options": {"max_steps": 1, "bf16": "off", "use_cpu": True},
    }  # fmt: skip
    plan = plan_step(store, dataset_id, "finetune", values)
    options = plan.options.model_dump(mode="json")
    task = Task(dataset_id, "finetune", options, plan.inputs, plan.input_kinds, plan.artifact_id)
    trained = execute(store, task, Silent())
    made = refine(place, rounds=1, model=f"adapter:{trained.id}")
    told = f"4 of {N_ROWS} rows are those that the model was trained on, or like them"
    assert any(note.startswith(told) for note in made.summary["notes"])
    notes = refine(place, rounds=1).summary["notes"]
    assert not any("the model was trained on" in note for note in notes)
    assert any(note.startswith(f"It cannot be told what the folder {shared['model']}") for note in notes)


def test_quality_that_is_not_there_is_said_and_static_kmq_is_refused_without(place):
    made = refine(place, control="random")
    assert made.summary["quality"] == "none"
    store = ArtifactStore(place[0])
    for scores in store.list(place[1], "scores"):
        shutil.rmtree(scores.path)
    with pytest.raises(ArtifactMissing, match="scorer 'alignment'"):
        refine(place, control="kmq")
    made = refine(place, rounds=1)
    assert made.summary["quality"] == "none"
    assert "There is no score 'alignment'" in made.summary["notes"][0]


def test_shuffled_scores_are_the_same_numbers_elsewhere(place):
    plain, control = (
        rounds_of(ArtifactStore(place[0]), refine(place, control=control))[0]
        for control in ("none", "shuffled_scores")
    )
    mine, theirs = (read_round_clusters(one)["score"].to_numpy() for one in (plain, control))
    assert sorted(mine[np.isfinite(mine)]) == pytest.approx(sorted(theirs[np.isfinite(theirs)]))
    assert mine.tolist() != theirs.tolist()


def test_a_round_in_which_nothing_can_be_scored_keeps_the_weights_and_says_so(place):
    # No prompt can help an answer where the prompt is blank.
    blank = decided(place, dict.fromkeys(range(N_ROWS), "An answer."), prompt=" ")
    made = refine(place, rounds=1, decisions=blank)
    weights = read_weights(made).to_pandas()
    assert weights[weights["round"] == 1]["weight"].tolist() == pytest.approx(
        weights[weights["round"] == 0]["weight"].tolist()
    )
    assert made.summary["n_not_scored"] == 14
    assert "no row could be scored" in made.summary["notes"][-1]


def test_a_judge_rates_both_answers(place):
    values = {
        "scorer": "llm_judge",
        "scorer_options": {},
        "judge": "scripted",
        "judge_options": {"answers": ["4"]},
    }
    made = refine(place, **values, rounds=1)
    assert made.summary["n_scored"] == 14
    scores = read_row_scores(rounds_of(ArtifactStore(place[0]), made)[0])
    assert np.nanmin(scores["gold"].to_numpy()) >= 1


def test_a_limit_of_answers_is_kept_and_all_rows_can_be_scored_again(place):
    made = refine(place, generate_rows=3, score_rows="all")
    assert [one.summary["n_answered"] for one in rounds_of(ArtifactStore(place[0]), made)] == [3, 3, 3]
    made = refine(place, score_rows="all")
    assert [one.summary["n_answered"] for one in rounds_of(ArtifactStore(place[0]), made)] == [5, 10, 14]


@pytest.mark.parametrize("mode", ["paper", "released"])
@pytest.mark.parametrize("scorer", ["pmi", "perplexity"])
def test_other_modes_and_scores_give_weights_too(place, mode, scorer):
    made = refine(place, mode=mode, scorer=scorer, first_round="uniform", rounds=2)
    weights = read_weights(made).to_pandas()
    assert weights.groupby("round")["weight"].sum().to_numpy() == pytest.approx(1)
    assert (weights["weight"] >= 0).all()
    assert made.summary["n_scored"] > 0
    for one in rounds_of(ArtifactStore(place[0]), made):
        table = read_round_clusters(one)
        drawn = table["shrunken"].to_numpy()
        signs = drawn[np.isfinite(drawn)] > 0
        said = " ".join(one.summary["notes"])
        # Eq. 6 is for positive scores: what it does to others is not left to be guessed.
        assert ("Eq. 6 of the paper leaves such" in said) == (
            mode == "paper" and len(set(signs.tolist())) == 2
        )
        before, after = (table[name].to_numpy() for name in ("weight_before", "weight_after"))
        still = np.abs(after / before - 1).max() < 0.01
        assert ("No weight moved by more than 1 %" in said) <= still


def test_perplexity_has_the_sign_of_equation_4(place):
    made = refine(place, scorer="perplexity", rounds=1)
    scores = read_row_scores(rounds_of(ArtifactStore(place[0]), made)[0])
    assert (scores["gold"].to_numpy() > 0).all()  # logarithm of a perplexity
    # The model's own likeliest answer surprises it less than the given one.
    assert np.nanmean(scores["gap"].to_numpy()) > 0


def test_confidence_reads_vectors_of_generated_answers(place):
    made = refine(place, scorer="confidence", scorer_options={}, encoder="hashing", rounds=1)
    assert made.summary["n_scored"] > 0


def test_rows_are_flagged_by_confidence_and_by_weight(place):
    run_step(
        place[0],
        place[1],
        "score",
        {
            "scorer": "confidence",
            "llm": "transformers",
            "llm_options": {"model": place[2]["model"], "dtype": "float32", "device": "cpu"},
        },
    )
    made = refine(place, flag_confidence=1.1, flag_weight_fraction=1.0, flag_below_own=False, tau=0.2)
    flags = read_flags(made).to_pandas()
    assert set(flags["reason"]) == {"low_confidence", "low_cluster_weight"}
    first = flags[(flags["round"] == 1) & (flags["reason"] == "low_confidence")]
    assert set(first["example_id"]) <= set(read_picks(made)["example_id"].to_pylist())
    assert (flags[flags["reason"] == "low_cluster_weight"]["value"] < 1).all()


def test_a_reward_model_compares_both_answers(place, tmp_path):
    reward = build_model(tmp_path / "reward", classifier=True, seed=3)
    made = refine(place, scorer="reward_model", scorer_options={"reward_model": str(reward)}, rounds=1)
    assert made.summary["n_scored"] == 14


def test_an_export_writes_the_texts_that_a_refinement_was_made_with(place, tmp_path):
    workspace, dataset_id, _ = place
    verdicts = dict.fromkeys(range(N_ROWS), "replace")
    made = refine(place, rounds=1, budget=6, decisions=decided(place, verdicts, prompt="Corrected question"))

    def written(**asked):
        request = ExportRequest(dataset_id=dataset_id, selection=made.summary["selection"], **asked)
        done = export(open_workspace(workspace), request, tmp_path / "out.jsonl")
        return done.path.read_text().count("Corrected question"), done.manifest.decisions

    assert written() == (6, made.manifest.inputs["decisions"])
    assert written(decisions="none") == (0, "")
    assert written(decisions="current")[0] == 0


def test_an_export_lists_the_rows_and_a_replay_says_that_it_takes_them_as_listed(place, tmp_path):
    made = refine(place, rounds=2, budget=6)
    request = ExportRequest(dataset_id=place[1], selection=made.summary["selection"])
    done = export(open_workspace(place[0]), request, tmp_path / "rows.jsonl")
    assert done.manifest.example_ids == sorted(final(place, made))
    assert {one.kind for one in done.manifest.artifacts} >= {"refinement_round", "selection", "clustering"}
    said: list[str] = []
    again = replay_manifest(done.manifest_path, tmp_path / "fresh", sources=[], out=None, say=said.append)
    assert again.identical, again.verdict
    assert any("trains models" in line for line in said)


def test_selections_with_other_seeds_are_one_method(place):
    made = [refine(place, rounds=1, budget=5, seed=seed) for seed in (1, 2)]
    selections = [
        ArtifactStore(place[0]).get(place[1], "selection", one.summary["selection"]) for one in made
    ]
    (group,) = group_by_method(selections)
    assert group.members == (0, 1)
    assert group.name == "refinement"


@pytest.mark.slow
def test_a_trained_run_keeps_its_adapters_and_goes_on_after_a_stop(place, base, tmp_path, monkeypatch):
    pytest.importorskip("trl")
    monkeypatch.setattr("tamis.steps.refine.chunks.CHUNK_ROWS", 2)
    values = {"train": True, "rounds": 2, "budget": 8, "scored_by": "guide", "recipe_options": TRAINING}
    made = refine(place, recorder := Recorder(), **values)
    assert [stage for stage in recorder.stages if "train" in stage] == [
        "round 1/2: train",
        "round 2/2: train",
    ]
    assert not made.summary["cheap"]
    for one in rounds_of(ArtifactStore(place[0]), made):
        assert (one.path / "adapter" / "adapter_config.json").exists()
        assert one.summary["training"]["n_steps"] > 0
        assert "loss" in read_curves(one)["name"].to_pylist()
        assert "num_train_epochs" not in one.manifest.options["settings"]["recipe_options"]
    round_models = known_round_models(ArtifactStore(place[0]))
    assert [(one.round, one.refinement, one.n_train) for one in round_models] == [
        (2, made.id, 8),
        (1, made.id, 4),
    ]
    expected = final(place, made)
    for stage, nth in (("train", 4), ("generate", 3), ("score", 3), ("update", 2)):
        workspace = tmp_path / stage
        shutil.copytree(base[0], workspace, ignore=LEFT_OUT)
        other = (workspace, *place[1:])
        with pytest.raises(JobCancelled):
            refine(other, StopAt(f"round 2/2: {stage}", nth), **values)
        assert final(other, refine(other, again := Recorder(), **values)) == expected
        assert "round 1/2: train" not in again.stages
