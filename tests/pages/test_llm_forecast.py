"""The button that estimates a run with a language model: another process does it, and its end harms nothing here."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.forms import llm_forecast as llm_outlook
from tamis.actions.forecast import ForecastProcess
from tests.pages.page_workspace import alpaca_file, checked, import_file, said


def page() -> None:
    import streamlit as st

    from pages.shared.dataset_context import open_dataset_context
    from pages.shared.forms.llm_forecast import show_models_forecast
    from pages.shared.frame import open_page

    with open_page("Estimate") as dataset:
        answers = st.text_input("answers", "4", key="answers")
        values = {"scorer": "llm_rating", "llm": "scripted", "llm_options": {"answers": [answers]}}
        show_models_forecast(open_dataset_context(dataset), "score", values)


@pytest.fixture
def app(workspace: Path, tmp_path: Path) -> AppTest:
    import_file(workspace, alpaca_file(tmp_path))
    return checked(AppTest.from_function(page, default_timeout=60).run())


def press(app: AppTest) -> AppTest:
    return checked(app.button(key="estimate_run").click().run())


def test_the_estimate_is_made_elsewhere_and_kept_for_the_same_settings(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = []

    class Counted(ForecastProcess):
        def __enter__(self) -> ForecastProcess:
            pids.append(self.pid)
            return super().__enter__()

    monkeypatch.setattr(llm_outlook, "ForecastProcess", Counted)
    assert "Not estimated for these settings yet" in said(app)
    press(app)
    assert "40 rows: about" in said(app)
    assert app.dataframe[0].value["calls"].tolist() == [40]
    checked(app.text_input(key="answers").set_value("5").run())
    assert "Not estimated for these settings yet" in said(app)
    assert not app.dataframe
    press(app)
    checked(app.text_input(key="answers").set_value("4").run())
    assert app.dataframe[0].value["calls"].tolist() == [40]
    assert app.button(key="estimate_run").label == "Estimate again"
    assert len(pids) == len(set(pids)) == 2


def test_a_killed_process_is_explained_and_the_button_stays(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills_itself = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    monkeypatch.setattr(llm_outlook, "ForecastProcess", partial(ForecastProcess, command=kills_itself))
    press(app)
    assert "memory ran out" in app.error[0].value
    assert not app.dataframe
    monkeypatch.undo()
    assert app.button(key="estimate_run").label == "Estimate time and cost"


def test_a_time_limit_is_explained(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(llm_outlook, "ForecastProcess", partial(ForecastProcess, command=sleeps, limit_s=0.5))
    press(app)
    assert "not done within 0\\.5 s" in app.error[0].value
