"""The active selection in the frame of every page, and one name for a thing wherever it is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.compare.keep import ACTIVATE, KEEP, keep_labels
from tamis.actions.active import activate, list_selections, look_at
from tamis.actions.artifact_names import artifact_names
from tamis.actions.comparisons import read_comparison
from tamis.actions.dataset_context import open_context
from tamis.cli.main import run
from tamis.steps.resolve_rows import freeze
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import button, checked, open_page, run_step, said
from tests.support.in_process import run_queued

STATIC = {"rounds": 2, "budget": 6, "control": "km_random"}  # asks no model
MENU = "active_selection"


@pytest.fixture
def ws(workspace: Path, dataset_id: str) -> Workspace:
    return open_workspace(workspace)


def at(app: AppTest, parameter: str) -> str:
    """What the address says."""
    value = app.query_params[parameter]
    return value if isinstance(value, str) else value[0]


def select(ws: Workspace, dataset_id: str, budget: float) -> str:
    """Select as a person does on the page, and wait for it there; returns the selection."""
    app = open_page("selection", dataset=dataset_id, view="new")
    checked(app.number_input(key="select_budget_rows").set_value(budget).run())
    app = checked(app.button(key="submit_select").click().run())
    run_queued(ws)
    app = checked(app.run())
    return at(app, "selection")


def compare(ws: Workspace, dataset_id: str) -> str:
    """Draw methods on the page, and compare them; returns the comparison."""
    app = open_page("compare", dataset=dataset_id)
    checked(app.button(key="submit_grid").click().run())
    run_queued(ws)
    return ws.artifacts.list(dataset_id, "comparison")[0].id


def test_what_was_selected_on_the_page_is_exported_whatever_runs_drew_since(
    ws: Workspace, dataset_id: str
) -> None:
    mine = select(ws, dataset_id, 12.0)
    compare(ws, dataset_id)
    run_step(ws.path, dataset_id, "refine", STATIC)
    name = "kMQ · 12 rows · by alignment"
    for page in (
        "data_map",
        "scoring",
        "selection",
        "compare",
        "refinement",
        "review",
        "finetuning",
        "export_data",
    ):
        app = open_page(page, dataset=dataset_id)
        menu = app.sidebar.selectbox(key=MENU)
        assert (menu.value, menu.options[0]) == (mine, name), page
        assert at(app, "active") == mine
    assert app.selectbox(key="export_selection").value == mine
    written = app.text_input[0].value
    assert f"-kmq-12-rows-{mine[:6]}-" in written
    checked(button(app, "Write 12 rows").click().run())
    manifest = json.loads((ws.path / "exports" / f"{written}.manifest.json").read_bytes())
    assert manifest["selection"] == mine
    form = open_page("finetuning", dataset=dataset_id, view="new")
    assert form.selectbox(key="export_selection").value == mine


def test_the_menu_changes_it_for_every_page_and_command(ws: Workspace, dataset_id: str) -> None:
    first = look_at(ws, dataset_id).selection.id
    second = select(ws, dataset_id, 12.0)
    app = open_page("export_data", dataset=dataset_id, selection=second)
    app = checked(app.sidebar.selectbox(key=MENU).select_index(1).run())
    assert look_at(ws, dataset_id).selection.id == first
    assert app.selectbox(key="export_selection").value == first
    assert at(app, "active") == first
    assert open_page("selection", dataset=dataset_id).selectbox(key="selection_picker").value == first


def test_a_link_shows_what_its_sender_saw_until_another_is_chosen(ws: Workspace, dataset_id: str) -> None:
    first = look_at(ws, dataset_id).selection.id
    second = select(ws, dataset_id, 12.0)
    app = open_page("export_data", dataset=dataset_id, active=first)
    assert app.sidebar.selectbox(key=MENU).value == first == app.selectbox(key="export_selection").value
    assert "another than the active one, kMQ · 12 rows" in said(app)
    assert look_at(ws, dataset_id).selection.id == second
    third = select(ws, dataset_id, 13.0)  # elsewhere, while this page is open
    assert checked(app.run()).sidebar.selectbox(key=MENU).value == third
    app = open_page("export_data", dataset=dataset_id, active=first)
    checked(app.button(key="activate_shown").click().run())
    assert look_at(ws, dataset_id).selection.id == first
    assert at(open_page("data_map", dataset=dataset_id, active="gone"), "active") == first


def test_clusters_map_and_score_have_menus_where_there_are_several(ws: Workspace, dataset_id: str) -> None:
    app = open_page("data_map", dataset=dataset_id)
    keys = [one.key for one in app.selectbox]
    assert "active_layout" in keys and "active_clustering" not in keys and "active_scores" not in keys
    assert app.selectbox(key="active_layout").options == ["PCA", "PCA of Feature hashing"]
    four = look_at(ws, dataset_id).clustering.id
    run_step(ws.path, dataset_id, "cluster", {"method_options": {"n_clusters": 2}})
    run_step(ws.path, dataset_id, "score", {"scorer": "length"})
    app = open_page("data_map", dataset=dataset_id)
    assert app.selectbox(key="active_clustering").value != four
    checked(app.selectbox(key="active_clustering").set_value(four).run())
    assert look_at(ws, dataset_id).clustering.id == four
    length = look_at(ws, dataset_id).scores["length"].id
    checked(app.selectbox(key="active_scores").set_value(length).run())
    form = open_page("selection", dataset=dataset_id, view="new")
    assert form.selectbox(key="select_quality").value == "length"
    assert form.selectbox(key="select_clustering").value == four


def test_a_method_of_a_comparison_is_kept_from_its_line(ws: Workspace, dataset_id: str) -> None:
    mine = select(ws, dataset_id, 12.0)
    compared = read_comparison(ws.artifacts.get(dataset_id, "comparison", compare(ws, dataset_id)))
    context = open_context(ws, dataset_id)
    labels = keep_labels(context, compared)
    drawn = labels.index(KEEP)

    def keep(folder: str, dataset: str, comparison: str, method: int) -> None:
        from pages.parts.compare import keep as keeping
        from tamis.actions import comparisons, dataset_context
        from tamis.store import workspace

        opened = workspace.open_workspace(folder)
        made = comparisons.read_comparison(opened.artifacts.get(dataset, "comparison", comparison))
        keeping.keep_method(dataset_context.open_context(opened, dataset), made, method)

    made = ws.artifacts.list(dataset_id, "comparison")[0].id
    checked(AppTest.from_function(keep, args=(str(ws.path), dataset_id, made, drawn)).run())
    kept = look_at(ws, dataset_id).selection.id
    assert kept == compared.selections[compared.methods[drawn].selections[0]].id != mine
    assert keep_labels(open_context(ws, dataset_id), compared)[drawn] is None
    activate(ws, dataset_id, mine)
    assert keep_labels(open_context(ws, dataset_id), compared)[drawn] == ACTIVATE


def test_a_round_of_a_refinement_is_kept(ws: Workspace, dataset_id: str) -> None:
    run_step(ws.path, dataset_id, "refine", STATIC)
    app = open_page("refinement", dataset=dataset_id)
    app = checked(app.button(key="keep_round").click().run())
    assert app.button(key="keep_round").disabled
    (kept,) = (one for one in list_selections(ws, dataset_id) if one.is_active)
    assert kept.name == "Control: kM-random, round 2 · 6 rows"
    assert (
        open_page("selection", dataset=dataset_id).selectbox(key="selection_picker").value == kept.artifact.id
    )


def test_a_run_s_own_pick_opens_by_its_address_and_is_in_no_other_list(
    ws: Workspace, dataset_id: str
) -> None:
    compare(ws, dataset_id)
    own = next(one for one in list_selections(ws, dataset_id, own=True) if one.is_own)
    app = open_page("selection", dataset=dataset_id, selection=own.artifact.id)
    assert app.selectbox(key="selection_picker").value == own.artifact.id
    assert app.button(key="keep_opened").label == "Keep as selection"
    assert (
        own.name not in open_page("export_data", dataset=dataset_id).selectbox(key="export_selection").options
    )
    app = open_page("export_data", dataset=dataset_id, selection=own.artifact.id)
    assert app.selectbox(key="export_selection").value == own.artifact.id


def test_a_selection_has_one_name_everywhere(
    ws: Workspace, dataset_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (42, 7):
        run_step(ws.path, dataset_id, "select", {"budget": 9, "seed": seed})
    pins = run_step(ws.path, dataset_id, "select", {"budget": 5, "method": "random", "quality": "none"}).id
    run_step(
        ws.path, dataset_id, "select", {"budget": 10, "pinned": freeze(ws, dataset_id, f"selection:{pins}")}
    )
    names = artifact_names(ws, dataset_id, "selection")
    assert sorted(names.values()) == [
        "Random · 5 rows",
        "kMQ · 10 rows · by alignment",
        "kMQ · 10 rows · by alignment · 5 pinned",
        "kMQ · 9 rows · by alignment · seed 42",
        "kMQ · 9 rows · by alignment · seed 7",
    ]
    pickers = {
        "selection": ("selection_picker", {}), "export_data": ("export_selection", {}),
        "finetuning": ("export_selection", {"view": "new"}), "data_map": (MENU, {}),
    }  # fmt: skip
    for page, (key, query) in pickers.items():
        shown = open_page(page, dataset=dataset_id, **query)
        assert sorted(shown.selectbox(key=key).options) == sorted(names.values()), page
    form = open_page("compare", dataset=dataset_id, compare_way="Selections there are")
    assert sorted(form.multiselect(key="compare_with").options) == sorted(names.values())
    rows = open_page("selection", dataset=dataset_id, view="new").selectbox(key="select_within").options
    assert {one.removeprefix("Selection: ") for one in rows if one.startswith("Selection")} == set(
        names.values()
    )
    assert run(["selections", "list", "--workspace", str(ws.path), "--dataset", dataset_id, "--json"]) == 0
    out = capsys.readouterr().out
    assert {one["name"] for one in json.loads(out.splitlines()[-1])["selections"]} == set(names.values())
    assert all(name in out for name in names.values())
