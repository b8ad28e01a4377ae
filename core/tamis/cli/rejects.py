"""``tamis rejects …``: the lines of an import that could not become rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, group
from tamis.cli.session import Session
from tamis.cli.waiting import end, follow
from tamis.errors import InvalidOptions
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.rejects import Rejects

_PAIR_HELP = {
    "--map": "PART=COLUMN, for example prompt=question",
    "--role": "LABEL=ROLE, for example narrator=system",
}
EXAMPLE = "--dataset my-data-1a2b3c"
role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="LABEL=ROLE",
    help="What a label of turns means that is not known: system, user, assistant, tool or function_call; repeat it.",
)
encoding_option = click.option(
    "--encoding",
    default="",
    help="Encoding of the text, such as gb18030 or shift_jis, or utf-8,cp1252 where only some lines are UTF-8; detected when "
    "left out.",
)
repair_option = click.option(
    "--repair",
    "repairs",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Repair what would be rejected: trailing-commas, comments, fused-objects, drop-empty-system, join-inner-system, "
    "merge-consecutive, drop-leading, drop-trailing.",
)
reason_option = click.option("--reason", default="", help="Only lines of this reason, as in the list.")


@group(f"tamis rejects list {EXAMPLE}", f"tamis rejects export {EXAMPLE} --out rejects.jsonl")
def rejects() -> None:
    """List, show, export and read again the lines that could not be imported."""


@rejects.command("list", examples=[f"tamis rejects list {EXAMPLE}"])
@dataset_option
@reason_option
@click.option(
    "--limit", default=20, show_default=True, help="Lines to print; --json has all of them (0: all)."
)
def list_all(session: Session, dataset: str, reason: str, limit: int) -> None:
    """List the rejected lines with their reasons, and how often each occurs."""
    from tamis.actions.rejects import list_rejects

    rejected = list_rejects(session.workspace, session.dataset(dataset))
    lines = rejected.of(reason).select(["file", "line", "reason", "kind"]).to_pylist()
    show_reasons(session, rejected)
    for one in lines[: limit or None]:
        file = "" if len(rejected.files) == 1 else f"{rejected.files[one['file']]} (--file {one['file']}) "
        session.show(f"  {file}line {one['line']}: {one['reason']}")
    if not rejected.reasons:
        session.show("Every line was imported.")
    session.result({"reasons": rejected.reasons, "lines": lines})


def given_pairs(flag: str, texts: Sequence[str]) -> dict[str, str]:
    """What stands after ``=`` by what stands before it; raises InvalidOptions for a text without one."""
    wanted = _PAIR_HELP[flag]
    is_role = flag == "--role"  # a label may be empty and hold the sign itself; a part may be given no column
    pairs = [text.rpartition("=") if is_role else text.partition("=") for text in texts]
    for text, (first, sign, second) in zip(texts, pairs, strict=True):
        if not sign or not (second if is_role else first):
            raise InvalidOptions(f"{flag} wants {wanted}; {text!r} has no '='.")
    return {first: second for first, _, second in pairs}


def given_names(texts: Sequence[str]) -> list[str]:
    """The names of a flag that takes several, each time it is given."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def show_reasons(session: Session, rejected: Rejects) -> str:
    """How many lines have each kind of reason, which, and what would read them; returns the options that read the most."""
    from tamis.actions.remedies import reading_remedy

    remedies: dict[str, None] = {}
    for kind, number in rejected.reasons.items():
        remedy = reading_remedy(kind, rejected.repairs)
        if remedy:
            remedies[remedy] = None
        session.show(f"{number:>10,}  {kind}  ({rejected.where(kind)})" + (f"  → {remedy}" if remedy else ""))
    return " ".join(remedies)


@rejects.command("show", examples=[f"tamis rejects show 17 {EXAMPLE}"])
@click.argument("line", type=int, help="Number of the line, as in the list.")
@click.option("--file", default=0, show_default=True, help="Number of the file, where several were imported.")
@dataset_option
def show(session: Session, line: int, file: int, dataset: str) -> None:
    """Show a rejected line and why it was rejected."""
    from tamis.actions.rejects import show_reject

    reason, raw = show_reject(session.workspace, session.dataset(dataset), line, file=file)
    session.show(f"{reason}\n{raw}")
    session.result({"file": file, "line": line, "reason": reason, "raw": raw})


@rejects.command("retry", examples=[f"tamis rejects retry {EXAMPLE} --role narrator=system"])
@dataset_option
@click.option("--format", "format_name", default="", help="Conversation format; as before when left out.")
@click.option(
    "--map", "fields", multiple=True, metavar="PART=COLUMN", help="Which column plays which part; repeat it."
)
@role_option
@encoding_option
@repair_option
def retry(
    session: Session,
    dataset: str,
    format_name: str,
    fields: tuple[str, ...],
    roles: tuple[str, ...],
    encoding: str,
    repairs: tuple[str, ...],
) -> int:
    """Read the same files again in another way, as a dataset beside this one."""
    from tamis.actions.imports import start_import
    from tamis.actions.rejects import list_rejects, plan_retry

    before = session.dataset(dataset)
    plan = plan_retry(
        session.workspace, before, format_name=format_name, fields=given_pairs("--map", fields),
        roles=given_pairs("--role", roles), encoding=encoding, repairs=given_names(repairs),
    )  # fmt: skip
    job = follow(session, start_import(session.workspace, plan))
    answer: dict[str, JSON] = {"dataset_id": plan.dataset_id}
    if job.state == "succeeded":
        left = list_rejects(session.workspace, plan.dataset_id)
        reasons = left.reasons
        n_before = sum(list_rejects(session.workspace, before).reasons.values())
        session.show(f"{plan.dataset_id}: of {n_before:,} rejected lines {sum(reasons.values()):,} are left.")
        show_reasons(session, left)
        answer |= {"n_rejected_before": n_before, "n_rejected": sum(reasons.values()), "reasons": reasons}
    return end(session, job, answer)


@rejects.command("export", examples=[f"tamis rejects export {EXAMPLE} --out rejects.jsonl"])
@dataset_option
@reason_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
def export(session: Session, dataset: str, reason: str, out: Path) -> None:
    """Write the rejected lines with their reasons as JSON lines."""
    from tamis.actions.rejects import export_rejects

    done = export_rejects(session.workspace, session.dataset(dataset), out, reason=reason)
    session.show(f"{done.path}: {done.n_lines:,} line{'s' * (done.n_lines != 1)}")
    session.result({"path": str(done.path), "n_lines": done.n_lines})
