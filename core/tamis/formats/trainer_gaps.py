"""What of a written file a trainer will not read though it is about training: one rule for every trainer."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tamis.formats.written import NotReadable, TurnsSeen, WrittenShape
from tamis.models.chat_rows import ROW_REASONING
from tamis.models.opened_turns import REASONING
from tamis.models.row_fields import IMAGES, TOOLS
from tamis.models.row_marks import LAST_ONLY, MARKS

# Columns that say whether an answer is a good one: rows of both kinds are for KTO.
JUDGED = ("label", "kto_tag", "kto_label", "desirable", "is_desirable")
_ASKED = ("system", "history", *TOOLS, *IMAGES, *ROW_REASONING)


def unread(
    shape: WrittenShape, trainer: str, columns: Collection[str], keys: Collection[str]
) -> Iterator[str]:
    """Sentences on columns and keys of turns that are filled and neither in ``columns`` nor in ``keys``, which are read."""
    called = dict.fromkeys((*_ASKED, shape.named("system"), shape.named("history")))
    for column in called:
        if shape.filled[column] and column not in columns:
            yield f"{shape.filled[column]:,} rows have the column {column!r}, which {trainer} does not read."
    for name in (*MARKS, LAST_ONLY):
        if shape.marked[name] and name not in columns:
            yield (
                f"{shape.marked[name]:,} rows are to be learned less or not at all by their column {name!r}, which "
                f"{trainer} does not read: it learns them whole."
            )
    for seen in shape.turns.values():
        for name in (*MARKS, *REASONING, *IMAGES):
            if (n_turns := seen.keys[name]) and name not in keys:
                yield f"{n_turns:,} turns have the key {name!r}, which {trainer} does not read."


def must_have_role_and_content(seen: TurnsSeen, trainer: str) -> None:
    """Raises NotReadable where turns say by other keys who speaks, or what, as items of other interfaces do."""
    if seen.unsaid:
        raise NotReadable(
            f"{seen.unsaid:,} turns have no {seen.role_key!r} or no {seen.content_key!r}, as {trainer} needs them. "
            "Write each turn as a role and its content, or leave these rows out."
        )


def judged_bad(shape: WrittenShape) -> str:
    """The column by which some answers are bad ones, not to be learned; empty for none."""
    if shape.format_name == "preference":
        return ""
    return next((name for name in JUDGED if shape.marked[name]), "")
