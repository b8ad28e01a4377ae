"""What new rows are written from: wrong rows of an examination, rows that are pointed at, or examples that are no rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from pages.parts.augment.examined import choose_examined
from pages.shared import queries
from pages.shared.address import read_scope, stored_scope
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.runs.job_watch import FormDefaults, is_cloned
from tamis.actions.artifact_names import names_in_view
from tamis.actions.augment_parents import ANSWER_MARK, missing_examples, typed_examples
from tamis.actions.augment_parents import MISSING as MISSING_OF
from tamis.actions.read_rows import ALL_ROWS, describe_scope
from tamis.actions.selections import selected_rows
from tamis.actions.targets import list_targets
from tamis.errors import CurationError
from tamis.types import JSON

WRONG, TAG, CLUSTER, SELECTION, FILTER = "Answered wrongly", "Tag", "Cluster", "Selection", "Filter"
MISSING, TYPED, ALL, BEFORE = "Missing for a target", "Typed examples", "All rows", "As in the run before"
WAYS = (WRONG, TAG, CLUSTER, SELECTION, FILTER, MISSING, TYPED, ALL)
SHOWN_EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentChoice:
    """Options of the step that name the parents, how many there are, in words, and why there are none."""

    values: dict[str, JSON] = field(default_factory=dict)
    said: str = ""
    problem: str = ""


def choose_parents(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    """Draw the ways there are, and what the chosen one asks."""
    ways = [*([BEFORE] if is_cloned() and start.values.get("parents") else []), *WAYS]
    scoped = bool(stored_scope().conditions)
    if not scoped:
        ways.remove(FILTER)
    usual = BEFORE if BEFORE in ways else FILTER if scoped else WRONG
    way = st.pills(
        "Written from", ways, default=usual, required=True, key="augment_from", bind="query-params", wrap=True,
        help="New rows ask for the skill that these rows ask for.",
    )  # fmt: skip
    try:
        return _DRAWN[str(way)](context, start)
    except CurationError as error:
        return ParentChoice(problem=str(error))


def _before(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    names = ("parents", "examples", "mix")
    values = {name: start.values[name] for name in names if start.values.get(name)}
    return ParentChoice(values=values, said="the rows of the run before")


def _wrong(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    found = choose_examined(context, start)
    return ParentChoice(values=found.values, said=found.said, problem=found.problem)


def _tag(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    tags = context.tags.rows
    if not tags:
        return ParentChoice(problem="No row has a tag yet: tag rows on the map, or choose another way.")
    tag = st.selectbox(
        "Tag", list(tags), key="augment_tag", bind="query-params",
        format_func=lambda one: f"{one} · {count_of(len(tags[one]), 'row')}",
    )  # fmt: skip
    return ParentChoice(
        values={"parents": f"tag:{tag}"}, said=f"{count_of(len(tags[tag]), 'row')} tagged {tag}"
    )


def _cluster(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    if context.view.clustering is None:
        return ParentChoice(problem="The dataset has no clusters yet: cluster it on the overview first.")
    panel = queries.panel(context, ALL_ROWS).to_pylist()
    sizes = {int(one["cluster_id"]): int(one["size"]) for one in panel}
    chosen = st.multiselect(
        "Clusters", list(sizes), key="augment_clusters",
        format_func=lambda one: f"{context.cluster_name(one)} · {count_of(sizes[one], 'row')}",
    )  # fmt: skip
    if not chosen:
        return ParentChoice(problem="Choose the clusters to write for.")
    scope = ALL_ROWS.and_where("cluster", list(chosen))
    named = " and ".join(shorten(context.cluster_name(one), 30) for one in chosen)
    n_rows = count_of(sum(sizes[one] for one in chosen), "row")
    return ParentChoice(values={"parents": f"scope:{scope.to_url()}"}, said=f"{n_rows} of {named}")


def _selection(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    names = names_in_view(context.view, "selection")
    listed = [one.id for one in context.view.selections]
    if not listed:
        return ParentChoice(problem="There is no selection yet: make one first, or choose another way.")
    chosen = st.selectbox(
        "Selection", listed, format_func=names.__getitem__, key="augment_selection", bind="query-params"
    )
    rows = selected_rows(context.view.artifact(chosen, "selection"))
    return ParentChoice(
        values={"parents": f"selection:{chosen}"}, said=f"{count_of(len(rows), 'row')} of a selection"
    )


def _filter(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    scope = read_scope()
    n_rows = len(queries.matches(context, scope))
    st.caption(plain(describe_scope(scope, context.names.names)))
    if not n_rows:
        return ParentChoice(
            problem="No row matches the filter any more: choose another way, or change it on the map."
        )
    return ParentChoice(
        values={"parents": f"scope:{scope.to_url()}"}, said=f"{count_of(n_rows, 'row')} of a filter"
    )


def _missing(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    names = [one.name for one in list_targets(context.workspace, context.dataset_id)]
    if not names:
        return ParentChoice(
            problem="The dataset has no target yet: make one under Scores, Targets, and score rows towards it."
        )
    target = st.selectbox("Target", names, key="augment_target", bind="query-params")
    examples = missing_examples(context.workspace, context.dataset_id, str(target))
    _show_examples(examples)
    st.caption(
        "Rows written for a target are like it: do not measure a model by the same examples. Those set aside to judge by are "
        "not shown to the teacher."
    )
    said = f"{count_of(len(examples), 'example')} of {target} that no row comes near"
    return ParentChoice(values={"parents": f"{MISSING_OF}{target}"}, said=said)


def _typed(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    text = st.text_area(
        "Examples, one a line", key="augment_typed", height=120,
        placeholder=f"A train leaves at 9:40 and arrives at 13:05. How long does it take? {ANSWER_MARK} 3 hours and 25 minutes",
        help=f"The answer, where you have one, behind {ANSWER_MARK}.",
    )  # fmt: skip
    examples = typed_examples(text)
    if not examples:
        return ParentChoice(problem="Type an example to write from.")
    return ParentChoice(values={"examples": examples}, said=count_of(len(examples), "typed example"))


def _all(context: DatasetContext, start: FormDefaults) -> ParentChoice:
    return ParentChoice(said=f"all {context.n_rows:,} rows")


def _show_examples(examples: list[dict[str, str]]) -> None:
    for one in examples[:SHOWN_EXAMPLES]:
        st.caption(f"· {plain(shorten(one['prompt'], 140))}")
    if len(examples) > SHOWN_EXAMPLES:
        st.caption(f"… and {len(examples) - SHOWN_EXAMPLES:,} more")


_DRAWN: dict[str, Callable[[DatasetContext, FormDefaults], ParentChoice]] = {
    BEFORE: _before, WRONG: _wrong, TAG: _tag, CLUSTER: _cluster, SELECTION: _selection, FILTER: _filter,
    MISSING: _missing, TYPED: _typed, ALL: _all,
}  # fmt: skip
