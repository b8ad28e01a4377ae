"""Which jobs are short: they have a place of their own beside the others, and never wait behind a job that asks or trains a model."""

from __future__ import annotations

from collections.abc import Mapping

from tamis.jobs.model import Job, Resources
from tamis.scorers import SCORERS
from tamis.types import JSON

SHORT_STEPS = ("select", "compare", "curate", "regroup", "propose", "score")
_WITHOUT_MODEL = ("filter", "random", "oracle")  # ways to propose


def is_short(step: str, options: Mapping[str, JSON], resources: Resources) -> bool:
    """Whether a job takes seconds: it asks no model, trains none, and is given one processor."""
    if step not in SHORT_STEPS or resources.gpus or resources.workers > 1:
        return False
    if step == "propose":
        return options.get("method") in _WITHOUT_MODEL
    if step == "score":
        scorer = SCORERS[str(options["scorer"])] if options.get("scorer") in SCORERS else None
        return scorer is not None and not (
            scorer.needs_llm or scorer.slow or "model" in scorer.options.model_fields
        )
    return True


def is_short_job(job: Job) -> bool:
    """The same of a job as it was submitted."""
    return is_short(job.step, job.options, job.resources)
