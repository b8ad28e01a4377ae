"""What a referee said: the sentence, the table, the figures, clusters for exploring, and every run of the dataset."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.parts.referee.charts import forest_chart, seeds_chart
from pages.parts.referee.exploratory import show_by_cluster, show_by_target, show_by_task
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.picker import RunPicker, pick_from_list
from pages.shared.wording import moment, percent, signed
from tamis.actions.referee import Ruling, cost_text, list_referees, read_ruling
from tamis.store.artifacts.store import Artifact

PICKER = RunPicker(
    what="referee", results="Referees", new="New referee", parameter="referee", starts=(), of_one=()
)
WORDS = {
    "better": ":green[better]",
    "worse": ":red[worse]",
    "equivalent": "equivalent",
    "not distinguishable": "not distinguishable",
}


def referees(context: DatasetContext) -> dict[str, Artifact]:
    """Every finished referee of the dataset by its id, newest first."""
    return {one.id: one for one in context.workspace.artifacts.list(context.dataset_id, "referee")}


def pick_referee(found: dict[str, Artifact]) -> Artifact:
    """Choose one; the newest unless the address names another."""
    return pick_from_list(PICKER, found, next(iter(found)), _say)


def show_ruling(context: DatasetContext, artifact: Artifact) -> None:
    """The answer first, then what it rests on."""
    ruling = read_ruling(artifact)
    st.subheader(plain(ruling.sentence), anchor=False)
    _show_methods(ruling)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.markdown("**Against random**", help=_FOREST_HELP)
        forest_chart(ruling)
    with right, st.container(border=True, height="stretch"):
        st.markdown(
            "**Over seeds**", help="The difference to random at every look, with the interval of that look."
        )
        seeds_chart(ruling)
    for note in ruling.notes:
        st.caption(plain(note))
    _show_pairs(ruling)
    show_by_cluster(context, ruling)
    show_by_target(ruling)
    show_by_task(ruling)


_FOREST_HELP = (
    "Thick: the interval at the level that decided, over seeds and held-out families. Thin: the luck of the families alone, "
    "by 2,000 resamples. Left of 0 is a lower loss."
)


def _say(one: Artifact) -> str:
    told = one.summary
    methods = count_of(len(told["methods"]), "method")
    when = moment(one.manifest.created_at)
    return f"{when} · {methods} · {told['budget_tokens']:,} tokens · {count_of(told['n_seeds'], 'seed')}"


def _show_methods(ruling: Ruling) -> None:
    against = {pair.second: pair for pair in ruling.against_random()}
    lines = []
    for i, one in enumerate(ruling.methods):
        pair = against.get(i)
        lines.append(
            f"| {'★ ' if one.in_top else ''}{plain(one.title)} | {one.loss:.3f} | "
            + (
                f"{signed(pair.difference, 3)}\u00a0±\u00a0{pair.half_width:.3f} | {WORDS[pair.verdict]} | {percent(pair.row_fraction)} |"
                if pair
                else " | | |"
            )
            + f" {one.n_rows:,.0f} | {one.n_passes:.2f} | {cost_text(one)} |"
        )
    head = (
        "| Method | Loss | Against random | Verdict | Due to rows | Rows | Passes | Cost of selecting |\n"
        "|---|---:|---:|---|---:|---:|---:|---|"
    )
    st.markdown("\n".join([head, *lines, f"| untrained | {ruling.base_loss:.3f} | | | | | | |"]))
    st.caption(
        f"★ none is claimed to beat it. Loss in nats per response token on {ruling.n_held_out:,} held-out rows; one training is "
        f"{ruling.training_flops:.1e} operations. A true difference of about {ruling.detectable:.3f} would be claimed four times in "
        f"five at {ruling.max_seeds} seeds."
    )


def _show_pairs(ruling: Ruling) -> None:
    with st.expander("Every pair", icon=":material/compare_arrows:"):
        titles = [one.title for one in ruling.methods]
        table = pd.DataFrame([
            {
                "Method": titles[one.second], "against": titles[one.first], "Difference": one.difference,
                "±": one.half_width, "Verdict": one.verdict, "p": one.p, "Level": one.level, "Seeds": one.seeds,
                "Due to rows": one.row_fraction,
            }
            for one in ruling.pairs
        ])  # fmt: skip
        st.dataframe(table, hide_index=True, placeholder="", alt="Every pair of methods")


def show_all_runs(context: DatasetContext) -> None:
    """Every run there ever was: one that is repeated until it pleases proves nothing."""
    runs = list_referees(context.workspace, context.dataset_id)
    if not runs:
        return
    with st.expander(f"{count_of(len(runs), 'referee')} of this dataset", icon=":material/history:"):
        st.caption(
            "Repeating a referee until it pleases breaks what its levels promise, so all of them stand here."
        )
        table = pd.DataFrame([{"Asked": moment(one.created_at), "Answer": one.text} for one in runs])
        st.dataframe(table, hide_index=True, alt="Every referee of this dataset")
