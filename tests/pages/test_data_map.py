"""The Map page over rows whose texts try to be markup, SQL and HTML."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.parts.data_map import facets, results
from pages.shared.plain_text import plain, shorten
from tamis.actions.dataset_context import open_context
from tamis.actions.map_colours import condition_of, is_about
from tamis.actions.map_tiles import map_column, open_map
from tamis.actions.read_rows import usual_cutoff
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.artifacts.view import open_view
from tamis.store.database.database import Database
from tamis.store.database.tags import add_tag, tag_state
from tamis.store.names import cluster_names
from tamis.store.rows.scope import Scope, describe_scope, where
from tamis.store.workspace import open_workspace
from tests.core.store.small_workspace import DATASET, Written, make_rows, write_dataset

APP = Path(__file__).resolve().parent.parent.parent / "app.py"
N_ROWS = 60
from tests.pages.page_workspace import told_to_maps


def _url(*conditions: tuple) -> str:
    return Scope(conditions=tuple(where(*condition) for condition in conditions)).to_url()


@pytest.fixture
def rows() -> Written:
    return make_rows(N_ROWS)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: Written) -> Path:
    store = ArtifactStore(tmp_path)
    examples = write_dataset(store, rows)["examples"]
    manifest = json.loads((examples.path / "manifest.json").read_text())
    del manifest["seal"]
    manifest["summary"] |= {"n_examples": len(rows), "n_records": len(rows)}
    (examples.path / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("TAMIS_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("TAMIS_SAMPLE_ON_EMPTY", "false")
    st.cache_resource.clear()
    st.cache_data.clear()
    return tmp_path


def _open(**address: str) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=30)
    page.switch_page("pages/data_map.py")
    for name, value in {"dataset": DATASET, **address}.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception[0].value
    return page


def _texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.text, *page.info, *page.error, *page.warning]
    return "\n".join(element.value for element in shown)


def _labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def test_all_rows_match_before_anything_is_filtered(workspace: Path) -> None:
    assert f"**{N_ROWS}** rows" in _texts(_open())


def test_a_link_restores_the_filter_and_says_how_many_rows_match(workspace: Path, rows: Written) -> None:
    expected = sum(cluster == 1 for cluster in rows.clusters)
    page = _open(scope=_url(("cluster", [1])))
    assert f"**{expected}** of {N_ROWS} rows match" in _texts(page)
    assert any(label.startswith("Cluster is 1") for label in _labels(page))


def test_columns_beside_the_map_count_what_the_other_conditions_leave(workspace: Path, rows: Written) -> None:
    scope = Scope.from_url(_url(("cluster", [1]), ("source", ["alpha"])))
    _open(beside="Columns", scope=scope.to_url())
    context = open_context(open_workspace(workspace), DATASET)
    opened, column = open_map(context), map_column(context, open_map(context), "source")
    found = facets._facet(context, opened, scope, "source", "source", column)
    now = {column.values[item["code"]]: n for item, n in zip(found["items"], found["now"], strict=True)}
    inside = [source for source, cluster in zip(rows.sources, rows.clusters, strict=True) if cluster == 1]
    assert now == {source: inside.count(source) for source in now}
    number = facets._facet(context, opened, scope, "tokens", "tokens", map_column(context, opened, "tokens"))
    assert sum(number["now"]) == inside.count("alpha")


def test_laying_a_dataset_over_the_map_says_where_none_fits(workspace: Path) -> None:
    assert "No other dataset was embedded like this one, and nothing was scored towards a target." in _texts(
        _open(overlay_on="true")
    )


def test_a_chip_takes_its_condition_out_of_the_address(workspace: Path) -> None:
    page = _open(scope=_url(("cluster", [1]), ("range", [None, 500], "tokens")))
    page.button(key="chip_0").click().run()
    assert page.query_params["scope"] == _url(("range", [None, 500], "tokens"))
    page.button(key="chip_0").click().run()
    assert "scope" not in page.query_params


def test_searching_words_adds_a_condition_and_empties_the_box(workspace: Path, rows: Written) -> None:
    page = _open()
    page.text_input(key="search_text").set_value("salt").run()
    expected = sum("salt" in p or "salt" in r for p, r in zip(rows.prompts, rows.responses, strict=True))
    assert f"**{expected}** of {N_ROWS} rows match" in _texts(page)
    assert page.text_input(key="search_text").value == ""


def test_a_search_answers_with_ranked_rows_whose_hits_are_marked_as_text(
    workspace: Path, rows: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(results, "_list", lambda: lambda **given: drawn.append(given["data"]))
    page = _open(scope=_url(("contains", "salt", "either")))
    assert not page.exception
    assert page.session_state["beside"] == "Results"
    hits = [int(one["said"].split()[0]) for one in drawn[-1]["results"]]
    assert hits == sorted(hits, reverse=True) and hits[0] >= 1
    marked = {text.lower() for one in drawn[-1]["results"] for text, hit in one["parts"] if hit}
    assert marked == {"salt"}
    page.button(key="chip_0").click().run()
    assert page.session_state["beside"] == "Clusters"


def test_a_bad_regular_expression_is_said_before_it_becomes_a_filter(workspace: Path) -> None:
    page = _open()
    page.selectbox(key="filter_text_mode").set_value("matches").run()
    page.text_input(key="filter_text").set_value("(salt").run()
    assert "is not a regular expression" in _texts(page)
    assert page.button(key="filter_add").disabled
    page.text_input(key="filter_text").set_value("(salt)").run()
    assert not page.button(key="filter_add").disabled


def test_a_filter_that_leaves_nothing_says_so_and_can_be_cleared(workspace: Path) -> None:
    page = _open(scope=_url(("contains", "nowhere to be found", "prompt")))
    assert "No row meets all of these filters" in _texts(page)
    page.button(key="clear_nothing").click().run()
    assert f"**{N_ROWS}** rows" in _texts(page)


@pytest.mark.parametrize("broken", ["garbage", "z!!!", "jW10x"])
def test_a_broken_link_is_said_and_shows_all_rows(workspace: Path, broken: str) -> None:
    page = _open(scope=broken)
    assert "cannot be read" in page.error[0].value
    page.button(key="mend_scope").click().run()
    assert not page.error


def test_a_filter_that_does_not_fit_the_dataset_is_an_error_in_place(workspace: Path) -> None:
    page = _open(scope=_url(("matches", "(", "prompt")))
    assert "regular expression" in page.error[0].value.replace("\\", "")


def test_every_row_opens_with_its_text_as_text(workspace: Path, rows: Written) -> None:
    for row in (rows.prompts.index(next(p for p in rows.prompts if "<script>" in p)), 0):
        page = _open(row=str(row))
        shown = [text.value for text in page.text]
        assert any(rows.responses[row] == text for text in shown) or not rows.responses[row].strip()
        assert all("<script>" not in markdown.value for markdown in page.markdown)


@pytest.mark.parametrize("view", ["Conversation", "Details", "Similar", "Tokens", "Why", "Raw"])
def test_every_view_of_a_row_is_drawn(workspace: Path, view: str) -> None:
    page = _open(row="7", row_view=view)
    assert "#### Row 7" in _texts(page)


def test_previous_and_next_follow_the_order_of_the_table(workspace: Path, rows: Written) -> None:
    order = sorted(range(N_ROWS), key=lambda row: (rows.tokens[row], row))
    page = _open(row=str(order[3]), rows_sort="tokens")
    page.button(key="row_next").click().run()
    assert page.query_params["row"] == str(order[4])
    page.button(key="row_previous").click().run()
    page.button(key="row_previous").click().run()
    assert page.query_params["row"] == str(order[2])
    page.button(key="row_close").click().run()
    assert "row" not in page.query_params


def test_a_row_that_does_not_exist_is_said(workspace: Path) -> None:
    assert "There is no row 999" in _texts(_open(row="999"))


def test_tagging_reaches_every_matching_row_and_can_be_undone(workspace: Path, rows: Written) -> None:
    database = Database(workspace)
    expected = [row for row, cluster in enumerate(rows.clusters) if cluster == 1]
    add_tag(database, DATASET, "to read", np.asarray(expected[:1]), "somebody else")
    page = _open(scope=_url(("cluster", [1])))
    page.selectbox(key="bulk_tag").select("to read").run()
    page.button(key="bulk_add").click().run()
    assert tag_state(database, DATASET).tagged("to read").tolist() == expected
    assert f"Tagged {len(expected)} rows" in page.toast[0].value
    page.button(key="tag_undo").click().run()
    assert tag_state(database, DATASET).tagged("to read").tolist() == expected[:1]


def test_a_cluster_can_be_renamed_beside_the_map(workspace: Path) -> None:
    page = _open(scope=_url(("cluster", [1])))
    page.text_input(key="rename_1_0").set_value("Sauces").run()
    clustering = open_view(ArtifactStore(workspace), DATASET).require("clustering")
    assert cluster_names(Database(workspace), clustering).names[1] == "Sauces"
    assert any("Sauces" in label for label in _labels(page))


def test_every_colour_can_be_chosen(workspace: Path) -> None:
    add_tag(Database(workspace), DATASET, "red", np.arange(5), "me")
    page = _open()
    for option in page.selectbox(key="colour").options:
        page.selectbox(key="colour").set_value(page.selectbox(key="colour").options.index(option))
        page.selectbox(key="colour").select(option).run()
        assert not page.exception, option
        assert not page.error, option


def test_the_first_colour_can_be_chosen_while_the_address_still_says_another(workspace: Path) -> None:
    page = _open(colour="source")  # an address that nobody changes, as it is for a moment in a browser
    assert page.selectbox(key="colour").value == "source"
    first = page.selectbox(key="colour").options[0]
    page.selectbox(key="colour").set_value(first).run()
    assert page.selectbox(key="colour").value != "source"


def _map(page: AppTest) -> dict[str, Any]:
    """What the page tells its map."""
    (told,) = told_to_maps(page)
    return told


def test_a_change_of_colour_or_filter_names_another_column_and_no_position(workspace: Path) -> None:
    page = _open()
    first = _map(page)
    page.selectbox(key="colour").select("source").run()
    coloured = _map(page)
    assert coloured["base"] == first["base"]
    assert coloured["column"]["id"] != first["column"]["id"]
    assert first["mask"] == coloured["mask"] == ""
    filtered = _map(_open(scope=_url(("cluster", [1]))))
    assert filtered["mask"]
    assert filtered["column"]["id"] == first["column"]["id"]
    assert [item["label"] for item in filtered["column"]["items"] if item["on"]] == ["words 1"]
    assert max(len(json.dumps(one)) for one in (first, coloured, filtered)) < 12_000


def test_the_map_is_told_names_of_clusters_but_no_text_of_rows(workspace: Path) -> None:
    told = json.dumps(_map(_open(row="3")))
    assert "words 1" in told
    assert "salt" not in told
    assert "quoted" not in told


def test_the_open_row_and_what_was_drawn_are_marked_where_they_lie(workspace: Path, rows: Written) -> None:
    box = [[-1.0, 0.5], [-0.5, 1.0]]
    lasso = [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]
    page = _open(row="7", scope=_url(("region", [["add", lasso], ["subtract", lasso[::-1]]])))
    told = _map(page)
    low, side = rows.xy.min(axis=0), float(np.ptp(rows.xy, axis=0).max())
    assert np.allclose(told["mark"], (rows.xy[7] - low) / side, atol=1e-5)
    assert [how for how, _ in told["regions"]] == ["add", "subtract"]
    assert np.allclose(told["regions"][0][1], (np.array(lasso) - low) / side, atol=1e-5)
    assert len(_map(_open(scope=_url(("box", box))))["regions"]) == 1


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("cluster", [1, -1], "cluster is -1"),
        ("source", ["alpha"], 'source is "alpha"'),
        ("meta:lang", ["en", None], "lang is missing or"),
        ("tag:red", [True], "tagged"),
        ("tag:red", [False], "not tagged"),
        ("selected", [True], "selected"),
        ("selected", [True, False], ""),
        ("source", [], ""),
    ],
)
def test_the_legend_sets_one_condition_of_its_column(
    workspace: Path, key: str, values: list[Any], expected: str
) -> None:
    context = open_context(open_workspace(workspace), DATASET)
    condition = condition_of(context, key, values)
    if not expected:
        assert condition is None
        return
    assert condition is not None
    made = where(*condition)
    assert expected in describe_scope(Scope(conditions=(made,)))
    assert is_about(made, context, key)
    assert not is_about(made, context, "meta:checked")


def test_drawing_the_page_loads_no_model_library(workspace: Path) -> None:
    before = set(sys.modules)
    _open(row="3", row_view="Similar")
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not loaded & {"torch", "transformers", "umap", "hdbscan", "sentence_transformers"}


def test_markup_in_a_label_is_shown_as_it_is() -> None:
    assert plain("*a* [b](c) $d$ :red[e] <f>") == r"\*a\* \[b\]\(c\) \$d\$ \:red\[e\] \<f\>"


def test_shortening_keeps_short_texts_and_marks_a_cut() -> None:
    assert shorten("a b", 3) == "a b"
    assert shorten("abcdef", 4) == "abc…"


def test_searching_by_meaning_ranks_the_matching_rows_and_stays_in_the_address(
    workspace: Path, rows: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Encoder:
        def encode(self, texts: list[str]) -> np.ndarray:
            assert texts == ["about sauces"]
            return np.eye(8, dtype=np.float32)[:1]

    monkeypatch.setattr("tamis.steps.query_encoder.open_query_encoder", lambda embeddings: Encoder())
    scope = _url(("range", [None, 600], "tokens"))
    page = _open(scope=scope)
    page.session_state["search_mode"] = "Meaning"
    page.run()
    page.text_input(key="search_text").set_value("about sauces").run()
    assert not page.exception
    assert page.query_params["near"] == "text:about sauces"
    vectors = np.load(open_view(ArtifactStore(workspace), DATASET).require("embeddings").file("vectors.npy"))
    usual = usual_cutoff(open_context(open_workspace(workspace), DATASET))
    within = [row for row in range(N_ROWS) if rows.tokens[row] <= 600 and vectors[row, 0] >= usual]
    expected = sorted(within, key=lambda row: (-vectors[row, 0], row))
    shown = page.dataframe[-1].value["row"].tolist()
    assert shown == expected[: len(shown)]
    assert f"**{len(within)}** of {N_ROWS} rows match" in _texts(page)
    assert page.slider(key="results_at_least").value == usual
    page.slider(key="results_at_least").set_value(0.0).run()
    assert page.query_params["at_least"] == "0.00"
    wider = [row for row in range(N_ROWS) if rows.tokens[row] <= 600 and vectors[row, 0] >= 0]
    assert len(wider) > len(within)
    assert f"**{len(wider)}** of {N_ROWS} rows match" in _texts(page)
