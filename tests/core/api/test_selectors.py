"""The selection methods on arrays pick what the step picks, and say what is wrong with an array."""

from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tamis
from tamis.errors import CurationError, InvalidOptions
from tamis.selectors import SELECTORS
from tamis.steps.embed.step import encode_like
from tamis.store.artifacts.readers import read_cluster_ids, read_scores, read_selection, read_token_counts
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.artifacts.targets import read_target
from tamis.store.artifacts.view import open_view
from tamis.store.rows.query import column_values
from tests.core.selectors.problems import problem_of
from tests.pages.page_workspace import (
    add_target,
    alpaca_file,
    import_file,
    run_pipeline,
    run_step,
    towards_target,
)

N_ROWS = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("arrays")
    workspace = folder / "workspace"
    dataset_id = import_file(workspace, alpaca_file(folder, N_ROWS))
    run_pipeline(workspace, dataset_id)
    return workspace, dataset_id


@pytest.fixture(scope="module")
def arrays(made: tuple[Path, str]) -> dict[str, np.ndarray]:
    """What a researcher would load: vectors, scores, tokens and a column."""
    store = ArtifactStore(made[0])
    embeddings = store.list(made[1], "embeddings")[0]
    asked = read_target(add_target(*made)).texts
    return {
        "embeddings": np.load(embeddings.file("vectors.npy")),
        "quality": read_scores(store.list(made[1], "scores")[0]),
        "tokens": np.asarray(read_token_counts(embeddings)),
        "clusters": read_cluster_ids(store.list(made[1], "clustering")[0]),
        "topics": column_values(open_view(store, made[1]), "meta:topic"),
        "targets": encode_like(
            made[0], embeddings.manifest.options, {"prompt": asked[0], "response": asked[1]}
        ),
    }


def groups_of(arrays: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    """Groups as the step has them: a column's values, or a number for each prompt, of which no two are alike here."""
    return {"stratified": arrays["topics"], "grape": np.arange(N_ROWS)}.get(name)


def method(name: str):  # noqa: ANN201 - any of them
    return getattr(tamis, name)


@pytest.mark.parametrize("seed", [42, 7])
@pytest.mark.parametrize("name", SELECTORS)
def test_every_method_picks_what_the_step_picks(made, arrays, name: str, seed: int) -> None:
    own = {"column": "meta:topic"} if name == "stratified" else {}
    stored = run_step(*made, "cluster", {"method_options": {"n_clusters": 5}, "seed": seed})
    values = {"method": name, "budget": 12, "seed": seed, "method_options": own, "clustering": stored.id}
    values |= towards_target(*made, name)
    wanted = read_selection(run_step(*made, "select", values))
    picked = method(name)(
        arrays["embeddings"], arrays["quality"], budget=12, seed=seed, n_clusters=5, groups=groups_of(arrays, name),
        targets=arrays["targets"],
    )  # fmt: skip
    assert picked.ids.tolist() == wanted["example_id"].to_pylist()
    assert picked.cluster_ids.tolist() == wanted["cluster_id"].to_pylist()
    assert np.allclose(picked.weights, wanted["weight"].to_numpy())


@pytest.mark.parametrize("name", [name for name in SELECTORS if SELECTORS[name].counts_tokens])
def test_tokens_are_counted_as_the_step_counts_them(made, arrays, name: str) -> None:
    own = {"column": "meta:topic"} if name == "stratified" else {}
    values = {"method": name, "budget": 150, "unit": "tokens", "method_options": own}
    values |= towards_target(*made, name)
    values["clustering"] = run_step(*made, "cluster", {"method_options": {"n_clusters": 4}}).id
    wanted = read_selection(run_step(*made, "select", values))
    picked = method(name)(
        arrays["embeddings"], arrays["quality"], budget=150, token_counts=arrays["tokens"], n_clusters=4,
        groups=groups_of(arrays, name), targets=arrays["targets"],
    )  # fmt: skip
    assert picked.ids.tolist() == wanted["example_id"].to_pylist()
    assert picked.unused_tokens == 150 - arrays["tokens"][picked.ids].sum()


@pytest.mark.parametrize("weighting", ["auto", "rank", "linear", "softmax"])
def test_odds_are_those_of_the_step(made, arrays, weighting: str) -> None:
    lengths = read_scores(run_step(*made, "score", {"scorer": "length"}))
    clustering = run_step(*made, "cluster", {"method_options": {"n_clusters": 4}})
    options = {"weighting": weighting}
    values = {"budget": 12, "quality": "length", "method_options": options, "clustering": clustering.id}
    wanted = read_selection(run_step(*made, "select", values))
    given = {"quality": lengths, "clusters": read_cluster_ids(clustering), "budget": 12}
    assert tamis.kmq(**given, non_negative=True, **options).ids.tolist() == wanted["example_id"].to_pylist()


@pytest.mark.parametrize("column", ["tokens", "score:alignment", "cluster", "source"])
def test_any_column_groups_rows_as_in_the_step(made, arrays, column: str) -> None:
    store = ArtifactStore(made[0])
    values = column_values(open_view(store, made[1]), column)
    groups = values.astype(float) if column in ("tokens", "score:alignment") else values
    options = {"column": column, "n_bins": 5}
    step = run_step(*made, "select", {"method": "stratified", "budget": 20, "method_options": options})
    picked = tamis.stratified(groups=groups, budget=20, n_bins=5)
    assert picked.ids.tolist() == read_selection(step)["example_id"].to_pylist()


def test_kmeans_makes_the_clusters_of_the_step(made, arrays) -> None:
    for n_clusters in (3, 0):
        step = run_step(*made, "cluster", {"method_options": {"n_clusters": n_clusters}})
        found = tamis.kmeans(arrays["embeddings"], n_clusters)
        assert found.cluster_ids.tolist() == read_cluster_ids(step).tolist()
        assert found.n_clusters == step.summary["n_clusters"] == len(found.sizes)
    assert found.notes["k_table"]
    with pytest.raises(InvalidOptions, match=r"n_cluster.* Known: .*n_clusters"):
        tamis.kmeans(arrays["embeddings"], n_cluster=3)


def test_clusters_can_be_those_of_kmeans_or_bare_ids(arrays) -> None:
    found = tamis.kmeans(arrays["embeddings"], 4)
    for name in ("kmq", "km_random", "semdedup", "km_closest"):
        mine = [
            method(name)(arrays["embeddings"], arrays["quality"], budget=9, clusters=given).ids.tolist()
            for given in (found, found.cluster_ids)
        ]
        assert len(mine[0]) == 9
        assert mine[0] == mine[1] or name == "km_closest"  # of bare ids the centres are the means


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(list(SELECTORS)),
    st.sampled_from([0.25, 1.0, 8.0]),
    st.sampled_from([np.float32, np.float64]),
)
def test_neither_the_length_nor_the_type_of_vectors_matters(name: str, factor: float, dtype: type) -> None:
    problem = problem_of()
    given = {"quality": problem.quality, "clusters": problem.cluster_id, "groups": problem.codes}
    given["targets"] = np.eye(16)[:2]
    plain = method(name)(problem.vectors, budget=12, **given)
    scaled = method(name)((problem.vectors * factor).astype(dtype), budget=12, **given)
    assert plain.ids.tolist() == scaled.ids.tolist()


@pytest.mark.parametrize("name", SELECTORS)
def test_masks_may_be_row_numbers(name: str) -> None:
    problem = problem_of()
    given = {
        "quality": problem.quality,
        "clusters": problem.cluster_id,
        "groups": problem.codes,
        "targets": {"one": np.eye(16)[:2], "other": np.eye(16)[2:3]},
        "shares": {"one": 2},
        "budget": 12,
    }
    mask = np.zeros(60, dtype=bool)
    mask[[3, 17]] = True
    one = method(name)(problem.vectors, pinned=mask, excluded=[5, 6], **given)
    other = method(name)(problem.vectors, pinned=[17, 3], excluded=np.array([6, 5]), **given)
    assert one.ids.tolist() == other.ids.tolist()
    assert {3, 17} <= set(one.ids.tolist())


def test_a_result_is_frozen_and_shows_itself() -> None:
    picked = tamis.random(n_rows=100, budget=12)
    assert len(picked) == len(picked.to_numpy()) == len(picked.to_pandas()) == 12
    with pytest.raises(AttributeError):
        picked.seed = 3
    with pytest.raises(ValueError, match="read-only"):
        picked.ids[0] = 1
    assert repr(picked).startswith("12 of 100 rows by random (seed 42)")
    assert "<table" in picked._repr_html_()
    assert picked.to_arrow().column_names == ["example_id", "cluster_id", "rank", "weight"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("kmq", {"quality": [1.0] * 9}, "give embeddings or clusters"),
        ("qdit", {"embeddings": np.eye(4)}, "cannot work without quality"),
        ("stratified", {"n_rows": 9}, "cannot work without groups"),
        ("random", {}, "n_rows"),
        ("top_quality", {"quality": [1.0] * 9, "n_rows": 8}, "quality 9, n_rows 8"),
        ("top_quality", {"quality": ["good"] * 9}, "quality must be numbers"),
        ("top_quality", {"quality": np.ones((3, 3))}, r"shape \(3, 3\)"),
        ("random", {"n_rows": 9, "pinned": [9]}, "row 9 for pinned: rows go from 0 to 8"),
        ("random", {"n_rows": 9, "pinned": [True] * 8}, r"shape \(8,\)"),
        ("random", {"n_rows": 9, "temperature": 2}, "temperature is not an option here"),
        ("kmq", {"embeddings": np.eye(9), "temperature": 0, "n_clusters": 2}, "temperature = 0"),
        ("kmq", {"clusters": np.ones(9)}, "whole number"),
        ("kmq", {"clusters": [0] * 3, "quality": [1, np.nan, -2], "weighting": "linear"}, "goes down to -2"),
        ("kmq_released", {"clusters": [0] * 9, "quality": [1.0] * 9, "token_counts": [1] * 9}, "token_counts"),
        ("random", {"n_rows": 9, "budget": 0}, "budget is 0"),
        ("target_round_robin", {"embeddings": np.eye(9)}, "cannot work without targets"),
        ("target_round_robin", {"targets": np.eye(9), "n_rows": 9}, "give embeddings of both"),
        ("target_round_robin", {"embeddings": np.eye(9), "targets": np.eye(4)}, "vectors of 9 numbers"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_do(name: str, arguments: dict, said: str) -> None:
    with pytest.raises(InvalidOptions, match=said):
        method(name)(**({"budget": 3} | arguments))


def test_vectors_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(CurationError, match="NaN"):
        tamis.kmeans(np.full((9, 2), np.nan), 2)


@pytest.mark.parametrize("name", SELECTORS)
def test_every_method_documents_its_options_and_its_source(name: str) -> None:
    said = inspect.getdoc(method(name)) or ""
    assert "METHODS.md" in said
    assert SELECTORS[name].summary in said
    signature = inspect.signature(method(name)).parameters
    for option in set(SELECTORS[name].options.model_fields) - {"column", "similarity", "labels"}:
        assert f"    {option}: " in said
        assert option in signature
    assert {"embeddings", "quality", "budget", "seed", "pinned", "excluded"} <= set(signature)


def test_near_duplicates_by_words_and_by_vectors() -> None:
    texts = ["How do I bake bread at home?", "Name a star.", "how do i bake BREAD at home", "Name a star!"]
    assert tamis.near_duplicates(texts=texts, method="exact").of.tolist() == [-1, -1, 0, 1]
    assert tamis.near_duplicates(texts=texts).ids.tolist() == [2, 3]
    by_vector = tamis.near_duplicates(np.array([[1, 0], [0, 1], [2, 0.01]]), threshold=0.9)
    assert (by_vector.of.tolist(), by_vector.kept.tolist()) == ([-1, -1, 0], [0, 1])
    assert by_vector.to_pandas()["of"].tolist() == [0]
    with pytest.raises(InvalidOptions, match="give texts"):
        tamis.near_duplicates(np.eye(2), method="minhash")
    for asked in (tamis.near_duplicates, tamis.kmeans, functools.partial(tamis.kmq, budget=2)):
        with pytest.raises(InvalidOptions, match=r"embeddings must be numbers.*texts="):
            asked(texts)
    with pytest.raises(InvalidOptions, match="alike in length"):
        tamis.kmeans([[1.0, 2.0], [1.0]])
    with pytest.raises(InvalidOptions, match="threshold is 4"):
        tamis.near_duplicates(np.eye(2), threshold=4)


def test_weights_of_a_refinement_are_there() -> None:
    after = tamis.update_weights([0.5, 0.5], [1.0, 0.0], [9, 9], mode="paper")
    assert after[0] > 0.99
    told = tamis.pooled_effects([tamis.RoundEvidence.of([1.0, 0.0], [0.1, 0.1], [9, 9])])
    assert tamis.tilted_weights([0.5, 0.5], told.effect)[0] > 0.5


def test_a_budget_is_a_whole_number() -> None:
    with pytest.raises(InvalidOptions, match=r"budget = 10\.7"):
        tamis.random(n_rows=50, budget=10.7)
    assert len(tamis.random(n_rows=50, budget=10.0).ids) == 10


def test_a_call_that_no_method_takes_says_so_in_its_words() -> None:
    vectors = np.eye(6)
    for call, said in (
        (lambda: tamis.kmq(vectors), "tamis.kmq needs a budget"),
        (lambda: tamis.kmq(vectors, budget="x"), "budget = 'x': give a whole number of rows or tokens"),
        (lambda: tamis.kmq(vectors, budget=2.5), "budget = 2.5: give a whole number"),
        (lambda: tamis.kmq(vectors, budget=float("nan")), "budget = nan"),
        (lambda: tamis.kmq(vectors, None, 3, budget=2), "embeddings and quality by place"),
        (lambda: tamis.kmq(vectors, budget=2, seed="x"), "seed = 'x'"),
        (lambda: tamis.kmq(vectors, budget=2, n_clusters="x"), "n_clusters = 'x'"),
        (lambda: tamis.random(budget=2, n_rows=6, pinned=["a"]), "pinned must be a mask or row numbers"),
        (lambda: tamis.random(budget=2, token_counts=[0.5] * 6), "token_counts of row 0 is 0.5"),
        (lambda: tamis.random(budget=2, costs=[1] * 6, token_counts=[1] * 6), "tokens or costs, not both"),
        (lambda: tamis.kmq_released(vectors, [1] * 6, budget=2, costs=[1] * 6), "leave costs out"),
    ):
        with pytest.raises(InvalidOptions, match=re.escape(said)):
            call()


def test_what_is_odd_about_quality_is_in_the_line() -> None:
    vectors = np.random.default_rng(1).normal(size=(40, 4))
    unscored = tamis.kmq(vectors, np.full(40, np.nan), budget=5, n_clusters=3)
    assert (unscored.n_unscored, "no row has a quality, so all count alike" in repr(unscored)) == (40, True)
    one = np.zeros(40)
    one[3] = 1
    forced = tamis.kmq(vectors, one, budget=5, n_clusters=3, non_negative=True)
    assert forced.n_forced >= 4
    assert f"{forced.n_forced} picked without a chance by quality" in repr(forced)
