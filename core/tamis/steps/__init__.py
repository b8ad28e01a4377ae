"""STEPS: the one table of everything that computes; each row reads artifacts and writes one."""

from __future__ import annotations

from tamis.registry import Table
from tamis.steps.augment.options import AugmentOptions
from tamis.steps.cluster.options import ClusterOptions
from tamis.steps.compare.options import CompareOptions
from tamis.steps.curate.options import CurateOptions
from tamis.steps.embed.options import EmbedOptions
from tamis.steps.examine.options import ExamineOptions
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.import_file.options import ImportOptions
from tamis.steps.name_clusters.options import NamingOptions
from tamis.steps.project.options import ProjectOptions
from tamis.steps.propose.options import ProposeOptions
from tamis.steps.prune.options import PruneOptions
from tamis.steps.referee.options import RefereeOptions
from tamis.steps.refine.options import RefineOptions
from tamis.steps.regroup.options import RegroupOptions
from tamis.steps.score.options import ScoreOptions
from tamis.steps.select.options import SelectOptions
from tamis.steps.spec import Step
from tamis.steps.worth.options import WorthOptions

STEPS: Table[Step] = Table(
    "step",
    Step(
        name="import",
        title="Import",
        summary="Read a file into examples, keeping every line that cannot be read apart with its reason.",
        options=ImportOptions,
        target="tamis.steps.import_file.step:run",
        makes="examples",
    ),
    Step(
        name="embed",
        title="Embed",
        summary="Turn prompts and responses into unit vectors, reusing vectors already known for the same text.",
        options=EmbedOptions,
        target="tamis.steps.embed.step:run",
        makes="embeddings",
    ),
    Step(
        name="cluster",
        title="Cluster",
        summary="Group similar examples and name the groups by their keywords.",
        options=ClusterOptions,
        target="tamis.steps.cluster.step:run",
        makes="clustering",
    ),
    Step(
        name="regroup",
        title="Regroup",
        summary="Change a clustering by hand: merge clusters, split one, or make rows a cluster; the one before stays.",
        options=RegroupOptions,
        target="tamis.steps.regroup.step:run",
        makes="clustering",
    ),
    Step(
        name="name_clusters",
        title="Name clusters",
        summary="Let a language model name the clusters from keywords, typical rows and neighbours; people take the names or leave them.",
        options=NamingOptions,
        target="tamis.steps.name_clusters.step:run",
        makes="names",
    ),
    Step(
        name="project",
        title="Map",
        summary="Lay the vectors out in two dimensions.",
        options=ProjectOptions,
        target="tamis.steps.project.step:run",
        makes="projection",
    ),
    Step(
        name="score",
        title="Score",
        summary="Give every example a number; higher is better.",
        options=ScoreOptions,
        target="tamis.steps.score.step:run",
        makes="scores",
    ),
    Step(
        name="select",
        title="Select",
        summary="Pick a subset of exactly the budget asked for.",
        options=SelectOptions,
        target="tamis.steps.select.step:run",
        makes="selection",
        forecast="tamis.steps.select.forecast:forecast_selection",
    ),
    Step(
        name="compare",
        title="Compare",
        summary="Hold selections beside each other: overlap, shares, coverage, diversity, quality, length and cost.",
        options=CompareOptions,
        target="tamis.steps.compare.step:run",
        makes="comparison",
        format_version=3,  # 2: differences to the best are corrected for its being picked; 3: NovelSum
    ),
    Step(
        name="propose",
        title="Propose",
        summary="Propose what to keep, drop or replace, with the evidence for it; the dataset stays as it is.",
        options=ProposeOptions,
        target="tamis.steps.propose.step:run",
        makes="proposals",
        format_version=2,  # 2: conversations are asked turn by turn
    ),
    Step(
        name="refine",
        title="Refine",
        summary="Select, fine-tune, generate, score and reweigh the clusters, round after round. Not told from random in our own "
        "referee runs.",
        options=RefineOptions,
        target="tamis.steps.refine.step:run",
        makes="refinement",
        forecast="tamis.steps.refine.forecast:forecast_rounds",
    ),
    Step(
        name="finetune",
        title="Fine-tune",
        summary="Train a model on a selection, a scope or the whole dataset, and compare it with its base.",
        options=FinetuneOptions,
        target="tamis.steps.finetune.step:run",
        makes="adapter",
        forecast="tamis.steps.finetune.forecast:forecast_training",
        extra="finetune",
    ),
    Step(
        name="prune",
        title="Prune",
        summary="Remove a share of a model's weights by each of several calibration sets, and measure what is left of it.",
        options=PruneOptions,
        target="tamis.steps.prune.step:run",
        makes="pruning",
        extra="models",
        told=("dense_perplexity", "perplexity", "perplexity_by_calibration"),
    ),
    Step(
        name="referee",
        title="Referee",
        summary="Train a model on each method's selections at equal tokens, seed after seed, and say which beats random.",
        options=RefereeOptions,
        target="tamis.steps.referee.step:run",
        makes="referee",
        extra="finetune",
    ),
    Step(
        name="worth",
        title="Cluster worth",
        summary="Train on mixtures of clusters at equal tokens, and say what more of each cluster does to the loss.",
        options=WorthOptions,
        target="tamis.steps.worth.step:run",
        makes="worth",
        extra="finetune",
    ),
    Step(
        name="examine",
        title="Examine",
        summary="Let a model answer rows and mark its answers, with accuracy per group and its interval.",
        options=ExamineOptions,
        target="tamis.steps.examine.step:run",
        makes="examination",
    ),
    Step(
        name="augment",
        title="Augment",
        summary="Let a model write new rows, filtered and within a budget, as a batch that people decide about.",
        options=AugmentOptions,
        target="tamis.steps.augment.step:run",
        makes="examples",
        place="tamis.steps.augment.place:place",
    ),
    Step(
        name="curate",
        title="Apply decisions",
        summary="Make a new version of a dataset with its decisions applied; the old version stays as it is.",
        options=CurateOptions,
        target="tamis.steps.curate.step:run",
        makes="examples",
    ),
)
