"""What clusters are worth, as a sentence and tables."""

from __future__ import annotations

import pyarrow as pa

from tamis.actions.worth import read_report, solved_weights
from tamis.api.show import Records
from tamis.api.step_result import StepResult


class WorthResult(StepResult):
    """What clusters are worth: the sentence, and a line per super-cluster."""

    __slots__ = ()

    @property
    def sentence(self) -> str:
        """The answer."""
        return read_report(self._artifact).sentence

    @property
    def notes(self) -> list[str]:
        """What has to be known beside the numbers."""
        return read_report(self._artifact).notes

    def to_arrow(self) -> pa.Table:
        """A line per super-cluster: its clusters, shares of the pool and of the mixture found, worth, half_width, is_clear."""
        names = (
            "name",
            "clusters",
            "n_rows",
            "n_tokens",
            "share",
            "solved",
            "worth",
            "half_width",
            "is_clear",
            "straight",
        )
        lines = [{name: getattr(one, name) for name in names} for one in read_report(self._artifact).groups]
        return pa.Table.from_pylist(lines)

    @property
    def matrix(self) -> Records:
        """What a tenth of the tokens moved to one super-cluster does to the loss of another's held-out rows, with half_width."""
        report = read_report(self._artifact)
        lines = [
            {
                "more_of": report.groups[one.group].name, "loss_of": report.heads[one.head].name, "worth": one.worth,
                "half_width": one.half_width, "is_clear": one.is_clear, "pooled": one.pooled,
            }
            for one in report.cells
        ]  # fmt: skip
        return Records.of(f"Matrix of worth {self.id}", lines)

    @property
    def runs(self) -> Records:
        """Every mixture that was trained on: its shares by super-cluster, and the loss of all held-out rows."""
        lines = [
            {"shares": one.shares, "loss": one.losses[-1], "passes": one.n_passes}
            for one in read_report(self._artifact).runs
        ]
        return Records.of(f"Runs of worth {self.id}", lines)

    @property
    def weights(self) -> dict[str, float]:
        """Share of the tokens of every cluster in the mixture found, by cluster id: ``weights`` of the method ``mixture``."""
        return dict(solved_weights(self._workspace, self._artifact.manifest.dataset_id, self.id)[1])
