"""What artifacts are called, wherever they are named: by a page, a command, a method or in a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tamis.actions.models import BUNDLED_LLM, PREFIX
from tamis.actions.proposals import method_title
from tamis.actions.refinements import control_of, is_cheap, is_static
from tamis.actions.runs import Run
from tamis.clusterers import CLUSTERERS
from tamis.encoders import ENCODERS
from tamis.jobs.model import Job, JobState
from tamis.llms import LLMS
from tamis.projectors import PROJECTORS
from tamis.pruners import PRUNERS
from tamis.reprs import as_percent, moment, shortened
from tamis.scorers import scorer_title
from tamis.selectors import SELECTORS
from tamis.steps import STEPS
from tamis.steps.examine.marks import MARKS
from tamis.steps.refine.gaps import GAPS
from tamis.store.artifacts.choices import BASELINE, METHOD, NO_CHOICES, ArtifactChoices
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView
from tamis.store.database.choices import read_choices
from tamis.store.workspace import Workspace

BUNDLED_TITLE = "SmolLM2-135M-Instruct"
CONTROLS = {
    "none": "Refinement",
    "shuffled_scores": "Shuffled scores",
    "random": "Random",
    "km_random": "kM-random",
    "kmq": "Static kMQ",
}
MODES: dict[str, str] = {
    "tested": "rounds pooled, tested",
    "pooled": "rounds pooled",
    "tamis": "round by round",
    "paper": "as in the paper",
    "released": "as released",
}
_SHORT_IDS = (4, 6, 8, 16)


@dataclass(frozen=True, slots=True)
class Nameable:
    """Something to be named: what its name begins with, and what can tell it from another of that name."""

    id: str
    name: str
    seed: str
    moment: str  # ISO 8601


def plain_name(artifact: Artifact) -> str:
    """What an artifact is called where no other of its kind has that name: ``kMQ · 100 rows · by alignment``."""
    say = _NAMES.get(artifact.kind)
    return say(artifact) if say is not None else artifact.kind.replace("_", " ").capitalize()


def name_artifacts(artifacts: Iterable[Artifact], choices: ArtifactChoices = NO_CHOICES) -> dict[str, str]:
    """A name for each artifact of one kind, unlike all others: the shortest of seed, date and id is added where needed.

    Those that runs drew for themselves never change what the others are called.
    """
    tiers: tuple[list[Nameable], list[Nameable]] = ([], [])
    for one in artifacts:
        options = one.manifest.options
        seed = str(options["seed"]) if "seed" in options else ""
        named = Nameable(one.id, plain_name(one), seed, one.manifest.created_at)
        tiers[not choices.is_listed(one.id, options)].append(named)
    listed = mark_alike(tiers[0])
    return listed | mark_alike(tiers[1], taken=[*listed.values(), *(one.name for one in tiers[0])])


def artifact_names(workspace: Workspace, dataset_id: str, kind: str) -> dict[str, str]:
    """The name of every artifact of a kind by its id, newest first."""
    if kind == "adapter":
        return name_runs(workspace, [_run(one) for one in workspace.artifacts.list(dataset_id, kind)])
    return name_artifacts(
        workspace.artifacts.list(dataset_id, kind), read_choices(workspace.database, dataset_id)
    )


def names_in_view(view: DatasetView, kind: str) -> dict[str, str]:
    """The same of a dataset that is looked at: embeddings, clusterings, projections, scores or selections."""
    return name_artifacts([one for one in view.artifacts if one.kind == kind], view.choices)


def artifact_name(workspace: Workspace, artifact: Artifact) -> str:
    """What one artifact is called among all of its kind."""
    names = artifact_names(workspace, artifact.manifest.dataset_id, artifact.kind)
    return names.get(artifact.id, plain_name(artifact))


def names_of_jobs(workspace: Workspace, jobs: Sequence[Job]) -> dict[str, str]:
    """What the finished of these jobs made, by job id, in the names that everything else has; the others are left out."""
    names: dict[tuple[str, str], dict[str, str]] = {}
    found: dict[str, str] = {}
    for job in jobs:
        if job.state is not JobState.SUCCEEDED or job.step not in STEPS:
            continue
        kind = STEPS[job.step].makes
        place = (job.dataset_id, kind)
        if kind in _NAMES or kind == "adapter":
            names[place] = names.get(place) or artifact_names(workspace, *place)
            found[job.job_id] = names[place].get(job.artifact_id, "")
    return {job_id: name for job_id, name in found.items() if name}


def name_runs(workspace: Workspace, runs: Sequence[Run]) -> dict[str, str]:
    """A name for each refinement or fine-tuning of a dataset, finished or not, unlike all others."""
    selections: dict[str, str] = {}
    for dataset_id in {_dataset_of(run) for run in runs}:
        selections |= artifact_names(workspace, dataset_id, "selection")
    return mark_alike([_nameable(run, workspace, selections) for run in runs])


def mark_alike(items: Sequence[Nameable], taken: Collection[str] = ()) -> dict[str, str]:
    """Names by id: the plain one where it is alone, else with the seed, the date or the first letters of the id."""
    groups: dict[str, list[Nameable]] = {}
    for one in items:
        groups.setdefault(one.name, []).append(one)
    names: dict[str, str] = {}
    for name, alike in groups.items():
        names |= {alike[0].id: name} if len(alike) == 1 and name not in taken else _marked(alike, taken)
    return {one.id: names[one.id] for one in items}


def rows_name(workspace: Workspace, run: Run, selections: Mapping[str, str]) -> str:
    """What the rows of a fine-tuning were taken from: a selection, a tag, a filter, or everything."""
    text = "Whole dataset"
    if "selection" in run.inputs:
        chosen = run.inputs["selection"]
        text = selections.get(chosen, f"Selection {chosen[:8]}")
    elif "within" in run.inputs:
        frozen = workspace.artifacts.find(_dataset_of(run), "rows", run.inputs["within"])
        text = _say_pointer(str(frozen.summary.get("label", "")) if frozen is not None else "")
    return f"{text} · decided" if "decisions" in run.inputs else text


def refinement_name(run: Run) -> str:
    """A refinement in a few words: what it is, and how it scores."""
    if is_static(run):
        return f"Control: {CONTROLS[control_of(run)]}"
    scorer, mode = str(run.options.get("scorer", "")), str(run.options.get("mode", ""))
    parts = [GAPS[scorer].title if scorer in GAPS else scorer, MODES.get(mode, mode)]
    if is_cheap(run):
        parts.append("cheap")
    if control_of(run) == "shuffled_scores":
        parts.insert(0, f"Control: {CONTROLS[control_of(run)]}")
    return " · ".join(filter(None, parts))


def method_label(method: str) -> str:
    """A selection method as people call it: ``kMQ`` for ``kmq``."""
    return SELECTORS[method].title if method in SELECTORS else "Refinement" if method == METHOD else method


def model_name(model: str) -> str:
    """A model as people call it: the last part of a folder, the name of the bundled one."""
    if model == BUNDLED_LLM:
        return BUNDLED_TITLE
    if model.startswith(PREFIX):
        return f"Adapter {model.removeprefix(PREFIX)[:8]}"
    return shortened(model.rstrip("/").rpartition("/")[2] or model, 40)


def say_rows(number: int) -> str:
    """``1 row``, ``1,200 rows``."""
    return f"{number:,} row{'' if number == 1 else 's'}"


def _marked(alike: Sequence[Nameable], taken: Collection[str]) -> dict[str, str]:
    """Names with the shortest mark that is different for each."""
    ways = [
        [f"seed {one.seed}" if one.seed else "" for one in alike],
        [moment(one.moment) for one in alike],
        *([one.id[:length] for one in alike] for length in _SHORT_IDS),
    ]
    marked = [[f"{one.name} · {mark}" for one, mark in zip(alike, marks, strict=True)] for marks in ways]
    told = (
        names
        for names, marks in zip(marked, ways, strict=True)
        if all(marks) and len(set(names)) == len(names) and not set(names) & set(taken)
    )
    return {one.id: name for one, name in zip(alike, next(told, marked[-1]), strict=True)}


def _selection(selection: Artifact) -> str:
    summary, method = selection.summary, str(selection.manifest.options.get("method"))
    title = method_label(method)
    if method == METHOD:
        control = str(summary.get("control", "none"))
        title = title if control == "none" else f"Control: {CONTROLS[control]}"
        title += f", round {summary.get('round', 0)}"
    parts = [title, say_rows(int(summary["n_selected"]))] if "n_selected" in summary else [title]
    if method != BASELINE and summary.get("quality", "none") != "none":
        parts.append(f"by {summary['quality']}")
    if summary.get("n_pinned"):
        parts.append(f"{summary['n_pinned']:,} pinned")
    if summary.get("n_replaced"):
        parts.append(f"{summary['n_replaced']:,} replaced")
    return " · ".join(parts)


def _clustering(clustering: Artifact) -> str:
    method = str(clustering.manifest.options.get("method", ""))
    title = CLUSTERERS[method].title if method in CLUSTERERS else method
    title = title or f"By hand, {clustering.summary.get('change', 'changed')}"
    number = int(clustering.summary.get("n_clusters", 0))
    return f"{title} · {number:,} cluster{'' if number == 1 else 's'}{_carried(clustering)}"


def _model_names(names: Artifact) -> str:
    summary = names.summary
    return f"{int(summary['n_named']):,} of {int(summary['n_clusters']):,} clusters named by {LLMS[str(summary['llm'])].title}"


def _projection(projection: Artifact) -> str:
    method = str(projection.manifest.options.get("method", ""))
    return (PROJECTORS[method].title if method in PROJECTORS else method) + _carried(projection)


def _carried(artifact: Artifact) -> str:
    """How a result is told from one that was computed afresh where it keeps that of an earlier version."""
    return " · carried over" if artifact.manifest.options.get("kept_from") else ""


def _embeddings(embeddings: Artifact) -> str:
    encoder = str(embeddings.manifest.options.get("encoder", ""))
    return ENCODERS[encoder].title if encoder in ENCODERS else encoder


def _scores(scores: Artifact) -> str:
    return scorer_title(str(scores.manifest.options.get("scorer", "")))


def _comparison(comparison: Artifact) -> str:
    summary, n_selections = comparison.summary, int(comparison.summary.get("n_selections", 0))
    methods = shortened(", ".join(str(title) for title in summary.get("methods", ())), 90)
    selections = f"{n_selections:,} selection{'' if n_selections == 1 else 's'}"
    return " · ".join([methods, say_rows(int(summary.get("n_selected", 0))), selections])


def _proposals(proposals: Artifact) -> str:
    counts = [
        f"{int(proposals.summary.get(f'n_{action}', 0)):,} {action}" for action in ("add", "drop", "replace")
    ]
    counts = [text for text in counts if not text.startswith("0 ")] or ["nothing to change"]
    return f"{method_title(proposals)} · {', '.join(counts)}"


def _pruning(pruning: Artifact) -> str:
    summary, method = pruning.summary, str(pruning.manifest.options.get("method", ""))
    n = int(summary.get("n_calibrations", 0))
    pattern = str(pruning.manifest.options.get("pattern", ""))
    share = as_percent(float(summary.get("sparsity", 0))) if pattern == "unstructured" else pattern
    title = PRUNERS[method].title if method in PRUNERS else method
    return f"{title} {share} · {n:,} calibration set{'' if n == 1 else 's'}"


def _examination(examination: Artifact) -> str:
    summary, mark = examination.summary, str(examination.manifest.options.get("mark", ""))
    title = MARKS[mark].title if mark in MARKS else mark
    share = summary.get("accuracy")
    told = (
        "nothing could be marked"
        if share is None
        else f"{as_percent(share)} of {int(summary['n_marked']):,} right"
    )
    return f"{title} · {told}"


def _refinement(refinement: Artifact) -> str:
    return refinement_name(_run(refinement))


def _run(artifact: Artifact) -> Run:
    return Run(artifact.id, artifact, None)


def _nameable(run: Run, workspace: Workspace, selections: Mapping[str, str]) -> Nameable:
    name = refinement_name(run)
    if run.kind == "adapter":
        name = f"{model_name(str(run.options.get('model', '')))} · {rows_name(workspace, run, selections)}"
    moment = run.artifact.manifest.created_at if run.artifact is not None else run.created_at
    return Nameable(run.run_id, name, str(run.options.get("seed", "")), moment)


def _dataset_of(run: Run) -> str:
    if run.artifact is not None:
        return run.artifact.manifest.dataset_id
    return run.job.dataset_id if run.job is not None else ""


def _say_pointer(label: str) -> str:
    kind, _, value = label.partition(":")
    return {"tag": f"Tag {value}", "scope": "Filter"}.get(kind, "Chosen rows")


_NAMES: Mapping[str, Callable[[Artifact], str]] = {
    "selection": _selection,
    "clustering": _clustering,
    "projection": _projection,
    "names": _model_names,
    "embeddings": _embeddings,
    "scores": _scores,
    "comparison": _comparison,
    "proposals": _proposals,
    "refinement": _refinement,
    "pruning": _pruning,
    "examination": _examination,
}
