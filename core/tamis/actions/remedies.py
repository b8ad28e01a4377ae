"""Why a job failed, or what its result lacks, in words, and what can be done about it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tamis.actions.submit import Repeat, repeat
from tamis.formats.role_labels import role_option, unknown_label
from tamis.jobs.model import ErrorKind, Job
from tamis.types import JSON

BATCH, ACCUMULATED = "per_device_train_batch_size", "gradient_accumulation_steps"
NEXT_STEPS: Mapping[str, str] = {
    "request": "Mend what the message names, in the options or in the data, and start it with that.",
    "bug": "This is a fault of the program, not of your data. The log below has the traceback.",
    "out_of_memory": "Give it less at once (a smaller batch), or more memory, then resume: finished parts are kept.",
    "out_of_disk": "Free some disk space, then resume: finished parts are kept.",
    "time_limit": "Resume goes on from the finished parts; clone it to give it more time.",
    "terminated": "The machine or a scheduler ended it. Resume goes on from the finished parts.",
    "lost": "Its process went away without a word (a kill, a reboot). Resume goes on from the finished parts.",
    "dependency": "Resume the job it waited for, and this one follows.",
    "backend": "It never started. Look at what the backend says, then resume or choose another one.",
}
_TEXT_REMEDIES: Mapping[str, str] = {
    "not JSON: a comma before a closing bracket": "--repair trailing-commas",
    "not JSON: a comment inside the record": "--repair comments",
    "not JSON: comments and trailing commas": "--repair trailing-commas,comments",
    "more than one JSON value in a line": "--repair fused-objects",
    "invalid UTF-8": "--encoding utf-8,cp1252",
}
ERROR_WORDS: Mapping[str, str] = {
    "request": "it cannot be done like this",
    "bug": "a fault of the program",
    "out_of_memory": "out of memory",
    "out_of_disk": "out of disk",
    "time_limit": "time limit reached",
    "terminated": "ended from outside",
    "lost": "worker lost",
    "dependency": "what it waited for failed",
    "backend": "refused by the backend",
}


@dataclass(frozen=True, slots=True)
class SmallerBatch:
    """The request of a failed job with fewer rows computed together, and as many rows per step."""

    batch: int
    request: Repeat


def remarks_on(summary: Mapping[str, JSON]) -> tuple[str, ...]:
    """What the summary of a result says that a person would not expect of it; mostly nothing."""
    remarks = []
    if summary.get("shortfall"):
        remarks.append(
            f"{summary['shortfall']:,} {summary['unit']} of the budget could not be spent: no row was left for them."
        )
    if summary.get("n_clusters") == 0 and summary.get("n_noise"):
        remarks.append(
            f"No region was dense enough for a cluster: all {summary['n_noise']:,} rows are noise. Give a smaller "
            "min_cluster_size or min_samples, or use k-means."
        )
    if summary.get("judge_is_student"):
        remarks.append(
            "The judge is the model that answered, and may favour its own answers: name another as judge to be sure."
        )
    return (*remarks, *_remarks_on_target(summary), *_remarks_on_choice(summary))


def _remarks_on_target(summary: Mapping[str, JSON]) -> tuple[str, ...]:
    """What of a target is missing in the data, and which rows are it."""
    remarks = []
    notes = summary.get("notes")
    notes = notes if isinstance(notes, dict) else {}  # an import notes sentences
    n_leaks = summary.get("n_leaks") or notes.get("n_leaks")
    if n_leaks:
        are = "rows are" if n_leaks > 1 else "row is"
        remarks.append(
            f"{n_leaks:,} {are} the target, whole or in part, and no selection towards it takes such rows."
        )
    for one in summary.get("targets") or ():
        if one.get("n_out_of_reach"):
            remarks.append(
                f"No row within reach of {one['n_out_of_reach']:,} of {one['n_examples']:,} examples of target {one['name']}."
            )
    empty = notes.get("empty_targets")
    if empty:
        remarks.append(f"No row has a similarity to {', '.join(empty)}: its turns went to the other targets.")
    if summary.get("few_rows_to_whiten"):
        remarks.append(
            f"{summary['n_scored']:,} rows are few to whiten vectors of so many numbers by: take ten rows for each, or n_axes."
        )
    return tuple(remarks)


def _remarks_on_choice(summary: Mapping[str, JSON]) -> tuple[str, ...]:
    """What a number of clusters that was chosen rests on, where others would have done as well."""
    if summary.get("k_structure") is False:
        return (
            f"No number of clusters stands out from data without clusters: {summary['n_clusters']:,} is only a usual size "
            "for so many rows.",
        )
    match summary.get("k_as_good"):
        case [*others, last] if others:
            named = ", ".join(f"{k:,}" for k in others)
            return (
                f"{named} and {last:,} clusters are about as good (within 0.01 of the best silhouette's gap).",
            )
    return ()


def reading_remedy(reason: str, ran: Collection[str] = ()) -> str:
    """The flag of an import that would read lines rejected for such a reason; empty where none would.

    ``ran`` are the repairs that these lines were read with: what they did not mend they will not.
    """
    flag, _, names = (remedy := _remedy(reason)).partition(" ")
    return "" if flag == "--repair" and set(names.split(",")) <= set(ran) else remedy


def _remedy(reason: str) -> str:
    label = unknown_label(reason)
    if label is not None:
        return role_option(label)
    if text := next((flag for start, flag in _TEXT_REMEDIES.items() if reason.startswith(start)), ""):
        return text
    order = re.match(r"wrong role order: turn \S+ \((\w+)\) comes (?:after )?(\w+)", reason)
    if order:
        role, before = order.groups()
        if role == before:
            return "--repair merge-consecutive"
        if role == "system":
            return "--repair join-inner-system"
        return "--repair drop-leading" if role == "assistant" and before in ("first", "system") else ""
    return "--repair drop-trailing" if re.match(r"ends with a (user|tool) turn", reason) else ""


def ran_out_of_memory(job: Job) -> bool:
    """Whether it was memory, said by the system or by the recipe."""
    return job.error_kind is ErrorKind.OUT_OF_MEMORY or "memory" in job.reason.lower()


def with_smaller_batch(job: Job) -> SmallerBatch | None:
    """What to run instead of a training that ran out of memory; None where that is not so, or nothing is smaller."""
    again = repeat(job)
    halved = smaller_batch(again.options) if ran_out_of_memory(job) else None
    if halved is None:
        return None
    request = Repeat(again.dataset_id, again.step, halved, again.target)
    return SmallerBatch(int(halved["recipe_options"][BATCH]), request)


def smaller_batch(options: Mapping[str, Any]) -> dict[str, JSON] | None:
    """The options with half the rows computed together and as many rows per step; None when it is one row already."""
    recipe = dict(options.get("recipe_options") or {})
    batch = int(recipe.get(BATCH, 1))
    if batch < 2:
        return None
    rows_per_step = batch * int(recipe.get(ACCUMULATED, 1))
    recipe[BATCH] = batch // 2
    recipe[ACCUMULATED] = -(-rows_per_step // recipe[BATCH])
    return {**options, "recipe_options": recipe}
