"""COMMANDS: the verbs that the command menu offers, each with the page and the address where it is done."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True, slots=True)
class MenuCommand:
    """A verb of ``tamis.actions``, how people say it, what else they may call it, and where it is done."""

    verb: str
    words: str
    also: str
    page: str
    query: dict[str, str] = field(default_factory=dict)

    @property
    def action(self) -> Callable[..., object]:
        """The function itself, which says whom it is allowed."""
        return _action(self.verb)


COMMANDS = (
    MenuCommand("imports.start_import", "Import a file", "upload open load jsonl parquet hub", "import_data"),
    MenuCommand("pipeline.submit_missing", "Run all steps of a dataset", "pipeline missing embed cluster", "overview"),
    MenuCommand("submit.submit", "Embed the rows", "vectors encoder run step", "job_list", {"start": "embed"}),
    MenuCommand("submit.submit", "Cluster the rows", "groups k-means run step", "job_list", {"start": "cluster"}),
    MenuCommand("submit.submit", "Lay out the map", "project umap pca run step", "job_list", {"start": "project"}),
    MenuCommand("read_rows.sort_by_similarity", "Search the rows", "find meaning words similar", "data_map"),
    MenuCommand("tags.add_tag", "Tag rows", "label mark lasso", "data_map"),
    MenuCommand("regroup.change_clusters", "Merge or split clusters", "regroup", "data_map"),
    MenuCommand("submit.submit", "Score the rows", "quality alignment confidence", "scoring"),
    MenuCommand("given_scores.import_scores", "Take scores from a file", "csv import", "scoring", {"scorer": "file"}),
    MenuCommand("targets.add_target", "Add a target", "examples task less", "scoring", {"scorer": "targets"}),
    MenuCommand("submit.submit", "Select a subset", "kmq budget sample pick coreset", "selection", {"view": "new"}),
    MenuCommand("grid.submit_grid", "Compare selections", "overlap coverage grid", "compare", {"view": "new"}),
    MenuCommand("referee.submit_referee", "Referee two ways of selecting", "equal tokens test", "referee", {"view": "new"}),
    MenuCommand("worth.submit_worth", "Measure what clusters are worth", "mixtures loss influence", "worth", {"view": "new"}),
    MenuCommand("submit.submit", "Refine over rounds", "reweigh iterative refinement", "refinement", {"view": "new"}),
    MenuCommand("submit.submit", "Propose drops and repairs", "judge filter clean llm", "review", {"view": "new"}),
    MenuCommand("decisions.approve_proposal", "Decide row by row", "review keep drop label", "review"),
    MenuCommand("bulk_decisions.decide_by_rule", "Decide by a rule", "bulk approve all", "review", {"view": "rules"}),
    MenuCommand("decisions.revert_decision", "Take a decision back", "undo history revert", "review", {"view": "history"}),
    MenuCommand("review_calibration.calibrate_review", "Calibrate the review", "precision threshold audit", "review", {"view": "calibration"}),
    MenuCommand("teams.assign_rows", "Share the review out", "team assign agreement", "review", {"view": "team"}),
    MenuCommand("augment_trial.start_trial", "Write new rows", "augment generate rewrite drafts", "augment", {"view": "new"}),
    MenuCommand("versions.make_version", "Make a new version", "apply decisions curate", "review", {"view": "apply"}),
    MenuCommand("versions.compare_versions", "See what a version changed", "diff parent", "overview"),
    MenuCommand("submit.submit", "Fine-tune a model", "train lora sft adapter", "finetuning", {"view": "new"}),
    MenuCommand("export.export", "Export rows to a file", "download write jsonl parquet card", "export_data"),
    MenuCommand("jobs.list_jobs", "See all jobs", "queue running failed log cancel", "job_list"),
    MenuCommand("datasets.restore_dataset", "Put a deleted dataset back", "trash restore", "overview"),
)  # fmt: skip


@cache
def _action(verb: str) -> Callable[..., object]:
    module, _, name = verb.rpartition(".")
    found: Callable[..., object] = getattr(importlib.import_module(f"tamis.actions.{module}"), name)
    return found
