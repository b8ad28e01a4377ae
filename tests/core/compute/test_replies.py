"""Two hundred and more replies as models write them: every one is read as a person would, or counted as unreadable."""

from __future__ import annotations

import re

import pytest

from tamis.compute.clear.clear import parse_verdict
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

# As models write verdicts: comparisons, records, thinking aloud, marks, and eight languages.
VERDICTS = [
    ("I prefer B over A.", "B"), ("I prefer response B over response A.", "B"), ("I prefer A to B.", "A"),
    ("Not A but B.", "B"), ("not A, but B", "B"), ("The answer isn't A, it's B.", "B"), ("Answer: [[B]]", "B"), ("**B**", "B"),
    ("B is better because A is cut off.", "B"), ("B is better because A ignores the question.", "B"),
    ("A is better than B.", "A"), ("A and B are equal.", None), ("A and B are equally good.", None), ("neither", None),
    ("Neither.", None), ("Neither of them is right.", None), ("Both answers are wrong.", None), ("Tie", None),
    ("It's a tie between A and B.", None), ("<think>A looks fine at first. The answer is A.</think>B", "B"),
    ("<think>\nThe answer is A ... no.\n</think>\n\nAnswer: B", "B"), ("<think>The answer is A, because", None),
    ("The answer is A, hmm.</think>\n**B**", "B"), ("<thinking>B?</thinking> The better response is A.", "A"),
    ("{\"answer\": \"B\"}", "B"), ("{\"verdict\": \"B\", \"reason\": \"A is cut off\"}", "B"),
    ("```json\n{\"choice\": \"A\"}\n```", "A"), ("{\"winner\": \"A\", \"loser\": \"B\"}", "A"),
    ("{\"reasoning\": \"A is longer, B is right\", \"verdict\": \"B\"}", "B"), ("{'final_answer': 'Response B'}", "B"),
    ("{\"verdict\": \"B\", \"reas", "B"), ("{\"answer\": null}", None), ("{\"verdict\": \"tie\"}", None),
    ("{\"A\": 3, \"B\": 7}", None), ("{\"better\": \"A\", \"winner\": \"B\"}", None), ("Winner: B", "B"),
    ("The winner is A.", "A"), ("The better response is B.", "B"),
    ("The better answer is A because it names the source.", "A"), ("Better: B", "B"), ("B rather than A.", "B"),
    ("B instead of A", "B"), ("B, not A.", "B"), ("I choose B, not A.", "B"), ("I would choose B over A.", "B"),
    ("I'd pick A instead of B.", "A"), ("It's B.", "B"), ("It has to be A.", "A"), ("Definitely B.", "B"),
    ("Probably A.", "A"), ("So B.", "B"), ("A is good, but B is better.", "B"),
    ("While A is more detailed, B is more accurate, so B.", "B"), ("B is clearly the better answer.", "B"),
    ("Between A and B, B is better.", "B"), ("Between A and B, I prefer A.", "A"), ("I find B more helpful.", "B"),
    ("I lean towards B.", "B"), ("My pick: A.", "A"), ("If I had to choose, I'd say B.", "B"),
    ("B – A leaves out the second part.", "B"), ("B since A is cut off", "B"), ("## Verdict\n\nB", "B"),
    ("### Final Verdict: **B**", "B"), ("Verdict: **Response B**", "B"), ("- **Choice:** B", "B"), ("> B", "B"),
    ("| Verdict | B |", "B"), ("$\\boxed{\\text{B}}$", "B"), ("The answer is $B$.", "B"), ("<verdict>B</verdict>", "B"),
    ("<choice>(A)</choice>", "A"), ("My final verdict is: [[A>>B]]", "A"), ("[[B>A]]", "B"), ("[[A=B]]", None),
    ("A = B", None), ("Output (b) is better.", "B"), ("**Answer B**", "B"), ("Option B is correct; option A is not.", "B"),
    ("A is correct and B is incorrect.", "A"), ("Hard to say, A or B.", None), ("Is A better than B?", None),
    ("Which is better, A or B? I prefer B.", "B"), ("Vitamin B is better than vitamin C.", None), ("Plan B is better.", None),
    ("A is better if you want detail; B is better otherwise.", None), ("I don't think A is better.", None),
    ("A is correct. B is also correct.", None), ("✅ B", "B"), ("【B】", "B"), ("Antwort B ist besser.", "B"),
    ("B ist besser, weil A abbricht.", "B"), ("Ich bevorzuge B gegenüber A.", "B"), ("Ich wähle B.", "B"),
    ("Ich entscheide mich für A.", "A"), ("Die bessere Antwort ist A.", "A"), ("Nicht A, sondern B.", "B"),
    ("A ist besser als B.", "A"), ("Weder A noch B.", None), ("A und B sind gleich gut.", None), ("Beide sind gleich.", None),
    ("Urteil: B", "B"), ("Meine Wahl ist B.", "B"), ("B gewinnt.", "B"), ("Ich würde nicht A wählen.", None),
    ("Die Antwort ist nicht A.", None), ("A ist schlechter.", None), ("B, weil A die Frage nicht beantwortet.", "B"),
    ("La réponse B est meilleure.", "B"), ("Je préfère B à A.", "B"), ("Je choisis B.", "B"), ("B est meilleure que A.", "B"),
    ("La meilleure réponse est A.", "A"), ("Ni A ni B.", None), ("A et B se valent.", None), ("Pas A mais B.", "B"),
    ("Verdict : B", "B"), ("Mon choix est A.", "A"), ("Je ne choisis pas A.", None), ("Les deux se valent.", None),
    ("A n'est pas meilleure.", None), ("B更好。", "B"), ("回答B更好", "B"), ("我选择B", "B"), ("我选B。", "B"), ("答案是B", "B"),
    ("A比B好", "A"), ("两者一样好", None), ("A和B一样好", None), ("A和B都不对", None), ("最终答案：B", "B"), ("更好的回答是B。", "B"), ("答案不是A", None),
    ("我不选A。", None), ("选A还是B", None), ("不是A，而是B", "B"), ("答えはBです。", "B"), ("La mejor respuesta es B.", "B"),
    ("Prefiero B a A.", "B"), ("B es mejor que A.", "B"), ("A resposta é B.", "B"), ("La risposta è A.", "A"),
    ("Scelgo B.", "B"), ("No hay duda: la respuesta es B.", "B"), ("There is no doubt that the answer is B.", "B"),
    ("No elijo A.", None), ("A would be better if it cited sources.", None),
    ("B would be the better one if the date were right.", None),
    ("Response A is better formatted; content-wise B wins.", None), ("A is better in style but worse in substance.", None),
    ("B is better than nothing, but A is what I would choose.", None), ("A is better than average, B is excellent.", None),
    ("I would say A is better than average, B is excellent.", None), ("Response B would be preferable if it were short.", None),
    ("Antwort A wäre besser, wenn sie Quellen nennte.", None), ("La réponse A serait meilleure avec une source.", None),
    ("A is better structured, B is correct.", "B"), ("A is better in every respect.", "A"), ("B is better in my opinion.", "B"),
    ("Response A was clearly the better one.", "A"), ("Response B is much better than response A.", "B"),
]  # fmt: skip


# A letter whose fault is named is no choice, however it is marked, unless there is none or a verdict follows.
FAULTS = [
    ("Error in A: [[A]]", None), ("Error in [[A]]", None), ("Problem with [[A]]: it is cut.", None), ("Errors in A: A", None),
    ("A has errors: [[A]]", None), ("Weakness of response B: [[B]]", None), ("Fehler in A: [[A]]", None),
    ("Mistakes found in (B): [[B]]", None), ("Error in A: [[B]]", "B"), ("The error in B decides: [[A]]", "A"),
    ("A has errors: [[B]]", "B"), ("Errors found in A: [[A]]. Verdict: [[B]]", "B"),
    ("The issues with [[A]] are small. Verdict: [[A]]", "A"), ("Mistakes of A: [[A]]\nFinal answer: [[A]]", "A"),
    ("No error in A: [[A]]", "A"), ("Fewer errors in A: [[A]]", "A"), ("I find no mistakes in [[A]]", "A"),
    ("A points out the error: [[A]]", "A"), ("A is free of errors: [[A]]", "A"),
]  # fmt: skip


def replies() -> list[tuple[str, str | None]]:
    return [(text.replace("{L}", letter), letter) for text in CHOICES for letter in "ABC"] + [
        (t, None) for t in UNREADABLE
    ]


@pytest.mark.parametrize(("text", "letter"), FAULTS)
def test_a_letter_whose_fault_is_named_is_no_choice(text: str, letter: str | None):
    assert parse_choice(text) == letter
    assert parse_verdict(text) == letter


def test_of_two_the_one_that_is_called_worse_names_the_other():
    assert parse_choice("A is worse: [[A]]") is None
    assert parse_verdict("A is worse: [[A]]") == "B"


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


@pytest.mark.parametrize(("text", "letter"), VERDICTS)
def test_a_verdict_is_read_as_a_person_would(text: str, letter: str | None):
    assert parse_choice(text) == letter


@pytest.mark.parametrize(("text", "letter"), [one for one in VERDICTS if "(b)" not in one[0]])
def test_no_letter_is_read_in_a_way_of_its_own(text: str, letter: str | None):
    swap = str.maketrans("AB", "BA")
    swapped = re.sub(r"(?<![A-Za-z])[AB](?![A-Za-z])", lambda found: found[0].translate(swap), text)
    assert parse_choice(swapped) == (letter and letter.translate(swap))


@pytest.mark.parametrize(
    ("text", "of_two"),
    [
        ("The worst answer is: B", "A"),
        ("Worse: A", "B"),
        ("schlechter: A", "B"),
        ("Loser: B", "A"),
        ("Worst: **A**", "B"),
        ("Problem: A is off topic.", None),
        ("Weakness: B", None),
        ("**Weakness:** B", None),
        ("Worse: A. Better: B", "B"),
        ("It isn't close: B", "B"),
        ("A is worse: B", "B"),
        ("Issue: B is short. Verdict: A", "A"),
    ],
)
def test_a_letter_behind_a_label_that_blames_is_not_the_choice(text: str, of_two: str | None) -> None:
    assert parse_choice(text, of_two=True) == of_two
    is_said = any(one in text for one in ("Better", "close", "A is worse", "Verdict"))
    assert parse_choice(text) == (of_two if is_said else None)


@pytest.mark.parametrize(
    ("text", "letter", "of_two"),
    [
        ("Worst response: [[A]]", None, "B"), ("Loser: [[B]]", None, "A"), ("**Loser:** B", None, "A"),
        ("Worst: \\boxed{A}", None, None), ("The worse answer is [[A]].", None, "B"), ("The losing response is A.", None, "B"),
        ("Rejected: A", None, "B"), ("Eliminated: A", None, "B"), ("Not chosen: A", None, None), ("Verlierer: A", None, "B"),
        ("Schlechtere Antwort: [[A]]", None, "B"), ("Perdant : B", None, "A"), ("Perdedor: A", None, "B"),
        ("最差的回答：A", None, None), ("更差：[[A]]", None, "B"), ("{\"worst_answer\": \"A\"}", None, None),
        ("[[A]] is clearly worse.", None, "B"), ("I'd rule out [[A]].", None, None), ("My verdict: not [[A]].", None, None),
        ("Wrong answer: [[A]]", None, None), ("Lower quality: A", None, None), ("Less accurate: A", None, None),
        ("The least convincing answer is B.", None, None), ("Runner-up: A", None, None), ("Second place: [[A]]", None, None),
        ("Grade: A", None, None), ("Nobody would choose A.", None, None), ("It would be a mistake to choose A.", None, None),
        ("A is worse.", None, "B"), ("Response A is worse than response B.", None, "B"), ("A ist schlechter.", None, "B"),
        ("Worst: [[A]]\nBest: [[B]]", "B", "B"), ("Best: [[A]] Worst: [[B]]", "A", "A"), ("[[B]] is better than [[A]].", "B", "B"),
        ("Since B is incorrect my verdict is [[A]]", "A", "A"), ("A is worse, so [[B]]", "B", "B"), ("Answer: A. Actually B.", "B", "B"),
        ("The winner is not A but [[B]].", "B", "B"), ("{\"better_response\": \"B\"}", "B", "B"), ("At least A is right: A", "A", "A"),
        ("Ich würde B wählen.", "B", "B"), ("Ich ziehe B vor.", "B", "B"), ("Meine Wahl fällt auf B.", "B", "B"),
        ("Ma préférence va à B.", "B", "B"), ("La mejor respuesta es la B.", "B", "B"), ("Prefiero la respuesta A.", "A", "A"),
        ("Escolho a resposta B.", "B", "B"), ("Scelgo la B.", "B", "B"), ("回答Aのほうが優れています。", "A", "A"), ("Лучше B.", "B", "B"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_marked_letter_counts(text: str, letter: str | None, of_two: str | None) -> None:
    assert parse_choice(text) == letter
    assert parse_choice(text, of_two=True) == of_two


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Worst response: [[A]]", "B"), ("**Loser:** [[B]]", "A"), ("Best: [[A]] Worst: [[B]]", "A"),
        ("First [[A]], on reflection [[B]]", "B"), ("[[C]]", "C"), ("Assistant A is worse. My verdict: [[B]]", "B"),
        ("Neither is better.", None),
    ],
)  # fmt: skip
def test_a_judges_mark_on_the_worse_answer_is_no_verdict_for_it(text: str, letter: str | None) -> None:
    assert parse_verdict(text) == letter
