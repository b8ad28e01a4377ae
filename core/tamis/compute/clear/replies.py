"""A grammar of written choices: which letter a model's reply names, and when it names none (METHODS.md 2.1, 2.3)."""

from __future__ import annotations

import re
import unicodedata

# What may stand around a letter: brackets, quotes, marks of emphasis.
_OPEN, _CLOSE = r"[\s(\[{\"'“‘`*_<]*", r"[\s)\]}\"'”’`*_>]*"
_LETTER = rf"{_OPEN}\b(?P<letter>[ABC]|[abc](?=[)\].]))\b{_CLOSE}"
# After a letter that is meant as one: the end, a sign, or a word that goes on about it. "A better answer" goes on about
# something else: there the letter is an article, as in "Vitamin C" it is part of a name.
_AFTER = r"(?=$|[\n.,:;!—–)\]]|-\s|\s(?:is(?! for)|was|because|since|as|it|the)\b)"
_NOUN = r"answers?|choices?|verdict|option|judge?ment|conclusion|decision|rating|reply|réponse|respuesta|resposta|antwort|risposta"
_VERB = r"choose|chose|chosen|pick|select|go with|going with|opt for|say|vote(?: for)?|prefer"
_IS = r"is|would be|will be|must be|has to be|est|es|é|ist"
_SAID = re.compile(
    rf"(?:\b(?:{_NOUN})\s+(?:{_IS})|\b(?:{_VERB})|[:：=])(?:\s+(?:option|answer|choice|letter))?\s*[:：=]?\s*{_LETTER}{_AFTER}",
    re.IGNORECASE,
)
_LEADS = re.compile(rf"^\s*(?:[-•#>]+\s*)?{_LETTER}{_AFTER}", re.IGNORECASE)
_THING = r"option|answer|response|assistant|candidate|choice|model"
_NAMED = re.compile(rf"^\s*(?:{_THING})\s+{_LETTER}(?=$|[.,:;!—–)\]])", re.IGNORECASE)
# "Response B is better", "A wins": the letter is the choice by what is said of it.
_PRAISED = re.compile(
    rf"\b(?:{_THING})\s+{_LETTER}\s+(?:(?:is|was)\s+(?:\w+ly\s+|much\s+|far\s+|the\s+)*(?:better|best|preferable|superior)|wins)\b"
    rf"|^\s*(?:\*\*)?(?P<winner>[ABC])(?:\*\*)?\s+wins\b",
    re.IGNORECASE | re.MULTILINE,
)
# Marks that say nothing but the choice, and "A > B".
_MARKED = re.compile(
    r"\\boxed\{\s*([ABC])\s*\}|<answer>\s*([ABC])\s*</answer>|^\s*([AB])\s*>+\s*[AB]\s*$", re.IGNORECASE
)
_NEGATED = re.compile(r"\b(?:not|never|neither|nor|cannot|rather than|instead of)\b|n['’]t\b", re.IGNORECASE)
_BLAMING = r"worse|worst|wrong|bad|weaker|weakest|inferior|incorrect|poor|poorer|flawed"
_BLAMED_BEFORE = re.compile(rf"\b(?:{_BLAMING})\b", re.IGNORECASE)
_BLAMED_AFTER = re.compile(
    rf"^\s*(?:is|was)\s+(?:the\s+|a\s+|much\s+|clearly\s+)*(?:not|never|no|{_BLAMING})\b|^\s*(?:isn|wasn)['’]t\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"^\s*(?:or|and|/|,|&|nor|oder|ou|o)\s*[(\[\"'*]*[ABC]\b", re.IGNORECASE)
_MARK = re.compile(r"[(\[]([ABC])[)\]]")
_FINAL = re.compile(
    r"\b(?:final|therefore|so|thus|hence|overall|conclusion|in short|verdict)\b", re.IGNORECASE
)


def parse_choice(text: str) -> str | None:
    """The letter A, B or C that a reply chooses; None where it names none, several, or only rules one out.

    A letter counts where it is said to be the choice ("the answer is B", "Verdict: B"), or where a line begins with it as
    with a mark ("B) because …"). What is called final outweighs what came before; otherwise letters that differ are no
    choice, so a reply that repeats the options has none.
    """
    read = unicodedata.normalize("NFKC", text).strip()
    marked = {str(found[found.lastindex or 0]).upper() for found in _MARKED.finditer(read)}
    if len(marked) == 1:
        return marked.pop()
    stated = _stated(read)
    if stated:
        letters = [letter for letter, _ in stated]
        finals = [letter for letter, is_final in stated if is_final]
        if len(set(letters)) == 1:
            return letters[0]
        return finals[-1] if finals and len(set(finals)) == 1 else None
    leads = [letter for letter in map(_leading, read.splitlines()) if letter]
    return leads[0] if len(set(leads)) == 1 else None


def _stated(text: str) -> list[tuple[str, bool]]:
    """Letters that are said to be the choice, each with whether its sentence calls it final."""
    letters = []
    for match in _SAID.finditer(text):
        letter, end = match["letter"], match.end("letter")
        if letter not in "ABC" and text[end : end + 1] not in (")", "]"):
            continue
        rest = _rest(text, end)
        if _is_ruled_out(text[: match.start("letter")], rest) or _SEVERAL.match(rest):
            continue
        sentence = re.split(r"[.!?\n]", text[: match.start("letter")])[-1]
        letters.append((letter.upper(), bool(_FINAL.search(sentence))))
    for match in _PRAISED.finditer(text):
        name = "letter" if match["letter"] else "winner"
        if not _is_ruled_out(text[: match.start(name)], ""):
            letters.append((match[name].upper(), False))
    return letters


def _is_ruled_out(before: str, after: str) -> bool:
    """Whether what is said of a letter is that it is not the choice: "I would not choose", "… is worse"."""
    clause = re.split(r"[.!?,;:\n—–]|\bbut\b", before)[-1]
    return bool(_NEGATED.search(clause) or _BLAMED_BEFORE.search(clause) or _BLAMED_AFTER.match(after))


def _leading(line: str) -> str | None:
    match = _LEADS.match(line) or _NAMED.match(line)
    if match is None:
        return None
    rest = _rest(line, match.end("letter"))
    if _SEVERAL.match(rest) or _BLAMED_AFTER.match(rest):
        return None
    letter = match["letter"]
    marks = {mark.upper() for mark in _MARK.findall(line)}
    if marks - {letter.upper()}:
        return None  # a list of the options on one line
    if letter in "ABC" or line[match.end("letter") : match.end("letter") + 1] in (")", ".", "]"):
        return letter.upper()
    return None


def _rest(text: str, end: int) -> str:
    return text[end:].lstrip(")]}\"'”’`*_>")
