"""What a pruning says, and its calibration windows as files for other pruners."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

from tamis.actions.roles import needs
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.steps.prune.pruning import Cell, PairOfSets, Pruning, read_pruning, window_files
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

__all__ = [
    "Cell", "PairOfSets", "Pruning", "export_windows", "find_pruning", "pack_windows", "pruning_lines", "read_pruning",
]  # fmt: skip
KIND = "pruning"


def find_pruning(workspace: Workspace, dataset_id: str, pruning: str = "") -> Artifact:
    """A pruning by its id, or the newest; raises ArtifactMissing naming the step to run."""
    if pruning:
        return workspace.artifacts.get(dataset_id, KIND, pruning)
    made = workspace.artifacts.list(dataset_id, KIND)
    if not made:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no pruning yet: tamis run prune --dataset {dataset_id} --calibrations selection:ID."
        )
    return max(made, key=lambda one: one.order)


def pruning_lines(pruning: Pruning) -> list[str]:
    """The table in lines for a terminal: perplexities, then the pairs that are told apart, then the overlap of masks."""
    titles = [one.name for one in pruning.evaluations]
    lines = ["perplexity on " + ", ".join(titles)]
    lines += [f"  {one.name}: {one.known_text}" for one in pruning.evaluations if one.known_text]
    fixed = {"dense": pruning.dense, "magnitude": pruning.magnitude}
    lines += [f"  {name:24} " + _numbers(line) for name, line in fixed.items() if line]
    for one, cells in zip(pruning.calibrations, pruning.cells, strict=True):
        lines.append(f"  {one.name:24} " + "  ".join(map(_cell, cells)))
    names = [one.name for one in pruning.calibrations]
    lines += [
        f"  {names[pair.first]} / {names[pair.second]} on {titles[pair.evaluation]}: {pair.ratio:.3f} ({pair.told})"
        for pair in pruning.pairs
    ]
    for i, line in enumerate(pruning.overlap):
        shared = ", ".join(f"{names[j]} {value:.3f}" for j, value in enumerate(line) if value is not None)
        lines.append(f"  masks of {names[i]} share: {shared} (by chance {pruning.chance_overlap:.3f})")
    return lines


@needs("curator", noted="export")
def export_windows(workspace: Workspace, dataset_id: str, pruning: str, target: Path | str) -> list[Path]:
    """Write the windows of every draw as texts (``.jsonl``) and token ids (``.npy``, −1 behind a shorter one's end).

    ``pruning`` is an id, or empty for the newest. Returns the files. Raises ArtifactMissing, and InvalidOptions for a
    folder that holds one of them already.
    """
    made, folder = find_pruning(workspace, dataset_id, pruning), Path(target).expanduser()
    names = _window_names(made)
    there = next((name for name in names if (folder / name).exists()), "")
    if there:
        raise InvalidOptions(f"{folder} holds {there} already: choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(made.file(name), folder / name)
    return [folder / name for name in names]


@needs("curator", noted="export")
def pack_windows(workspace: Workspace, dataset_id: str, pruning: str) -> bytes:
    """The same files as one zip."""
    made, stream = find_pruning(workspace, dataset_id, pruning), io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _window_names(made):
            archive.write(made.file(name), name)
    return stream.getvalue()


def _window_names(pruning: Artifact) -> list[str]:
    sets = read_pruning(pruning).calibrations
    return [name for c, one in enumerate(sets) for seed in one.seeds for name in window_files(c, seed)]


def _numbers(values: list[float]) -> str:
    return "  ".join(f"{value:.2f}" for value in values)


def _cell(cell: Cell) -> str:
    between = "" if cell.low is None or cell.high is None else f" ({cell.low:.2f} to {cell.high:.2f})"
    return f"{cell.value:.2f}{between}"
