"""Which beginnings several token sequences share, so that a model reads each of them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MIN_SHARED = 24  # tokens: below this, keeping the state of a beginning costs more than reading it again


@dataclass(frozen=True, slots=True)
class PrefixGroup:
    """Sequences (by position) that begin with the same ``length`` tokens."""

    length: int
    members: tuple[int, ...]


def common_length(sequences: Sequence[list[int]]) -> int:
    """Tokens that all sequences begin with; 0 for none."""
    if not sequences:
        return 0
    # The first and the last in order differ soonest, so what they share is shared by all between them.
    low, high = min(sequences), max(sequences)
    limit = min(len(low), len(high))
    return next((i for i in range(limit) if low[i] != high[i]), limit)


def shared_groups(sequences: Sequence[list[int]], start: int) -> list[PrefixGroup]:
    """Sequences that go on alike for at least MIN_SHARED tokens after the first ``start``; the others are left out.

    Neighbours in sorted order share the most, so one pass over them finds the groups. A group's length is what all
    its members share.
    """
    order = sorted(range(len(sequences)), key=lambda i: sequences[i])
    groups: list[PrefixGroup] = []
    members: list[int] = []
    length = 0
    for i in order:
        shared = common_length([sequences[members[-1]], sequences[i]]) if members else 0
        shared = min(shared, length) if len(members) > 1 else shared
        # A shorter beginning would take from those who are together already: they stay among themselves.
        if members and shared >= start + MIN_SHARED and (len(members) == 1 or 2 * shared >= length + start):
            members.append(i)
            length = shared
            continue
        if len(members) > 1:
            groups.append(PrefixGroup(length, tuple(members)))
        members, length = [i], 0
    if len(members) > 1:
        groups.append(PrefixGroup(length, tuple(members)))
    return groups
