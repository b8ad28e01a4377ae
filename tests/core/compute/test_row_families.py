"""Rows that belong together stay together, whichever way they are linked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from tamis.compute.text import row_families
from tamis.compute.text.near_groups import near_groups
from tamis.compute.text.row_families import draw_whole_groups, in_groups_of, link_rows, rows_that_fit

LONG = "explain in three sentences why the sky is blue in the morning and red in the evening near the sea"


def _links(prompts, families=None):
    return link_rows(prompts, families or [()] * len(prompts), np.random.default_rng(0))


def test_equal_and_nearly_equal_prompts_and_families_are_linked_and_chains_of_links_joined():
    prompts = ["Hello there!", "hello  THERE", LONG, f"{LONG} side", "", "", "a", "b", "c"]
    families = [(), (), (), (), (), (), ("x",), ("x", "y"), ("y",)]
    links = _links(prompts, families)
    assert links.equal.tolist() == [[1, 0]]
    assert links.near.tolist() == [[3, 2]]
    assert links.family.tolist() == [[7, 6], [8, 7]]
    groups = links.groups()
    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert groups[6] == groups[7] == groups[8]
    assert len(set(groups.tolist())) == 5  # blank prompts are like none
    apart = links.groups(near=False)
    assert apart[2] != apart[3]
    assert in_groups_of(groups, np.arange(9) == 8).tolist() == [False] * 6 + [True] * 3


def variants(family: int, changed: list[int]) -> list[str]:
    """A prompt of 40 words with so many of them changed, each in a place and a way of its own."""
    words = [f"w{family}_{i}" for i in range(40)]
    return [
        " ".join(f"x{family}_{i}" if i % 6 == 5 and i // 6 < n else word for i, word in enumerate(words))
        for n in changed
    ]


def test_no_two_nearly_equal_prompts_are_apart_and_chains_are_one_group():
    """A row that is like an earlier one stood for nobody: the second and third of these were apart at an index of 0.8."""
    chain = variants(0, [0, 3, 1, 2])
    assert _links(chain).groups().tolist() == [0, 0, 0, 0]
    before = link_rows(chain, [()] * 4, np.random.default_rng(0), every_pair=False)
    assert len(set(before.groups().tolist())) > 1


@given(
    st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=6), min_size=1, max_size=8),
    st.lists(st.text("ab", max_size=2), max_size=10),
    st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_near_groups_are_the_connected_components_of_all_pairs(families, short, random):
    """Brute force: every pair by its index, joined along every path."""
    texts = [text for i, changed in enumerate(families) for text in variants(i, changed)]
    texts += [" ".join(word) for word in short]
    random.shuffle(texts)
    sets = [
        {tuple(w[i : i + 3]) for i in range(max(1, len(w) - 2))} if (w := t.split()) else set() for t in texts
    ]
    near = np.array([[a == b or bool(a & b) and len(a & b) / len(a | b) >= 0.8 for b in sets] for a in sets])
    near &= np.equal.outer([not a for a in sets], [not a for a in sets])
    expected = connected_components(
        near & ~np.array([not a for a in sets])[:, None] | np.eye(len(sets), dtype=bool)
    )
    first = near_groups(texts, threshold=0.8)
    assert (np.equal.outer(first, first) == np.equal.outer(expected[1], expected[1])).all()
    assert (first <= np.arange(len(texts))).all()


def test_prompts_without_spaces_are_compared_by_character():
    chinese = "请用三句话介绍一下长城的历史，并说明它为什么在今天仍然是中国最受欢迎的旅游景点之一，以及最好在哪个季节去参观"
    assert _links([chinese, chinese[:-1] + "看", "另外一个完全不同的问题"]).near.tolist() == [[1, 0]]


def test_among_too_many_prompts_only_equal_ones_are_linked(monkeypatch):
    monkeypatch.setattr(row_families, "MOST_NEAR", 2)
    links = _links([LONG, f"{LONG} side", LONG, "a"])
    assert not links.near_searched
    assert (len(links.near), links.equal.tolist()) == (0, [[2, 0]])


@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.data())
def test_whole_open_groups_are_drawn_and_never_more_than_wanted(labels, data):
    groups = np.array(labels)
    open_rows = np.array(data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
    wanted = data.draw(st.integers(0, len(labels)))
    drawn = draw_whole_groups(groups, open_rows, wanted, np.random.default_rng(0))
    assert len(drawn) <= wanted
    assert (np.diff(drawn) > 0).all()
    assert open_rows[drawn].all()
    assert not set(groups[drawn]) & set(np.delete(groups, drawn))
    possible = rows_that_fit(groups, open_rows, wanted)
    assert (len(drawn) > 0) == (possible > 0)


def test_every_row_has_the_same_chance_whatever_the_size_of_its_group():
    groups = np.repeat(np.arange(400), [1, 2, 3, 4] * 100)
    drawn = np.zeros(len(groups))
    for seed in range(400):
        drawn[draw_whole_groups(groups, np.ones(len(groups), bool), 200, np.random.default_rng(seed))] += 1
    sizes = np.bincount(groups)[groups]
    chances = [drawn[sizes == size].mean() / 400 for size in (1, 2, 3, 4)]
    assert np.allclose(chances, 0.2, atol=0.02), chances


@pytest.mark.parametrize("n_wanted", [0, 3])
def test_one_giant_group_leaves_nothing_to_draw(n_wanted):
    assert not len(draw_whole_groups(np.zeros(9, int), np.ones(9, bool), n_wanted, np.random.default_rng(0)))
