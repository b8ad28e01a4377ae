"""A workspace for tests of pages: no worker is started, and the steps that a page needs run in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from streamlit.testing.v1 import AppTest

from tamis.jobs import job_table
from tamis.jobs.model import Job
from tamis.selectors import SELECTORS
from tamis.settings import app_folder
from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.artifacts.targets import TargetExample, store_target
from tamis.store.database.database import Database
from tamis.store.names import name_dataset

OF_THE_FRAME = re.compile("frame_bar|rail_button")  # components that every page has


class _Silent:
    """A reporter nobody listens to."""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Nothing to do."""

    def metric(self, name: str, value: float, position: float) -> None:
        """Nothing to do."""


def alpaca_file(folder: Path, n_rows: int = 40, *, bad_lines: int = 0) -> Path:
    """A JSONL file of Alpaca records, the bad lines last."""
    topics = ("bread", "stars", "taxes", "rivers")
    lines = [
        orjson.dumps(
            {
                "instruction": f"Question {i} about {topics[i % 4]}?",
                "input": "",
                "output": f"Answer {i} on {topics[i % 4]}.",
                "topic": topics[i % 4],
            }
        )
        for i in range(n_rows)
    ]
    path = folder / "questions.jsonl"
    path.write_bytes(b"\n".join([*lines, *[b"no json"] * bad_lines]) + b"\n")
    return path


def import_file(workspace: Path, path: Path, name: str = "Questions") -> str:
    """Import a file without a job; returns the dataset's id."""
    plan = plan_import([str(path)], name=name)
    run_step(workspace, plan.dataset_id, "import", plan.options)
    name_dataset(Database(workspace), plan.dataset_id, name)
    return plan.dataset_id


def run_step(workspace: Path, dataset_id: str, step: str, options: Mapping[str, object]) -> Artifact:
    """Run a step without a job."""
    store = ArtifactStore(workspace)
    plan = plan_step(store, dataset_id, step, options)
    task = Task(
        dataset_id,
        step,
        plan.options.model_dump(mode="json"),
        plan.inputs,
        plan.input_kinds,
        plan.artifact_id,
    )
    return execute(store, task, _Silent())


def run_pipeline(workspace: Path, dataset_id: str, budget: int = 10) -> Artifact:
    """Embed by hashing, cluster, score and select; returns the selection."""
    run_step(workspace, dataset_id, "embed", {"encoder": "hashing"})
    run_step(workspace, dataset_id, "cluster", {"method_options": {"n_clusters": 4}})
    run_step(workspace, dataset_id, "project", {"method": "pca"})
    run_step(workspace, dataset_id, "score", {"scorer": "alignment"})
    return run_step(workspace, dataset_id, "select", {"budget": budget})


def add_target(workspace: Path, dataset_id: str, name: str = "baking", words: str = "bread") -> Artifact:
    """A target of two examples that are no rows of ``alpaca_file``."""
    asked = [
        TargetExample(f"How is {words} made {way}?", f"With care, {way}.") for way in ("at home", "in a shop")
    ]
    return store_target(ArtifactStore(workspace), dataset_id, name, asked, split=False, source="typed")


def towards_target(workspace: Path, dataset_id: str, method: str, **step: object) -> dict[str, object]:
    """What a selection method that goes by a target is given besides its options, and one with a score of its own another."""
    if SELECTORS[method].quality:
        return {"quality": "alignment"}
    if "target" not in SELECTORS[method].reads:
        return {}
    target = add_target(workspace, dataset_id)
    scores = run_step(
        workspace, dataset_id, "score", {"scorer": "target_embedding", "target": target.id, **step}
    )
    return {"target": target.id, "similarities": scores.id}


def open_page(name: str, **query: str) -> AppTest:
    """A page drawn by itself, as a server does that was asked for it first; fails on any traceback."""
    app = AppTest.from_file(str(app_folder() / "pages" / f"{name}.py"), default_timeout=60)
    for parameter, value in query.items():
        app.query_params[parameter] = value
    return checked(app.run())


def open_app(**query: str) -> AppTest:
    """The whole app on its first page."""
    app = AppTest.from_file(str(app_folder() / "app.py"), default_timeout=60)
    for parameter, value in query.items():
        app.query_params[parameter] = value
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    """The same, after making sure that nothing raised."""
    assert not app.exception, [one.stack_trace for one in app.exception]
    return app


def said(app: AppTest) -> str:
    """Everything that stands on a page as one text."""
    parts = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.text, *app.code]
    parts += [*app.error, *app.warning, *app.info, *app.success]
    return "\n".join(str(part.value) for part in parts)


def jobs_of(workspace: Path, step: str = "refine") -> list[Job]:
    """The jobs of a step, newest first."""
    return job_table.list_jobs(Database(workspace), step=step)


def told_to_maps(app: AppTest) -> list[dict[str, Any]]:
    """What the page tells each of its maps; those of the frame are no maps."""
    maps = [one.proto for one in app.get("bidi_component") if not OF_THE_FRAME.search(one.proto.id)]
    return [json.loads(one.json or one.mixed.json) for one in maps]


def button(app: AppTest, label: str) -> object:
    """The first button whose label begins like this."""
    return next(one for one in app.button if one.label.startswith(label))
