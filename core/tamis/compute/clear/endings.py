"""Whether a text stops in the middle, seen from its last line and from what it has left open."""

from __future__ import annotations

import ast
import re
import textwrap
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.clear.defect_words import ENDS_AS_IT_IS, GOES_ON, GOES_ON_UNSPACED, SOMETIMES_LAST
from tamis.compute.clear.language import may_be_english, reads_as_english
from tamis.types import Bools

# From here on the rules alone are an alarm; what they say below it is a hint that a model has to confirm, because sound
# verses, titles, signatures, dialogues and posts end without a full stop as often as cut prose does.
SURE = 0.8
LEFT_OPEN, HALF_A_ROW, NEVER_LAST = 0.9, 0.95, 0.95
NO_STOP, NO_STOP_ON_A_LINE = 0.6, 0.35

SENTENCE = re.compile(r"(?<!\d)(?:(?<!\s)\.|[!?])(?:\s|$)|[。！？।؟۔]")
# A comma, an opening bracket or quote, a sign between two things.
GOES_ON_MARK = re.compile(r"[,，、،(\[{（「『“«–—&=]$|(?<=\s)[-+/*×·÷<|]$|^[^`]*\\$")
ITEM = re.compile(r"^(?:[-*•–+]|\(?(?:\d{1,3}|[A-Za-z]|[IVX]{1,4})[.)])(?:\s|$)")
BARE_ITEM = re.compile(r"^(?:[-*•–+]|#{1,6}|\(?\d{1,3}[.)]|[a-z][.)])$")
CODE_LINE = re.compile(
    r"^\s*(?:for|while|if|elif|else|try|except|with)\b[^.!?]*:$|^\s*(?:(?:async )?def |class \w|import \w|from \S+ import|#include|SELECT\b|INSERT\b|UPDATE\b|CREATE\b|function\b|const |let "
    r"|var |public |private |return\b|fn |func |package |<!?/?\w+[^<>]*>|\$ |git |docker |val |\\begin)|[{}]\s*$|[\w)\]\"'][;]\s*$|^\s{2,}\S.*[)\]:]$"
    r"|^\s*[\w.\[\], ]+\s(?:[-+*/|&]?=|:=|<-)\s\S.*[\[({]|\w\.\w+\(|=>|::|^\s*\w+(?:,\s\w+)+\s=\s\S|^\s*[\w./]+\s(?:\S+\s)*?--?[A-Za-z][\w-]*(?=[\s=]|$)|\w\(\w*\)\s*$|^\s*\w+\([^()]*[=,].*\)\s*$",
    re.MULTILINE | re.ASCII,
)
TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)[^<>]*?(/?)>")
VOID_TAGS = """
area base br col hr img input link meta source wbr li p td tr th dt dd option
"""
CLOSING = re.compile(r"\n\s*\n[^\W\d_]+(?: [^\W\d_]+){0,5},$")  # of a letter without its name
RESULT = re.compile(r"=\s*\S{0,3}[\d.,/]+\s?\S{0,4}$")  # what an equation comes to
SPOKEN = re.compile(r"(?:[A-Z][\w .()]{0,20}[:.]|[-–—]|\[\d\d:\d\d\]|[\"“«„「])\s?\S")  # a line of a dialogue
BLOCK = re.compile(r"^\s*(?:def|class|if|elif|else|for|while|try|except|finally|with|async)\b[^#]*:$")
STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
PAIRS = (*BRACKETS, ("“", "”"), ("«", "»"), ("「", "」"), ("『", "』"), ("（", "）"))
# What ends an answer whatever comes before: an address, "#### 42", "The answer is 7", "Answer: B", a boxed result.
ANSWER = re.compile(
    r"https?://\S+$|\b[\w-]+\.(?:com|org|net|io)(?:/\S*)?$|(?:^|\s)#\w+$|^#{2,6}\s*[-+$€£]?[\d.,/:]+\s*%?$|\b(?:answer|result)(?: is|:)\s*\S{1,12}$|\\boxed\{[^{}]*\}\$*$",
    re.IGNORECASE,
)
LETTER = re.compile(r"(?:dear|hi|hello|hey|to|sir|madam|subject|darling)\b", re.IGNORECASE)
BLANK_LINE = re.compile(r"\n\s*\n")
FENCE = re.compile(r"^\s*```(?!.*```)", re.MULTILINE)
UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")  # Chinese and Japanese
DANDA = re.compile(r"[\u0900-\u09ff]")  # Devanagari and Bengali
FACE = re.compile(r"[:;=]-?[(\[{]")
FOLDER = re.compile(
    r"[\s/]\.{1,2}$"
)  # in code, full stops that are a word of their own: "git add .", "cp -r a ../.."
READ_CHARS = 4000
FEW_WORDS = 9  # below ten words nothing in them has to tell a language
# A name alone: up to four words in capitals, with what stands small inside of names.
NAME = re.compile(
    r"[^\W\d_a-z][\w.'’-]*(?:\s(?:(?:da|de|del|di|do|dos|du|el|la|le|of|the|van|von|und|and|y|e|et|zu|den|der)\s)*[^\W\d_a-z][\w.'’-]*){0,3}$"
)
LOOKED_BACK = 400  # characters from which the words before the last one are counted


@dataclass(frozen=True, slots=True)
class Endings:
    """Of n responses, shape (n,): whether each ends in a mark, in what nothing follows, and in what a model can judge."""

    is_marked: Bools
    is_final: Bools
    is_read: Bools


def cut(text: str) -> float:
    """How sure it is that a text stops in the middle, 0 to 1; from SURE on without a model's word for it.

    Sure are what is left open (code block, bracket, quote, tag, row of a table, mark of a list) and words after which
    no sentence ends. Prose without its last stop is a hint, and a short answer without one is an answer.
    """
    stripped = text.rstrip()
    if not stripped:
        return 0.0
    lines = stripped.splitlines()
    last = lines[-1].strip()
    if len(FENCE.findall(stripped)) % 2 or stripped.count("\\begin{") > stripped.count("\\end{"):
        return 1.0
    if stripped.endswith("```") or ANSWER.search(last):
        return 0.0
    if CLOSING.search(stripped):
        return 0.2
    return _goes_on(stripped, lines)


def _goes_on(text: str, lines: list[str]) -> float:
    """Severity from what the text has left open or its last line has begun."""
    last = lines[-1].strip()
    if _half_a_row(lines) or BARE_ITEM.match(last):
        return HALF_A_ROW
    if GOES_ON_MARK.search(text) and not last.startswith("|") and not ENDS_AS_IT_IS.search(last):
        return 1.0
    code = is_code(text) and not SENTENCE.search(last)
    if _code_left_open(text, lines) if code else _left_open(text, last):
        return LEFT_OPEN
    if code and (CODE_LINE.search(lines[-1]) or lines[-1][:1].isspace()):
        return 0.0
    no_stop = 0.0 if ends_in_mark(last) else _no_stop(lines, code)
    return no_stop if code else max(no_stop, _last_word(text, last))


def ends_in_mark(text: str) -> bool:
    """Whether the last character is a mark: no letter, vowel sign, digit or space."""
    return bool(text) and unicodedata.category(text[-1])[0] not in "LMNZC"


def full_stop(text: str) -> str:
    """The mark that ends a sentence in the script in which a text ends."""
    last = text.rstrip()[-6:]
    if UNSPACED.search(last):
        return "。"
    return "।" if DANDA.search(last) else "."


def read_endings(responses: Sequence[str], prompts: Sequence[str] | None = None) -> Endings:
    """Which responses end in a mark, and in an address or a result; and where an English model's word on the end counts.

    It hardly expects the ends of other languages, nor a name under a letter or alone. A few words are of the language that
    their prompt is in: with ``prompts`` (n,) that counts, too.
    """
    texts = [response.rstrip()[-READ_CHARS:] for response in responses]
    asked = [""] * len(texts) if prompts is None else prompts
    finals = [bool(text) and ANSWER.search(text.splitlines()[-1].strip()) is not None for text in texts]
    reads = [_is_read(text, prompt) for text, prompt in zip(texts, asked, strict=True)]
    marks = [ends_in_mark(text) and not (FOLDER.search(text) and is_code(text)) for text in texts]
    return Endings(*(np.array(flags, dtype=np.bool_) for flags in (marks, finals, reads)))


def _is_read(text: str, prompt: str) -> bool:
    """Whether an English model's word on the end of a response counts."""
    if is_code(text):
        return True
    is_short = len(text.split()) <= FEW_WORDS
    if is_short and NAME.match(text):
        return False
    if is_short and prompt.strip():
        return reads_as_english(f"{prompt[-READ_CHARS:]} {text}") and may_be_english(text)
    return may_be_english(text) and not _is_signed(text)


def _is_signed(text: str) -> bool:
    """Whether a letter ends with the name of who wrote it."""
    last = BLANK_LINE.split(text)[-1]
    return LETTER.match(text) is not None and last != text and len(last.split()) <= 8 and last[:1].isupper()


def is_code(text: str) -> bool:
    """Whether a text is code or markup: a third of its lines at least, or its only one."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = sum(CODE_LINE.search(line) is not None for line in lines)
    return found > 0 and 3 * found >= len(lines)


def _half_a_row(lines: list[str]) -> bool:
    """Whether the last line has fewer cells than the rows above it, which all have the same number."""
    rows = [line.strip() for line in lines if line.strip()][-8:]
    last = rows[-1]
    if last.startswith("|"):
        return len(rows) > 1 and rows[-2].startswith("|") and (not last.endswith("|") or len(last) == 1)
    for separator in ("|", "\t", ";", ","):
        counts = {row.count(separator) for row in rows[:-1]}
        spaced = separator == "," and any(", " in row for row in rows)  # an enumeration or verse, no table
        if len(rows) > 2 and len(counts) == 1 and not spaced and 0 < last.count(separator) < min(counts):
            return not any(row.endswith((separator, "{", "}")) for row in rows[:-1])
    return False


def _code_left_open(text: str, lines: list[str]) -> bool:
    """Whether code has brackets or tags to close, a block to begin, or is Python up to its last line only."""
    bare = STRING.sub("", text)
    if any(bare.count(a) > bare.count(b) for a, b in BRACKETS) or _open_tag(text):
        return True
    before = [line for line in lines[:-1] if line.strip()]
    if BLOCK.match(lines[-1]):
        return True
    return len(before) > 1 and not _is_python(lines) and _is_python(lines[:-1])


def _is_python(lines: list[str]) -> bool:
    """Whether lines are whole Python, wherever they are indented; a last line that begins a block may stand without it."""
    text = textwrap.dedent("\n".join(lines))
    begins = re.search(r":\s*$", text)
    if begins:
        last = text.rstrip().splitlines()[-1]
        text = f"{text.rstrip()}\n{last[: len(last) - len(last.lstrip())]}    pass"
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(f"def _():\n{textwrap.indent(text, ' ')}")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _left_open(text: str, line: str) -> bool:
    """Whether a bracket, quote or emphasis is opened in the last line and not closed in it."""
    plain = FACE.sub("", line)
    if any(plain.count(a) > plain.count(b) for a, b in PAIRS):
        return True
    if plain.count("**") % 2 or text.count("$$") % 2:
        return True
    return plain.count('"') % 2 == 1 and re.search(r'(?:^|[\s(])"[^"]+$', plain) is not None


def _open_tag(text: str) -> bool:
    """Whether markup ends inside a tag, or its first tag is never closed."""
    if not text.lstrip().startswith("<"):
        return False
    if text.rfind("<") > text.rfind(">"):
        return True
    first = next((m for m in TAG.finditer(text) if m[2].lower() not in VOID_TAGS.split() and not m[1]), None)
    return first is not None and not first[3] and f"</{first[2]}" not in text


def _last_word(text: str, line: str) -> float:
    """Severity for a last word after which a sentence goes on: a word of a sentence, no name, letter or title."""
    words = line.split()
    last = words[-1]
    if len(line) > 4 and last.endswith(GOES_ON_UNSPACED):
        return NEVER_LAST
    if len(text[-LOOKED_BACK:].split()) <= 3 or (not last.islower() and last.upper() != last.lower()):
        return 0.0  # vitamin A, World War I, Turn It On
    if last in SOMETIMES_LAST:
        return NO_STOP if len(words) > 3 else NO_STOP_ON_A_LINE
    return NEVER_LAST if last in GOES_ON else 0.0


def _no_stop(lines: list[str], code: bool) -> float:
    """Severity for a text whose last line ends in a word or number without any mark; never sure."""
    last, before = lines[-1].strip(), [line.strip() for line in lines[:-1] if line.strip()]
    n_words = len(last.split())
    if code:
        return NO_STOP_ON_A_LINE if n_words > 1 else 0.1
    if RESULT.search(last) or SPOKEN.match(last):
        return 0.2
    if SENTENCE.search(last[:-1]) and not ITEM.match(
        last
    ):  # whole sentences stand before it on the same line
        return NO_STOP
    stopped = [line for line in before if ends_in_mark(line) and len(line.split()) > 3]
    if before and n_words > 6 and len(stopped) >= 0.6 * len(before):
        return NO_STOP
    if before:
        return NO_STOP_ON_A_LINE if n_words > 6 else 0.2
    return NO_STOP if n_words > 14 else 0.3 if n_words > 7 else 0.1
