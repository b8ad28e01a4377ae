"""name_clusters: a language model names the clusters, and the groups of clusters that a map shows from far away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.cluster.levels import merge_clusters
from tamis.compute.cluster.naming import GroupEvidence, distinct_names, naming_prompt, parse_name
from tamis.steps.context import StepContext
from tamis.steps.name_clusters.asking import CHUNK_GROUPS, NamingChunks
from tamis.steps.name_clusters.evidence import cluster_evidence, named_clusters
from tamis.steps.name_clusters.options import NamingOptions
from tamis.steps.score.chunks import Spent, read_parts
from tamis.store.artifacts.group_names import FILE, SCHEMA
from tamis.store.artifacts.readers import read_centroids
from tamis.types import JSON, Int64s

MEMBERS = 6  # clusters of a group that speak for it


def run(context: StepContext, options: NamingOptions) -> dict[str, JSON]:
    """Write names.parquet (a line per cluster, level 0, and per group above, level 1 the coarsest); return the summary."""
    clustering = context.input("clustering")
    clusters = named_clusters(clustering)
    centroids, sizes = read_centroids(clustering), clusters["size"].to_numpy().astype(np.int64)
    spent = Spent()
    keywords = [tuple(words or ()) for words in clusters["keywords"].to_pylist()]
    evidence = cluster_evidence(context.input("examples"), clustering, options)
    replies = _ask(context, options, "clusters", evidence, spent)
    named = distinct_names(_read(replies, evidence), keywords)
    lines = [_line(0, number, *one) for number, one in enumerate(zip(named, replies, strict=True))]
    called = [name or str(old) for name, old in zip(named, clusters["name"].to_pylist(), strict=True)]
    parents = np.zeros(len(called), dtype=np.int64)
    for level, groups in enumerate(merge_clusters(centroids, sizes), start=1):
        members = _members(groups, sizes)
        above = [tuple(called[i] for i in own[:MEMBERS]) for own in members]
        asked = _of_groups(above, groups, parents)
        replies = _ask(context, options, f"groups {level}", asked, spent)
        told = distinct_names(_read(replies, asked), above)
        lines += [_line(level, number, *one) for number, one in enumerate(zip(told, replies, strict=True))]
        parents = groups
    pq.write_table(pa.Table.from_pylist(lines, SCHEMA), context.output.path / FILE, compression="zstd")
    return _summary(options, lines, spent)


def _of_groups(above: Sequence[tuple[str, ...]], groups: Int64s, parents: Int64s) -> list[GroupEvidence]:
    """Of each group the names of its largest clusters, and those of the groups that share its coarser group."""
    parent = {int(group): int(own) for group, own in zip(groups, parents, strict=True)}
    return [
        GroupEvidence(
            (),
            members,
            tuple(
                ", ".join(above[other][:3])
                for other in range(len(above))
                if other != number and parent[other] == parent[number]
            ),
        )
        for number, members in enumerate(above)
    ]


def _members(groups: Int64s, sizes: Int64s) -> list[list[int]]:
    """The clusters of each group, the largest first."""
    order = np.argsort(-sizes, kind="stable")
    return [[int(i) for i in order if groups[i] == number] for number in range(int(groups.max()) + 1)]


def _ask(
    context: StepContext, options: NamingOptions, stage: str, groups: list[GroupEvidence], spent: Spent
) -> list[str]:
    """The reply about each group, in their order; those of an interrupted run are not asked for again."""
    n = len(groups)
    names = tuple(f"{stage.replace(' ', '-')}-{i:05d}.parquet" for i in range(math.ceil(n / CHUNK_GROUPS)))
    before = spent.rows

    def landed(path: Path | None) -> None:
        if path is not None:
            spent.add(path)
        context.progress(f"name {stage}", spent.rows - before, n, spent.text() or "loading the model")

    landed(None)
    work = NamingChunks(
        context.workspace.absolute(), tuple(groups), context.output.part("").absolute(), names, options
    )
    return [str(one) for one in read_parts(context.compute_parts(work, names, landed))["reply"].to_pylist()]


def _read(replies: Sequence[str], groups: Sequence[GroupEvidence]) -> list[str]:
    return [parse_name(reply, naming_prompt(one)) for reply, one in zip(replies, groups, strict=True)]


def _line(level: int, number: int, name: str, reply: str) -> dict[str, JSON]:
    return {"level": level, "number": number, "name": name, "reply": reply}


def _summary(options: NamingOptions, lines: list[dict[str, JSON]], spent: Spent) -> dict[str, JSON]:
    clusters = [one for one in lines if one["level"] == 0]
    return spent.summary(options.llm) | {
        "n_clusters": len(clusters),
        "n_named": sum(bool(one["name"]) for one in clusters),
        "n_groups": len(lines) - len(clusters),
        "n_groups_named": sum(bool(one["name"]) for one in lines if one["level"]),
    }
