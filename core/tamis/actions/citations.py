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
_LOG_DET = Paper(
    "chen2017dpp", "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation Diversity",
    "Chen, Laming and Zhang, Guoxin and Zhou, Hanning", 2017, "1709.05135",
)  # fmt: skip
_NOVEL = Paper(
    "yang2025novelsum", "Measuring Data Diversity for Instruction Tuning: A Systematic Analysis and A Reliable Metric",
    "Yang, Yuming and others", 2025, "2502.17184",
)  # fmt: skip
_MIG = Paper(
    "chen2025mig", "MIG: Automatic Data Selection for Instruction Tuning by Maximizing Information Gain in Semantic Space",
    "Chen, Yicheng and others", 2025, "2504.13835",
)  # fmt: skip
_GRAPE = Paper(
    "zhang2025grape", "The Best Instruction-Tuning Data are Those That Fit", "Zhang, Dylan and Dai, Qirun and Peng, Hao", 2025,
    "2502.04194",
)  # fmt: skip
_CAR = Paper(
    "ge2024car", "Clustering and Ranking: Diversity-preserved Instruction Selection through Expert-aligned Quality Estimation",
    "Ge, Yuan and others", 2024, "2402.18191",
)  # fmt: skip
_LLM2LLM = Paper(
    "lee2024llm2llm", "LLM2LLM: Boosting LLMs with Novel Iterative Data Enhancement", "Lee, Nicholas and others", 2024, "2403.15042",
)  # fmt: skip
_SELF_GUIDE = Paper(
    "zhao2024selfguide", "SELF-GUIDE: Better Task-Specific Instruction Following via Self-Synthetic Finetuning",
    "Zhao, Chenyang and others", 2024, "2407.12874",
)  # fmt: skip
_MINICHECK = Paper(
    "tang2024minicheck", "MiniCheck: Efficient Fact-Checking of LLMs on Grounding Documents",
    "Tang, Liyan and Laban, Philippe and Durrett, Greg", 2024, "2404.10774",
)  # fmt: skip
_ALC3 = Paper(
    "taneja2024alc3", "Can Active Label Correction Improve LLM-based Modular AI Systems?", "Taneja, Karan and Goel, Ashok K.", 2024,
    "2401.05467",
)  # fmt: skip
_KEYWORDS = Paper(
    "grootendorst2022bertopic", "BERTopic: Neural topic modeling with a class-based TF-IDF procedure", "Grootendorst, Maarten", 2022,
    "2203.05794",
)  # fmt: skip
_SBERT = Paper(
    "reimers2019sbert", "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", "Reimers, Nils and Gurevych, Iryna", 2019,
    "1908.10084",
)  # fmt: skip
_PACMAP = Paper(
    "wang2020pacmap",
    "Understanding How Dimension Reduction Tools Work: An Empirical Approach to Deciphering t-SNE, UMAP, TriMap, and PaCMAP "
    "for Data Visualization", "Wang, Yingfan and Huang, Haiyang and Rudin, Cynthia and Shaposhnik, Yaron", 2020, "2012.04456",
)  # fmt: skip

# By the step, and by the value of its option that names a plug-in; "" is for the step whatever was chosen.
PAPERS: Mapping[tuple[str, str], Paper] = MappingProxyType(
    {
        ("select", "kmq"): _DNC, ("select", "kmq_released"): _DNC, ("select", "km_random"): _DNC, ("select", "km_closest"): _DNC,
        ("select", "deita"): _DEITA, ("select", "qdit"): _QDIT, ("select", "semdedup"): _SEMDEDUP, ("select", "k_center"): _CORE_SET,
        ("select", "target_round_robin"): _TARGET, ("score", "target_rds"): _TARGET, ("refine", ""): _DNC,
        ("score", "deita"): _DEITA, ("score", "deita_quality"): _DEITA, ("score", "deita_complexity"): _DEITA, ("score", "ifd"): _IFD,
        ("score", "confidence"): _BSDETECTOR, ("score", "bsdetector"): _BSDETECTOR, ("propose", "filter"): _CLEAR,
        ("propose", "correct"): _CLEAR, ("project", "umap"): _UMAP, ("project", "pacmap"): _PACMAP, ("select", "log_det"): _LOG_DET,
        ("select", "novel_select"): _NOVEL, ("select", "mig"): _MIG, ("select", "grape"): _GRAPE, ("select", "car"): _CAR,
        ("augment", "similar"): _LLM2LLM, ("augment", "self_guide"): _SELF_GUIDE, ("augment", "c2d"): _MINICHECK,
        ("augment", "d2c"): _MINICHECK, ("score", "groundedness"): _MINICHECK, ("cluster", ""): _KEYWORDS,
        ("propose", "alc3"): _ALC3, ("score", "label_confidence"): _ALC3,
        ("embed", "minilm"): _SBERT, ("embed", "sentence_transformer"): _SBERT,
    }
)  # fmt: skip


def papers_of(runs: Iterable[tuple[str, str]]) -> tuple[Paper, ...]:
    """The papers behind runs, each a step with the plug-in that it chose, in their order, each once."""
    found = (PAPERS.get((step, chosen)) or PAPERS.get((step, "")) for step, chosen in runs)
    return tuple(dict.fromkeys(one for one in found if one is not None))
