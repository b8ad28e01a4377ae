from dataclasses import dataclass

import numpy as np
import pytest

from tamis.compute.apply import apply_decisions, with_response


@dataclass(frozen=True)
class Said:
    verdict: str
    messages: tuple | None = None


NEW = ({"role": "user", "content": "q"}, {"role": "assistant", "content": "new"})


def test_dropped_rows_go_and_replaced_ones_bring_their_text():
    decisions = {
        1: Said("drop"),
        2: Said("replace", NEW),
        3: Said("keep"),
        9: Said("drop"),
        8: Said("replace", NEW),
    }
    applied = apply_decisions(np.array([0, 1, 2, 3]), decisions)
    assert applied.rows.tolist() == [0, 2, 3]
    assert applied.replaced == {2: NEW}
    assert applied.n_dropped == 1


def test_applying_twice_changes_nothing_more():
    decisions = {1: Said("drop"), 2: Said("replace", NEW)}
    once = apply_decisions(np.arange(4), decisions)
    twice = apply_decisions(once.rows, decisions)
    assert (twice.rows.tolist(), twice.replaced) == (once.rows.tolist(), once.replaced)


def test_no_decisions_change_nothing_and_no_rows_give_none():
    assert apply_decisions(np.arange(3), {}).rows.tolist() == [0, 1, 2]
    assert apply_decisions(np.empty(0, dtype=np.int64), {1: Said("drop")}).rows.tolist() == []


@pytest.mark.parametrize("bad", [Said("replace"), Said("replace", ()), Said("burn")])
def test_a_decision_that_cannot_be_applied_is_an_error(bad):
    with pytest.raises(ValueError, match=r"nothing|burn"):
        apply_decisions(np.arange(3), {1: bad})


def test_a_new_response_takes_the_place_of_the_old_text_and_its_tool_calls():
    old = [NEW[0], {"role": "assistant", "content": None, "tool_calls": [{}], "name": "bot"}]
    assert with_response(old, "hi") == (NEW[0], {"role": "assistant", "content": "hi", "name": "bot"})
    assert old[1]["content"] is None
