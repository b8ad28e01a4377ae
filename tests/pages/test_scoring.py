"""The Scores page: what there is, what it looks like, and computing it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pages.parts.scoring import results
from pages.parts.scoring.from_file import FROM_FILE
from tamis.actions.given_scores import take_column
from tamis.jobs import job_table
from tamis.scorers import SCORERS
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_step, said


def test_every_scorer_is_listed_computed_or_not(workspace: Path, dataset_id: str) -> None:
    table = open_page("scoring", dataset=dataset_id).dataframe[0].value
    titles = list(table["score"])
    assert sorted(titles) == sorted(scorer.title for scorer in SCORERS.values())
    # What there is comes first, then what costs seconds, then what asks a model for each row.
    assert titles[0] == "Alignment"
    groups = list(table["group"])
    assert list(dict.fromkeys(groups)) == ["Computed", "Free", "Needs a model"]
    assert groups == sorted(groups)
    of = table.set_index("score")["group"]
    assert (of["Alignment"], of["Duplicates"], of["Confidence"]) == ("Computed", "Free", "Needs a model")
    # What each takes is said before anybody asks.
    assert set(table["takes"][table["group"] == "Free"]) == {"seconds"}
    assert "a guess" in table.set_index("score")["takes"]["Confidence"]
    assert table.set_index("score")["takes"]["Reward model"] == "depends on the model"
    computed = table.set_index("score")["mean"].notna()
    assert computed["Alignment"] and not computed["Length"]


def test_the_lowest_rows_come_first_and_the_highest_on_demand(workspace: Path, dataset_id: str) -> None:
    run_step(workspace, dataset_id, "score", {"scorer": "length", "scorer_options": {"unit": "characters"}})
    app = open_page("scoring", dataset=dataset_id)
    checked(app.selectbox(key="scorer").set_value("length").run())
    lowest = app.dataframe[1].value["score:length"]
    assert lowest.is_monotonic_increasing
    checked(app.segmented_control(key="score_end").set_value("Highest").run())
    highest = app.dataframe[1].value["score:length"]
    assert highest.is_monotonic_decreasing
    assert highest.iloc[0] > lowest.iloc[0]


def test_what_is_dragged_over_the_bars_shows_the_rows_between(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_step(workspace, dataset_id, "score", {"scorer": "length", "scorer_options": {"unit": "characters"}})
    whole = open_page("scoring", dataset=dataset_id, scorer="length").dataframe[1].value["score:length"]
    low, high = float(whole.min()), float(whole.median())
    # A browser says the interval in either direction, and both axes of it or one.
    assert results._dragged({"low": [high, low]}) == (low, high)
    assert results._dragged({}) is results._dragged({"low": [low]}) is None
    monkeypatch.setattr(results, "_show_histogram", lambda *_: (low, high))
    app = checked(open_page("scoring", dataset=dataset_id, scorer="length"))
    between = app.dataframe[1].value["score:length"]
    assert len(between) and between.between(low, high).all()
    assert "Rows from" in said(app) and "See these rows on the map" in [one.label for one in app.button]
    assert not [one for one in app.button_group if one.key == "score_end"]


def test_where_no_score_is_there_no_column_is_empty(workspace: Path, tmp_path: Path) -> None:
    table = open_page("scoring", dataset=import_file(workspace, alpaca_file(tmp_path))).dataframe[0].value
    assert list(table.columns) == ["group", "score", "takes", "measures"]


def test_a_score_that_is_not_there_is_computed_with_its_options(workspace: Path, dataset_id: str) -> None:
    app = open_page("scoring", dataset=dataset_id)
    checked(app.selectbox(key="scorer").set_value("length").run())
    assert "Length is not computed yet" in said(app)
    checked(app.segmented_control(key="score_length_unit").set_value("characters").run())
    checked(app.button(key="compute_length").click().run())
    job = job_table.list_jobs(Database(workspace), step="score")[0]
    assert job.options["scorer_options"] == {"text": "response", "unit": "characters"}


def test_a_long_score_is_offered_on_a_sample_first(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 6_000))
    app = open_page("scoring", dataset=dataset_id, scorer="perplexity")
    assert "All rows: about" in said(app)
    checked(app.button(key="sample_perplexity").click().run())
    job = job_table.list_jobs(Database(workspace), step="score")[0]
    assert job.options["sample_rows"] == 200
    small = import_file(workspace, alpaca_file(tmp_path, 40), "Small")
    assert not [
        one
        for one in open_page("scoring", dataset=small, scorer="perplexity").button
        if one.key == "sample_perplexity"
    ]


def test_a_score_that_reads_vectors_says_that_they_are_missing(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    app = open_page("scoring", dataset=dataset_id)
    checked(app.selectbox(key="scorer").set_value("alignment").run())
    assert "reads vectors" in app.error[0].value
    assert app.button(key="compute_alignment").disabled


def test_the_links_name_what_the_other_pages_understand(workspace: Path, dataset_id: str) -> None:
    run_step(workspace, dataset_id, "score", {"scorer": "length"})
    app = open_page("selection", dataset=dataset_id, view="new", select_quality="Length")
    assert app.selectbox(key="select_quality").value == "length"
    app = open_page("data_map", dataset=dataset_id, colour="score: length")
    assert app.selectbox(key="colour").value == "score:length"


def test_a_score_that_asks_a_model_lets_one_choose_it(workspace: Path, dataset_id: str) -> None:
    app = open_page("scoring", dataset=dataset_id)
    checked(app.selectbox(key="scorer").set_value("pmi").run())
    assert app.selectbox(key="score_llm").value == "smollm2"
    assert app.button(key="estimate_run").label == "Estimate time and cost"
    checked(app.button(key="compute_pmi").click().run())
    assert job_table.list_jobs(Database(workspace), step="score")[0].options["llm"] == "smollm2"


def test_the_page_says_which_model_a_confidence_suits(dataset_id: str) -> None:
    app = open_page("scoring", dataset=dataset_id)
    for name, words in (("bsdetector", "no better than chance"), ("confidence", "Small models")):
        assert words in said(app.selectbox(key="scorer").set_value(name).run())
    assert "Which model it suits" not in said(app.selectbox(key="scorer").set_value("length").run())


def test_a_confidence_of_the_first_edition_says_so_and_one_of_today_does_not(
    workspace: Path, dataset_id: str
) -> None:
    run_step(workspace, dataset_id, "score", {"scorer": "confidence", "llm": "scripted"})
    app = open_page("scoring", dataset=dataset_id, scorer="confidence")
    assert "Compute confidence again" in app.expander[0].label
    assert "edition before" not in said(app)
    manifest = ArtifactStore(workspace).list(dataset_id, "scores")[0].path / "manifest.json"
    written = json.loads(manifest.read_text("utf-8"))
    del written["seal"]
    assert written["options"]["scorer_options"].pop("edition") == "stops"
    manifest.write_text(json.dumps(written), "utf-8")
    assert "edition = hand" in said(open_page("scoring", dataset=dataset_id, scorer="confidence"))


def test_numbers_that_came_with_the_data_are_a_score_like_any_other(workspace: Path, dataset_id: str) -> None:
    take_column(ArtifactStore(workspace), dataset_id, "response_chars")
    app = open_page("scoring", dataset=dataset_id)
    assert "Column response_chars" in list(app.dataframe[0].value["score"])
    checked(app.selectbox(key="scorer").set_value("column:response_chars").run())
    assert app.dataframe[1].value["score:column:response_chars"].is_monotonic_increasing
    app = open_page("selection", dataset=dataset_id, view="new", select_quality="Column response_chars")
    assert app.selectbox(key="select_quality").value == "column:response_chars"


def test_scores_made_elsewhere_are_asked_for_with_a_file(workspace: Path, dataset_id: str) -> None:
    app = open_page("scoring", dataset=dataset_id)
    checked(app.selectbox(key="scorer").set_value(FROM_FILE).run())
    assert "made elsewhere" in said(app)
