"""A grid is queued at once: every selection, and a comparison that waits for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.actions.grid import Grid, grid_requests, submit_grid
from tamis.errors import InvalidOptions, UnknownName
from tamis.jobs.model import JobState
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step


def grid(*methods: str, n_seeds: int = 3, **more: object) -> Grid:
    return Grid(methods=methods, budget=8, n_seeds=n_seeds, **more)


def test_methods_without_chance_are_drawn_once() -> None:
    requests = grid_requests(grid("kmq", "top_quality", "random", quality="length"))
    assert [one["method"] for one in requests] == ["kmq"] * 3 + ["top_quality"] + ["random"] * 3
    assert [one.get("quality") for one in requests] == ["length"] * 4 + [None] * 3


def test_every_method_is_drawn_with_every_seed() -> None:
    asked = [
        (one["method"], one["seed"]) for one in grid_requests(grid("kmq", "random", "km_random", n_seeds=5))
    ]
    assert asked == [(name, seed) for name in ("kmq", "random", "km_random") for seed in range(42, 47)]


@pytest.mark.parametrize("methods", [("deita",), ()])
def test_fewer_than_two_selections_are_refused(methods: tuple[str, ...]) -> None:
    with pytest.raises(InvalidOptions, match="2 to 36"):
        grid_requests(grid(*methods))


def test_what_can_be_known_beforehand_is_refused_before_anything_is_queued() -> None:
    with pytest.raises(InvalidOptions, match="2 to 36"):
        grid_requests(grid("kmq", "random", "km_random", n_seeds=20))
    with pytest.raises(InvalidOptions, match="budget in rows"):
        grid_requests(grid("kmq", "kmq_released", unit="tokens"))
    with pytest.raises(UnknownName, match="kqm"):
        grid_requests(grid("kmq", "random", options={"kqm": {"temperature": 3}}))
    with pytest.raises(UnknownName, match="best"):
        grid_requests(grid("kmq", "best"))


def test_the_comparison_waits_for_what_is_not_there_yet(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)
    wanted = grid("kmq", "random", "km_closest", n_seeds=2)
    first = grid_requests(wanted)[0]
    made = run_step(workspace, dataset_id, "select", first)
    done = submit_grid(open_workspace(workspace), dataset_id, wanted)
    assert [one.already_done for one in done.selections] == [True, False, False, False, False]
    job = done.comparison.job
    assert job.state is JobState.QUEUED
    assert set(job.waits_for) == {one.job.job_id for one in done.selections[1:]}
    assert made.id in job.inputs.values()
    again = submit_grid(open_workspace(workspace), dataset_id, wanted)
    assert again.comparison.job.job_id == job.job_id
    assert again.comparison.attached
