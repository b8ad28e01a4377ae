"""The Referee page: the form, the answer first, and every run there ever was."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tamis.actions.referee import RefereeRequest
from tamis.cli.referee import referee_lines
from tamis.selectors import SELECTORS
from tamis.steps.referee.result import (
    FILE,
    ClusterResult,
    LookResult,
    MethodResult,
    PairResult,
    Ruling,
    TaskResult,
    write_bytes,
)
from tamis.store.artifacts.store import ArtifactStore, make_manifest
from tests.pages.page_workspace import add_target, checked, open_page, said

SENTENCE = "kMQ beats random by 0.030 ± 0.011 nats per token (8 seeds, 312 families, 20,000 tokens each)."


def a_ruling() -> Ruling:
    methods = [
        MethodResult(
            name=name, title=title, loss=2.0, loss_of_seeds=[2.0, 2.1, 2.0, 1.9], n_trainings=4, n_rows=90, n_passes=1.0,
            in_top=name == "kmq", cold=0.04, marginal=0.001,
        )
        for name, title in (("random", "random"), ("longest", "Longest first"), ("kmq", "kMQ"))
    ]  # fmt: skip
    verdicts = ((0, 1, "not distinguishable"), (0, 2, "better"), (1, 2, "not distinguishable"))
    pairs = [
        PairResult(
            first=first, second=second, verdict=verdict, difference=-0.03, half_width=0.011, standard_error=0.003, df=7.0,
            p=0.001, level=0.01, seeds=8, row_fraction=0.4, detectable=0.012, low=-0.035, high=-0.025,
        )
        for first, second, verdict in verdicts
    ]  # fmt: skip
    looks = [
        LookResult(
            n_seeds=n,
            level=0.01,
            differences=[-0.01, -0.03, -0.02],
            half_widths=[0.02] * 3,
            claimed=[False] * 3,
        )
        for n in (4, 6)
    ]
    return Ruling(
        sentence=SENTENCE, methods=methods, pairs=pairs, looks=looks,
        clusters=[ClusterResult(method=2, cluster_id=0, n_rows=40, n_families=30, difference=-0.02, p=0.2, q=0.4)],
        tasks=[
            TaskResult(
                method=2, task="piqa", metric="acc", n_questions=90, value=0.52, random=0.51, untrained=0.5, chance=0.5,
                is_guessed=True,
            )
        ],
        n_seeds=8, max_seeds=10, n_families=312, n_held_out=500, n_held_out_tokens=90_000, budget_tokens=20_000, count="all",
        base_loss=2.5, equivalence_margin=0.02, detectable=0.012, top=[2], best=None, n_parameters=134_500_000,
        training_flops=1.6e13, notes=["A note to be read."],
    )  # fmt: skip


def keep(workspace: Path, dataset_id: str) -> str:
    store, ruling = ArtifactStore(workspace), a_ruling()
    summary = {
        "sentence": SENTENCE,
        "methods": ["random", "longest", "kmq"],
        "budget_tokens": 20_000,
        "n_seeds": 8,
    }
    with store.writing(dataset_id, "referee", "abcdef") as writer:
        (writer.path / FILE).write_bytes(write_bytes(ruling))
        writer.commit(
            make_manifest(
                writer, kind="referee", identifier="abcdef", dataset_id=dataset_id, step="referee", options={}, inputs={},
                format_version=1, summary=summary,
            )
        )  # fmt: skip
    return "abcdef"


def test_without_a_referee_the_form_is_shown_and_rows_are_no_budget(workspace: Path, dataset_id: str) -> None:
    app = open_page("referee", dataset=dataset_id)
    assert app.number_input(key="referee_budget").label == "Tokens of each training"
    assert "Start the referee" in [one.label for one in app.button]
    assert "exactly as many tokens" in said(app)


def test_the_sentence_comes_first_and_all_runs_are_listed(workspace: Path, dataset_id: str) -> None:
    keep(workspace, dataset_id)
    app = open_page("referee", dataset=dataset_id)
    assert app.subheader[0].value.replace("\\", "") == SENTENCE
    text = said(app).replace("\\", "")
    assert "A note to be read." in text and "looked at after the fact" in text and "until it pleases" in text
    assert "★ kMQ" in text and "0.1 % with what was cached" in text
    assert {"1 referee of this dataset", "By cluster (exploratory)", "By task (exploratory)"} <= {
        one.label for one in app.expander
    }
    (tasks,) = [one.value for one in app.dataframe if "Task" in one.value]
    assert tasks["Method"][0] == "kMQ" and tasks["Guessing"][0] == 0.5 and tasks["q"][0] is None
    told = "\n".join(referee_lines(a_ruling()))
    assert "exploratory, these claim nothing" in told and told.endswith("guessed")


def test_tasks_are_asked_where_the_harness_is_installed_and_it_is_said_where_it_is_not(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "pages.shared.forms.finetune_model.harness_missing"
    monkeypatch.setattr(missing, lambda: "It is not installed.")
    app = open_page("referee", dataset=dataset_id)
    assert "It is not installed" in said(app)
    assert "referee_tasks" not in [one.key for one in app.multiselect]
    monkeypatch.setattr(missing, lambda: "")
    asked: list[RefereeRequest] = []
    monkeypatch.setattr(
        "pages.parts.referee.form.submit_referee", lambda *given, **_: asked.append(given[2]) or given[0]
    )
    monkeypatch.setattr("pages.shared.forms.finetune_model.follow_job", lambda _: None)
    app = open_page("referee", dataset=dataset_id)
    checked(app.multiselect(key="referee_tasks").set_value(["piqa"]).run())
    checked(next(one for one in app.button if one.label == "Start the referee").click().run())
    assert [one.lm_eval_tasks for one in asked] == [("piqa",)]


def test_what_methods_select_for_is_asked_where_several_targets_are_and_stands_there_where_one_is(
    workspace: Path, dataset_id: str
) -> None:
    def opened() -> AppTest:
        app = open_page("referee", dataset=dataset_id)
        return checked(
            app.multiselect(key="referee_methods_Own choice").set_value(["target_round_robin"]).run()
        )

    add_target(workspace, dataset_id, "baking")
    assert opened().multiselect(key="referee_steering").value == ["baking"]
    add_target(workspace, dataset_id, "stars", "a star")
    app = opened()
    assert app.multiselect(key="referee_steering").value == []
    checked(next(one for one in app.button if one.label == "Start the referee").click().run())
    assert "2 targets and none is named" in app.error[0].value
    # Where no method goes by one, it is only measured on.
    app = open_page("referee", dataset=dataset_id)
    assert app.multiselect(key="referee_target").label == "Targets to measure on"
    app = open_page("compare", dataset=dataset_id, compare_methods=SELECTORS["target_round_robin"].title)
    assert app.multiselect(key="compare_target").value == ["stars"]
