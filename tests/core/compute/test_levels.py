"""Levels above clusters: nested, numbered by size, and named by what tells siblings apart, in any script."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.cluster.levels import FEWEST, merge_clusters, name_levels

TOPICS = {
    "cake flour oven": 0, "bread yeast oven": 1, "soup carrot pot": 2, "tomato soil garden": 3, "rose pruning garden": 4,
    "lawn mower garden": 5, "خبز فرن دقيق": 6, "رياضيات جبر معادلة": 7, "गणित समीकरण बीजगणित": 8, "रसोई मसाला दाल": 9,
    "烹饪 食谱 面条": 10, "代数 方程 数学": 11,
}  # fmt: skip


def _centroids(k: int, seed: int = 0) -> np.ndarray:
    """Three far groups of clusters."""
    rng = np.random.default_rng(seed)
    far = rng.standard_normal((3, 8)) * 10
    return (far[np.arange(k) % 3] + rng.standard_normal((k, 8))).astype(np.float32)


@pytest.mark.parametrize("k", [9, 12, 40, 200])
def test_levels_are_nested_and_numbered_by_size(k: int) -> None:
    sizes = np.random.default_rng(1).integers(1, 1000, k)
    levels = merge_clusters(_centroids(k), sizes)
    counts = [int(one.max()) + 1 for one in levels]
    assert counts == sorted({max(2, round(k**0.25)), max(2, round(k**0.5))})
    for one in levels:
        rows = np.bincount(one, weights=sizes)
        assert (np.diff(rows) <= 0).all()
    for coarse, fine in zip(levels[:-1], levels[1:], strict=True):
        for group in range(int(fine.max()) + 1):
            assert len(np.unique(coarse[fine == group])) == 1
    if counts[-1] == 3:
        assert all(len(np.unique(np.arange(k)[levels[-1] == group] % 3)) == 1 for group in range(3))


def test_few_clusters_have_no_level_above_them() -> None:
    assert merge_clusters(_centroids(FEWEST - 1), np.ones(FEWEST - 1, np.int64)) == []


def test_a_group_is_named_by_what_its_siblings_do_not_say() -> None:
    texts = [f"{words} everybody" for words in TOPICS for _ in range(4)]
    ids = np.repeat([*TOPICS.values()], 4)
    coarse = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    fine = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4])
    levels = name_levels([coarse, fine], texts, ids)
    for level in levels:
        for words in level.keywords:
            assert len(words) == 3
            assert "everybody" not in words
    assert "garden" in levels[1].keywords[1]
    assert {"خبز", "فرن", "دقيق", "رياضيات", "جبر", "معادلة"} >= set(levels[1].keywords[2])
    assert set("".join(levels[1].keywords[4])) <= set("烹饪食谱面条代数方程数学")


def test_siblings_that_say_the_same_have_no_keyword() -> None:
    ids = np.repeat(np.arange(4), 5)
    (level,) = name_levels([np.array([0, 0, 1, 1])], ["one and the same sentence"] * 20, ids)
    assert level.keywords == [[], []]
