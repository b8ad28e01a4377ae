from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.encoders.windows import cut_windows
from tamis.models.batches import token_batches
from tamis.models.files import find_model

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(find_model("all-MiniLM-L6-v2"))


class SlowTokenizer:
    """The same tokenizer behind the interface of one in Python, which returns no further windows."""

    is_fast = False

    def __init__(self, inner) -> None:
        self.inner = inner

    def num_special_tokens_to_add(self) -> int:
        return 2

    def build_inputs_with_special_tokens(self, ids):
        return [self.inner.cls_token_id, *ids, self.inner.sep_token_id]

    def __call__(self, texts, **settings):
        return self.inner(texts, **settings)


TEXTS = ["one two three", "", "word " * 25, " ", "x"]


def test_long_texts_become_several_windows_with_their_owner(tokenizer):
    windows = cut_windows(tokenizer, TEXTS, 12, 2)
    assert windows.owner.tolist() == [0, 2, 2, 4]
    assert windows.weight.tolist() == [3, 10, 10, 1]
    assert windows.counts.tolist() == [5, 0, 27, 0, 3]
    assert all(len(ids) <= 12 and ids[0] == tokenizer.cls_token_id for ids in windows.ids)


def test_a_tokenizer_in_python_gives_the_same_windows(tokenizer):
    fast, slow = (cut_windows(kind, TEXTS, 12, 3) for kind in (tokenizer, SlowTokenizer(tokenizer)))
    assert fast.ids == slow.ids
    assert fast.owner.tolist() == slow.owner.tolist()
    assert fast.counts.tolist() == slow.counts.tolist()


def test_a_count_is_a_lower_bound_beyond_what_is_read(tokenizer):
    counts = cut_windows(tokenizer, ["   " + "word " * 10_000], 8, 1).counts
    assert 8 < counts[0] < 10_002


@given(st.lists(st.integers(1, 300), max_size=200), st.integers(1, 600))
def test_batches_hold_every_row_once_within_the_budget(lengths, budget):
    sizes = np.array(lengths, dtype=np.int64)
    batches = list(token_batches(sizes, budget))
    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * sizes[batch].max() <= budget for batch in batches)
