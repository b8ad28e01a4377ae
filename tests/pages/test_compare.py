"""The Compare page: methods or selections to choose, and a comparison with its rows and its report."""

from __future__ import annotations

from pathlib import Path

from tamis.actions.comparisons import only_rows, scope_of
from tamis.jobs import job_table
from tamis.steps.compare.comparison import read_comparison
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tamis.store.rows.scope import Scope
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_step, said


def compared(workspace: Path, dataset_id: str) -> Artifact:
    wanted = [("random", 1), ("random", 2), ("top_quality", 1), ("k_center", 3)]
    made = [
        run_step(workspace, dataset_id, "select", {"method": m, "seed": s, "budget": 9}) for m, s in wanted
    ]
    return run_step(workspace, dataset_id, "compare", {"selections": [one.id for one in made]})


def test_without_a_comparison_the_form_is_shown(workspace: Path, dataset_id: str) -> None:
    app = open_page("compare", dataset=dataset_id)
    assert app.button(key="submit_grid").label == "Draw 11 selections and compare"


def test_one_button_queues_the_whole_grid(workspace: Path, dataset_id: str) -> None:
    app = open_page("compare", dataset=dataset_id)
    app.number_input(key="compare_seeds").set_value(2).run()
    app = checked(app.button(key="submit_grid").click().run())
    jobs = job_table.list_jobs(Database(workspace), dataset_id=dataset_id)
    assert sorted(job.step for job in jobs) == ["compare"] + ["select"] * 8
    assert "Compare · waiting for its turn" in [bar.proto.text for bar in app.get("progress")]


def test_a_grid_that_cannot_be_says_why_and_is_not_offered(workspace: Path, dataset_id: str) -> None:
    app = open_page("compare", dataset=dataset_id)
    app.number_input(key="compare_seeds").set_value(20).run()
    assert app.button(key="submit_grid").disabled
    assert "fewer" in said(app)


def test_selections_there_are_can_be_compared(workspace: Path, dataset_id: str) -> None:
    ids = [
        run_step(workspace, dataset_id, "select", {"method": "random", "seed": s, "budget": 5}).id
        for s in (1, 2)
    ]
    app = open_page("compare", dataset=dataset_id, compare_way="Selections there are")
    chosen = app.multiselect(key="compare_with")
    chosen.set_value(ids).run()
    button = next(one for one in app.button if one.label == "Compare 2 selections")
    checked(button.click().run())
    assert [job.step for job in job_table.list_jobs(Database(workspace), dataset_id=dataset_id)] == [
        "compare"
    ]


def test_a_comparison_shows_its_methods_and_numbers(workspace: Path, dataset_id: str) -> None:
    compared(workspace, dataset_id)
    app = open_page("compare", dataset=dataset_id)
    table = app.dataframe[0].value
    assert table["method"].tolist() == ["Random ×2", "Top quality", "k-Center"]
    assert table["radius"].notna().all()
    tabs = [one.label for one in app.tabs]
    assert tabs == [
        "On the map",
        "Intervals",
        "Rows only one picked",
        "Overlap and sources",
        "Clusters",
        "Distributions",
    ]
    # A sentence comes before any number.
    assert "may be luck" in app.markdown[0].value or "told apart" in app.markdown[0].value
    for part in tabs[1:]:
        checked(open_page("compare", dataset=dataset_id, compare_part=part))
    # Two of them on one map, and back.
    app = open_page("compare", dataset=dataset_id, compare_part="On the map")
    together = f"maps_together_{ArtifactStore(workspace).list(dataset_id, 'comparison')[0].id[:6]}"
    checked(app.segmented_control(key=together).set_value(True).run())
    assert {"First", "Second"} <= {one.label for one in app.selectbox}


def test_rows_of_one_method_lead_to_the_map_by_their_ids(workspace: Path, dataset_id: str) -> None:
    artifact = compared(workspace, dataset_id)
    found = read_comparison(artifact)
    for i, method in enumerate(found.methods):
        rows_alone = only_rows(artifact, i)
        assert len(rows_alone) == method.n_only
        if len(rows_alone):
            scope = Scope.from_url(scope_of(found, i, rows_alone).to_url())
            assert list(scope.conditions[0].value) == rows_alone.tolist()


def test_a_link_to_a_comparison_that_is_gone_shows_the_newest(workspace: Path, dataset_id: str) -> None:
    compared(workspace, dataset_id)
    app = open_page("compare", dataset=dataset_id, comparison="feed")
    assert "no comparison feed" in said(app).replace("\\", "")
    assert len(app.dataframe)


def test_a_bare_dataset_offers_methods_that_need_no_score(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    app = open_page("compare", dataset=dataset_id)
    assert "need a score first" in said(app)
    app = checked(app.button(key="submit_grid").click().run())
    assert any("Run 'cluster' first" in str(one.value).replace("\\", "") for one in app.error)
