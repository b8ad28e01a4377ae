"""Five methods at one budget, compared in a real browser: the rows that only one picked, and the report in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tamis.cli.main import run
from tamis.store.artifacts.store import ArtifactStore
from tests.e2e import walk_compare, walk_map
from tests.e2e.conftest import ROOT, Server, running_app
from tests.support.in_process import jobs_here

pytestmark = [pytest.mark.browser, pytest.mark.slow]
METHODS = ("kMQ", "Random", "k-Center", "DEITA", "Facility location")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app over the sample, embedded without a model and laid out by PCA."""
    workspace = tmp_path_factory.mktemp("compare") / "workspace"
    with jobs_here():
        assert (
            run(["--workspace", str(workspace), "import", str(ROOT / "sample_data"), "--name", "Sample"]) == 0
        )
        (dataset_id,) = ArtifactStore(workspace).dataset_ids()
        for step in (["embed", "--encoder", "hashing"], ["cluster", "--n-clusters", "12"], ["score"]):
            command = ["--workspace", str(workspace), "run", step[0], "--dataset", dataset_id, *step[1:]]
            assert run(command) == 0
    with running_app(workspace) as server:
        yield server


@pytest.mark.nightly
def test_five_selections_are_built_compared_and_reported(app: Server, page: Page, tmp_path: Path) -> None:
    store = ArtifactStore(app.workspace)
    (dataset_id,) = store.dataset_ids()
    walk_compare.open_compare_page(page, app.url, dataset_id)
    walk_compare.choose_methods(page, METHODS)
    comparison = walk_compare.draw_and_compare(page, budget=60, n_seeds=1, n_selections=5)
    made = store.get(dataset_id, "comparison", comparison)
    assert len({i for role, i in made.manifest.inputs.items() if role.startswith("selection")}) == 5
    walk_compare.move_the_first_map(page)
    cameras = page.evaluate("globalThis.__tamis_map.map(m => m.view.state.camera)")
    assert len(cameras) == 5
    assert all(camera == cameras[0] for camera in cameras)
    report = walk_compare.save_report(page, tmp_path).read_text(encoding="utf-8")
    assert all(method in report for method in METHODS)
    assert not re.search(r"(?:src|href)=[\"']https?:", report), "the report asks for something from outside"
    walk_compare.open_unique_rows(page)
    walk_map.wait_for_map(page)
    assert 0 < walk_map.matching(page) <= 60
