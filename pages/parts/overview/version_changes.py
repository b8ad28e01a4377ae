"""What a version changed against the dataset it was made from: counts, then every row with its words before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from pages.parts.overview.version_map import offer_version_map
from pages.shared.frame import tell_apart
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.rows.review_text import show_side, show_text
from pages.shared.wording import BadgeColour, ago, percent
from tamis.actions.datasets import dataset_names
from tamis.actions.versions import (
    CHANGE_KINDS,
    NOWHERE,
    RowDiff,
    VersionDiff,
    compare_versions,
    earlier_versions,
    read_changed,
)
from tamis.actions.word_marks import WordMarks, mark_words
from tamis.formats.conversation import labelled_turns, turn_text
from tamis.store.workspace import Workspace
from tamis.types import Message

PAGE_ROWS = 10
LONG_CHARS, HEIGHT = 1500, "16rem"
MARKED_FRACTION = 0.9  # beyond this two texts share only odd words, and marks would hide both
BADGES: dict[str, BadgeColour] = {
    "corrected": "blue",
    "edited": "violet",
    "dropped": "orange",
    "added": "green",
}
TITLES = {"corrected": "Corrected", "edited": "Edited", "dropped": "Dropped", "added": "Added"}
HELP = {
    "corrected": "A proposed text that somebody approved, or that a rule or a file brought.",
    "edited": "A text that somebody wrote.",
    "dropped": "Rows that the version does not have.",
    "added": "Rows that only the version has.",
}
VIAS = {
    "approve": "approved by",
    "reject": "rejected by",
    "edit": "edited by",
    "rule": "by a rule or list of",
}
Turns = tuple[Message, ...]


def show_changes(workspace: Workspace, dataset_id: str) -> None:
    """The section for a dataset that was made from another; nothing for one that was imported."""
    line = earlier_versions(workspace, dataset_id)
    if not line:
        return
    names = dataset_names(workspace)
    other = line[0]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(
            f"What changed since {plain(tell_apart(names, other))}" if len(line) == 1 else "What changed since",
            anchor=False, width="content",
        )  # fmt: skip
        if len(line) > 1:
            other = st.selectbox(
                "Against", line, format_func=lambda one: tell_apart(names, one), key="changes_against",
                bind="query-params", width=320, label_visibility="collapsed",
                help="Any dataset that this one was made from, its parent first.",
            )  # fmt: skip
    diff = _compared(workspace, other, dataset_id)
    if not diff.rows:
        st.info(
            f"Nothing: all {diff.n_kept:,} rows are as they were. The decisions applied kept every row.",
            icon=":material/drag_handle:",
        )
        return
    _show_counts(diff)
    offer_version_map(workspace, diff)
    rows = _choose(diff)
    shown = _one_page(rows)
    for row, (before, after) in zip(shown, read_changed(workspace, diff, shown), strict=True):
        _show_row(diff, row, before or (), after or ())


def _compared(workspace: Workspace, old_id: str, new_id: str) -> VersionDiff:
    examples = [workspace.artifacts.examples(one).id for one in (old_id, new_id)]
    return _diff(f"{workspace.path}:{old_id}:{new_id}:{examples}", old_id, new_id, _workspace=workspace)


@st.cache_resource(max_entries=8, show_spinner="Comparing the versions")
def _diff(key: str, old_id: str, new_id: str, *, _workspace: Workspace) -> VersionDiff:
    return compare_versions(_workspace, old_id, new_id)


def _show_counts(diff: VersionDiff) -> None:
    total = diff.n_kept + len(diff.rows)
    kinds = [kind for kind in CHANGE_KINDS if diff.counts[kind] or kind != "added"]
    with st.grid(len(kinds) + 1, gap="small", min_column_width=150):
        for kind in kinds:
            number = diff.counts[kind]
            st.metric(
                TITLES[kind], f"{number:,}", border=True, help=HELP[kind],
                delta=percent(number / total), delta_color="off", delta_arrow="off",
            )  # fmt: skip
        st.metric(
            "As they were", f"{diff.n_kept:,}", border=True, help="Rows whose every turn is the same.",
            delta=percent(diff.n_kept / total), delta_color="off", delta_arrow="off",
        )  # fmt: skip


def _choose(diff: VersionDiff) -> Sequence[RowDiff]:
    """The rows of the kind that is looked at; kinds without rows are not offered."""
    kinds = ["all", *(kind for kind in CHANGE_KINDS if diff.counts[kind])]
    if len(kinds) == 2:
        return diff.rows
    chosen = st.segmented_control(
        "Show", kinds, format_func=lambda kind: TITLES.get(kind, "All"), default="all", required=True, key="changes_kind",
        bind="query-params", label_visibility="collapsed", on_change=_to_first_page,
    )  # fmt: skip
    return diff.rows if chosen == "all" else diff.of(chosen)


def _to_first_page() -> None:
    st.session_state.pop("changes_page", None)
    st.query_params.pop("changes_page", None)


def _one_page(rows: Sequence[RowDiff]) -> Sequence[RowDiff]:
    n_pages = math.ceil(len(rows) / PAGE_ROWS)
    page = 1
    if n_pages > 1:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            page = st.pagination(n_pages, key="changes_page", bind="query-params")
            first = (page - 1) * PAGE_ROWS
            st.caption(
                f"Rows {first + 1:,} to {min(first + PAGE_ROWS, len(rows)):,} of {len(rows):,}",
                width="content",
            )
    return rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]


def _show_row(diff: VersionDiff, row: RowDiff, before: Turns, after: Turns) -> None:
    key = f"change_{row.old_id}_{row.new_id}"
    with st.container(border=True, gap="xsmall", key=key):
        _show_head(diff, row)
        if row.kind in ("dropped", "added"):
            _show_whole(before or after)
        else:
            _show_turns(before, after)


def _show_head(diff: VersionDiff, row: RowDiff) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        ids = [one for one in (row.old_id, row.new_id) if one != NOWHERE]
        arrow = " → ".join(f"{one:,}" for one in dict.fromkeys(ids))
        st.markdown(f"**Row {arrow}**", width="content")
        st.badge(TITLES[row.kind], color=BADGES[row.kind])
        if row.decision is not None and row.decision.reviewer:
            how = VIAS.get(row.decision.via, "by")
            when = f" · {ago(row.decision.created_at)}" if row.decision.created_at else ""
            st.caption(f"{how} {plain(shorten(row.decision.reviewer, 40))}{when}", width="content")
        st.space("stretch")
        if row.old_id != NOWHERE:
            here = {"dataset": diff.old_id, "row": str(row.old_id)}
            link_to("review", "Review it", query=here)
        if row.new_id != NOWHERE:
            link_to("data_map", "On the map", query={"dataset": diff.new_id, "row": str(row.new_id)})


def _show_whole(turns: Turns) -> None:
    """A row that is in one of the two only: what was asked and what was answered."""
    for title, text in (("Prompt", labelled_turns(turns[:-1])), ("Response", turn_text(turns[-1]))):
        st.caption(f"{title} · {count_of(len(text), 'character')}")
        show_text(text, height=HEIGHT if len(text) > LONG_CHARS else "")


def _show_turns(before: Turns, after: Turns) -> None:
    """Every turn that differs, side by side; where turns came or went, the whole conversation as one text."""
    roles = [[str(turn.get("role")) for turn in side] for side in (before, after)]
    if roles[0] != roles[1]:
        _show_sides("Conversation", labelled_turns(before), labelled_turns(after))
        return
    pairs = list(zip(before, after, strict=True))
    if all(old == new for old, new in pairs[:-1]):
        st.caption("Prompt")
        show_text(shorten(labelled_turns(before[:-1]), 400))
    for number, (old, new) in enumerate(pairs):
        if old != new:
            title = "Response" if number == len(pairs) - 1 else f"Turn {number + 1}, {roles[0][number]}"
            _show_sides(title, turn_text(old), turn_text(new))


def _show_sides(title: str, old: str, new: str) -> None:
    words = _words(old, new)
    marked = words.changed_fraction <= MARKED_FRACTION
    for column, side, name, text in zip(
        st.columns(2, gap="medium"), ("removed", "added"), ("before", "after"), (old, new), strict=True
    ):
        with column, st.container(gap="xsmall"):
            st.caption(f"{plain(title)}, {name} · {count_of(len(text), 'character')}")
            height = HEIGHT if max(len(old), len(new)) > LONG_CHARS else ""
            if marked:
                show_side(words.parts, side, height=height)
            else:
                show_text(text, height=height)
    if old == new:
        st.caption("The words are the same; something else of the turn differs, such as its tool calls.")
    elif not marked:
        st.caption("Another text altogether: no changes are marked.")


@st.cache_data(max_entries=256, show_spinner=False)
def _words(old: str, new: str) -> WordMarks:
    return mark_words(old, new)
