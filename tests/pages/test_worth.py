"""The page Cluster worth: the form, the answer first, what covers 0 blank, and the next runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tamis.steps.worth.result import (
    FILE,
    GOAL,
    GroupResult,
    HeadResult,
    RunResult,
    WorthCell,
    WorthReport,
    report_bytes,
)
from tamis.store.artifacts.store import ArtifactStore, make_manifest
from tests.pages.page_workspace import alpaca_file, import_file, open_page, said

SENTENCE = (
    "A tenth of the tokens lowers the loss if it goes to cooking, baking (by 0.021 ± 0.009), in nats per token (24 runs, "
    "6 super-clusters, 20,000 tokens each). No mixture is told from the pool's own shares."
)
NAMES = (
    "cooking, baking",
    "python, sql",
    "physics, energy + 2 more",
    "poems, verses",
    "travel, trains",
    "law, rights",
)


def a_report() -> WorthReport:
    rng = np.random.default_rng(3)
    k, share = len(NAMES), np.array([0.3, 0.2, 0.16, 0.14, 0.1, 0.1])
    worth = np.array([-0.021, -0.004, 0.006, 0.001, 0.012, -0.002])
    groups = [
        GroupResult(
            name=name, clusters=[i], n_rows=60, n_tokens=6000, share=float(share[i]), most=1.0, worth=float(worth[i]),
            half_width=0.009, is_clear=bool(abs(worth[i]) > 0.009), straight=float(worth[i] / 2), solved=float(share[::-1][i]),
        )
        for i, name in enumerate(NAMES)
    ]  # fmt: skip
    heads = [
        HeadResult(name=name, group=i if i < k else -1, n_rows=40, n_families=30, n_tokens=4000)
        for i, name in enumerate((*NAMES, GOAL))
    ]
    moved = rng.normal(0, 0.01, (k, k + 1)) - 0.03 * np.eye(k, k + 1)
    moved[:, -1] = worth
    cells = [
        WorthCell(group=i, head=j, worth=float(moved[i, j]), half_width=0.012, is_clear=bool(abs(moved[i, j]) > 0.012), pooled=0.0)
        for i in range(k)
        for j in range(k + 1)
    ]  # fmt: skip
    runs = [
        RunResult(
            shares=rng.dirichlet(np.ones(k)).tolist(), losses=[2.5] * (k + 1), n_passes=1.5, proxy=f"run{i}"
        )
        for i in range(24)
    ]
    return WorthReport(
        sentence=SENTENCE, groups=groups, heads=heads, runs=runs, cells=cells, difference=-0.02, half_width=0.03, promised=-0.015,
        worth_changing=False, enough_runs=True, narrow=[share.tolist()] * 4, improve=[share.tolist()] * 4, budget_tokens=20_000,
        count="all", n_held_out=500, n_families=312, base_loss=3.1, pool_loss=2.9, noise=0.004, model="smollm2",
        n_parameters=134_500_000, training_flops=1.6e13, group_of_cluster=list(range(k)), notes=["A note to be read."],
    )  # fmt: skip


def keep(workspace: Path, dataset_id: str) -> str:
    store, report = ArtifactStore(workspace), a_report()
    summary = {"sentence": SENTENCE, "n_clusters": 6, "n_runs": 24, "budget_tokens": 20_000}
    with store.writing(dataset_id, "worth", "abcdef") as writer:
        (writer.path / FILE).write_bytes(report_bytes(report))
        writer.commit(
            make_manifest(
                writer, kind="worth", identifier="abcdef", dataset_id=dataset_id, step="worth", options={}, inputs={},
                format_version=1, summary=summary,
            )
        )  # fmt: skip
    return "abcdef"


def test_without_clusters_it_is_said_and_nothing_is_asked(workspace: Path, tmp_path: Path) -> None:
    app = open_page("worth", dataset=import_file(workspace, alpaca_file(tmp_path)))
    assert "this dataset has none yet" in said(app)
    assert "Start the runs" not in [one.label for one in app.button]


def test_without_a_worth_the_form_is_shown(workspace: Path, dataset_id: str) -> None:
    app = open_page("worth", dataset=dataset_id)
    assert app.number_input(key="worth_budget").label == "Tokens of each training"
    assert "Start the runs" in [one.label for one in app.button]
    assert "joined to at most twelve" in said(app)


def test_the_sentence_comes_first_and_the_next_runs_are_offered(workspace: Path, dataset_id: str) -> None:
    keep(workspace, dataset_id)
    app = open_page("worth", dataset=dataset_id)
    assert app.subheader[0].value.replace("\\", "") == SENTENCE
    text = said(app).replace("\\", "")
    assert "A note to be read." in text and "`worth:abcdef`" in text
    labels = [one.label for one in app.button]
    assert (
        "Four more runs: narrow the intervals" in labels
        and "Four more runs: search a better mixture" in labels
    )
    assert "1 worth of this dataset" in [one.label for one in app.expander]
    assert not app.toggle(key="worth_all_cells").value


def test_the_referee_offers_the_mixture_as_a_method(workspace: Path, dataset_id: str) -> None:
    keep(workspace, dataset_id)
    app = open_page("referee", dataset=dataset_id)
    assert "Mixture of worth abcdef" in app.multiselect(key="referee_methods_Own choice").options
