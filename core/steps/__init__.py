"""STEPS: the one table of everything that computes; each row reads artifacts and writes one."""

from __future__ import annotations

from core.registry import Table
from core.steps.options import (
    ClusterOptions,
    CompareOptions,
    EmbedOptions,
    ImportOptions,
    ProjectOptions,
    ScoreOptions,
    SelectOptions,
)
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
)
