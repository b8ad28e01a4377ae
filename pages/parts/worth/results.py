"""What clusters are worth: the sentence, the intervals, the matrix, the mixture found, and the next runs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.parts.worth.charts import matrix_chart, worth_chart
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import follow_job
from pages.shared.runs.picker import RunPicker, pick_from_list
from pages.shared.wording import moment
from tamis.actions.worth import WorthReport, extend_worth, list_worths, read_report
from tamis.store.artifacts.store import Artifact

PICKER = RunPicker(what="worth", results="Worths", new="New runs", parameter="worth", starts=(), of_one=())
NEXT = {
    "narrow": ("Narrow the intervals", "The four mixtures whose losses are least known."),
    "improve": ("Search a better mixture", "The four mixtures that could be best by far, as things stand."),
}


def worth_artifacts(context: DatasetContext) -> dict[str, Artifact]:
    """Every finished worth of the dataset by its id, newest first."""
    return {one.id: one for one in context.workspace.artifacts.list(context.dataset_id, "worth")}


def pick_worth(found: dict[str, Artifact]) -> Artifact:
    """Choose one; the newest unless the address names another."""
    return pick_from_list(PICKER, found, next(iter(found)), _say)


def _say(one: Artifact) -> str:
    told = one.summary
    when = moment(one.manifest.created_at)
    return (
        f"{when} · {count_of(told['n_clusters'], 'super-cluster')} · {count_of(told['n_runs'], 'run')} · "
        f"{told['budget_tokens']:,} tokens"
    )


def show_worth(context: DatasetContext, artifact: Artifact) -> None:
    """The answer first, then what it rests on."""
    report = read_report(artifact)
    st.subheader(plain(report.sentence), anchor=False)
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.markdown("**A tenth of the tokens moved to**", help=_WORTH_HELP)
        worth_chart(report)
    with right, st.container(border=True, height="stretch"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown("**More of a row's cluster, loss of a column's**", help=_MATRIX_HELP)
            everything = st.toggle("All cells", key="worth_all_cells")
        matrix_chart(report, everything=bool(everything))
    for note in report.notes:
        st.caption(plain(note))
    _show_mixture(report, artifact)
    _show_next(context, report, artifact)
    _show_runs(report)


_WORTH_HELP = (
    "Change of the loss of all held-out rows when ten percent of the tokens move from the dataset's own shares to rows drawn at "
    "random in that super-cluster; the interval holds it in at least nine of ten. Left of 0 helps."
)
_MATRIX_HELP = "Columns have the numbers of rows; all is every held-out row. Cells whose 90 % interval covers 0 are blank: they say nothing yet."


def _show_mixture(report: WorthReport, artifact: Artifact) -> None:
    st.markdown("**The mixture found**")
    table = pd.DataFrame([
        {
            "Super-cluster": one.name, "Share of the pool": 100 * one.share, "Share found": 100 * one.solved, "At most": 100 * one.most,
            "Worth": one.worth, "±": one.half_width, "Straight line": one.straight, "Clusters": len(one.clusters),
            "Rows": one.n_rows,
        }
        for one in report.groups
    ])  # fmt: skip
    percent = st.column_config.NumberColumn(format="%.0f %%")
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        table,
        hide_index=True,
        alt="Super-clusters with their shares and worths",
        column_config={
            "Share of the pool": percent, "Share found": percent, "At most": percent, "Worth": number, "±": number,
            "Straight line": st.column_config.NumberColumn(
                format="%.3f", help="What ridge regression on the shares says: readable, and blind to diminishing returns."
            ),
        },
    )  # fmt: skip
    st.caption(
        f"Hold it against random on the Referee page as `worth:{artifact.id}`, select by it with the method Mixture, or begin a "
        f"refinement from it (`start_from` = `{artifact.id}`)."
    )


def _show_next(context: DatasetContext, report: WorthReport, artifact: Artifact) -> None:
    with st.container(horizontal=True):
        for search, (title, words) in NEXT.items():
            pressed = st.button(
                f"Four more runs: {title.lower()}",
                icon=":material/add:",
                key=f"worth_{search}",
                **asks(context.workspace, extend_worth, words=words),
            )
            if pressed:
                with errors_in_place():
                    follow_job(extend_worth(context.workspace, context.dataset_id, artifact.id, search))
                    st.rerun()


def _show_runs(report: WorthReport) -> None:
    with st.expander(f"{count_of(len(report.runs), 'run')}", icon=":material/list:"):
        names = [one.name for one in report.groups]
        table = pd.DataFrame([
            {"Loss": run.losses[-1], "Passes": run.n_passes} | {name: 100 * share for name, share in zip(names, run.shares, strict=True)}
            for run in report.runs
        ])  # fmt: skip
        shares = {name: st.column_config.NumberColumn(format="%.0f %%") for name in names}
        st.dataframe(table, hide_index=True, alt="Every mixture with its loss", column_config=shares)
        st.caption(
            f"Untrained the loss is {report.base_loss:.4f}, at the pool's shares {report.pool_loss:.4f}."
        )


def show_all_worths(context: DatasetContext) -> None:
    """Every worth there ever was, those under way too."""
    runs = list_worths(context.workspace, context.dataset_id)
    if not runs:
        return
    with st.expander(f"{count_of(len(runs), 'worth')} of this dataset", icon=":material/history:"):
        table = pd.DataFrame([{"Asked": moment(one.created_at), "Answer": one.text} for one in runs])
        st.dataframe(table, hide_index=True, alt="Every worth of this dataset")
