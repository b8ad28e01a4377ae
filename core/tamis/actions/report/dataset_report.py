"""The path of a dataset from import to export as one HTML file that needs nothing else, with its data card."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tamis import __version__
from tamis.actions.citations import papers_of
from tamis.actions.data_card import chosen_plugin, data_card, facts_of_step, write_card
from tamis.actions.export_files import MANIFEST_ENDING, ExportedFile, list_exports
from tamis.actions.manifests import ExportManifest, read_manifest
from tamis.actions.report.dataset_pictures import draw_pictures
from tamis.actions.report.template import render_page
from tamis.actions.roles import needs
from tamis.errors import ArtifactMissing
from tamis.formats.targets import check_place
from tamis.registry import Plugin
from tamis.steps import STEPS
from tamis.store.artifacts.frozen_rows import KIND as ROWS
from tamis.store.artifacts.store import Manifest
from tamis.store.durable import write_atomically
from tamis.store.names import dataset_names
from tamis.store.review.frozen_decisions import KIND as DECISIONS
from tamis.store.workspace import Workspace

REPORT_ENDING = ".report.html"
CARD = "README.md"
# What people made, which no step does.
_NO_STEP = {DECISIONS: "Decisions", ROWS: "Rows named"}


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """A report that was written; ``card_path`` is None where a card lay there already, which stays as it is."""

    path: Path
    card_path: Path | None
    n_bytes: int


@dataclass(frozen=True, slots=True)
class ReportStep:
    """A step of the path: what was done, by which method, with what, and what that method does."""

    title: str
    dataset: str
    method: str
    told: str
    made_on: str
    artifact_id: str
    summary: str
    cited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """How many rows one person decided in one way, between which days."""

    who: str
    verdict: str
    how: str
    n_rows: int
    days: str


def newest_export(workspace: Workspace, dataset_id: str) -> ExportedFile:
    """The last file that was exported into the workspace; raises ArtifactMissing with what to do where there is none."""
    files = list_exports(workspace, dataset_id)
    if not files:
        raise ArtifactMissing(
            f"A report tells the path to an exported file, and {dataset_id!r} has none in this workspace: export its rows first, "
            "or name the manifest beside a file that was written elsewhere."
        )
    return files[0]


@needs("curator", writes=False)
def write_dataset_report(workspace: Workspace, manifest_path: Path, out: Path | None = None) -> DatasetReport:
    """Write the report of the export whose manifest this is, and its data card beside it; without ``out`` beside the export.

    An existing report is replaced, an existing card never: a person may have completed it. Raises UnreadableFile.
    """
    file = manifest_path.with_name(manifest_path.name.removesuffix(MANIFEST_ENDING))
    path = out or file.with_name(f"{file.name}{REPORT_ENDING}")
    content = render_dataset_report(workspace, manifest_path)
    check_place(path)
    write_atomically(path, content)
    card = path.with_name(CARD)
    written = None if card.exists() else write_card(manifest_path, card)
    return DatasetReport(path, written, len(content))


def render_dataset_report(workspace: Workspace, manifest_path: Path) -> bytes:
    """The report as UTF-8 HTML; no text of a row is in it, and no request is ever made by it."""
    manifest = read_manifest(manifest_path)
    pictures = draw_pictures(workspace, manifest)
    made = [*manifest.artifacts, *(one.drawn_from for one in pictures if one.drawn_from is not None)]
    papers = papers_of((one.step, chosen_plugin(one)) for one in made)
    names = dict(dataset_names(workspace)) | {manifest.dataset_id: manifest.dataset_name}
    file = manifest_path.name.removesuffix(MANIFEST_ENDING)
    return render_page(
        "dataset_report.html.jinja",
        title=f"{manifest.dataset_name}: {manifest.n_rows:,} rows",
        manifest=manifest,
        file=file,
        sentence=path_in_a_sentence(manifest),
        steps=[_step(one, names) for one in manifest.artifacts],
        several_datasets=len({one.dataset_id for one in manifest.artifacts}) > 1,
        pictures=pictures,
        decided=count_deciders(manifest),
        bibtex="\n\n".join(one.bibtex() for one in papers),
        papers=papers,
        replay=shlex.join(["tamis", "replay", " ".join(manifest_path.name.splitlines())]),
        packages=sorted(manifest.packages.items()),
        card=data_card(manifest_path),
        tamis_version=__version__,
    )


def path_in_a_sentence(manifest: ExportManifest) -> str:
    """The whole path in a sentence: sources, rows, what picked them, who decided."""
    imported = next((one for one in manifest.artifacts if one.step == "import"), None)
    n_read = imported.summary.get("n_examples") if imported is not None else None
    sources = [Path(one.path).name for one in manifest.sources]
    named = " and ".join(sources) if len(sources) < 3 else f"{len(sources)} files"
    began = f"{n_read:,} rows of {named}" if isinstance(n_read, int) else f"The rows of {named}"
    parts = [f"{began} became {manifest.n_rows:,}"]
    picked = next(
        (one for one in reversed(manifest.artifacts) if one.artifact_id == manifest.selection), None
    )
    if picked is not None:
        parts.append(f"picked by {_title_of(picked) or picked.step}")
    people = sorted({one.who for one in count_deciders(manifest)})
    if people:
        parts.append(f"decided by {' and '.join(people) if len(people) < 4 else f'{len(people)} people'}")
    return f"{', '.join(parts)}."


def count_deciders(manifest: ExportManifest) -> list[DecisionCount]:
    """Decisions by person, verdict and way, the most rows first."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for rows in manifest.decided.values():
        for row in rows:
            found[row.reviewer, row.verdict, row.via].append(row.created_at[:10])
    lines = [
        DecisionCount(who, verdict, how, len(days), _between(days))
        for (who, verdict, how), days in found.items()
    ]
    return sorted(lines, key=lambda one: (-one.n_rows, one.who, one.verdict, one.how))


def _between(days: Sequence[str]) -> str:
    first, last = min(days), max(days)
    return first if first == last else f"{first} to {last}"


def _step(made: Manifest, names: dict[str, str]) -> ReportStep:
    told = ", ".join(f"{name} {value}" for name, value in facts_of_step(made).items())
    return ReportStep(
        title=STEPS[made.step].title if made.step in STEPS else _NO_STEP.get(made.kind, made.step),
        dataset=names.get(made.dataset_id, made.dataset_id),
        method=_title_of(made),
        told=told,
        made_on=made.created_at[:10],
        artifact_id=made.artifact_id,
        summary=" ".join(_summaries(made)),
        cited=tuple(one.key for one in papers_of([(made.step, chosen_plugin(made))])),
    )


def _title_of(made: Manifest) -> str:
    """What people call the method of a step; its name where this version does not know it."""
    method = _method_of(made)
    return chosen_plugin(made) if method is None else str(method.title)


def _summaries(made: Manifest) -> Iterator[str]:
    """What the step does, and what its method does."""
    if made.step in STEPS:
        yield STEPS[made.step].summary
    if (method := _method_of(made)) is not None:
        yield method.summary


def _method_of(made: Manifest) -> Plugin | None:
    """The row of the method that a step was done by; None where there is none, or this version does not know it."""
    chosen = chosen_plugin(made)
    choices = STEPS[made.step].options.CHOICES if made.step in STEPS else ()
    rows = (
        one.table[chosen] for one in choices if chosen in one.table and made.options.get(one.field) == chosen
    )
    return next(rows, None)
