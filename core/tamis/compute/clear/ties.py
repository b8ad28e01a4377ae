"""Replies that say nothing but that neither of two answers is better, as closed as ``verdict_replies`` (METHODS.md 2.3)."""

from __future__ import annotations

import re

_GOOD = r"(?:\s+(?:good|bad|helpful|correct|gut|schlecht|bonnes?|buenas|malas|buone|boas))?"
_A_AND_B = r"[AB]\s*(?:and|und|et|y|e|和|与|跟|と|와|과|and answer)\s*[AB]"
_TWO = rf"(?:both(?:\s+(?:answers|responses|assistants))?|they|the two answers|{_A_AND_B}|beide(?:\s+antworten)?|les deux(?:\s+réponses)?|ambas(?:\s+respuestas)?|entrambe|两个回答|两者|両方|どちらも|둘 ?다)"
_NAMES = "a tie|tie|draw|a draw|tied|unentschieden|gleichstand|égalité|empate|pareggio|ничья|平局|平手|引き分け|同点|무승부|동점"
_ALIKE = (
    r"(?:are|is|sind|sont|son|sono|は|는)?\s*(?:(?:both\s+)?(?:equally|gleich|également|igual de|igualmente|ugualmente)"
    rf"{_GOOD}|equal|tied|equivalent|gleichwertig|équivalentes|se valent|一样好|一樣好|不相上下|差不多|同じくらい良い|同等|同じ|똑같이 좋습니다|똑같습니다)"
)
_LABEL = r"(?:(?:the|my|our|final|overall|\s)*(?:verdict|winner|choice|decision|judge?ment|result|preferred|urteil|veredicto|结论|判定|판정|better)(?:_\w+)?(?:\s+is)?[\W_]+)?"
_SAID = rf"(?:(?:it\s+is|it['’]s|this\s+is|es\s+ist|c['’]est|es\s+un|è\s+un)\s+)?(?:an?\s+|une?\s+)?(?:{_NAMES})|{_TWO}\s*{_ALIKE}|A\s*={{1,2}}\s*B"
_TIE = re.compile(rf"[\W_]*{_LABEL}(?:{_SAID})\s*(?:です|だ|입니다)?[\W_]*", re.IGNORECASE)
LONGEST = 80  # characters of a reply that says nothing else


def is_tie(text: str) -> bool:
    """Whether a whole reply, its label and marks aside, is a tie: "Verdict: tie", "[[Tie]]", "Beide sind gleich gut", "平局"."""
    said = text.strip()
    return len(said) <= LONGEST and "?" not in said and _TIE.fullmatch(said) is not None
