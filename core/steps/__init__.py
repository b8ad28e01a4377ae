"""STEPS: the one table of everything that computes; each row reads artifacts and writes one."""

from __future__ import annotations

from core.registry import Table
from core.steps.curate_options import CurateOptions
from core.steps.finetune_options import FinetuneOptions
from core.steps.options import (
    ClusterOptions,
    CompareOptions,
    EmbedOptions,
    ImportOptions,
    ProjectOptions,
    ScoreOptions,
    SelectOptions,
)
from core.steps.propose_options import ProposeOptions
from core.steps.refine_options import RefineOptions
from core.steps.spec import Step

STEPS = Table(
    "step",
    Step(
        name="import",
        title="Import",
        summary="Read a file into examples, keeping every line that cannot be read apart with its reason.",
        options=ImportOptions,
        target="core.steps.import_file:run",
        makes="examples",
    ),
    Step(
        name="embed",
        title="Embed",
        summary="Turn prompts and responses into unit vectors, reusing vectors already known for the same text.",
        options=EmbedOptions,
        target="core.steps.embed:run",
        makes="embeddings",
    ),
    Step(
        name="cluster",
        title="Cluster",
        summary="Group similar examples and name the groups by their keywords.",
        options=ClusterOptions,
        target="core.steps.cluster:run",
        makes="clustering",
    ),
    Step(
        name="project",
        title="Map",
        summary="Lay the vectors out in two dimensions.",
        options=ProjectOptions,
        target="core.steps.project:run",
        makes="projection",
    ),
    Step(
        name="score",
        title="Score",
        summary="Give every example a number; higher is better.",
        options=ScoreOptions,
        target="core.steps.score:run",
        makes="scores",
    ),
    Step(
        name="select",
        title="Select",
        summary="Pick a subset of exactly the budget asked for.",
        options=SelectOptions,
        target="core.steps.select:run",
        makes="selection",
    ),
    Step(
        name="compare",
        title="Compare",
        summary="Hold selections beside each other: overlap, shares, coverage, diversity, quality, length and cost.",
        options=CompareOptions,
        target="core.steps.compare:run",
        makes="comparison",
    ),
    Step(
        name="propose",
        title="Propose",
        summary="Propose what to keep, drop or replace, with the evidence for it; the dataset stays as it is.",
        options=ProposeOptions,
        target="core.steps.propose:run",
        makes="proposals",
        format_version=2,  # 2: conversations are asked turn by turn
    ),
    Step(
        name="refine",
        title="Refine",
        summary="Select, fine-tune, generate, score and reweigh the clusters, round after round.",
        options=RefineOptions,
        target="core.steps.refine:run",
        makes="refinement",
    ),
    Step(
        name="finetune",
        title="Fine-tune",
        summary="Train a model on a selection, a scope or the whole dataset, and compare it with its base.",
        options=FinetuneOptions,
        target="core.steps.finetune:run",
        makes="adapter",
        extra="finetune",
    ),
    Step(
        name="curate",
        title="Apply decisions",
        summary="Make a new version of a dataset with its decisions applied; the old version stays as it is.",
        options=CurateOptions,
        target="core.steps.curate:run",
        makes="examples",
    ),
)
