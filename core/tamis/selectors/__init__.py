"""SELECTORS: ways to pick a subset of a given budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from tamis.registry import Plugin, Table
from tamis.selectors.options import (
    CarOptions,
    CoverageOptions,
    DeitaOptions,
    GrapeOptions,
    KCenterOptions,
    KmClosestOptions,
    KmqOptions,
    KmqReleasedOptions,
    KmRandomOptions,
    LogDetOptions,
    LongestOptions,
    MigOptions,
    MixtureOptions,
    NovelSelectOptions,
    QditOptions,
    RandomOptions,
    SemdedupOptions,
    SpreadThenTargetOptions,
    StratifiedOptions,
    TargetRoundRobinOptions,
    TopQualityOptions,
)
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.selectors.explanation import Explainer
    from tamis.selectors.problem import Answer

# Beside the name of every method whose effect no run of this project has told from random.
_NOT_SHOWN = "That it beats random was not shown here."

__all__ = ["SELECTORS", "KmqOptions", "RandomOptions", "Reads", "Selector"]

Reads = Literal["clustering", "embeddings", "quality", "column", "prompts", "target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector(Plugin):
    """One row. ``target`` is a function of a Problem and the options that returns an Answer.

    ``reads`` is what the method cannot do without, ``may_read`` what it uses when it is there. A method that is not
    ``random`` gives the same rows for every seed. ``counts_tokens`` is whether its budget can be tokens. ``resumes``
    says that it picks row after row and can go on from the rows of a run that was stopped. ``explains`` names what says why
    a row was picked or not: a function of the Problem, the options and the picked rows in their order that returns an Explainer.
    ``ladder`` names a class whose objects answer as ``target`` does, for one problem at many budgets at little cost.
    ``quality`` is the score that it goes by unless another is named, made with ``quality_options`` (and first, where it is
    missing); empty for the one that a person made active.
    """

    explains: str
    ladder: str = ""

    reads: tuple[Reads, ...] = ()
    may_read: tuple[Reads, ...] = ()
    random: bool = True
    counts_tokens: bool = True
    resumes: bool = False
    quality: str = ""
    quality_options: Mapping[str, JSON] = field(default_factory=dict, hash=False)

    def uses(self, read: Reads) -> bool:
        """Whether the method looks at that at all."""
        return read in self.reads or read in self.may_read

    @property
    def takes_quality(self) -> bool:
        """Whether a person's quality steers it: a method with a score of its own goes by that, whatever was named for others."""
        return self.uses("quality") and not self.quality

    @property
    def is_quick(self) -> bool:
        """Whether picking is a matter of moments, so that its picks can be shown before anybody asks for them."""
        return "embeddings" not in self.reads

    def load_ladder(self) -> Callable[..., Answer]:
        """What ``ladder`` names, imported now and new; the method itself where it names nothing."""
        if not self.ladder:
            return self.load()
        made: Callable[..., Answer] = replace(self, target=self.ladder).load()()
        return made

    def load_explainer(self) -> Callable[..., Explainer]:
        """What ``explains`` names, imported now."""
        loaded: Callable[..., Explainer] = replace(self, target=self.explains).load()
        return loaded


SELECTORS: Table[Selector] = Table(
    "selection method",
    Selector(
        name="kmq",
        title="kMQ",
        summary="Spread over clusters, then prefer quality: k-means plus quality sampling (Diversify and Conquer). Not told from "
        "random in our own referee runs.",
        options=KmqOptions,
        target="tamis.selectors.sampling:select_kmq",
        ladder="tamis.selectors.sampling:KmqLadder",
        explains="tamis.selectors.why_draws:explain_kmq",
        reads=("clustering",),
        may_read=("quality",),
    ),
    Selector(
        name="random",
        title="Random",
        summary="Every row has the same chance; the baseline of every comparison.",
        options=RandomOptions,
        target="tamis.selectors.sampling:select_uniform",
        ladder="tamis.selectors.sampling:UniformLadder",
        explains="tamis.selectors.why_draws:explain_uniform",
    ),
    Selector(
        name="stratified",
        title="Stratified",
        summary="Divide the budget over the values of any column, then draw evenly inside each.",
        options=StratifiedOptions,
        target="tamis.selectors.grouped:select_stratified",
        explains="tamis.selectors.why_draws:explain_stratified",
        reads=("column",),
    ),
    Selector(
        name="top_quality",
        title="Top quality",
        summary="The rows with the highest quality score, whatever they are about. Not told from random in our own referee runs.",
        options=TopQualityOptions,
        target="tamis.selectors.grouped:select_top_quality",
        explains="tamis.selectors.why_draws:explain_top_quality",
        reads=("quality",),
        random=False,
    ),
    Selector(
        name="longest",
        title="Longest first",
        summary="The longest responses in tokens, whatever they say: the baseline that is hard to beat at equal tokens. In our own "
        "referee runs not told from random on LIMA, worse than it on the sample.",
        options=LongestOptions,
        target="tamis.selectors.grouped:select_longest",
        explains="tamis.selectors.why_draws:explain_longest",
        reads=("quality",),
        random=False,
        quality="length",
        quality_options={"text": "response", "unit": "tokens"},
    ),
    Selector(
        name="grape",
        title="GRAPE",
        summary="Of several answers to one prompt the likeliest under the model to be trained, then an even draw. That it beats random "
        "was not shown here.",
        options=GrapeOptions,
        target="tamis.selectors.grouped:select_grape",
        explains="tamis.selectors.why_draws:GrapeExplainer",
        reads=("quality", "prompts"),
        quality="perplexity",
    ),
    Selector(
        name="car",
        title="CaR",
        summary="The best row of every cluster, then the best of all (cluster and ranking). " + _NOT_SHOWN,
        options=CarOptions,
        target="tamis.selectors.grouped:select_car",
        explains="tamis.selectors.why_draws:explain_car",
        reads=("clustering", "quality"),
        random=False,
    ),
    Selector(
        name="mixture",
        title="Mixture",
        summary="Divide the budget over clusters by given shares, then draw evenly inside each. That shares of a worth beat the "
        "dataset's own was not shown here.",
        options=MixtureOptions,
        target="tamis.selectors.grouped:select_mixture",
        explains="tamis.selectors.why_draws:explain_mixture",
        reads=("clustering",),
    ),
    Selector(
        name="km_random",
        title="kM-Random",
        summary="Spread over clusters, then draw evenly inside each: kMQ without quality. " + _NOT_SHOWN,
        options=KmRandomOptions,
        target="tamis.selectors.grouped:select_km_random",
        explains="tamis.selectors.why_draws:explain_km_random",
        reads=("clustering",),
    ),
    Selector(
        name="km_closest",
        title="kM-Closest",
        summary="Spread over clusters, then take the rows nearest to each cluster's centre. " + _NOT_SHOWN,
        options=KmClosestOptions,
        target="tamis.selectors.grouped:select_km_closest",
        explains="tamis.selectors.why_draws:explain_km_closest",
        reads=("clustering",),
        random=False,
    ),
    Selector(
        name="kmq_released",
        title="kMQ as released",
        summary="The authors' code as it ran: equal quotas, a softmax over whole scores, and the shortfall it leaves. "
        + _NOT_SHOWN,
        options=KmqReleasedOptions,
        target="tamis.selectors.grouped:select_kmq_released",
        explains="tamis.selectors.why_draws:explain_kmq_released",
        reads=("clustering", "quality"),
        counts_tokens=False,
    ),
    Selector(
        name="k_center",
        title="k-Center",
        summary="Again and again the row farthest from all picked so far: the smallest gaps, outliers first. "
        + _NOT_SHOWN,
        options=KCenterOptions,
        target="tamis.selectors.greedy:select_k_center",
        explains="tamis.selectors.why_walks:KCenterExplainer",
        reads=("embeddings",),
        resumes=True,
    ),
    Selector(
        name="deita",
        title="DEITA",
        summary="From the best score down, keep a row unless it resembles one that is kept. " + _NOT_SHOWN,
        options=DeitaOptions,
        target="tamis.selectors.greedy:select_deita",
        explains="tamis.selectors.why_deita:DeitaExplainer",
        reads=("embeddings", "quality"),
        random=False,
        resumes=True,
    ),
    Selector(
        name="qdit",
        title="QDIT",
        summary="Each time the row with the best mix of quality and what it adds to the coverage of the pool. "
        + _NOT_SHOWN,
        options=QditOptions,
        target="tamis.selectors.greedy:select_qdit",
        explains="tamis.selectors.why_walks:CoverageExplainer",
        reads=("embeddings", "quality"),
        random=False,
        resumes=True,
    ),
    Selector(
        name="facility_location",
        title="Facility location",
        summary="Each time the row that most raises how well the pool is covered. " + _NOT_SHOWN,
        options=CoverageOptions,
        target="tamis.selectors.greedy:select_facility_location",
        explains="tamis.selectors.why_walks:CoverageExplainer",
        reads=("embeddings",),
        random=False,
        resumes=True,
    ),
    Selector(
        name="semdedup",
        title="SemDeDup",
        summary="Drop near duplicates inside clusters first, then pick from what is left. " + _NOT_SHOWN,
        options=SemdedupOptions,
        target="tamis.selectors.grouped:select_semdedup",
        explains="tamis.selectors.why_draws:SemdedupExplainer",
        reads=("clustering", "embeddings"),
        may_read=("quality",),
    ),
    Selector(
        name="target_round_robin",
        title="For a target",
        summary="Each target in turn takes the unused row that is most like it; shares are exact, rows that are the target stay "
        "out. " + _NOT_SHOWN,
        options=TargetRoundRobinOptions,
        target="tamis.selectors.towards_target:select_target_round_robin",
        explains="tamis.selectors.why_target:RoundRobinExplainer",
        reads=("target",),
        random=False,
    ),
    Selector(
        name="spread_then_target",
        title="Spread, then target",
        summary="Spread over clusters, then prefer rows like the target: kMQ with that likeness as quality. Its gain was not "
        "shown here.",
        options=SpreadThenTargetOptions,
        target="tamis.selectors.towards_target:select_spread_then_target",
        explains="tamis.selectors.why_target:explain_spread",
        reads=("clustering", "target"),
    ),
    Selector(
        name="log_det",
        title="Log-determinant",
        summary="Each time the row that most widens the volume the picks span (greedy DPP). " + _NOT_SHOWN,
        options=LogDetOptions,
        target="tamis.selectors.diversity:select_log_det",
        explains="tamis.selectors.why_diversity:explain_log_det",
        reads=("embeddings",),
        random=False,
        resumes=True,
    ),
    Selector(
        name="novel_select",
        title="NovelSelect",
        summary="Each time the row most novel to the picked ones, where the pool is crowded more so. "
        + _NOT_SHOWN,
        options=NovelSelectOptions,
        target="tamis.selectors.diversity:select_novel",
        explains="tamis.selectors.why_diversity:explain_novel",
        reads=("embeddings",),
        resumes=True,
    ),
    Selector(
        name="mig",
        title="MIG",
        summary="Each time the row that tells the clusters most, by quality, less where much was told. That it beats random was "
        "not shown here.",
        options=MigOptions,
        target="tamis.selectors.diversity:select_mig",
        explains="tamis.selectors.why_diversity:explain_mig",
        reads=("clustering", "embeddings", "quality"),
        random=False,
        resumes=True,
    ),
)
