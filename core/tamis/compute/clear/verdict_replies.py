"""A closed grammar of verdicts between two answers: what a judge's words must be to name one (METHODS.md 2.3).

A letter is read from forms that state a verdict and from nothing else: what is said of an answer ("A was cut off") is no
choice of it, however it begins.
"""

from __future__ import annotations

import re

from tamis.compute.clear import reply_words as words
from tamis.compute.clear.blame import blames
from tamis.compute.clear.comparisons import COMPARED

_I = re.IGNORECASE
_OPEN, _CLOSE = r"[\s(\[{【「\"'“„‘«`*_<$|]*", r"[)\]}】」\"'”“’»`*_>$|]*"
_THING = rf"(?:(?:{words.ARTICLE})\s+)?(?:(?:{words.THING}|letter)\s+)?"
_LETTER = rf"{_THING}{_OPEN}\b(?P<letter>[AB])\b{_CLOSE}"
_OTHER = rf"{_THING}{_OPEN}\b[AB]\b{_CLOSE}"
_OVER = rf"(?:,?\s+(?:{words.OVER})\s+{_OTHER})?"
_REASON = rf",?\s+(?:{words.REASON})\b"
# How a statement ends: at its sentence or clause, with a reason, or with words that take nothing back.
_END = rf"{_OVER}(?:\s+(?:{words.WHOLLY}))?\s*(?=$|[.!\n;,:|—–]|{_REASON}|\s+-\s|\s+(?:and|und|et|y|e)\s+{_OTHER})"
_BEGIN = (
    rf"(?:(?:^|[.!?;:,\n|。—–]|\bthat\b)\s*(?:[-•#>✅👉☑✔*_]+\s*)?(?:(?:{words.JOINS}|{words.THOUGHT})\s+)*)"
)
_NOUN = rf"(?:(?:{words.ARTICLE}|my|our|meine?|mon|ma|mi|minha|mia)\s+)?(?:(?:{words.CHOSEN})\s+)*(?:{words.NOUN}|letter)(?:\s+overall)?"
_LABELLED = re.compile(
    rf"{_BEGIN}(?:{_NOUN}|overall|better|best|besser|mejor|correct|right)[*_`]*(?:\s*[:：=|]\s*(?:{words.IS}\b)?|\s+(?:{words.IS})\s*[:：]?)\s*[*_`]*\s*{_LETTER}{_END}",
    _I,
)
_ALONE = re.compile(rf"^\s*(?:[-•#>✅👉☑✔]+\s*)?{_LETTER}\s*[.!]?\s*$", _I | re.MULTILINE)
_LED = re.compile(
    rf"^\s*(?:[-•#>✅👉☑✔]+\s*)?{_LETTER}(?:{_OVER}(?={_REASON})|,?\s+(?:{words.OVER})\s+{_OTHER}\s*(?=$|[.!\n]))",
    _I | re.MULTILINE,
)
_CONCLUDED = re.compile(rf"(?:^|[.!?,;:\n—–])\s*(?:{words.SURELY})[,:]?\s+{_LETTER}{_END}", _I)
_DECIDED = re.compile(rf"(?:it\s+is(?:n['’]t| not) close|not close)\s*:\s*{_LETTER}{_END}", _I)
_SUBJECT = rf"(?:i|we)(?:['’](?:d|ll|m))?(?:\s+(?:{words.RESOLVED}))*"
_CHOSEN_BY_ME = re.compile(
    rf"(?:\b{_SUBJECT}\s+(?:{words.VERB_OF_I})|{_BEGIN}(?:ich\s+|je\s+|yo\s+|eu\s+)?(?:{words.VERB_OF_ME})"
    rf"|\bit(?:['’]s|\s+(?:is|has to be|must be)))\s+{_LETTER}{_END}",
    _I,
)
_VERB_LAST = re.compile(rf"\b(?:{words.VERB_FIRST})\s+{_LETTER}\s+(?:{words.VERB_LAST})\b{_END}", _I)
_IS = rf"(?:is|was|seems|looks|{words.IS_NOW})"
_PRAISED = re.compile(
    rf"{_BEGIN}{_LETTER}\s+(?:{_IS}\s+(?:(?:{words.VERY})\s+)*(?:{words.BETTER})(?:\s+(?:one|answer|response|option|choice|antwort|réponse))?"
    rf"|{_IS}\s+(?:my|our|the)\s+(?:{words.NOUN})|(?:{words.WINS})\b){_END}",
    _I,
)
_FOUND = re.compile(rf"\b(?:i|we|ich|je)\s+(?:{words.FIND})\s+{_LETTER}\s+(?:{words.BETTER}){_END}", _I)
_CONTRAST = re.compile(
    rf"(?:\b(?:{words.NOT})|n['’]t|不是)\s+{_OTHER}[,;.，]?\s*(?:(?:{words.BUT})\s*|it(?:['’]s|\s+is)\s+)"
    rf"(?:(?:{words.RATHER})\s+)?{_LETTER}{_END}",
    _I,
)
_TOGETHER = re.compile(
    rf"(?:{words.CHOSEN_EAST})\s*(?:{words.IS_EAST})?\s*[:：]?\s*{_LETTER}\s*(?={words.END_EAST})",
    re.MULTILINE,
)
_LOSER = re.compile(
    rf"{_BEGIN}(?:(?:{words.ARTICLE}|my)\s+)?(?:{words.LOSES})(?:\s+(?:{words.THING}|one))?[*_`]*(?:\s+(?:{words.IS}))?\s*[:：=]?\s*[*_`]*\s*"
    rf"{_LETTER}{_END}",
    _I,
)
_LESS = re.compile(
    rf"{_BEGIN}{_LETTER}\s+{_IS}\s+(?:(?:{words.VERY})\s+)*(?:{words.LOSES})(?:\s+(?:one|of the two))?{_END}",
    _I,
)
_SAID_OF = re.compile(
    rf"\b{_LETTER}\s+{_IS}\s+(?:(?:{words.VERY})\s+)*(?:(?P<worse>{words.LOSES})|{words.BETTER})\s*:", _I
)
_BEHIND = re.compile(rf"(?P<label>[^.!?\n]*:)\s*{_LETTER}{_END}", _I)
_FINAL = re.compile(rf"\b(?:{words.FINAL})\b|最终|最終|因此|所以", _I)
_SENTENCE = re.compile(r"[.!?。\n]")
_CLAUSE = re.compile(rf"[.!?,;:。、\n—–]|\b(?:{words.BUT}|and|while|whereas|und|et)\b", _I)
_REASONS = re.compile(rf"\b(?:{words.REASON})\b", _I)
_AFTER_COLON = re.compile(r"^\s*:[^.!?。\n]*")  # gives the reason
_TAKES_BACK = re.compile(rf"^{_CLOSE}\s*[.,;:—–-]*\s*(?:{words.HOWEVER})\b", _I)
# What may not stand before a statement in its sentence: it is then said of others, of before, or of one part.
_HEDGED = re.compile(rf"\b(?:{words.HEDGES})\b|n['’]t\b|[不没别別]", _I)
_SURE = re.compile(
    r"\bif (?:i (?:had to|must)|pressed|forced)\b|\bno (?:doubt|question)\b|\b(?:not|isn['’]t) close\b|no hay duda|kein zweifel|sans doute",
    _I,
)
# What makes a choice one for a part, or of what is not so: "B for style", "B, wenn sie vollständig wäre", "B as the worse one".
_QUALIFIED = re.compile(
    r"^\W*(?:for|in terms of|as far as|regarding|concerning|when it comes to|if|unless|wenn|falls|si|se|as the (?:worse|weaker|one)|says?|said|according to|in (?:style|tone))\b",
    _I,
)
_LISTED = re.compile(r"^\W*,\s*\W*[ABC]\b\W*(?:,|or|oder|ou|o|und|and)\b", _I)
_WHOLLY_FOR = re.compile(r"^\W*for (?:me|us|sure|its|being|having|the win)\b|^\W*for \w+ing\b", _I)
_POINTS_BACK = re.compile(r"^\W*(?:this|it|that|its|here)\b", _I)
_TAKEN_BACK = re.compile(r"\b(?:scratch that|verdict above is wrong|i made a mistake|that['’]s wrong)\b", _I)
_CORRECTS = "correction|edit|wait|kidding|however|on second thoughts?|on reflection|i mean|bei näherem hinsehen|à la réflexion|pensándolo bien"
_TIES = rf"\b(?:C|{words.TIE}|neither)\b|{words.TIE_EAST}"
_PRAISE = re.compile(rf"\b(?:{words.BETTER}|flawless|complete|follows|in all respects)\b", _I)
_OF_A_QUESTION = re.compile(
    r"\b(?:correct|right|korrekte?|richtige?|correcte|correcta|corretta|bonne|juste)\b|正确|正確|正解|正しい|정답",
    _I,
)
_ANSWER_IS = re.compile(rf"\W*(?:(?:{words.ARTICLE})\s+)?(?:{words.THING})\b", _I)
_BOTH = re.compile(rf"\b(?:{words.BOTH})\b|{words.BOTH_EAST}", _I)
_HEADING = re.compile(rf"^\W*(?:{_NOUN}|(?:which|who|what)\b.*)\W*$", _I)
_PREFACE = re.compile(rf"^\s*(?:{words.PREFACE})?\s*$", _I)
_BLAMED = re.compile(
    rf"\b(?:{words.WORSE}|{words.LACKS})\b|\b(?:{words.HAS})\s+(?:\w+\s+){{0,2}}(?:{words.FAULT})\b|\b(?:is|was|does|has|did|ist|hat|est|es)(?:n['’]t|\s+(?:not|no|nicht|pas))\b|\b(?:{words.OVER})\s+{_OTHER}$",
    _I,
)


def read_verdict(text: str) -> str | None:
    """A or B where the words of a reply (marks, records and questions left out) state that it is the better one, else None.

    Forms: the letter alone, on its line or behind a label ("Verdict: A"), "the better answer is A", "I prefer A", "A is
    better", "not B but A", their like in other languages, and "B is worse", where nothing says which is better. A form is not
    read behind what makes it another's or a part's view ("one could argue that", "stylistically", "if"), nor where it goes on so
    ("better in style"); nor does one but a letter alone or behind a label stand where what follows speaks of the other
    answer and does not blame it.
    """
    sure = [_Statement(text, match) for pattern in _SURELY for match in pattern.finditer(text)]
    sure += _behind_its_reason(text)
    if any(one.is_below_another_heading(text) for one in sure):
        return None  # letters below headings: each is that of what stands above it
    strong = [one for one in sure if one.holds(text)]
    if any(one.is_contradicted(text) for one in strong):
        return None
    if strong:
        return _only({one.letter for one in strong}) or _only(
            {one.letter for one in strong if one.is_final(text)}
        )
    said = [_Statement(text, match) for pattern in _SAID for match in pattern.finditer(text)]
    weak = [one for one in said if one.holds(text, wholly=True)]
    if weak:
        return (
            None
            if any(one.is_undone(text) or one.is_corrected(text) for one in weak)
            else _only({one.letter for one in weak})
        )
    found = [_Statement(text, match) for pattern in (_LOSER, _LESS) for match in pattern.finditer(text)]
    losers = {one.letter for one in found if one.holds(text, wholly=True)}
    if len(losers) != 1:
        return None
    other = "A" if losers == {"B"} else "B"
    return None if any(blames(clause, other) for clause in _CLAUSE.split(text) if other in clause) else other


_SURELY = (_LABELLED, _ALONE, _DECIDED, _CONCLUDED, _CONTRAST, _TOGETHER)
_SAID = (_LED, _CHOSEN_BY_ME, _VERB_LAST, _PRAISED, _FOUND, *COMPARED)


class _Statement:
    """A form that was found, with its letter."""

    def __init__(self, text: str, match: re.Match[str]) -> None:
        self.letter = match["letter"].upper()
        self.is_letter = match["letter"] in "AB" or text[match.end("letter") : match.end("letter") + 1] in (
            ")",
            "]",
        )
        self.start, self.end = match.start(), match.end()
        self.at = match.start("letter")

    def before(self, text: str) -> str:
        """What stands in the same sentence before the form."""
        begin = self.start + len(text[self.start :]) - len(text[self.start :].lstrip(" .!?;:,\n|。—–"))
        return _SENTENCE.split(text[:begin])[-1]

    def holds(self, text: str, *, wholly: bool = False) -> bool:
        """Whether nothing before it says that it is not meant; ``wholly``: nor that it is meant of a part."""
        before = self.before(text)
        if not self.is_letter or (_HEDGED.search(before) and not _SURE.search(before)):
            return False
        if self.is_qualified(text):
            return False
        parts = [part for part in re.split(r"[,;:—–]", before) if part.strip()]
        return not wholly or all(_PREFACE.match(part) or re.search(r"\b[AB]\b", part) for part in parts)

    def is_qualified(self, text: str) -> bool:
        """Whether what goes on from the letter limits it or blames it: "B for style", "B: cut off", "B. This stops"."""
        rest = text[self.end :]
        own, _, others = rest.partition("\n")
        goes_on, *sentences = _SENTENCE.split(own)
        if _LISTED.match(goes_on):
            return True
        if _QUALIFIED.match(goes_on) and not _WHOLLY_FOR.match(goes_on):
            return True
        if any(blames(clause, self.letter) for clause in re.split(r"[;,]", goes_on)):
            return True
        following = next((one for one in [*sentences, *_SENTENCE.split(others)] if one.strip()), "")
        return bool(_POINTS_BACK.match(following)) and blames(following, self.letter)

    def is_contradicted(self, text: str) -> bool:
        """Whether what follows corrects it, praises the other answer or blames this one by its letter."""
        rest, other = text[self.end :], "B" if self.letter == "A" else "A"
        if self.is_of_a_question(text) or self.is_corrected(text):
            return True
        clauses = [part for one in _CLAUSE.split(rest) for part in _REASONS.split(one)]
        blamed = any(blames(one, self.letter) for one in clauses if re.search(rf"\b{self.letter}\b", one))
        praised = (one for one in clauses if re.search(rf"\b{other}\b", one) and _PRAISE.search(one))
        return blamed or any(not _BLAMED.search(one) and not _HEDGED.search(one) for one in praised)

    def is_of_a_question(self, text: str) -> bool:
        """Whether "the correct answer is B" may be that of the question itself: of the other, or of both, a word is said, too."""
        rest = text[self.end :]
        if _OF_A_QUESTION.search(text[max(0, self.start - 4) : self.at]):
            return self.is_undone(text) or bool(_BOTH.search(text))
        return bool(_ANSWER_IS.match(text[self.start : self.at])) and bool(_BOTH.search(rest))

    def is_corrected(self, text: str) -> bool:
        """Whether what follows takes it back, or corrects it to the other letter or to a tie."""
        rest, other = text[self.end :], "B" if self.letter == "A" else "A"
        corrected = re.search(
            rf"\b(?:{_CORRECTS})\b[^.!?]*(?:\b{other}\b|{_TIES})|\bactually\b[^.!?]*(?:{_TIES})", rest, _I
        )
        return bool(_TAKEN_BACK.search(rest) or corrected)

    def is_below_another_heading(self, text: str) -> bool:
        """Whether a letter alone on its line answers to a line above that asks for something else: "Weaker answer:"."""
        begin = text.rfind("\n", 0, self.at)
        if begin < 0 or text[begin : self.at].strip(" -•#>✅👉☑✔*_([{\n"):
            return False
        above = next((one for one in reversed(text[:begin].splitlines()) if one.strip()), "").strip()
        return bool(above) and above[-1] not in ".!)" and not _HEADING.match(above)

    def is_final(self, text: str) -> bool:
        """Whether its sentence calls it so."""
        return bool(_FINAL.search(_SENTENCE.split(text[: self.at])[-1]))

    def is_undone(self, text: str) -> bool:
        """Whether what follows takes it back, or speaks of the other answer without blaming it or as a reason."""
        rest = _AFTER_COLON.sub("", text[self.end :])
        if _TAKES_BACK.match(rest):
            return True
        other = "B" if self.letter == "A" else "A"
        for sentence in _SENTENCE.split(rest):
            reason = _REASONS.search(sentence)
            told = sentence[: reason.start()] if reason else sentence
            clauses = [one for one in _CLAUSE.split(told) if re.search(rf"\b{other}\b", one)]
            if any(not _BLAMED.search(one.strip()) for one in clauses):
                return True
        return False


def _behind_its_reason(text: str) -> list[_Statement]:
    """Letters behind a label that blames the other or praises this one, as in "A is worse: B", "A is right: A"."""
    found = []
    for match in _BEHIND.finditer(text):
        of = _SAID_OF.search(match["label"])
        if of and (of["letter"].upper() == match["letter"].upper()) == (of["worse"] is None):
            found.append(_Statement(text, match))
    return found


def _only(letters: set[str]) -> str | None:
    return letters.pop() if len(letters) == 1 else None
