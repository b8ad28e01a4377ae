"""Where the methods come from, as BibTeX: by the name that a manifest has for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Paper(NamedTuple):
    """A paper by its arXiv number."""

    key: str
    title: str
    authors: str
    year: int
    arxiv: str

    def bibtex(self) -> str:
        """The entry."""
        lines = {
            "title": f"{{{self.title}}}", "author": self.authors, "year": str(self.year), "eprint": self.arxiv,
            "archivePrefix": "arXiv",
        }  # fmt: skip
        inside = ",\n".join(f"  {name} = {{{value}}}" for name, value in lines.items())
        return f"@misc{{{self.key},\n{inside}\n}}"


_DNC = Paper(
    "yu2024diversify", "Diversify and Conquer: Diversity-Centric Data Selection with Iterative Refinement",
    "Yu, Simon and Chen, Liangyu and Ahmadian, Sara and Fadaee, Marzieh", 2024, "2409.11378",
)  # fmt: skip
_DEITA = Paper(
    "liu2023deita", "What Makes Good Data for Alignment? A Comprehensive Study of Automatic Data Selection in Instruction Tuning",
    "Liu, Wei and Zeng, Weihao and He, Keqing and Jiang, Yong and He, Junxian", 2023, "2312.15685",
)  # fmt: skip
_QDIT = Paper(
    "bukharin2023qdit", "Data Diversity Matters for Robust Instruction Tuning", "Bukharin, Alexander and others", 2023, "2311.14736",
)  # fmt: skip
_SEMDEDUP = Paper(
    "abbas2023semdedup", "SemDeDup: Data-efficient learning at web-scale through semantic deduplication",
    "Abbas, Amro and Tirumala, Kushal and Simig, D{\\'a}niel and Ganguli, Surya and Morcos, Ari S.", 2023, "2303.09540",
)  # fmt: skip
_CORE_SET = Paper(
    "sener2017coreset", "Active Learning for Convolutional Neural Networks: A Core-Set Approach",
    "Sener, Ozan and Savarese, Silvio", 2017, "1708.00489",
)  # fmt: skip
_IFD = Paper(
    "li2023ifd",
    "From Quantity to Quality: Boosting LLM Performance with Self-Guided Data Selection for Instruction Tuning",
    "Li, Ming and others", 2023, "2308.12032",
)  # fmt: skip
_CLEAR = Paper(
    "chen2024clear", "Automated Data Curation for Robust Language Model Fine-Tuning", "Chen, Jiuhai and Mueller, Jonas", 2024,
    "2403.12776",
)  # fmt: skip
_BSDETECTOR = Paper(
    "chen2023bsdetector",
    "Quantifying Uncertainty in Answers from any Language Model and Enhancing their Trustworthiness",
    "Chen, Jiuhai and Mueller, Jonas", 2023, "2308.16175",
)  # fmt: skip
_UMAP = Paper(
    "mcinnes2018umap", "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
    "McInnes, Leland and Healy, John and Melville, James", 2018, "1802.03426",
)  # fmt: skip
_TARGET = Paper(
    "ivison2025rds", "Large-Scale Data Selection for Instruction Tuning",
    "Ivison, Hamish and Zhang, Muru and Brahman, Faeze and Koh, Pang Wei and Dasigi, Pradeep", 2025, "2503.01807",
)  # fmt: skip

# By the step, and by the value of its option that names a plug-in; "" is for the step whatever was chosen.
PAPERS: Mapping[tuple[str, str], Paper] = MappingProxyType(
    {
        ("select", "kmq"): _DNC, ("select", "kmq_released"): _DNC, ("select", "km_random"): _DNC, ("select", "km_closest"): _DNC,
        ("select", "deita"): _DEITA, ("select", "qdit"): _QDIT, ("select", "semdedup"): _SEMDEDUP, ("select", "k_center"): _CORE_SET,
        ("select", "target_round_robin"): _TARGET, ("score", "target_rds"): _TARGET, ("refine", ""): _DNC,
        ("score", "deita"): _DEITA, ("score", "deita_quality"): _DEITA, ("score", "deita_complexity"): _DEITA, ("score", "ifd"): _IFD,
        ("score", "confidence"): _BSDETECTOR, ("score", "bsdetector"): _BSDETECTOR, ("propose", "filter"): _CLEAR,
        ("propose", "correct"): _CLEAR, ("project", "umap"): _UMAP,
    }
)  # fmt: skip


def papers_of(runs: Iterable[tuple[str, str]]) -> tuple[Paper, ...]:
    """The papers behind runs, each a step with the plug-in that it chose, in their order, each once."""
    found = (PAPERS.get((step, chosen)) or PAPERS.get((step, "")) for step, chosen in runs)
    return tuple(dict.fromkeys(one for one in found if one is not None))
