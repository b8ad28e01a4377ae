"""Tamis: sift instruction-tuning datasets, in a notebook as in the browser and on the command line.

    import tamis
    ws = tamis.open("workspace")
    data = ws.import_file("train.jsonl", name="My data")
    data.embed(); data.cluster(n_clusters=64); data.score("alignment")
    picked = data.select(budget=1000, quality="alignment")
    picked.export("subset.jsonl", format="messages")
    data.search("refund policy", by="meaning").to_pandas()

The methods work on arrays, too: ``tamis.kmq(embeddings, quality, budget=1000, seed=42).ids``.

Nothing is imported before it is used: the names below are attributes of this module, and each brings its own part of
the package along. The stub beside this file tells editors and type checkers the same names.
"""

__version__ = "0.1.0"

_SELECTORS = "kmq random stratified top_quality km_random km_closest kmq_released k_center deita qdit facility_location semdedup "
_SELECTORS += "longest car grape mixture target_round_robin spread_then_target log_det novel_select mig"
_NAMES = {
    "tamis.api.array_methods": "kmeans hdbscan near_duplicates",
    "tamis.api.array_results": "ClusteredRows NearDuplicates SelectedRows",
    "tamis.api.dataset": "Dataset",
    "tamis.api.jobs": "JobHandle",
    "tamis.api.results": "SelectionResult",
    "tamis.api.rows": "Rows",
    "tamis.api.selectors": _SELECTORS,
    "tamis.api.step_result": "StepResult",
    "tamis.api.workspace": "Workspace open replay restore",
    "tamis.compute.clear.review_rule": "ReviewRule",
    "tamis.compute.refine.evidence": "RoundEvidence pooled_effects tilted_weights",
    "tamis.compute.refine.weights": "update_weights",
    "tamis.settings": "sample_data_folder",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["__version__", "errors", *_WHERE]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    """Import what is asked for, and keep it (PEP 562)."""
    from importlib import import_module

    if name == "errors":
        return import_module("tamis.errors")
    if name not in _WHERE:
        raise AttributeError(f"module 'tamis' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
