from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import orjson
import pytest

from tamis.compute.cluster.keywords import cluster_keywords, keyword_names, medoids
from tamis.errors import CurationError

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
COOKING = ["boil the pasta with salt", "salt and pasta sauce", "the pasta needs garlic and salt"]
CODE = ["a python function returns", "python function arguments", "call the function in python"]
CHINESE = ["学习机器学习的方法", "机器学习很有趣", "深度机器学习"]


def test_keywords_are_what_sets_a_cluster_apart() -> None:
    words = cluster_keywords(COOKING + CODE, np.array([0] * 3 + [1] * 3), 2)
    assert set(words[0][:2]) == {"pasta", "salt"}
    assert set(words[1][:2]) == {"python", "function"}


def test_score_of_a_worked_example() -> None:
    # cluster 0: cat 2, dog 1; cluster 1: dog 2, emu 1; A = 3 terms per cluster
    # cat 2/3 log(1 + 3/2) > dog 1/3 log(1 + 3/3); dog 2/3 log 2 = emu 1/3 log 4: a tie, by alphabet
    words = cluster_keywords(["cat dog", "cat", "dog emu", "dog"], np.array([0, 0, 1, 1]), 2)
    assert words == [["cat", "dog"], ["dog", "emu"]]


def test_one_repetitive_text_does_not_name_its_cluster() -> None:
    texts = ["spam " * 200, "tea leaf", "tea pot", "tea cup"]
    assert cluster_keywords(texts, np.zeros(4, int), 1)[0][0] == "tea"


def test_keywords_of_a_language_without_spaces_are_words_that_do_not_overlap() -> None:
    words = cluster_keywords(CHINESE + COOKING, np.array([0] * 3 + [1] * 3), 2)[0]
    assert set(words[:2]) == {"机器", "学习"}
    pairs = [word[i : i + 2] for word in words for i in range(len(word) - 1)]
    assert len(pairs) == len(set(pairs))


def test_clusters_of_six_scripts_are_named_by_words() -> None:
    texts = [
        f"{row['instruction']}\n\n{row['output']}"
        for row in map(orjson.loads, (CASES / "48-scripts" / "in.jsonl").read_bytes().splitlines())
    ]
    names = keyword_names(cluster_keywords(texts, np.arange(len(texts)) % 6, 6))
    assert names == [
        "周期性, 太阳, 引力", "三月, 上旬, 下旬", "ตะไคร้, มะกรูด, ต้มยำ", "ابدأ, أتعلم, العزف", "bud, cut, late",
        "हिंदी, नमस्ते, अभिवादन",
    ]  # fmt: skip


def test_word_forms_are_listed_once() -> None:
    words = cluster_keywords(["cooking cook cooked art artery"] * 3, np.zeros(3, int), 1)[0]
    assert words == ["art", "cook", "artery"]


def test_empty_cluster_noise_and_empty_texts_have_no_keywords() -> None:
    words = cluster_keywords(["tea", "", "spam spam"], np.array([0, 2, -1]), 3)
    assert words == [["tea"], [], []]
    assert keyword_names(words) == ["tea", "Cluster 1", "Cluster 2"]


def test_default_name_is_the_first_three_keywords() -> None:
    assert keyword_names([["a", "b", "c", "d"], ["x"]]) == ["a, b, c", "x"]


def test_large_clusters_are_read_at_even_steps() -> None:
    texts = ["tea"] * 50 + ["rum"] * 50
    assert set(cluster_keywords(texts, np.zeros(100, int), 1, max_texts_per_cluster=10)[0]) == {"tea", "rum"}


def test_texts_and_ids_must_match() -> None:
    with pytest.raises(CurationError, match="2 texts and 3 cluster ids"):
        cluster_keywords(["a", "b"], np.zeros(3, int), 1)


def test_twenty_thousand_texts_take_seconds() -> None:
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"word{i}" for i in range(5000)])
    texts = [" ".join(row) for row in vocabulary[rng.zipf(1.3, size=(20_000, 150)) % 5000]]
    started = time.perf_counter()
    cluster_keywords(texts, rng.integers(0, 100, 20_000), 100)
    assert time.perf_counter() - started < 10


def test_medoids_are_the_rows_nearest_the_centre() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [1, 0.9], [0, 1], [0, 2], [5, 5]], dtype=np.float32)
    found = medoids(vectors, np.array([0, 0, 0, 2, 2, -1]), 3, top=2)
    assert found[0].tolist() == [1, 0]  # centre (3, 1) / sqrt 10
    assert found[1].tolist() == [-1, -1]
    assert found[2].tolist() == [3, 4]  # tied: the lower row first


def test_medoids_agree_with_a_search_by_hand() -> None:
    rng = np.random.default_rng(0)
    vectors, ids = rng.normal(size=(300, 5)).astype(np.float32), rng.integers(0, 7, 300)
    found = medoids(vectors, ids, 7, top=3)
    for j in range(7):
        rows = np.flatnonzero(ids == j)
        centre = vectors[rows].mean(axis=0)
        cosine = vectors[rows] @ centre / np.linalg.norm(vectors[rows], axis=1)
        assert found[j].tolist() == rows[np.argsort(-cosine)[:3]].tolist()


@pytest.mark.parametrize("n", [1, 5, 40])
def test_where_every_row_is_noise_there_are_no_medoids_and_no_keywords(n: int) -> None:
    noise = np.full(n, -1, dtype=np.int32)
    assert medoids(np.ones((n, 4), dtype=np.float32), noise, 0, top=3).shape == (0, 3)
    assert cluster_keywords(["tea"] * n, noise, 0) == []
