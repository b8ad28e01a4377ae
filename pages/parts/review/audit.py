"""Who did what when with this dataset: decisions, runs, exports, deletions, and who came in."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.parts.review.actions import ReviewContext
from pages.shared.wording import ago
from tamis.actions.audit import list_audit, say_entry

SHOWN = 300


def show_audit(review: ReviewContext) -> None:
    """The newest entries of the audit log, and how it is checked."""
    entries = list_audit(review.workspace, review.dataset_id, limit=SHOWN)
    if not entries:
        st.info("Nothing was done since there is an audit log.", icon=":material/history:")
        return
    table = pd.DataFrame(
        [
            {
                "entry": one.sequence,
                "what": say_entry(one),
                "who": one.account or "by the token",
                "role": one.role,
                "when": ago(one.at),
            }
            for one in entries
        ]
    )
    st.dataframe(
        table,
        hide_index=True,
        height=min(420, 38 + 35 * len(table)),
        column_config={
            "entry": st.column_config.NumberColumn("Entry", width=70, format="localized"),
            "what": st.column_config.TextColumn("What", width="large"),
            "who": st.column_config.TextColumn("Who", width=180),
            "role": st.column_config.TextColumn("Role", width=90),
            "when": st.column_config.TextColumn("When", width=100),
        },
        alt="Who did what when",
    )
    st.caption(
        f"Entries are only added, and each seals those before it. The last has the hash `{entries[0].hash[:16]}…`; "
        "`tamis audit verify` follows all of them."
    )
