"""The propose step over scripted models: what names a result, what every row is proposed, what a stopped run keeps."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.compute.clear.clear import OUTCOMES
from tamis.errors import ArtifactMissing, CurationError, InvalidOptions, JobCancelled
from tamis.llms.scripted import ScriptedModel
from tamis.protocols import ChatPrompt, CutText
from tamis.registry import parse_options
from tamis.steps.execute import Task, execute
from tamis.steps.plan import plan_step
from tamis.steps.propose import chunks as propose_chunks
from tamis.steps.propose import step as propose
from tamis.steps.propose.chunks import Models, RowTexts, propose_for
from tamis.steps.propose.options import ProposeOptions
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.proposals import SCHEMA, read_proposals
from tamis.store.artifacts.store import ArtifactStore
from tests.core.store.small_workspace import DATASET, make_rows, write, write_dataset

N = 60


class Silent:
    def progress(self, *_args, **_kwargs) -> None: ...

    def metric(self, *_args) -> None: ...


class StopsAfter:
    """Cancels the job once so many rows have landed, as a person or a killed process would end it."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def progress(self, stage, done, total, message="") -> None:
        if stage == "ask" and done >= self.rows:
            raise JobCancelled("stopped by the test")

    def metric(self, *_args) -> None: ...


@pytest.fixture
def store(tmp_path):
    store = ArtifactStore(tmp_path / "ws")
    write_dataset(store, make_rows(N))
    write_scores(store, "confidence", np.linspace(0, 1, N))
    return store


def write_scores(store, name, values):
    table = pa.table({"score": pa.array(values, pa.float32())})
    return write(
        store,
        "scores",
        step="score",
        fill=lambda w: pq.write_table(table, w.path / "scores.parquet"),
        options={"scorer": name},
    )


def run(store, reporter=None, **values):
    plan = plan_step(store, DATASET, "propose", values)
    options = plan.options.model_dump(mode="json")
    task = Task(DATASET, "propose", options, plan.inputs, plan.input_kinds, plan.artifact_id)
    return execute(store, task, reporter or Silent())


def frozen(store, *ids):
    return freeze_rows(store, DATASET, np.array(ids), "test").id


def pending_ids(made):
    """Rows for which something other than keeping is proposed, ascending."""
    rows = read_proposals(made, ["example_id", "action"]).to_pylist()
    return np.array([row["example_id"] for row in rows if row["action"] != "keep"])


def digest(artifact):
    return hashlib.sha256(artifact.file("proposals.parquet").read_bytes()).hexdigest()


# ---- what names a result


def test_only_what_the_method_looks_at_names_its_result():
    def identity(**values):
        return parse_options(ProposeOptions, values).identity()

    assert identity() == identity(llm="scripted", eta=0.5, seed=7, judge_samples=9)
    assert identity() != identity(gamma_fraction=0.2)
    assert identity(gamma=0.3) == identity(gamma=0.3, gamma_fraction=0.2)
    assert identity(method="random") != identity(method="random", seed=7)
    assert identity(method="random") == identity(method="random", score="pmi")
    assert identity(method="correct") != identity(method="correct", eta=0.5)
    assert identity(method="oracle") == {"method": "oracle"}


def test_options_read_back_from_a_manifest_name_the_same_result(store):
    for values in ({"method": "filter", "gamma": 0.4}, {"method": "oracle", "oracle_rows": frozen(store, 3)}):
        made = run(store, **values)
        again = parse_options(ProposeOptions, made.manifest.options)
        assert again.identity() == made.manifest.options


def test_without_the_score_the_step_to_run_first_is_named(store):
    with pytest.raises(ArtifactMissing, match="tamis run score .*--scorer ifd"):
        run(store, score="ifd")


def test_the_oracle_without_rows_is_refused(store):
    with pytest.raises(InvalidOptions, match="give oracle_rows"):
        run(store, method="oracle")


# ---- filter and controls


HALF = {"gamma_fraction": 0.5}


def test_a_tenth_goes_until_a_person_says_otherwise(store):
    assert pending_ids(run(store)).tolist() == list(range(6))


def test_the_filter_keeps_the_half_above_the_median_and_says_why(store):
    made = run(store, **HALF)
    table = read_proposals(made)
    assert table.schema.equals(SCHEMA)
    assert table["example_id"].to_pylist() == list(range(N))
    assert table["action"].to_pylist() == ["drop"] * 30 + ["keep"] * 30
    assert pending_ids(made).tolist() == list(range(30))
    evidence = json.loads(table["evidence"][0].as_py())
    assert evidence["why"] == "The confidence 0 is not above the threshold 0.5."
    assert evidence["gamma"] == pytest.approx(0.5)
    assert made.summary["outcomes"] == {"passed": 30, "below_threshold": 30}
    assert (made.summary["n_keep"], made.summary["n_drop"], made.summary["n_replace"]) == (30, 30, 0)
    assert (made.summary["score"], made.summary["candidates_llm"]) == ("confidence", "")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("pmi", "likelihood ratio (PMI)"),
        ("deita", "DEITA"),
        ("defects", "defects"),
        ("stars_given", "stars given"),
    ],
)
def test_the_evidence_names_the_score_that_was_compared(store, name, word):
    write_scores(store, name, np.where(np.arange(N) == 3, np.nan, np.linspace(0, 1, N)))
    evidence = [json.loads(text) for text in read_proposals(run(store, score=name))["evidence"].to_pylist()]
    assert evidence[0]["why"].startswith(f"The {word} 0 is not above the threshold ")
    assert evidence[N - 1]["why"].startswith(f"The {word} 1 is above the threshold ")
    assert evidence[3]["why"] == f"The row has no {word}, so nothing speaks against it."
    assert not any("confidence" in one["why"] for one in evidence)


def test_the_threshold_is_that_of_the_rows_considered(store):
    made = run(store, within=frozen(store, 1, 2, 3, 50), **HALF)
    assert read_proposals(made, ["example_id"])["example_id"].to_pylist() == [1, 2, 3, 50]
    assert pending_ids(made).tolist() == [1, 2]


def test_any_score_can_filter_and_scores_that_are_all_unknown_drop_nothing(store):
    write_scores(store, "ifd", np.full(N, np.nan))
    made = run(store, score="ifd")
    assert made.summary["outcomes"] == {"not_scored": N}
    assert made.summary["gamma"] is None
    assert len(pending_ids(made)) == 0
    by_length = run(store, score="length", **HALF)
    assert by_length.summary["score"] == "length"
    assert (
        by_length.summary["n_at_gamma"] == 12
    )  # lengths are 0 to 4: a fifth lies at the median, and does not pass
    assert by_length.summary["n_keep"] == 24


def test_the_random_control_keeps_as_many_as_the_filter(store):
    assert run(store, method="random", seed=1).summary["n_keep"] == run(store).summary["n_keep"]
    high = {"gamma": 0.9}
    assert run(store, method="random", **high).summary["n_keep"] == run(store, **high).summary["n_keep"] == 6
    first, second = (pending_ids(run(store, method="random", seed=seed)).tolist() for seed in (1, 2))
    assert first != second


def test_the_oracle_drops_exactly_the_rows_named(store):
    made = run(store, method="oracle", oracle_rows=frozen(store, 4, 9))
    assert pending_ids(made).tolist() == [4, 9]
    assert made.summary["outcomes"] == {"oracle_control": N}


# ---- correct

CORRECT = {
    "method": "correct",
    "llm": "scripted",
    "llm_options": {"answers": ["salt", "", "a better answer"]},
    "judge": "scripted",
}


def test_every_row_is_proposed_something_and_counted_once(store):
    made = run(store, **CORRECT)
    table = read_proposals(made)
    assert table.num_rows == N
    assert sum(made.summary["outcomes"].values()) == N
    assert set(made.summary["outcomes"]) <= set(OUTCOMES)
    assert made.summary["outcomes"]["no_candidate"] > 0
    assert made.summary["candidates_questions"] > 0
    assert made.summary["judge_questions"] > 0
    rows = table.to_pylist()
    for row in rows:
        assert (row["action"] == "replace") == (row["outcome"] == "corrected")
        if row["action"] == "replace":
            assert row["verdict_confidence"] > 0.8
            assert row["candidate"]
        if row["verdict_confidence"] == row["verdict_confidence"]:
            assert len(json.loads(row["evidence"])["verdicts"]) == 2


def test_a_stopped_run_goes_on_from_its_parts_and_ends_alike(store, tmp_path, monkeypatch):
    monkeypatch.setattr(propose, "CHUNK_ROWS", 8)
    with pytest.raises(JobCancelled):
        run(store, StopsAfter(24), **CORRECT)
    assert store.list(DATASET, "proposals") == []
    asked = []
    monkeypatch.setattr(
        propose_chunks,
        "read_row_texts",
        lambda path, ids, read=propose_chunks.read_row_texts: asked.append(ids) or read(path, ids),
    )
    resumed = run(store, **CORRECT)
    assert np.concatenate(asked).min() == 24
    other = ArtifactStore(tmp_path / "other")
    write_dataset(other, make_rows(N))
    write_scores(other, "confidence", np.linspace(0, 1, N))
    whole = run(other, **CORRECT)
    assert resumed.id == whole.id
    assert digest(resumed) == digest(whole)
    drop = ("candidates_reused", "judge_reused", "candidates_questions", "judge_questions")
    assert {k: v for k, v in resumed.summary.items() if k not in drop} == {
        k: v for k, v in whole.summary.items() if k not in drop
    }


def test_another_eta_asks_no_model_again(store):
    run(store, **CORRECT)
    second = run(store, **CORRECT, eta=0.5).summary
    # A blank answer is no answer worth keeping: those prompts alone are put again.
    assert second["candidates_questions"] == second["outcomes"]["no_candidate"]
    assert second["judge_questions"] == 0
    assert second["judge_reused"] > 0


def test_rows_are_read_by_id_from_whatever_group_holds_them(store):
    ids = np.array([0, 15, 16, 47, 59])
    found = propose_chunks.read_row_texts(store.examples(DATASET).file("examples.parquet"), ids)
    rows = make_rows(N)
    assert found.example_ids == ids.tolist()
    assert found.prompts == [rows.prompts[i] for i in ids]
    assert found.responses == [rows.responses[i] for i in ids]


# ---- one chunk, every way a row can go


class Failing(ScriptedModel):
    """Cannot be asked about prompts that hold ``long``."""

    def complete(self, prompts, **settings):
        from dataclasses import replace

        found = super().complete(prompts, **settings)
        failed = sum("long" in prompt for prompt in prompts)
        self.usage = replace(self.usage, not_answered=self.usage.not_answered + failed)
        return [[""] if "long" in prompt else one for prompt, one in zip(prompts, found, strict=True)]


def test_every_way_a_row_can_go_is_told_apart():
    answers = {"same": " RED. ", "blank": "", "better": "a wall", "long": "x"}
    writer = Failing(completes=lambda prompt, k: answers[prompt.split()[0]])
    judge = ScriptedModel(chooses=lambda asked, letters: [0.9, 0.05, 0.05])
    prompts = ["same q", "blank q", "better q", "long q", "  "]
    rows = RowTexts([3, 4, 5, 6, 7], prompts, ["red", "red", "red", "red", "[[A]]"])
    options = parse_options(ProposeOptions, {"method": "correct", "llm": "scripted", "judge": "scripted"})
    table, spent = propose_for(rows, Models(writer, judge), options)
    assert table["found"].to_pylist() == [
        "identical",
        "no_candidate",
        "order_disagreement",
        "not_answered",
        "no_candidate",
    ]
    assert table["candidate"].to_pylist() == ["RED.", None, "a wall", None, None]
    assert spent["judge"].calls == len(judge.asked) == 2  # only what differs is judged
    marked = [json.loads(text)["contains_template"] for text in table["evidence"].to_pylist()]
    assert marked == [False, False, False, False, True]


def test_a_cut_candidate_is_not_judged_and_stays_for_a_person():
    answers = {
        "cut": CutText(" a wall of "),
        "thought": CutText(""),
        "alike": CutText("RED"),
        "whole": "a wall",
    }
    writer = Failing(completes=lambda prompt, k: answers.get(prompt.split()[0], "x"))
    judge = ScriptedModel(chooses=lambda asked, letters: [0.9, 0.05, 0.05])
    rows = RowTexts([0, 1, 2, 3, 4], ["cut q", "thought q", "alike q", "whole q", "long q"], ["red"] * 5)
    options = parse_options(ProposeOptions, {"method": "correct", "llm": "scripted", "judge": "scripted"})
    table, _ = propose_for(rows, Models(writer, judge), options)
    assert table["found"].to_pylist() == [*["candidate_cut"] * 3, "order_disagreement", "not_answered"]
    assert table["candidate"].to_pylist() == ["a wall of", None, "RED", "a wall", None]
    assert len(judge.asked) == 2
    assert writer.asked.count("thought q") == 1  # it was answered, so it is not put again to find out


def test_cut_candidates_are_left_to_the_filter_and_counted(store, monkeypatch):
    writer = ScriptedModel(completes=lambda prompt, k: CutText("better, but"))
    judge = ScriptedModel(chooses=lambda asked, letters: [1, 1, 1])
    monkeypatch.setattr(propose_chunks, "open_models", lambda *_args: Models(writer, judge))
    made = run(store, **CORRECT | HALF | {"max_new_tokens": 7})
    assert judge.asked == []
    assert made.summary["outcomes"] == {"candidate_cut": N}
    assert made.summary["n_candidates_cut"] == N
    rows = read_proposals(made).to_pylist()
    assert [row["action"] for row in rows] == ["drop"] * 30 + ["keep"] * 30
    assert {row["candidate"] for row in rows} == {"better, but"}
    why = json.loads(rows[0]["evidence"])["why"]
    assert why.startswith("The candidate was cut at 7 tokens: raise max_new_tokens. The filter decides:")


def test_an_endpoint_that_is_down_ends_the_run_and_proposes_nothing(store):
    pytest.importorskip("openai")
    endpoint = {"base_url": "http://127.0.0.1:9/v1", "max_retries": 0}
    with pytest.raises(CurationError, match="cannot be reached"):
        run(store, method="correct", llm="openai", llm_options=endpoint, judge="scripted")
    assert store.list(DATASET, "proposals") == []


def test_the_writer_gets_conversations_and_the_judge_reads_them_as_text(store):
    turns = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Ho"), ("user", "Salt?")]
    messages = json.dumps([{"role": r, "content": t} for r, t in [*turns, ("assistant", "No")]])
    file = store.examples(DATASET).file("examples.parquet")
    table = pq.read_table(file)
    held = table["messages"].to_pylist()
    held[3] = messages
    prompts = table["prompt"].to_pylist()
    prompts[3] = "\n\n".join(f"{role}: {text}" for role, text in turns)
    for name, values in (("messages", held), ("prompt", prompts)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    file.chmod(0o644)
    pq.write_table(table, file, row_group_size=16)
    rows = propose_chunks.read_row_texts(file, np.array([2, 3]))
    writer = ScriptedModel(completes=lambda prompt, k: "an answer")
    judge = ScriptedModel(chooses=lambda asked, letters: [1, 1, 1])
    options = parse_options(ProposeOptions, {"method": "correct", "llm": "scripted", "judge": "scripted"})
    propose_for(rows, Models(writer, judge), options)
    assert writer.asked == prompts[2:4]
    assert [type(asked) for asked in writer.asked] == [str, ChatPrompt]
    assert writer.asked[1].turns == tuple(turns)
    assert any("assistant: Ho" in asked for asked in judge.asked)
    assert {type(asked) for asked in judge.asked} == {str}


def test_one_model_in_both_roles_is_opened_once(tmp_path):
    options = parse_options(ProposeOptions, {"method": "correct", "llm": "scripted", "judge": "scripted"})
    models = propose_chunks.open_models(options, tmp_path)
    assert models.writer is models.judge
    two = options.model_copy(update={"judge_options": {"answers": ["x"]}})
    assert propose_chunks.open_models(two, tmp_path).writer is not models.judge


def test_a_local_judge_reads_what_fits_its_window():
    def characters(**values):
        return parse_options(ProposeOptions, {"method": "correct"} | values).judged_characters()

    assert characters() == (768 - 260) * 3
    assert characters(judge="scripted") == 24_000
    assert characters(judge_characters=500) == 500


def test_a_tiny_model_writes_and_judges(store, tmp_path):
    from tests.core.llms.conftest import build_model

    folder = build_model(tmp_path / "tiny")
    # A random model hardly ever ends by itself: here every eighth token is an end.
    config = folder / "generation_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"eos_token_id": list(range(1, 258, 8))}))
    tiny = {"model": str(folder), "dtype": "float32", "device": "cpu"}
    made = run(
        store,
        method="correct",
        llm="transformers",
        llm_options=tiny,
        judge="transformers",
        judge_options=tiny,
        max_new_tokens=150,
        temperature=1.0,
        within=frozen(store, 2, 3, 5),
    )
    assert made.summary["n_rows"] == 3
    assert made.summary["candidates_llm_identity"].startswith("transformers:2:")
    assert made.summary["judge_questions"] == 6
