from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest

from tamis.compute.clear.expectation import expected_rating
from tamis.compute.text.contamination import ngram_overlap
from tamis.compute.text.grounding import chunks, sentences, support
from tamis.compute.text.near_duplicates import (
    exact_duplicates,
    minhash_duplicates,
    normalised_words,
    run_width,
    vector_duplicates,
)
from tamis.compute.vectors import unit_rows

TEXT = (
    "the quick brown fox jumps over the lazy dog while nobody in the whole wide world is looking at it today"
)


def test_exact_repeats_are_found_whatever_case_and_signs():
    found = exact_duplicates(["One two.", "three", "one  TWO", "", "", "Three!"])
    assert found.of.tolist() == [-1, -1, 0, -1, -1, 1]
    assert found.group_sizes().tolist() == [2, 2, 2, 1, 1, 2]


def test_minhash_finds_near_repeats_and_only_them():
    near = TEXT.replace("today", "tonight")
    other = (
        "a text about entirely different things such as bread and butter and how to slice both of them thinly"
    )
    found = minhash_duplicates([TEXT, other, near, TEXT, ""], threshold=0.7, rng=np.random.default_rng(0))
    assert found.of.tolist() == [-1, -1, 0, 0, -1]
    assert found.similarity[3] == 1.0
    assert 0.7 <= found.similarity[2] < 1.0


def test_the_estimated_overlap_is_near_the_true_one():
    words = [f"w{i}" for i in range(400)]
    a, b = " ".join(words[:300]), " ".join(words[60:360])  # 238 of 358 runs of three
    found = minhash_duplicates([a, b], threshold=0.5, rng=np.random.default_rng(1), n_hashes=512)
    assert abs(found.similarity[1] - 238 / 358) < 0.07


CHINESE = "请用三句话介绍一下长城的历史，并说明它为什么在今天仍然是中国最受欢迎的旅游景点之一，以及最好在哪个季节去参观"
JAPANESE = (
    "万里の長城の歴史を三つの文で紹介し、なぜ今日でも中国で最も人気のある観光地のひとつなのか説明してください"
)
THAI = "ช่วยแนะนำประวัติของกำแพงเมืองจีนเป็นสามประโยคและอธิบายว่าทำไมจึงยังเป็นสถานที่ท่องเที่ยวยอดนิยมของจีนในปัจจุบัน"


@pytest.mark.parametrize("text", [CHINESE, JAPANESE, THAI])
def test_near_repeats_are_found_in_scripts_without_spaces(text):
    """One character changed near the end; read as one long word the two would share nothing."""
    near = text[:-2] + "了" + text[-1]
    other = CHINESE if text is not CHINESE else JAPANESE
    found = minhash_duplicates([text, other, near, text[:20]], threshold=0.8, rng=np.random.default_rng(0))
    assert found.of.tolist() == [-1, -1, 0, -1]
    assert found.similarity[2] >= 0.8


def test_words_of_scripts_with_spaces_are_read_as_before():
    for text in (TEXT, "Ça va_bien, 3.5 Übungen?", "снег идёт", "한국어 문장입니다"):
        words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
        assert normalised_words(text).split() == words
        assert run_width(words, 3) == 3
    assert normalised_words("GPT模型 v2") == "gpt 模 型 v2"
    assert run_width(normalised_words(CHINESE).split(), 3) == 5


def test_an_evaluation_item_in_chinese_is_found_inside_a_longer_row():
    row = "以下是一道题。" + CHINESE + "。谢谢您的帮助！"
    shared = "请用三句话介绍一下长城"  # a common opening is not the item
    found = ngram_overlap([row, shared + "以外的任何一座山，不要提到别的地方，也不要太长", TEXT], [CHINESE])
    assert found.fraction[0] == 1.0
    assert found.item[0] == 0
    assert found.fraction[1:].tolist() == [0.0, 0.0]


def test_vectors_are_compared_with_standing_rows_only_across_blocks(monkeypatch):
    monkeypatch.setattr("tamis.compute.text.near_duplicates.BLOCK_ROWS", 2)
    angle = np.deg2rad([0, 20, 40, 90, 90])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    found = vector_duplicates(vectors, threshold=float(np.cos(np.deg2rad(25))))
    # 20° repeats 0°; 40° is near 20° alone, which stands for nobody.
    assert found.of.tolist() == [-1, 0, -1, -1, 3]


def test_vector_duplicates_are_those_of_the_plain_loop():
    rng = np.random.default_rng(0)
    vectors = unit_rows(rng.normal(size=(60, 4)).astype(np.float32))
    wanted: list[int] = []
    for i in range(60):
        best = max(
            (j for j in range(i) if wanted[j] == -1), key=lambda j: float(vectors[i] @ vectors[j]), default=-1
        )
        wanted.append(best if best >= 0 and vectors[i] @ vectors[best] >= 0.9 else -1)
    assert vector_duplicates(vectors, threshold=0.9).of.tolist() == wanted


def test_a_copied_evaluation_item_is_found_in_a_longer_row():
    item = " ".join(f"item{i}" for i in range(20))
    short = "what is the capital of northern farland"
    found = ngram_overlap(
        [f"before {item} after", "nothing of it", f"Q: {short.upper()}?"], ["x", item, short], n_words=13
    )
    assert found.item.tolist() == [1, -1, 2]
    assert found.fraction.tolist() == [1.0, 0.0, 1.0]


def test_equal_probabilities_are_rated_in_the_middle():
    assert expected_rating(np.full((1, 6), 1 / 6), range(1, 7))[0] == 3.5
    assert np.isnan(expected_rating(np.full((1, 6), np.nan), range(1, 7))[0])


def test_a_document_is_cut_at_sentences_and_nothing_is_lost():
    document = " ".join(f"Sentence {i} has exactly six words." for i in range(30))
    parts = chunks(document, 20)
    assert max(len(part.split()) for part in parts) <= 20
    assert " ".join(parts) == document
    assert chunks("word " * 50, 20) == [" ".join(["word"] * n) for n in (20, 20, 10)]
    assert sentences("Dr. Low came. He left!") == ["Dr. Low came.", "He left!"]


def test_support_is_the_worst_sentence_of_the_best_parts():
    score, best = support([[0.1, 0.9], [0.4, 0.3]])
    assert (score, best.tolist()) == (0.4, [0.9, 0.4])
    assert support([[0.1, 0.9], [0.4, 0.3]], "mean")[0] == 0.65
    assert np.isnan(support([[np.nan, np.nan]])[0])
