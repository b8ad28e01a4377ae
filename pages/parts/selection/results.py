"""One selection: its numbers, what it took per cluster, how it differs from a random pick, and the rows themselves."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.parts.selection import stats
from pages.parts.selection.target_shares import show_target_shares
from pages.shared.active import offer_to_activate, offer_to_keep
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures.selection_charts import cluster_chart, histogram_chart, selection_map
from pages.shared.identity import asks
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.rows.why import show_edits, show_why
from pages.shared.runs.job_watch import CLONED
from pages.shared.wording import percent, sentence
from tamis.actions.jobs import jobs_of_result
from tamis.actions.read_rows import ALL_ROWS, read_rows
from tamis.actions.selections import find_baseline, score_of, submit_baseline, total_tokens
from tamis.scorers import in_sentence, scorer_title
from tamis.selectors.quality import gain_remark
from tamis.store.artifacts.choices import BASELINE
from tamis.store.artifacts.store import Artifact

PAGE_ROWS = 25
MAX_CELL_CHARS = 240
SCORE_FORMAT = "%.3f"


def show_results(context: DatasetContext, selection: Artifact) -> None:
    """Everything about one selection, from a few numbers down to the rows."""
    baseline = None
    if selection.manifest.options.get("method") != BASELINE:
        baseline = find_baseline(context.view.selections, selection)
    score = score_of(context, selection)
    _show_actions(context, selection, baseline)
    show_edits(context, selection)
    _show_numbers(context, selection, baseline, score)
    show_target_shares(context, selection)
    table = stats.per_cluster(context, selection, baseline, score)
    if context.view.clustering is not None:
        _show_clusters(context, selection, table)
    _show_spreads(context, selection, baseline, score)
    if context.view.clustering is not None:
        with st.expander("Every cluster in numbers", icon=":material/table_rows:"):
            _show_cluster_table(table)
    _show_rows(context, selection, score)
    _show_why(context, selection)
    _show_overlaps(context, selection)


def _show_actions(context: DatasetContext, selection: Artifact, baseline: Artifact | None) -> None:
    here = {"dataset": context.dataset_id}
    picked = ALL_ROWS.and_where("selected", True, selection.id).to_url()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Export these rows", type="primary", icon=":material/download:"):
            go_to("export_data", here | {"selection": selection.id})
        if st.button("Open on the map", icon=":material/scatter_plot:"):
            go_to("data_map", here | {"scope": picked})
        if st.button("Fine-tune on these", icon=":material/model_training:"):
            go_to("finetuning", here | {"view": "new", "rows": "selection", "selection": selection.id})
        _offer_active(context, selection)
        _offer_clone(context, selection)
        if baseline is None and selection.manifest.options.get("method") != BASELINE:
            _offer_baseline(context, selection)


def _offer_active(context: DatasetContext, selection: Artifact) -> None:
    if not any(one.id == selection.id for one in context.view.selections):
        offer_to_keep(context, selection, key="keep_opened")
    elif selection.id != context.active_selection_id:
        offer_to_activate(context, selection, is_active=False, key="activate_opened")


def _offer_clone(context: DatasetContext, selection: Artifact) -> None:
    made = jobs_of_result(context.workspace, context.dataset_id, "selection", selection.id)
    if made and st.button("Clone and change", icon=":material/content_copy:"):
        go_to("selection", {"dataset": context.dataset_id, CLONED: made[0].job_id})


def _offer_baseline(context: DatasetContext, selection: Artifact) -> None:
    words = "The baseline: is this any better than chance? It is drawn from the same rows."
    asked = asks(context.workspace, submit_baseline, words=words)
    if st.button("Add a random pick of the same size", icon=":material/casino:", **asked):
        # Not followed as a job of this page, which would end on the random pick: it appears beside this one.
        submit_baseline(context, selection)
        st.rerun()


def _show_numbers(
    context: DatasetContext, selection: Artifact, baseline: Artifact | None, score: str
) -> None:
    numbers = stats.key_numbers(context, selection, score)
    other = stats.key_numbers(context, baseline, score) if baseline else None
    cells = [
        (
            "Rows",
            f"{numbers.n_picked:,}",
            f"{percent(numbers.n_picked / numbers.n_rows)} of {numbers.n_rows:,}",
        )
    ]
    if numbers.n_clusters:
        missed = numbers.n_clusters - numbers.n_clusters_hit
        text = f"{missed:,} missed" if missed else "none missed"
        text += f" · random {other.n_clusters_hit:,}" if other else ""
        cells.append(("Clusters", f"{numbers.n_clusters_hit:,} of {numbers.n_clusters:,}", text))
    if numbers.n_tokens is not None and numbers.n_tokens_whole:
        share = percent(numbers.n_tokens / numbers.n_tokens_whole)
        cells.append(("Tokens", f"{numbers.n_tokens:,}", f"{share} of {numbers.n_tokens_whole:,}"))
    if selection.summary.get("cost"):
        cells.append(
            (
                f"Cost by {in_sentence(scorer_title(selection.summary['cost']))}",
                f"{selection.summary['cost_spent']:,g}",
                f"of {selection.summary['budget']:,g}",
            )
        )
    if numbers.quality is not None and numbers.quality_whole is not None:
        text = f"all rows {_short(numbers.quality_whole)}"
        text += f" · random {_short(other.quality)}" if other and other.quality is not None else ""
        cells.append((f"Mean {in_sentence(scorer_title(score))}", _short(numbers.quality), text))
    for column, (label, value, text) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(plain(label), value, delta=text, delta_color="off", delta_arrow="off", border=True)
    _warn(selection)


def _warn(selection: Artifact) -> None:
    missing, unit = int(selection.summary.get("shortfall", 0)), selection.summary["unit"]
    if missing:
        st.warning(
            f"The budget was {selection.summary['budget']:,} {unit}, and {missing:,} of it stayed unspent: no further "
            "row was allowed. Widen what it may pick from, or lower the budget.",
            icon=":material/production_quantity_limits:",
        )
    forced = int(selection.summary.get("n_forced", 0))
    if forced:
        st.warning(
            f"{count_of(forced, 'row')} had no chance by quality and {'was' if forced == 1 else 'were'} picked at random, "
            "because nothing else was left in the cluster: weigh by rank, or lower the budget.",
            icon=":material/casino:",
        )
    remark = gain_remark(
        selection.summary["method"], selection.summary.get("quality_gain"), selection.summary["n_selected"]
    )
    if remark:
        st.warning(remark, icon=":material/casino:")


def _show_clusters(context: DatasetContext, selection: Artifact, table: pd.DataFrame) -> None:
    left, right = st.columns([0.56, 0.44], gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.markdown("**Rows per cluster**")
        cluster_chart(table)
    with right, st.container(border=True, height="stretch"):
        st.markdown("**On the map**")
        if context.view.layout is None:
            st.caption("There is no map yet.")
        else:
            selection_map(context, selection, height=max(320, min(len(table), 24) * 26 + 60))


def _show_spreads(
    context: DatasetContext, selection: Artifact, baseline: Artifact | None, score: str
) -> None:
    shown = [(f"score:{score}", sentence(score), False)] if score else []
    if total_tokens(context):
        shown.append(("tokens", "Tokens of prompt and response", True))
    if not shown:
        return
    for place, (column, title, logarithmic) in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with place, st.container(border=True):
            st.markdown(f"**{plain(title)}**")
            table = stats.picked_histograms(context, selection, baseline, column, logarithmic=logarithmic)
            histogram_chart(table, title, logarithmic=logarithmic)


def _show_cluster_table(table: pd.DataFrame) -> None:
    shown = table.copy()
    shown["share_picked"] = 100 * shown["picked"] / shown["size"]
    columns = [
        "name",
        "size",
        "picked",
        "share_picked",
        "expected",
        "random",
        "ratio",
        "quality_picked",
        "quality_whole",
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        shown[[name for name in columns if name in shown]],
        hide_index=True,
        column_config={
            "name": st.column_config.TextColumn("Cluster", width="medium"),
            "size": number("Rows", format="localized"),
            "picked": number("Picked", format="localized"),
            "share_picked": number("Share picked", format="%.1f %%"),
            "expected": number("In proportion", format="%.1f", help="Rows that its share by size would be."),
            "random": number("Random pick", format="localized"),
            "ratio": number(
                "Over proportion", format="×%.2f", help="Above 1: picked more often than its size says."
            ),
            "quality_picked": number("Score, picked", format=SCORE_FORMAT),
            "quality_whole": number("Score, all", format=SCORE_FORMAT),
        },
        alt="Every cluster with the rows picked from it",
    )


def _show_rows(context: DatasetContext, selection: Artifact, score: str) -> None:
    st.subheader("Picked rows", anchor=False)
    picks = stats.ranked_picks(selection)
    n_pages = max(1, -(-len(picks) // PAGE_ROWS))
    place = st.empty()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        page = st.pagination(n_pages, key="picks_page", bind="query-params") if n_pages > 1 else 1
        first = (min(page, n_pages) - 1) * PAGE_ROWS
        st.caption(
            f"{first + 1:,} to {min(first + PAGE_ROWS, len(picks)):,} of {len(picks):,}. Click one to read it on the map.",
            width="content",
        )
    part = picks.iloc[first : first + PAGE_ROWS]
    event = place.dataframe(
        _row_table(context, part, score),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key=f"picks_table_{selection.id}_{page}",
        column_config={
            "rank": st.column_config.NumberColumn("#", width=52, help="Order of the picks."),
            "cluster": st.column_config.TextColumn("Cluster", width=140),
            "rank_in_cluster": st.column_config.NumberColumn(
                "In cluster", width=78, help="Its place in its cluster."
            ),
            "score": st.column_config.NumberColumn(sentence(score), width=80, format=SCORE_FORMAT),
            "tokens": st.column_config.NumberColumn("Tokens", width=70, format="localized"),
            "prompt": st.column_config.TextColumn("Prompt", width=230),
            "response": st.column_config.TextColumn("Response"),
        },
        height="content" if len(part) < 12 else 430,
        alt="Picked rows with the reasons for each",
    )
    if event.selection.cells:
        row = int(part["example_id"].iloc[event.selection.cells[0][0]])
        picked = ALL_ROWS.and_where("selected", True, selection.id).to_url()
        go_to("data_map", {"dataset": context.dataset_id, "scope": picked, "row": str(row)})


def _show_why(context: DatasetContext, selection: Artifact) -> None:
    st.subheader("Why this row, or why not?", anchor=False)
    row = st.number_input(
        "Number of a row, picked or not",
        min_value=0,
        max_value=context.n_rows - 1,
        value=None,
        step=1,
        key="why_row",
        placeholder="A row, picked or not",
        width=240,
    )
    if row is not None:
        show_why(context, selection, int(row), key="why")


def _row_table(context: DatasetContext, part: pd.DataFrame, score: str) -> pd.DataFrame:
    wanted = ["prompt", "response"]
    wanted += [f"score:{score}"] if score else []
    wanted += ["tokens"] if context.view.embeddings else []
    texts = read_rows(context, part["example_id"].to_numpy(), wanted).to_pandas()
    table = pd.DataFrame({"rank": part["rank"].to_numpy() + 1})
    if context.view.clustering is not None and (part["cluster_id"] >= 0).any():
        table["cluster"] = [context.cluster_name(int(i)) for i in part["cluster_id"]]
        table["rank_in_cluster"] = part["rank_in_cluster"].to_numpy()
    if score:
        table["score"] = texts[f"score:{score}"]
    if "tokens" in texts:
        table["tokens"] = texts["tokens"]
    for name in ("prompt", "response"):
        table[name] = [shorten(text or "", MAX_CELL_CHARS) for text in texts[name]]
    return table


def _show_overlaps(context: DatasetContext, selection: Artifact) -> None:
    table = stats.overlaps(context, selection)
    if not len(table):
        return
    st.subheader("Beside other selections", anchor=False)
    number = st.column_config.NumberColumn
    st.dataframe(
        table.assign(share_fraction=100 * table["share_fraction"]),
        hide_index=True,
        column_config={
            "selection": st.column_config.TextColumn("Selection", width="large"),
            "rows": number("Rows", format="localized"),
            "both": number("In both", format="localized"),
            "by_chance": number(
                "By chance", format="%.1f", help="Rows that two independent random picks would share."
            ),
            "luck": st.column_config.TextColumn(
                "Luck",
                width=80,
                help="The same: drawn by the same random numbers (one method and seed, or one seed of refinements), so more "
                "rows than by chance are in both without either being alike.",
            ),
            "share_fraction": number("Share of this one", format="%.0f %%"),
            "jaccard": number(
                "Jaccard", format="%.3f", help="Rows in both over rows in either: 1 is the same rows."
            ),
        },
        alt="How many rows this selection shares with each other one",
    )


def _short(value: float) -> str:
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
