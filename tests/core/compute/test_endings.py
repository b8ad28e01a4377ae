"""Sound and cut endings: the rules by themselves, and with what the bundled model said of each (recorded)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.clear.defects import garbled, language_mismatch
from tamis.compute.clear.endings import SURE, cut, full_stop, is_code, read_endings
from tests.support.endings import ENDINGS, FLAGGED_BELOW, SHORT, UNSEEN, ends_factor, read_ending_rows

ROWS = read_ending_rows()
SOUND, CUT = [row for row in ROWS if row.is_sound], [row for row in ROWS if not row.is_sound]
KINDS = {
    "prose", "python", "code", "maths", "list", "table", "data", "poem", "dialogue", "letter", "short", "post", "european",
    "chinese", "japanese", "korean", "arabic", "hindi", "thai", "russian", "greek", "other_scripts",
}  # fmt: skip
# A post and an answer of one sentence whose end the model does not see: of so few rows one is above 2 % already, of those
# together with the unseen ones (below) it is not.
KNOWN_ALARMS = {"short": 1, "post": 1}
# Languages of which the bundled model knows something: of their cut endings it finds so many.
FOUND_ABROAD = {
    "european": 0.4,
    "chinese": 0.55,
    "japanese": 0.5,
    "hindi": 0.5,
    "russian": 0.35,
    "arabic": 0.25,
}


def found(rows, flags) -> Counter[str]:
    return Counter(row.kind for row, flag in zip(rows, flags, strict=True) if flag)


def test_the_file_has_hundreds_of_endings_of_every_kind() -> None:
    assert len(SOUND) >= 300 and len(CUT) >= 300
    assert Counter(row.kind for row in SOUND).keys() == KINDS
    assert min(Counter(row.kind for row in SOUND).values()) >= 13
    assert len({row.text for row in ROWS}) == len(ROWS)
    texts = {row.number: row.text for row in SOUND}
    assert all(texts[row.number].startswith(row.text) for row in CUT)


def test_rules_alone_raise_no_alarm_at_sound_endings_of_any_kind() -> None:
    assert not [row.text[-60:] for row in SOUND if row.is_sure]


def test_rules_alone_find_what_is_left_open() -> None:
    hits, n = found(CUT, [row.is_sure for row in CUT]), Counter(row.kind for row in CUT)
    assert sum(hits.values()) >= 0.27 * len(CUT)
    for kind in ("python", "code", "table", "data"):
        assert hits[kind] >= 0.5 * n[kind], kind


def test_with_the_model_at_most_two_in_a_hundred_sound_endings_are_flagged() -> None:
    alarms = found(SOUND, ends_factor(SOUND) < FLAGGED_BELOW)
    assert sum(alarms.values()) <= 0.006 * len(SOUND)
    assert all(count <= KNOWN_ALARMS.get(kind, 0) for kind, count in alarms.items()), alarms


def test_of_sixty_sound_endings_that_nothing_was_fitted_to_at_most_two_in_a_hundred_are_flagged() -> None:
    """Written before the scorer was asked about any of them, of the kinds that had an alarm before."""
    rows = [row for row in read_ending_rows(UNSEEN) if row.kind != "code"]
    n, alarms = Counter(row.kind for row in rows), found(rows, ends_factor(rows) < FLAGGED_BELOW)
    assert n.keys() == KNOWN_ALARMS.keys()
    assert min(n.values()) >= 60
    assert not {row.text for row in rows} & {row.text for row in ROWS}
    assert all(row.is_sound and not row.is_sure for row in rows)
    assert all(alarms[kind] <= 0.02 * n[kind] for kind in n), alarms
    # With those of before: 2 of 130 answers (1.5 %) and 1 of 76 posts (1.3 %), as README says.
    before = Counter(row.kind for row in SOUND)
    assert {kind: (alarms[kind] + KNOWN_ALARMS[kind], n[kind] + before[kind]) for kind in n} == {
        "short": (2, 130), "post": (1, 76),
    }  # fmt: skip
    assert all(alarms[kind] + KNOWN_ALARMS[kind] <= 0.02 * (n[kind] + before[kind]) for kind in n)


def test_of_no_kind_more_than_two_in_a_hundred_are_flagged_over_all_files_together() -> None:
    rows = [row for path in (ENDINGS, UNSEEN, SHORT) for row in read_ending_rows(path) if row.is_sound]
    n, alarms = Counter(row.kind for row in rows), found(rows, ends_factor(rows) < FLAGGED_BELOW)
    assert len(rows) == 710
    assert all(alarms[kind] <= 0.02 * n[kind] for kind in n), alarms
    # As README says; 30 of the lines of code were written before the scorer was asked.
    assert {kind: (alarms[kind], n[kind]) for kind in ("short", "post", "code")} == {
        "short": (2, 130), "post": (1, 76), "code": (0, 72),
    }  # fmt: skip
    assert sum(alarms.values()) == 3 and len(n) == 28
    assert min(n.values()) == 13


@pytest.mark.parametrize(
    ("text", "is_marked"),
    [
        ("du -sh .", False),
        ("docker build -t web .", False),
        ("cp -r a.txt ../..", False),
        ("It ends .", True),  # as some data sets space their words
        ("print(x);", True),
        ("if x:\n    return None  # nothing left.", True),
    ],
)
def test_a_full_stop_that_names_a_folder_ends_no_sentence(text: str, is_marked: bool) -> None:
    assert read_endings([text]).is_marked.tolist() == [is_marked]


def test_of_short_answers_in_eight_languages_at_most_two_in_a_hundred_are_flagged() -> None:
    """Names, numbers, dates, units, titles, code, yes and no: a model of English hardly expects any of them to end."""
    rows = read_ending_rows(SHORT)
    flags = ends_factor(rows) < FLAGGED_BELOW
    sound = np.array([row.is_sound for row in rows])
    assert (sound.sum(), (~sound).sum()) == (126, 30)
    assert Counter(row.kind for row in rows if row.is_sound).keys() == {
        "names", "numbers", "dates", "units", "titles", "code", "yes/no",
    }  # fmt: skip
    assert flags[sound].sum() == 0
    assert not [row.text for row in rows if row.is_sound and row.is_sure]
    # What it costs: of cut answers of so few words fewer are found than before (24), most of those missed not English.
    assert flags[~sound].sum() >= 13


def test_a_few_words_are_of_the_language_of_their_prompt() -> None:
    prompts = ["Jaka jest stolica Norwegii?", "Was ist ein Boot?", "What is a boat?", "", "What is a boat?"]
    said = read_endings(["statek", "ein schiff", "a small ship", "a small ship", "Oslo"], prompts)
    assert said.is_read.tolist() == [False, False, True, True, False]  # a name alone is read in no language
    assert read_endings(["Leonardo da Vinci", "Rom", "It sank"]).is_read.tolist() == [False, False, True]


@pytest.mark.parametrize(
    "text", ["a, b = b, a", "x, y = y, x", "find . -name '*.py' | xargs wc -l", "grep -rn TODO ."]
)
def test_a_line_of_code_that_reads_like_no_sentence_is_no_sure_cut(text: str) -> None:
    assert cut(text) <= 0.35


def test_with_the_model_most_cut_english_and_code_is_found() -> None:
    hits, n = found(CUT, ends_factor(CUT) < FLAGGED_BELOW), Counter(row.kind for row in CUT)
    for kind in ("prose", "python", "code", "list", "table", "letter"):
        assert hits[kind] >= 0.75 * n[kind], kind
    assert sum(hits.values()) >= 0.6 * len(CUT)


def test_in_other_languages_the_model_finds_more_cut_endings_than_the_rules() -> None:
    flags = ends_factor(CUT) < FLAGGED_BELOW
    hits, alone, n = (
        found(CUT, flags),
        found(CUT, [row.is_sure for row in CUT]),
        Counter(row.kind for row in CUT),
    )
    for kind, share in FOUND_ABROAD.items():
        assert alone[kind] < share * n[kind] <= hits[kind], kind


def test_sentences_end_in_the_mark_of_their_script() -> None:
    assert [full_stop(text) for text in ("It ends", "Es endet\n", "它结束了", "終わりです", "यह समाप्त", "শেষ", "", "다")] == [
        ".", ".", "。", "。", "।", "।", ".", "."
    ]  # fmt: skip


def test_the_model_is_not_heard_on_languages_that_it_hardly_reads() -> None:
    unread = {row.kind for row in SOUND if not read_endings([row.text]).is_read[0]}
    assert {"chinese", "japanese", "korean", "arabic", "hindi", "thai", "russian", "greek"} <= unread
    heard = Counter(row.kind for row in SOUND if read_endings([row.text]).is_read[0])
    assert not heard.keys() & {"chinese", "japanese", "korean", "arabic", "hindi", "thai", "russian", "greek"}
    assert heard["prose"] >= 18 and heard["python"] == 21


@pytest.mark.parametrize(
    "text",
    [
        "The correct answer is option A",
        "It was fought in World War I",
        "The vitamin that they lack is vitamin D",
        "x = 3\ny = x + 4",
        "She makes 9 * 2 = $18 every day.\n#### 18",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "See https://example.org/a_(b)/c,d",
        "- turn up\n- turn down\n- turn on",
        "while b:\n    a, b = b, a % b\nreturn a",
        "Use ```git log``` for the history and ``git show`` for one commit.",
        "He is 6'2\" and she is 5'9\"",
        "Dear Ann,\n\nthank you for the book.\n\nYours\nTom",
        "I hope to see you there!\n\nLooking forward to seeing you,",
        "How sad :(",
    ],
)
def test_a_whole_text_is_no_sure_cut(text: str) -> None:
    assert cut(text) < SURE


@pytest.mark.parametrize(
    "text",
    [
        "The harbour has two quays, a dry dock and the",
        "There are three reasons for this: first,",
        "They met in the year (or so it is",
        'He looked up and said, "I would never',
        "| a | b |\n|---|---|\n| 1 | 2 |\n| 3",
        "Here is how:\n\n1. Wash it.\n2. Dry it.\n3.",
        "def area(self):\n    return self.width *",
        "def area(self):",
        "for row in rows:\n    total += row.price\n    print(total",
        '{"name": "Ida", "age": 34, "town"',
        "<ul>\n<li>one</li>\n<li>two</li>",
        "```js\nlet x = 1;",
        "茶叶最好密封保存，避光、避潮，",
        "Мы долго шли по берегу, потом свернули к деревне и",
        "\\begin{tabular}{lr}\nTea & 3 \\\\",
    ],
)
def test_what_is_left_open_is_a_sure_cut(text: str) -> None:
    assert cut(text) >= SURE


def test_a_missing_full_stop_is_a_hint_and_no_alarm() -> None:
    assert 0.5 < cut("The first reason is this. Another reason would be the colour of bri") < SURE
    assert cut("Yes, it is") < 0.5


@given(st.text(max_size=200))
def test_a_full_text_and_its_endings_are_read_whatever_it_holds(text: str) -> None:
    assert 0 <= cut(text) <= 1
    assert read_endings([text]).is_read.shape == (1,)


def test_code_is_seen_without_a_fence_and_has_no_language_of_its_own() -> None:
    code = "    return [(e + 1) for e in l]\n"
    assert is_code(code)
    assert not is_code("— Τότε δεν έχει κόσμο;\nΝαι;")
    assert not is_code("The house stands. Nobody lives in it; the roof is gone.")
    prompt = "Return the list of all the numbers and add one to each of them, as is shown in the example"
    assert language_mismatch(prompt, code) == 0
    assert (
        garbled("sorted(people, key=lambda person: (person.last_name, person.first_name), reverse=True)") == 0
    )


def test_the_factor_of_the_end_grows_with_what_the_model_says() -> None:
    said = read_endings([row.text for row in SOUND])
    alike = (
        said.is_read & ~said.is_marked & ~said.is_final & np.array([cut(row.text) == 0.2 for row in SOUND])
    )
    rows = [row for row, one in zip(SOUND, alike, strict=True) if one]
    assert len(rows) > 20
    for word in (
        "log_p_end",
        "log_p_stopped",
    ):  # of the end, and of a full stop before it; the other as it usually is
        other = {"log_p_end": -18.0, "log_p_stopped": -8.0}
        alone = sorted(
            (replace(row, **other | {word: getattr(row, word)}) for row in rows), key=attrgetter(word)
        )
        assert (np.diff(ends_factor(alone)) >= 0).all()


@pytest.mark.parametrize(
    ("text", "is_final"),
    [
        ("She has 16 left.\n#### 16", True),
        ("The answer is 7", True),
        ("\\boxed{42}", True),
        ("See https://example.org/a", True),
        ("Floats! #raft #summer", True),
        ("She has 16 left", False),
        ("## Results", False),
        ("The answer is that nobody knows", False),
    ],
)
def test_behind_a_result_or_an_address_nothing_follows(text: str, is_final: bool) -> None:
    assert read_endings([text]).is_final.tolist() == [is_final]


def test_the_name_under_a_letter_is_not_judged_by_the_model() -> None:
    letter = "Dear Ann,\n\nthank you for the book. I liked it.\n\nYours\nTom Marsh"
    assert not read_endings([letter]).is_read[0]
    assert read_endings([letter.removesuffix("\n\nYours\nTom Marsh")]).is_read[0]
