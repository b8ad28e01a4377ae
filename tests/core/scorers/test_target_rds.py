"""RDS+ on a tiny random model, beside a plain loop over one text at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.compute.target.vectors import fit_whitening
from tamis.registry import parse_options
from tamis.scorers import ScorerInput, TargetInput
from tamis.scorers.options import TargetRdsOptions
from tamis.steps.score import step
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.targets import read_target
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import small_dataset
from tests.pages.page_workspace import add_target, run_step

torch = pytest.importorskip("torch")

PROMPTS = ["What is a quay?", "", "Say it twice, please, and slowly", "<|stop|>"]
RESPONSES = ["A wall of stone by the water.", "text", "It. It.", "ß"]


@pytest.fixture(scope="module", params=[True, False], ids=["own template", "Tulu form"])
def folder(request, tmp_path_factory):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield build_model(tmp_path_factory.mktemp("rds") / "tiny", chat=request.param)
    torch.set_num_threads(before)


def scorer(**options):
    from tamis.scorers.target_rds import TargetRdsScorer

    values = {"model": "tiny", "dtype": "float32", "device": "cpu", "batch_tokens": 200} | options
    return TargetRdsScorer(parse_options(TargetRdsOptions, values))


def reading(folder, kept=None, **more):
    turns = [
        [{"role": "user", "content": "Where do ships lie?"}],
        [{"role": "user", "content": "Name a wall."}],
    ]
    target = TargetInput(
        ["Where do ships lie?", "Name a wall."], ["", ""], turns, None, lambda name: folder, kept
    )
    return ScorerInput(prompts=PROMPTS, responses=RESPONSES, target=target, **more)


def plain_vector(folder, ids):
    """One text alone, without padding, position by position."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    with torch.no_grad():
        states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
    total, weight = np.zeros(states.shape[1]), 0
    for i, state in enumerate(states.numpy(), start=1):
        total, weight = total + i * state.astype(np.float64), weight + i
    return total / weight / np.linalg.norm(total / weight)


def test_vectors_are_those_of_a_plain_loop_whatever_stands_beside_them(folder):
    rows = reading(folder)
    asked = scorer()
    found = asked.score(rows)
    model = asked._opened(rows.target)
    turns = [
        [{"role": "user", "content": p}, {"role": "assistant", "content": r}]
        for p, r in zip(PROMPTS, RESPONSES, strict=True)
    ]
    ids = [model.tokens(one) for one in turns]
    assert found["tokens"].tolist() == [len(one) for one in ids]
    wanted = np.array([plain_vector(folder, one) for one in ids])
    np.testing.assert_allclose(found["vectors"], wanted, atol=1e-5)
    examples = np.array([plain_vector(folder, model.tokens(one)) for one in rows.target.conversations])
    np.testing.assert_allclose(found["similarities"], wanted @ examples.T, atol=1e-5)
    np.testing.assert_allclose(found["score"], (wanted @ examples.T).max(axis=1), atol=1e-5)


def test_marks_that_people_wrote_are_text_and_the_end_is_read(folder):
    model = scorer()._opened(reading(folder).target)
    whole = model.tokens([{"role": "user", "content": "<|stop|>"}, {"role": "assistant", "content": "b"}])
    text = model._chat._tokenizer.decode(whole)
    assert whole.count(1) == text.count("<|stop|>") - 1  # that of the row is spelled out
    assert 1 in whole
    if "<|assistant|>" in text:  # Tulu's form
        assert text == "<|user|>\n<|stop|>\n<|assistant|>\nb<|stop|>"


def test_a_long_text_is_cut_on_the_right_and_counted(folder):
    found = scorer(max_tokens=16).score(reading(folder))
    assert found["tokens"].max() == 16
    assert found["cut"].tolist() == (scorer().score(reading(folder))["tokens"] > 16).astype(float).tolist()
    whole = scorer()._opened(reading(folder).target)
    turns = [{"role": "user", "content": PROMPTS[0]}, {"role": "assistant", "content": RESPONSES[0]}]
    np.testing.assert_allclose(found["vectors"][0], plain_vector(folder, whole.tokens(turns)[:16]), atol=1e-5)


def test_what_is_kept_is_not_computed_again(folder):
    asked: list[int] = []
    known: dict[tuple[str, str], np.ndarray] = {}

    def kept(identity, width, texts, encode):
        missing = [one for one in dict.fromkeys(texts) if (identity, one) not in known]
        asked.append(len(missing))
        for text, vector in zip(missing, encode(missing) if missing else [], strict=True):
            known[identity, text] = vector
        return np.array([known[identity, one] for one in texts])

    first = scorer().score(reading(folder, kept))
    again = scorer().score(reading(folder, kept))
    assert asked == [2, 4, 0, 0]
    np.testing.assert_array_equal(first["vectors"], again["vectors"])


def test_rows_without_a_text_model_can_read_have_no_vector(folder):
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    turns = [picture, [], [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], []]
    found = scorer().score(reading(folder, conversations=turns))
    assert np.isnan(found["score"]).tolist() == [True, True, False, True]
    assert found["tokens"][:2].tolist() == [0, 0]


def test_the_step_keeps_vectors_and_measures_coverage(folder, tmp_path):
    store, dataset_id = small_dataset(tmp_path)
    target = add_target(store.workspace, dataset_id)
    options = {"model": str(folder), "dtype": "float32", "device": "cpu"}
    made = run_step(
        store.workspace,
        dataset_id,
        "score",
        {"scorer": "target_rds", "target": target.id, "scorer_options": options},
    )
    assert made.summary["n_not_scored"] == 0
    assert made.summary["targets"][0]["coverage_fraction"] is not None
    assert list((store.workspace / "cache" / "vectors").rglob("*.segment"))


def test_whitened_vectors_are_those_of_all_rows_whatever_the_parts(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(step, "LLM_CHUNK_ROWS", 7)
    store, dataset_id = small_dataset(tmp_path)
    target = add_target(store.workspace, dataset_id)
    options = {"model": str(folder), "dtype": "float32", "device": "cpu", "whiten": True, "n_axes": 5}
    asked = {"scorer": "target_rds", "target": target.id, "scorer_options": options}
    made = run_step(store.workspace, dataset_id, "score", asked)
    assert made.summary["few_rows_to_whiten"] is True
    examples = read_examples(store.examples(dataset_id), ["prompt", "response"])
    prompts, responses = (examples[name].to_pylist() for name in ("prompt", "response"))
    given = replace(reading(folder), prompts=prompts, responses=responses)
    plain = scorer()
    pool = plain.score(given)["vectors"]
    assert len(pool) == made.summary["n_scored"] > 7
    similarities = np.load(made.file("similarities.npy"))
    whitening = fit_whitening(pool, n_axes=5)
    steering = [one.turns() for one in read_target(target).examples]
    own = plain._opened(given.target).vectors(steering, given.target)[0]
    assert similarities == pytest.approx(whitening.apply(pool) @ whitening.apply(own).T, abs=1e-3)
    best = pq.read_table(made.file("scores.parquet"))["score"].to_numpy()
    assert best == pytest.approx(similarities.max(axis=1), abs=1e-6)
