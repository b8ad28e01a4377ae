"""Two hundred and more replies as models write them: every one is read as a person would, or counted as unreadable."""

from __future__ import annotations

import pytest

from tamis.compute.clear.replies import parse_choice

CHOICES = [
    "{L}", "{L}.", "({L})", "[{L}]", "[[{L}]]", "**{L}**", "{L})", " {L} \n", "\n\n{L}", "'{L}'", '"{L}"', "`{L}`",
    "{L}\n\nThe answer repeats the question.", "{L}) it follows from the text.", "({L}) because the date is wrong.",
    "{L}: the numbers agree.", "{L}, since the capital is named.", "{L} – nothing is missing.", "{L} - see above",
    "{L} is my choice.", "{L} because both parts are answered.", "Answer: {L}", "Answer: ({L})", "**Answer:** {L}",
    "Answer:{L}", "The answer is {L}.", "The correct answer is ({L}).", "My answer is {L}, as the sum is right.",
    "I choose {L}.", "I would choose ({L}) here.", "I would say {L}.", "I'd go with {L}.", "Option {L}", "Option {L}.",
    "My choice: {L}", "Choice: {L}.", "Final answer: {L}", "**Final Answer: {L}**", "Verdict: {L}", "My verdict is {L}.",
    "The verdict: [[{L}]]", "Based on the text, the answer is {L}.", "Therefore, the answer is ({L}).",
    "Réponse : {L}", "La réponse est {L}.", "Antwort: {L}", "Die Antwort ist {L}.", "Respuesta: {L}.", "答案：{L}",
    "选择: {L}", "Ответ: {L}", "Let me think. The claim holds.\n\nAnswer: {L}", "Reasoning: it is short.\nVerdict: {L}",
    "The proposed answer is long and detailed. I pick {L}.", "So the choice must be {L}.", "{L}\n{L}", "Letter = {L}",
]  # fmt: skip
UNREADABLE = [
    "", " ", "\n", "A better answer is needed.", "A good answer names the city.", "A correct answer would be Paris.", "A Bear",
    "A is for apple, B is for bear", "A or B", "A/B", "A, B or C", "Either A or B.", "Both A and B are fine.", "(A) or (B)",
    "A and C", "I cannot decide between A and B.", "Apples", "Because", "Correct", "Incorrect", "Not sure", "Yes", "No",
    "It is not A.", "The answer is not B.", "The answer is neither A nor B.", "Vitamin C is good for you.", "Plan B failed.",
    "Hepatitis B is a disease.", "The C language has pointers.", "Group A won.", "In section B the author says so.",
    "An answer of A4 paper size", "B2B sales", "ABC", "AB", "CAB", "D", "(D)", "Answer: D", "Answer: none", "Answer:",
    "1", "2)", "42", "The answer repeats the question.", "I think it is right.", "It depends.", "Sure!", "As an AI model I",
    "A) Correct\nB) Incorrect\nC) Not sure", "(A) Correct (B) Incorrect", "A: yes\nB: no", "Choose A, B, or C.",
    "Is the answer A or B?", "Answer A is longer than answer B.", "a", "b", "c", "a bear", "a better one", "c'est la vie",
    "à la carte", "Α", "Б", "A lot of detail is missing.", "A few errors remain.", "A single sentence would do.",
    "A summary: it is fine.", "A\nB", "The answer is A.\nThe answer is B.", "A minor fault", "B complex vitamins", "C major",
]  # fmt: skip


def replies() -> list[tuple[str, str | None]]:
    return [(text.replace("{L}", letter), letter) for text in CHOICES for letter in "ABC"] + [
        (t, None) for t in UNREADABLE
    ]


def test_there_are_enough_of_them():
    assert len(replies()) >= 200


@pytest.mark.parametrize(("text", "letter"), replies())
def test_a_reply_is_read_as_a_person_would(text: str, letter: str | None):
    assert parse_choice(text) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("(B) Incorrect", "B"),
        ("Answer: C.", "C"),
        ("\n\nB", "B"),
        ("At first I thought the answer is A. The final answer is B.", "B"),
        ("The answer is A, I thought; therefore the answer is B.", "B"),
        ("c) not sure", "C"),
        ("b.", "B"),
        ("Not A. The answer is B.", "B"),
        ("Ａ", "A"),
    ],
)
def test_the_last_word_counts(text: str, letter: str):
    assert parse_choice(text) == letter


@pytest.mark.parametrize(
    "text",
    [
        "A is not better", "A isn't better", "A is worse than B", "A is no better than B", "I do not prefer A",
        "I would not choose A", "I don't choose A.", "The worse answer is A.", "B is wrong.", "I never pick B.",
        "A is bad because it is cut off. B is fine.", "The wrong answer is B.", "Neither A nor B",
    ],
)  # fmt: skip
def test_a_letter_that_is_ruled_out_is_no_choice(text: str):
    assert parse_choice(text) is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Response B is better.", "B"), ("Answer A is better.", "A"), ("A wins", "A"), ("\\boxed{B}", "B"),
        ("<answer>B</answer>", "B"), ("A > B", "A"), ("Assistant B", "B"), ("It is not close: the answer is A", "A"),
        ("B) Incorrect", "B"), ("A is correct", "A"),
    ],
)  # fmt: skip
def test_praise_and_marks_name_the_choice(text: str, letter: str):
    assert parse_choice(text) == letter
