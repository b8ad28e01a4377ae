"""Training every selection of a comparison from the Compare page, and its losses per method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.jobs import job_table
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tests.pages.fine_tuned import write_adapter
from tests.pages.page_workspace import checked, open_page, run_step, said


@pytest.fixture
def selections(workspace: Path, dataset_id: str) -> list[Artifact]:
    wanted = [("random", 1), ("random", 2), ("k_center", 3)]
    made = [
        run_step(workspace, dataset_id, "select", {"method": m, "seed": s, "budget": 6}) for m, s in wanted
    ]
    run_step(workspace, dataset_id, "compare", {"selections": [one.id for one in made]})
    return made


def test_one_button_trains_every_selection_alike(
    workspace: Path, dataset_id: str, selections: list[Artifact]
) -> None:
    app = open_page("compare", dataset=dataset_id)
    button = app.button(key="submit_training_grid")
    assert button.label == "Train 3 runs"
    app = checked(button.click().run())
    jobs = job_table.list_jobs(Database(workspace), dataset_id=dataset_id, step="finetune")
    assert {job.inputs["selection"] for job in jobs} == {one.id for one in selections}
    assert len({job.inputs["held_out"] for job in jobs}) == 1
    assert "0 of 3 runs trained" in [bar.proto.text for bar in app.get("progress")]


def test_losses_are_shown_per_method_as_runs_are_done(
    workspace: Path, dataset_id: str, selections: list[Artifact]
) -> None:
    held_out = freeze_rows(ArtifactStore(workspace), dataset_id, np.arange(8), "test").id
    for one in selections:
        write_adapter(workspace, dataset_id, values={"selection": one.id, "held_out": held_out})
    app = open_page("compare", dataset=dataset_id)
    table = next(frame.value for frame in app.dataframe if "n_runs" in frame.value)
    whole = table[table["cluster"] == "All held-out rows"].set_index("method")
    assert whole["n_runs"].to_dict() == {"Random": 2, "k-Center": 1}
    # Seven rows whose loss fell by 0.3, 0.5 or 0.7, and one that became worse by 0.1.
    assert whole["loss"].tolist() == pytest.approx([whole["base_loss"].iloc[0] - 0.4] * 2, abs=1e-4)
    assert table.groupby("method")["n_rows"].sum().tolist() == [16, 16]
    # The same losses for all: no cell is told from the mean, and the rule is said.
    assert set(table["verdict"]) == {"Not clear"}
    assert any("Benjamini and Hochberg's rule at 5 % over all cells" in one.value for one in app.caption)
    assert "Train them again, otherwise" in [one.label for one in app.expander]


def test_runs_with_other_held_out_rows_are_not_compared(
    workspace: Path, dataset_id: str, selections: list[Artifact]
) -> None:
    store = ArtifactStore(workspace)
    for i, one in enumerate(selections):
        held_out = freeze_rows(store, dataset_id, np.arange(5 + i), "test").id
        write_adapter(workspace, dataset_id, values={"selection": one.id, "held_out": held_out})
    app = open_page("compare", dataset=dataset_id)
    assert not any("n_runs" in frame.value for frame in app.dataframe)


def test_without_a_row_left_over_nothing_can_be_measured(workspace: Path, dataset_id: str) -> None:
    made = [
        run_step(workspace, dataset_id, "select", {"method": "random", "seed": s, "budget": 40}).id
        for s in (1, 2)
    ]
    small = run_step(workspace, dataset_id, "select", {"method": "random", "seed": 3, "budget": 4}).id
    run_step(workspace, dataset_id, "compare", {"selections": [*dict.fromkeys(made), small]})
    app = open_page("compare", dataset=dataset_id)
    assert "none is left to measure on" in said(app)
