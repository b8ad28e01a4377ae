"""A grammar of written choices: which letter a model's reply names, and when it names none (METHODS.md 2.1, 2.3)."""

from __future__ import annotations

import re
import unicodedata

from tamis.compute.clear import reply_words as words
from tamis.compute.clear.blame import blames
from tamis.compute.clear.comparisons import COMPARED
from tamis.compute.clear.verdict_replies import read_verdict

_I = re.IGNORECASE
# What may stand around a letter: brackets, quotes, marks of emphasis.
_OPEN, _CLOSE = r"[\s(\[{【「\"'“„‘«`*_<$|]*", r"[\s)\]}】」\"'”“’»`*_>$|]*"
_LETTER = rf"{_OPEN}\b(?P<letter>[ABC]|[abc](?=[)\].]))\b{_CLOSE}"
_OTHER = rf"(?:(?:{words.THING})\s+)?{_OPEN}\b[ABC]\b"
# After a letter that is meant as one: the end, a sign, or a word that goes on about it. "A better answer" goes on about
# something else: there the letter is an article, as in "Vitamin C" it is part of a name.
_WEIGHED = rf"\s(?:{words.OVER})\s+{_OTHER}"
_ABOUT_IT = r"is(?! for)|was|because|since|as|it|the|weil|da|car|parce|です|ist|est|es|é"
_AFTER = rf"(?=$|[\n.,:;!—–)\]}}|]|-\s|\s\((?:in)?correct\b|\s\(not sure|\s(?:{_ABOUT_IT})\b|{_WEIGHED})"
_SAID = re.compile(
    rf"(?:\b(?:{words.NOUN})\s+(?:{words.IS})|\b(?:{words.VERB})|\bit(?:['’]s|\s+(?:{words.IS}))|\b(?:{words.NOUN})\s*\||[:：]"
    r"|(?<![ABC]\s)(?<![ABC])=)"
    rf"(?:\s+(?:{words.ARTICLE}))?(?:\s+{_OPEN}(?:{words.THING}|letter))?\s*[:：=]?\s*{_LETTER}{_AFTER}",
    _I,
)
_WRITTEN_TOGETHER = re.compile(
    rf"(?:{words.CHOSEN_EAST})\s*(?:{words.IS_EAST})?\s*[:：]?\s*{_LETTER}(?!\s*(?:{words.AND_EAST}))"
)
_CONCLUDED = re.compile(rf"(?:^|[.!?,;:\n—–])\s*(?:{words.SURELY})[,:]?\s+{_LETTER}(?=$|[.!\n])", _I)
_LEADS = re.compile(rf"^\s*(?:[-•#>✅👉☑✔]+\s*)?{_LETTER}{_AFTER}", _I)
_NAMED = re.compile(rf"^\s*{_OPEN}(?:{words.THING})\s+{_LETTER}(?=$|[.,:;!—–)\]])", _I)
# "Response B is better", "A wins": the letter is the choice by what is said of it. A bare letter must begin its clause:
# in "Vitamin B is better" it does not.
# "Would be better if" says that it is not; "better in style", "better than nothing" praise a part, or next to nothing.
_IS_BETTER = rf"(?:(?!would\b|wäre\b|serait\b)(?:{words.IS})|was|seems|looks)\s+(?:(?:{words.VERY})\s+)*(?:{words.BETTER})\b"
_BETTER = rf"{_IS_BETTER}(?!\s+(?:{words.IN_PART})\b)"
_PARTLY = re.compile(rf"^\s*{_IS_BETTER}\s+(?:{words.IN_PART})\b", _I)
_PRAISED = re.compile(rf"\b(?:{words.THING})\s+{_LETTER}\s+(?:{_BETTER}|(?:{words.WINS})\b)", _I)
_CLAUSE = rf"(?:^|[.!?,;:\n—–]\s*|\b(?:{words.JOINS})\s+)"
_PRAISED_ALONE = re.compile(rf"{_CLAUSE}{_LETTER}\s+(?:{_BETTER}|(?:{words.WINS})\b)", _I | re.MULTILINE)
_FOUND = re.compile(rf"\b(?:{words.FIND})\s+(?:(?:{words.THING})\s+)?{_LETTER}\s+(?:{words.BETTER})\b", _I)
# "Not A but B": a letter is set against the one that is ruled out.
_VERB_LAST = re.compile(
    rf"\b(?:{words.VERB_FIRST})\s+(?:(?:{words.THING})\s+)?{_LETTER}\s+(?:{words.VERB_LAST})\b", _I
)
_CONTRAST = re.compile(
    rf"(?:\b(?:{words.NOT})|n['’]t|不是)\s+{_OTHER}{_CLOSE}[,;.]?\s*(?:(?:{words.BUT})\s+|it(?:['’]s|\s+is)\s+)"
    rf"(?:(?:{words.RATHER})\s+)?(?:(?:{words.THING})\s+)?{_LETTER}",
    _I,
)
_STATEMENTS = (_SAID, _WRITTEN_TOGETHER, _CONCLUDED)
_PRAISES = (_PRAISED, _PRAISED_ALONE, *COMPARED, _FOUND, _VERB_LAST)
# Marks that say nothing but the choice, a field of a record, and "A > B".
_MARKED = re.compile(
    r"\\boxed\{\s*(?:\\text\w*\{\s*)?([ABC])\s*\}|<(?:answer|verdict|choice|decision|winner)>[\s(\[]*([ABC])[\s)\]]*</"
    r"|\[\[\s*([ABC])\s*\]\]|\[\[\s*([AB])\s*>+\s*[AB]\s*\]\]|^\s*([AB])\s*>+\s*[AB]\s*$",
    _I,
)
# "[[A]], [[B]] or [[C]]", "[[A]] if answer A is better", "[[A]] is cut off", "better than [[A]]": no verdict for it.
_LISTED_BEFORE = re.compile(
    rf"\]\]\s*(?:,|/|{words.AND})\s*(?:(?:{words.AND})\s+)?$|\b(?:{words.OVER})\s+(?:(?:{words.THING})\s+)?$",
    _I,
)
_LISTED_AFTER = re.compile(rf"^\s*(?:,|/|{words.AND})\s*(?:(?:{words.AND})\s+)?\[\[", _I)
_GOES_ON = re.compile(
    rf"^[*_`]*\s+(?:for an? tie\b|(?!{_BETTER}|(?:{words.IS})\s+(?:my|the)\s+(?:{words.NOUN})|(?:{words.WINS}|{words.OVER}|{words.REASON}"
    rf"|{words.WHOLLY}|{words.JOINS}|it is)\b)[a-zäéè]\w*)"
)
_FIELD = re.compile(
    rf"[\"'](?!(?:{words.WORSE})|(?:{words.LOSES}))(?:\w*[ _])?(?:{words.FIELD})(?:[ _](?:{words.THING}))?[\"']\s*:\s*(?:[\"']\s*(?:(?:{words.THING})[ _]+)?[(\[]*([ABC])[)\]]*[.\s]*(?:[\"']|$)|[\"'\w])",
    _I,
)
_RECORD = re.compile(r"^\s*(?:```\w*\s*)?\{")
_THOUGHT = re.compile(r"<(think(?:ing)?|thought|reasoning|reflection)>.*?(?:</\1>|\Z)", _I | re.DOTALL)
_END_OF_THOUGHT = re.compile(r"^.*</(?:think(?:ing)?|thought|reasoning|reflection)>", _I | re.DOTALL)
_NEGATED = re.compile(rf"\b(?:{words.NEGATION})\b|n['’]t\b|不|没|別", _I)
_BLAMED_BEFORE = re.compile(rf"\b(?:{words.WORSE})\b", _I)
_BLAMED_AFTER = re.compile(
    rf"^\s*(?:is|was|{words.IS})\s+(?:the\s+|a\s+|much\s+|clearly\s+)*(?:not|never|no|nicht|kein|pas|{words.WORSE})\b"
    r"|^\s*(?:isn|wasn)['’]t\b",
    _I,
)
# "Problem: A", "The worst answer is: A": what stands before the sign is said of the letter.
_SIGNS = " \t\n([{【「\"'“„‘«`*_<$|"
_BEFORE_LABEL = re.compile(r"[.!?,;:。、\n—–]")
_FAULT = re.compile(rf"\b(?:{words.FAULT})\b", _I)
# "The error in [[A]]", "Error in A: [[A]]", "A has a flaw: [[A]]": the fault is the letter's own, unless there is none.
_FAULT_OF = re.compile(
    rf"\b(?:{words.FAULT})\s+(?:(?:{words.FOUND})\s+)?(?:{words.OF})\s+(?:(?:{words.ARTICLE})\s+)?(?:(?:{words.THING})\s+)?{_OPEN}$",
    _I,
)
_HAS_FAULT = re.compile(rf"^\s*(?:{words.HAS})\s+(?:\w+\s+){{0,2}}(?:{words.FAULT})\s*$", _I)
_SPARED = re.compile(rf"\b(?:{words.SPARING})\b", _I)
_BLAMED_EAST = re.compile(words.WORSE_EAST)
REACH = 300  # characters: longer than what is said of a mark in its sentence
_SEVERAL = re.compile(
    rf"^\s*(?:{words.AND}|{words.AND_EAST}|/|,|&)\s*[(\[\"'*]*[ABC]\b(?!\s*{words.BETTER})", _I
)
_MARK = re.compile(r"[(\[]([ABC])[)\]]")
_FINAL = re.compile(
    r"\b(?:final|actually|therefore|so|thus|hence|overall|conclusion|in short|verdict|also|daher|insgesamt|donc)\b|最终|最終|因此|所以",
    _I,
)
_CLAUSE_END = re.compile(
    rf"[.!?,;:。、\n—–]|\b(?:{words.BUT}|{words.HENCE})\b|(?<!not )(?<!nicht )\bmy\b", _I
)
_QUESTION = re.compile(r"[^.!?。\n]*\?")
# Letters stand alone, without spaces, between signs of languages that write none.
_SEAM = re.compile(r"(?<=[぀-ヿ㐀-鿿가-힣])(?=[A-Ca-c])|(?<=[A-Ca-c])(?=[぀-ヿ㐀-鿿가-힣])")


def parse_choice(text: str, *, of_two: bool = False) -> str | None:
    """The letter A, B or C that a reply chooses; None where it names none, several, or only rules one out.

    A letter counts where it is said to be the choice ("the answer is B", "Verdict: B", "I prefer B over A", "not A but B"), in
    English, German, French, Spanish, Italian, Portuguese, Chinese and Japanese; where it stands in the field of a record; or
    where a line begins with it as with a mark ("B) because …"). What was thought aloud and questions are not read. What is
    called final outweighs what came before; otherwise letters that differ are no choice, so a reply that repeats the options
    has none. ``of_two``: A and B are all that is judged, so that a reply that names the worse one alone chooses the other.
    """
    read = _SEAM.sub(" ", unicodedata.normalize("NFKC", _said_aloud(text)).replace("**", "")).strip()
    fields = [found[1] for found in _FIELD.finditer(read)]
    if fields or _RECORD.match(read):
        return _only({letter.upper() if letter else "" for letter in fields})
    found_marks = [found for found in _MARKED.finditer(read) if is_stated(read, found)]
    marks = [(str(found[found.lastindex or 0]).upper(), found) for found in found_marks]
    blamed = {letter for letter, found in marks if is_ruled_out(*near(read, found), letter)}
    marked = {letter for letter, _ in marks} - blamed
    if len(marked) == 1:
        return marked.pop()
    if of_two and any(blames(question, "") for question in _QUESTION.findall(read)):
        return None  # "Which answer is incomplete? B"
    read = _QUESTION.sub("", read)
    if of_two:
        return read_verdict(read)
    stated = _stated(read)
    if stated:
        letters = [letter for letter, _ in stated]
        finals = [letter for letter, is_final in stated if is_final]
        return _only(set(letters)) or _only(set(finals))
    return _only({letter for letter in map(_leading, read.splitlines()) if letter})


def _said_aloud(text: str) -> str:
    """The reply without what the model thought; nothing where it never came to an end of that."""
    return _END_OF_THOUGHT.sub("", _THOUGHT.sub("", text))


def _only(letters: set[str]) -> str | None:
    return (letters.pop() or None) if len(letters) == 1 else None


def _stated(text: str) -> list[tuple[str, bool]]:
    """Letters that are said to be the choice, each with whether its sentence calls it final."""
    letters = [(match["letter"].upper(), False) for match in _CONTRAST.finditer(text)]
    for match in (match for pattern in _STATEMENTS for match in pattern.finditer(text)):
        letter, end = match["letter"], match.end("letter")
        if letter not in "ABC" and text[end : end + 1] not in (")", "]"):
            continue
        rest = _rest(text, end)
        if _SEVERAL.match(rest) or _PARTLY.match(rest) or _is_list(rest.split("\n")[0], letter):
            continue
        if is_ruled_out(text[: match.start("letter")], rest, letter.upper()):
            continue
        sentence = re.split(r"[.!?。\n]", text[: match.start("letter")])[-1]
        letters.append((letter.upper(), bool(_FINAL.search(sentence))))
    for match in (match for pattern in _PRAISES for match in pattern.finditer(text)):
        if match["letter"] in "ABC" and not is_ruled_out(text[: match.start("letter")], ""):
            letters.append((match["letter"], False))
    return letters


def near(text: str, mark: re.Match[str]) -> tuple[str, str]:
    """What stands before and after a mark, not farther than REACH characters: so many marks cost no more each than few."""
    return text[max(0, mark.start() - REACH) : mark.start()], text[mark.end() : mark.end() + REACH]


def is_listed(text: str, mark: re.Match[str]) -> bool:
    """Whether a mark is one of a list of those that could be given: "[[A]], [[B]] or [[C]]"."""
    before, after = near(text, mark)
    return bool(_LISTED_BEFORE.search(before) or _LISTED_AFTER.match(after))


def is_stated(text: str, mark: re.Match[str]) -> bool:
    """Whether a mark is more than one that could be given: it is in no list, and nothing but praise or a reason goes on about it."""
    return not (is_listed(text, mark) or _GOES_ON.match(near(text, mark)[1]))


def is_ruled_out(before: str, after: str, letter: str = "") -> bool:
    """Whether what stands before and after a letter says that it is not the choice: "I would not choose", "… is worse"."""
    bare, label = before.rstrip(_SIGNS), ""
    if bare.endswith((":", "：", "=")):
        label = _BEFORE_LABEL.split(bare[:-1].rstrip())[-1].split("]]")[-1]
    if _has_fault(_CLAUSE_END.split(before)[-1], label, letter):
        return True
    label = "" if re.search(r"\b[ABC]\b", label) else label
    clause = _CLAUSE_END.split(before)[-1]
    if any(_BLAMED_BEFORE.search(said) or _BLAMED_EAST.search(said) for said in (label, clause)):
        return True
    return bool(_FAULT.search(label) or _NEGATED.search(clause) or _BLAMED_AFTER.match(after))


def _has_fault(clause: str, label: str, letter: str) -> bool:
    """Whether a fault is said to be this letter's, right before it or in the label that names it alone."""
    if _FAULT_OF.search(clause) and not _SPARED.search(clause):
        return True
    named = list(re.finditer(r"\b[ABC]\b", label))
    if _SPARED.search(label) or {match[0] for match in named} != {letter}:
        return False
    return any(
        _FAULT_OF.search(label[: match.start()])
        or _HAS_FAULT.match(label[match.end() :])
        or _BLAMED_AFTER.match(label[match.end() :])
        for match in named
    )


def _leading(line: str) -> str | None:
    match = _LEADS.match(line) or _NAMED.match(line)
    if match is None:
        return None
    rest = _rest(line, match.end("letter"))
    if _SEVERAL.match(rest) or _PARTLY.match(rest) or _BLAMED_AFTER.match(rest):
        return None
    letter = match["letter"]
    if _is_list(line, letter):
        return None
    if letter in "ABC" or line[match.end("letter") : match.end("letter") + 1] in (")", ".", "]"):
        return letter.upper()
    return None


def _is_list(line: str, letter: str) -> bool:
    """Whether a line goes through the options: other letters are marked beside this one."""
    return bool({mark.upper() for mark in _MARK.findall(line)} - {letter.upper()})


def _rest(text: str, end: int) -> str:
    return text[end:].lstrip(")]}\"'”’`*_>")
