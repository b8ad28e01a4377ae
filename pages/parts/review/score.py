"""What the number that proposals were made with is called: only one of the scores is a confidence."""

from __future__ import annotations

from pages.shared.plain_text import plain
from tamis.scorers import SCORERS
from tamis.store.artifacts.store import Artifact


def score_title(proposals: Artifact) -> str:
    """The score with a capital, for headings: ``Length``; ``Score`` where the proposals were made without one."""
    usual = proposals.manifest.options.get("score", "confidence")
    name = str(proposals.summary.get("score", usual) or "")
    if not name:
        return "Score"
    return SCORERS[name].title if name in SCORERS else plain(name.replace("_", " ").capitalize())


def score_word(proposals: Artifact) -> str:
    """The same within a sentence: ``length``, but ``DEITA``."""
    title = score_title(proposals)
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
