"""The rows of a dataset as files for others: trainers, and other programs that draw maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tamis.actions.export_atlas import NEIGHBOURS, AtlasFile, export_atlas
from tamis.actions.read_rows import Scope
from tamis.actions.report.dataset_report import newest_export, write_dataset_report
from tamis.actions.share_map import MapView, SharedMap, share_map
from tamis.api.results import SelectionResult
from tamis.api.rows import ExportedRows, export_rows
from tamis.api.steps import HasDataset


class HasExports:
    """Files with a manifest to be made again from, and files to look at elsewhere."""

    __slots__ = ()

    def export(
        self: HasDataset,
        path: Path | str,
        *,
        format: str = "source",
        selection: SelectionResult | str = "",
        **options: Any,  # noqa: A002, ANN401
    ) -> ExportedRows:
        """Write rows as a training file with a manifest beside it: those of a ``selection``, ``tag`` or ``scope``.

        Without any of them the rows are those of the active selection, or all where there is none; ``selection="all"``
        takes every row in any case. What was taken is said (``taken``).
        ``decisions`` are current, none, or an artifact id; left out, those that the selection was made with.
        ``scores`` are written as columns ``score_NAME``, in a named format.
        """
        chosen = selection.id if isinstance(selection, SelectionResult) else selection
        return export_rows(self._workspace, self.id, path, format, {"selection": chosen, **options})

    def report(self: HasDataset, path: Path | str = "", *, exported: ExportedRows | None = None) -> Path:
        """Write one HTML page of the path to an export, and its data card beside it; returns where the page is.

        ``exported`` is what ``export`` returned; left out, the last export into the workspace. Without ``path`` the page is
        FILE.report.html beside the export. A card that is there already stays. Raises ArtifactMissing where there is no export.
        """
        manifest = (
            exported.manifest_path if exported else newest_export(self._workspace, self.id).manifest_path
        )
        out = Path(path).expanduser() if path else None
        return write_dataset_report(self._workspace, manifest, out).path

    def export_atlas(self: HasDataset, path: Path | str, *, neighbors: int = NEIGHBOURS) -> AtlasFile:
        """Write rows, columns and places on the map as the Parquet that ``embedding-atlas`` opens; raises ArtifactMissing."""
        return export_atlas(self._workspace, self.id, Path(path).expanduser(), neighbors=neighbors)

    def share_map(
        self: HasDataset,
        path: Path | str,
        *,
        colour: str = "",
        scope: Scope | str = "",
        refinement: str = "",
        texts: bool = False,
        labels: bool = True,
        dark: bool = False,
    ) -> SharedMap:
        """Write the map as one HTML file that works from disk, or as SVG for a paper, with the facts of its caption.

        ``colour`` is a column (the clusters when empty), ``scope`` the rows to show, ``refinement`` one whose rounds the
        HTML plays; ``texts`` puts the first words of each row into it. More than 300,000 rows become a random sample, with
        ``texts`` more than 50,000. Raises InvalidOptions for another kind of file, UnknownName, ArtifactMissing.
        """
        shown = scope if isinstance(scope, Scope) else Scope.from_url(scope)
        view = MapView(colour=colour, scope=shown, refinement=refinement, labels=labels, dark=dark)
        return share_map(self._workspace, self.id, Path(path).expanduser(), view=view, texts=texts)
