from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tamis.llms.prefixes import MIN_SHARED, common_length, shared_groups

SEQUENCES = st.lists(st.lists(st.integers(0, 2), max_size=60), max_size=12)


@given(SEQUENCES)
def test_what_is_called_common_is_common_and_no_more_is(sequences):
    length = common_length(sequences)
    if sequences:
        assert len({tuple(s[:length]) for s in sequences}) == 1
        longer = [tuple(s[: length + 1]) for s in sequences]
        assert len(set(longer)) > 1 or any(len(s) == length for s in sequences)


@given(SEQUENCES, st.lists(st.integers(0, 2), min_size=30, max_size=40))
def test_groups_are_apart_and_share_what_they_say(sequences, beginning):
    sequences = [*sequences, *([*beginning, *s] for s in sequences)]
    groups = shared_groups(sequences, 0)
    members = [m for group in groups for m in group.members]
    assert len(members) == len(set(members))
    for group in groups:
        assert len(group.members) > 1
        assert group.length >= MIN_SHARED
        assert len({tuple(sequences[m][: group.length]) for m in group.members}) == 1


def test_several_questions_about_each_row_make_one_group_per_row():
    rows = [[row] * 40 for row in range(3)]
    sequences = [[9] * 30 + row + [50 + q] for row in rows for q in range(2)]
    groups = shared_groups(sequences, 30)
    assert sorted(group.members for group in groups) == [(0, 1), (2, 3), (4, 5)]
    assert {group.length for group in groups} == {70}
