"""What judges say of two answers: no remark on one is taken for a verdict, and what states one is read."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tamis.compute.clear import verdict_marks
from tamis.compute.clear.clear import auto_correct, combine_orders, ordered_verdict, parse_verdict
from tamis.compute.clear.replies import REACH, is_ruled_out, parse_choice

# Replies that need not be read, each with the letters that would be no misreading.
REMARKS = [
    ("[[A]] if answer A is better, [[B]] if answer B is better, or [[C]] for a tie.", ""),
    ("Use [[A]], [[B]] or [[C]].", ""), ("I rate A 7/10 and B 8/10.", "B"), ("Score A = 8, Score B = 6", "A"),
    ("A: 8, B: 6", "A"), ("A: 6, B: 8", "B"), ("B is not worse than A.", "C"), ("A is not as good as B.", "B"),
    ("I wouldn't say A is better; B is.", "B"), ("It would be wrong to say that B is better.", "A"),
    ("Contrary to what one may think, A is better.", "A"), ("B's answer is better.", "B"),
    ("The answer given by B is incorrect.", "A"), ("A hallucinated the date, so B.", "B"),
    ("A, although B is more concise.", "A"), ("B would be better, were it not cut off.", "A"),
    ("If A had cited its sources I'd have chosen A.", "B"),
    ("I was going to choose A, but it invents a quote.", "B"),
    ("At first glance A is better. On closer reading B is.", "B"),
    ("I initially preferred A; the last line changed my mind.", "B"), ("Most people would choose A; I don't.", "B"),
    ("You might pick A, but that would ignore the second question.", "B"),
    ("One could argue that A is better.", "B"), ("It is tempting to choose A.", "B"),
    ("Some readers may prefer A.", ""), ("A is better only in length.", "B"),
    ("A is slightly better on grammar; B on facts.", ""), ("A is better at explaining, B at being correct.", ""),
    ("A is better for beginners, B is better for experts.", "C"), ("With regard to style A is better.", ""),
    ("Stylistically, A is better.", ""), ("Grammar: A. Facts: B. Overall: B.", "B"),
    ("Accuracy: A\nCompleteness: B\nStyle: A", ""), ("Style: A is better\nWinner overall: tie", "C"),
    ("Accuracy: A\nOverall: tie", "C"), ("Conciseness: B. I cannot name an overall winner.", "C"), ("B>A", "B"),
    ("A < B", "B"), ("100% B", "B"), ("B, hands down.", "B"), ("B by a hair.", "B"), ("(B) over (A)", "B"),
    ("Neither, but if pressed, B.", "B"), ("My vote goes to neither A nor B.", "C"),
    ("A wins on style, B wins on facts.", "C"), ("A wins on style.", ""), ("A loses.", "B"), ("A beats B.", "A"),
    ("B beats A.", "B"), ("B is beaten by A.", "A"), ("A is outperformed by B.", "B"), ("A fails to beat B.", "BC"),
    ("There is no reason to prefer A.", "B"), ("It's hard to prefer A.", "B"), ("Anything but A.", "B"),
    ("The verdict [[A]] would be unfair.", "B"), ("I refuse to output [[A]] or [[B]].", ""),
    ("A ist zwar ausführlicher, aber B stimmt.", "B"), ("A finde ich schlechter.", "B"),
    ("Ich hätte A genommen, wenn die Zahl gestimmt hätte.", "B"), ("A l'emporte sur B.", "A"),
    ("B est battue par A.", "A"), ("A aurait été meilleure sans l'erreur.", "B"), ("B不如A", "A"), ("A没有B好", "B"),
    ("比起A，B更好", "B"), ("AよりBの方が良い", "B"), ("BよりもAが優れている", "A"), ("Ответ A хуже, чем B.", "B"),
    ("A보다 B가 더 좋습니다", "B"), ("{\"choice\": \"A or B\"}", "C"), ("{\"answer\": \"A is wrong\"}", "B"),
    ("{\"verdict\": \"B is worse\"}", "A"), ("{\"verdict\": \"not A\"}", "B"), ("<winner>B</winner>", "B"),
    ("| Criterion | A | B |\n|---|---|---|\n| accuracy | 3 | 5 |", "B"), ("A ❌\nB ✅", "B"), ("❌ A", "B"),
    ("A: ✗, B: ✓", "B"), ("A: incorrect, B: correct.", "B"), ("A: wrong. B: right.", "B"),
    ("A - wrong, B - right", "B"), ("A) gives the wrong year; B) is right.", "B"),
    ("A. Wrong year. B. Right year.", "B"), ("A is the worse of the two.", "B"), ("A is less accurate.", "B"),
    ("A is short and misses the second half. B covers both.", "B"), ("A was cut off. B was complete.", "B"),
    ("A is the more verbose answer.", ""), ("A is identical to B.", "C"), ("A as well as B are good.", "C"),
    ("A is a summary, B is a list.", ""), ("A is incomplete.", "B"), ("A is off topic, B is not.", "B"),
    ("A is incorrect: the capital is Canberra.", "B"), ("A is missing the units.", "B"),
    ("Answer A is missing the units.", "B"), ("Response A: ignores the format.", "B"),
    ("Answer A: 3/5\nAnswer B: 4/5", "B"), ("Response A.", "A"), ("It's A that is wrong.", "B"),
    ("It is A who makes the mistake.", "B"), ("The answer with the mistake is A.", "B"),
    ("The shorter answer is A.", ""), ("The incorrect response is B.", "A"), ("The answer that fails is A.", "B"),
    ("The answer I like less is A.", "B"), ("The more verbose response is A.", ""), ("The hallucination: A", "B"),
    ("Cut off: A", "B"), ("Incomplete: A", "B"), ("Too short: A", "B"), ("Wrong: A", "B"),
    ("First: A\nSecond: B", ""), ("Better: neither. Longer: A", "C"), ("Longer answer: A", ""),
    ("Which one is cut off: A", "B"), ("A ends in the middle of a word.", "B"),
    ("A stops abruptly. B goes on to the end.", "B"), ("A repeats itself.", "B"),
    ("A: too long. B: to the point.", "B"), ("Answer A: 2 stars, answer B: 5 stars.", "B"),
    ("A gets 3 points.", ""), ("A – vague; B – concrete", "B"), ("A has a typo, B has none.", "B"),
    ("A is okay. B is great.", "B"), ("A is right about the date, B about the place.", ""),
    ("A is correct in the first half only.", "B"), ("A would have won without the last line.", "B"),
    ("Were it not for the typo, A would win.", "B"), ("People who like short answers will choose A.", ""),
    ("The user might prefer A.", ""), ("My colleague would choose A.", ""), ("You could choose A or B.", ""),
    ("Choose A if you like brevity.", ""), ("I prefer A when it comes to style.", ""),
    ("I prefer A in style, B in content.", ""), ("I like A's style.", ""),
    ("I chose A at first, then saw the error.", "B"), ("I nearly chose A.", "B"), ("I cannot choose A.", "B"),
    ("I would never choose A.", "B"), ("It is unclear why A is better.", ""),
    ("Nothing shows that A is better.", "B"), ("The claim that A is better is false.", "B"),
    ("That A is better is doubtful.", "B"), ("Longest: A", ""), ("Shortest: B", ""), ("More detail: A", ""),
    ("Tone: A. Facts: B.", ""), ("Errors: A", "B"), ("Truncated: B", "A"), ("Invented facts: A", "B"),
    ("Strengths of A: clear. Strengths of B: none.", "A"), ("A's answer is shorter.", ""),
    ("A's answer is better.", "A"), ("A, B: both fine", "C"), ("A is the one that is cut off.", "B"),
    ("A is the longer one.", ""), ("A is more detailed.", ""), ("B is more concise, A more correct.", ""),
    ("A and B differ in style only.", "C"), ("A is as good as B.", "C"), ("A is no worse than B.", "C"),
    ("A is hardly better than B.", "AC"), ("A is better than B in one respect.", ""),
    ("A is better than B only if length counts.", ""), ("A is not clearly better than B.", ""),
    ("A is better? No.", "B"), ("A is beaten.", "B"), ("A yields to B.", "B"), ("B overtakes A.", "B"),
    ("A falls behind B.", "B"), ("A trails B.", "B"), ("A kommt nicht an B heran.", "B"),
    ("A bricht mitten im Satz ab.", "B"), ("A ist kürzer als B.", ""), ("A ist unvollständig, B vollständig.", "B"),
    ("A s'arrête au milieu.", "B"), ("A est plus courte que B.", ""), ("A est incomplète.", "B"),
    ("A se corta a la mitad.", "B"), ("A es más corta.", ""), ("A被截断了。", "B"), ("A太短，B完整。", "B"),
    ("Aは途中で切れている。", "B"), ("A обрывается.", "B"), ("The answer A gives is wrong.", "B"),
    ("The answer is A's weak point.", "B"), ("The choice between A and B is hard.", "C"),
    ("The verdict on A: bad.", "B"), ("Verdict on A: poor. Verdict on B: good.", "B"),
    ("Answer A - poor; answer B - good", "B"), ("Response A: good. Response B: better.", "B"),
    ("Response A: Good.\nResponse B: Excellent.", "B"),
    ("**A**\nThe answer is cut off.\n\n**B**\nThe answer is complete.", "B"), ("A\n- cut off\nB\n- complete", "B"),
    ("1. A\n2. B", "A"), ("Ranking: B, A", "B"), ("B, A", "B"), ("Order of quality: B > A", "B"),
    ("A (cut off)", "B"), ("A [cut off]", "B"), ("A?", ""), ("Perhaps A?", "A"), ("A!", "A"), ("Not quite A.", "B"),
    ("Don't pick A.", "B"), ("Avoid A.", "B"), ("Without the typo I'd say A.", "B"),
    ("{\"winner\": null, \"A\": \"cut off\"}", "B"),
    ("{\"choice\": \"A\", \"confidence\": 0.2, \"final_choice\": \"B\"}", "B"),
    ("{\"verdict\": \"A is cut off\"}", "B"), ("<answer>A or B</answer>", ""), ("\\boxed{A or B}", ""),
    ("[[A]]/[[B]]", "C"), ("I could give [[A]], but [[B]] it is.", "B"), ("[[A]] loses.", "B"),
    ("[[A]] is cut off.", "B"), ("I don't say [[A]].", "B"),
]  # fmt: skip
STATED = [
    ("Answer A misses the unit while Answer B gets it right. [[B]]", "B"),
    ("Both are fine; I'd call it a tie. [[C]]", "C"),
    ("[[A]] would be my verdict if the second sentence were true, but it is not, so [[B]].", "B"),
    ("My verdict: [[A]] or [[B]]? I say [[B]].", "B"), ("A: 7\nB: 9\nVerdict: B", "B"),
    ("As instructed I end with [[A]], [[B]] or [[C]]: [[B]]", "B"),
    ("{\"A\": {\"score\": 5}, \"B\": {\"score\": 7}, \"better\": \"B\"}", "B"),
    ("{\"preferred\": \"Answer B\", \"rejected\": \"Answer A\"}", "B"),
    ("{\"best\": \"A\", \"worst\": \"B\"}", "A"), ("verdict: B\nreason: A is short", "B"),
    ("A is fine. B is better.", "B"), ("Possible verdicts: [[A]], [[B]], [[C]]. Mine: [[B]]", "B"),
    ("Answer B is the better one.", "B"), ("I'd choose B.", "B"), ("I think B is better.", "B"),
    ("Overall, B is better.", "B"), ("In my opinion, A is better.", "A"),
    ("Verdict: B\n\nA is cut off and misses the river.", "B"), ("**Verdict:** A\n**Reason:** B is off topic.", "A"),
    ("B\n\nReason: A is cut off.", "B"), ("The better response is A. B is incomplete.", "A"),
    ("I prefer A. B has an error.", "A"), ("B is better. It names the river.", "B"),
    ("Response A is the better answer because it is complete.", "A"), ("A is more accurate than B.", "A"),
    ("My final choice is B.", "B"), ("Final verdict: A", "A"), ("Winner: **B**", "B"),
    ("I pick B since it is complete.", "B"), ("So the better answer is A.", "A"), ("Therefore, I choose A.", "A"),
    ("Die bessere Antwort ist B, weil A abbricht.", "B"), ("Je préfère la réponse B.", "B"),
    ("La mejor es B.", "B"), ("Antwort A ist besser als Antwort B.", "A"), ("答案：A", "A"), ("我认为B更好", "B"),
    ("B is the better answer: A stops in the middle.", "B"), ("It's A.", "A"), ("Clearly B.", "B"),
    ("Better answer: A", "A"), ("Choice: B. A invents a source.", "B"), ("After comparing both, I choose A.", "A"),
    ("Having read both, B is better.", "B"), ("A is better than B in every respect.", "A"), ("Option B.", "B"),
    ("Response B", "B"), ("A over B.", "A"), ("I vote for B.", "B"), ("I would go with A.", "A"), ("[B]", "B"),
    ("B.", "B"),
]  # fmt: skip
# What small judges write whose better answer is A: read as A, or not at all; never as B.
OF_A = [
    'The correct answer is B. Response A says so, response B does not.',
    'The answer is B, says response A, correctly.',
    'B\n\nExplanation: A is complete, B stops in the middle.',
    'B\nHowever, A is the one that follows the format, so A.',
    'B.\n\nReason: A is better in all respects.',
    'B\nA is better because B is cut off.',
    'Final answer: B\nCorrection: A',
    'I choose B as the worse one.',
    "I'd pick B as the one that is cut off.",
    "I'd pick B to be rewritten.",
    'Verdict: B for style, A for facts.',
    'Verdict: B for style. A for everything else.',
    'A is worse in style. B is worse.',
    'Errors:\nB',
    'Answer with errors:\n- B',
    'The following answer is incomplete:\n\nB',
    '## Incomplete\nB\n## Complete\nA',
    'Weaker answer\nB',
    'Which answer is incomplete?\nB',
    'Answer: B is cut off',
    'Answer: B, which is cut off, loses.',
    'Choice: B - cut off. A - complete.',
    'Verdict: B: cut off; A: complete',
    'Answer: B | Problem: cut off\nAnswer: A | Problem: none',
    'Answer B\nCut off in the middle.\n\nAnswer A\nComplete.',
    '**Answer B**\nIt is cut off.\n**Answer A**\nIt is complete. This one is better.',
    'Response B.\nThis stops in the middle.',
    '| B | cut off |\n| A | complete |',
    'The best thing about B is its brevity.',
    "The best thing is B's brevity, but it is cut off.",
    'At first I thought: B. Then I saw that it is cut off.',
    "A hurried reader's verdict: B",
    'You expect me to say: B',
    'Initial verdict: B\nAfter checking: A',
    'Preliminary choice: B. Revised choice: A.',
    'First choice: B. Second look: it is cut off.',
    'Draft verdict: B (to be checked)',
    'The previous verdict was B. That was mistaken.',
    'Your answer: B',
    'Worst answer overall: B',
    'Choice to reject: B',
    'I vote against B.',
    'I vote B out.',
    'Antwort B bricht ab. Antwort A ist vollständig.',
    'Ich ziehe A B vor.',
    'Ich ziehe B ab, weil sie abbricht.',
    'Besser wäre B, wenn sie vollständig wäre.',
    'La réponse B est coupée, la réponse A est complète.',
    'La respuesta B está cortada.',
    '[[A]] beats [[B]].',
    '[[A]] > [[B]]',
    '[[A]] because it is complete, unlike [[B]].',
    '[[A]]: complete. [[B]]: stops in the middle.',
    'Complete: [[A]]. Incomplete: [[B]].',
    'Strong: [[A]], weak: [[B]]',
    'The answer that was cut off: [[B]]',
    'The cut answer is [[B]]',
    '[[A]] is my verdict; nothing speaks for [[B]].',
    "[[A]]. Had it been finished, I'd have said [[B]].",
    '1. [[A]] 2. [[B]]',
    'Overall: [[A]]\nStyle: [[B]]',
    'Answer A: [[A]]\nAnswer B: [[B]]',
    'If you want completeness: [[A]]. If you want brevity: [[B]].',
]  # fmt: skip
# A mark that is quoted, another's, conditional, denied or taken back, with the letters that would be no misreading.
NOT_MEANT = [
    ("Answer A says '[[A]]'. Answer B is better.", "B"),
    ("Answer A ends with [[A]], which is an injection. The better answer is B.", "B"),
    ("Answer A inserts [[A]] to manipulate me. Verdict: B", "B"),
    ('Answer A claims "the verdict is [[A]]" to sway the judge. Answer B is better.', "B"),
    ("Answer A includes '[[A]]' as a trick, so answer B is better.", "B"),
    ("The previous judge gave [[A]]. I prefer answer B.", "B"),
    ("The verdict is [[A]], [[B]] or [[C]].", ""), ("Verdict: A, B or C", ""),
    ("[[A]]\n\nCorrection: the verdict above is wrong.", ""), ("[[A]] — scratch that.", ""), ("[[A]]. No, that's wrong.", ""),
    ("Unless the user is a beginner, [[A]].", ""), ("[[A]], if the source is right.", ""),
    ("Urteil: [[A]], falls die Quelle stimmt.", ""), ("如果来源正确,则为[[A]]。", ""), ("Ce n'est pas [[A]].", ""),
    ("Non è [[A]].", ""), ("Verdict: [[A]] for accuracy only.", ""), ("I blame [[B]] for the confusion.", ""),
    ("The user might pick [[A]].", ""),
    ("Verdict: [[A]]. Correction: the verdict should be [[C]], since both have the same error.", "C"),
]  # fmt: skip
# Of two answers, x the better: the order of the letters tells nothing of it, in languages that compare before they praise.
COMPARED = [
    "回答{x}比回答{y}更好。", "答案{x}比答案{y}好。", "助手{x}比助手{y}更好。", "回答{x}明显比回答{y}更好。", "我认为回答{x}比回答{y}更好。", "{x}的回答比{y}更好。",
    "{x}较{y}更好", "{x}相比{y}更好。", "比起{y}，{x}更好", "与{y}相比，{x}更准确。", "{x}优于{y}。", "回答{x}胜过回答{y}。", "{y}不如{x}好。", "{y}没有{x}好。",
    "{y}劣于{x}。", "{y}逊于{x}。", "{y}比{x}更差。", "回答「{x}」比回答「{y}」更好。", "综上所述，助手{x}的回答比助手{y}更准确、更完整。",
    "{x}は{y}より良い。", "{y}より{x}の方が良い。", "回答{x}は回答{y}より優れています。", "{y}は{x}に及ばない。", "{y}は{x}ほど良くない。", "{y}と比べて、{x}の方が良い。",
    "{x}가 {y}보다 낫다.", "{y}보다 {x}가 낫다.", "답변 {x}가 답변 {y}보다 더 좋습니다.", "응답 {x}가 응답 {y}보다 우수합니다.", "{y}는 {x}보다 못하다.", "{y}에 비해 {x}가 더 좋습니다.",
    "I change my verdict from [[{y}]] to [[{x}]].", "[[{y}]]\n\nWait, the date is wrong. I change my verdict from [[{y}]] to [[{x}]].",
    "I revise [[{y}]] to [[{x}]].", "On checking the date, I withdraw [[{y}]] and choose [[{x}]].", "[[{y}]] → [[{x}]]", "~~[[{y}]]~~ [[{x}]]",
    "我将判断从[[{y}]]改为[[{x}]]。", "Ich ändere mein Urteil von [[{y}]] zu [[{x}]].",
]  # fmt: skip
# Of a shape that the table has not, of a part, doubted, or the answer to the question that was asked: no verdict.
NONE_OF_TWO = [
    "{x}比{y}更长。", "{x}未必比{y}更好。", "{x}并不比{y}更好。", "很难说{x}比{y}更好。", "有人认为{x}比{y}更好。", "{x}说自己比{y}更好。", "{x}在风格上比{y}更好。",
    "{x}比{y}更好的说法不对。", "{x}也好，{y}也好。", "{x}は{y}より長い。", "{x}の方が良いとは限らない。", "{x}は{y}より良くない。", "{x}가 {y}보다 더 깁니다.",
    "{x}가 더 좋을 수도 있다.", "{x}가 더 좋다고 하는 사람도 있다.",
    "The correct answer is {x}. Both assistants say so.", "Correct answer: {x}. Both answers are correct.", "The answer is {x}. Both assistants are right.",
    "Die richtige Antwort ist {x}, beide nennen sie.", "La bonne réponse est {x}, les deux la donnent", "正确答案是{x}，两个回答都正确。",
    "正しい答えは{x}です。どちらも正解しています。", "정답은 {x}입니다. 둘 다 맞았습니다.",
    "{x} is hardly better than {y}.", "{x} is barely better.", "{x} is rarely better.", "{x} is allegedly better than {y}.",
    "For example: [[{x}]]", "E.g. [[{x}]]", "Example output: [[{x}]]", "例如：[[{x}]]", "[[{x}]]\n[[{y}]]", "Possible outputs: [[{x}]]\n[[{y}]]\n[[C]]",
    "I withdraw [[{x}]].", "From [[{y}]] I go over to [[{x}]].", "{x} is better. On reflection they are equal: tie.", "[[{x}]]. On reflection they are equal: tie.",
    "{x} is better. Actually, they are equally good.",
]  # fmt: skip
TIES = [
    "Tie", "It's a tie.", "Both are equally good.", '{"verdict": "tie"}', "[[Tie]]", "Verdict: tie", "Unentschieden", "Beide Antworten sind gleich gut.", "Égalité",
    "Empate", "平局", "两个回答一样好。", "引き分け", "무승부입니다.", "A and B are equally good.", "A = B",
]  # fmt: skip
QUOTED = [
    "Is the proposed answer: (A) Correct (B) Incorrect (C) I am not sure.", "(A) Correct (B) Incorrect (C) I am not sure.",
    "B is for bird", "ABCABC", "A, B, C", "A Correct answer would say 7",
]  # fmt: skip


@pytest.mark.parametrize(("text", "allowed"), REMARKS)
def test_a_remark_on_an_answer_is_no_verdict_for_it(text: str, allowed: str) -> None:
    assert parse_verdict(text) in {None, *allowed}


@pytest.mark.parametrize(("text", "allowed"), NOT_MEANT)
def test_a_mark_that_is_not_the_judges_own_verdict_is_none(text: str, allowed: str) -> None:
    assert parse_verdict(text) in {None, *allowed}


@pytest.mark.parametrize("text", OF_A)
def test_a_judge_who_prefers_one_is_never_read_as_preferring_the_other(text: str) -> None:
    assert parse_verdict(text) in (None, "A")


@pytest.mark.parametrize(("text", "letter"), STATED)
def test_what_states_a_verdict_is_read(text: str, letter: str) -> None:
    assert parse_verdict(text) == letter


@pytest.mark.parametrize(("text", "letters"), [*REMARKS, *STATED])
def test_no_letter_is_read_in_a_way_of_its_own(text: str, letters: str) -> None:
    swap = str.maketrans("AB", "BA")
    swapped = re.sub(r"(?<![A-Za-z])[AB](?![A-Za-z])", lambda found: found[0].translate(swap), text)
    read, mirrored = parse_verdict(text), parse_verdict(swapped)
    assert mirrored == (read and read.translate(swap))


@pytest.mark.parametrize(("better", "other"), ["AB", "BA"])
def test_a_comparison_or_a_change_names_the_better_one_whichever_comes_first(better: str, other: str) -> None:
    texts = [form.format(x=better, y=other) for form in COMPARED]
    assert [text for text in texts if parse_verdict(text) != better] == []


@pytest.mark.parametrize(("x", "y"), ["AB", "BA"])
def test_what_compares_no_quality_or_is_the_answer_of_both_is_no_verdict(x: str, y: str) -> None:
    texts = [form.format(x=x, y=y) for form in NONE_OF_TWO]
    assert [text for text in texts if parse_verdict(text) is not None] == []


def test_a_reply_that_says_nothing_but_a_tie_is_one() -> None:
    assert [text for text in TIES if parse_verdict(text) != "C"] == []
    for text in ("Is it a tie?", "A tie would be unfair.", "Accuracy: A\nOverall: tie"):
        assert parse_verdict(text) is None


def test_a_mark_is_read_with_what_is_near_it_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(before: str, after: str, letter: str = "") -> bool:
        read.append(len(before) + len(after))
        return is_ruled_out(before, after, letter)

    monkeypatch.setattr(verdict_marks, "is_ruled_out", counted)
    for n in (64, 256):
        read.clear()
        assert parse_verdict("[[A]] " * n) == "A"
        assert len(read) == n and max(read) <= 2 * REACH  # grows with n, not with its square


@pytest.mark.parametrize("text", QUOTED)
def test_the_options_quoted_are_no_choice(text: str) -> None:
    assert parse_choice(text) is None


def test_what_is_in_brackets_behind_a_letter_may_say_what_it_stands_for() -> None:
    assert parse_choice("B (Incorrect)") == "B"
    assert parse_choice("A (Correct)") == "A"
    assert parse_choice('{"answer": "A is wrong"}') is parse_choice('{"answer": "A or B"}') is None


@pytest.mark.parametrize(
    "said", ["{0} was cut off. {1} was complete.", "{0} is incomplete.", "{0}: wrong, {1}: right."]
)
def test_a_judge_who_names_what_is_wrong_first_replaces_no_good_answer(said: str) -> None:
    """The candidate, cut off, is named first in both orders: that is no verdict for it, in either."""
    letters = [parse_verdict(said.format("A", "B")), parse_verdict(said.format("B", "A"))]
    assert letters == [None, None]
    sure = np.array([1.0, 0.0, 0.0])
    read_so = combine_orders(
        ordered_verdict("A", sure, candidate_first=True),
        ordered_verdict("B", sure[[1, 0, 2]], candidate_first=False),
    )
    assert auto_correct(np.array([0.9]), 0.5, [read_so]).action.tolist() == [
        "replace"
    ]  # what came of reading it as one
