"""How well scores find planted faults, in a file of one's own; what is installed and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tamis.actions.bench_noise import USUAL, NoiseBench, NoiseFound
from tamis.actions.bench_noise import bench_noise as measure
from tamis.actions.doctor import examine
from tamis.api.show import Records, Tabular
from tamis.registry import parse_options
from tamis.steps.propose.options import ProposeOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from tamis.compute.clear.noise import NoiseKind
    from tamis.store.workspace import Workspace
    from tamis.types import JSON, Int64s


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NoiseResult(Tabular):
    """The AUROC of every score: the chance that a sound row scores above a spoilt one."""

    _found: NoiseFound
    _noise: str

    @property
    def auroc(self) -> Mapping[str, float]:
        """By score; 0.5 is chance."""
        return self._found.auroc

    @property
    def noisy_rows(self) -> Int64s:
        """Numbers of the rows that were spoilt, ascending."""
        return self._found.noisy_rows

    @property
    def kept_half(self) -> tuple[float, float]:
        """Precision and recall of the half of the rows with the highest confidence."""
        return self._found.precision, self._found.recall

    @property
    def clear(self) -> Mapping[str, dict[str, Any]]:
        """What CLEAR would keep, drop and correct, beside a random filter and the oracle; empty unless it was asked for."""
        return self._found.clear

    def to_arrow(self) -> pa.Table:
        """A line per score: score and auroc."""
        lines = [{"score": name, "auroc": value} for name, value in self.auroc.items()]
        return Records.of("", lines).to_arrow()

    def _line(self) -> str:
        return f"{len(self.noisy_rows):,} of {self._found.n_rows:,} rows spoilt by {self._noise!r}"


def bench_noise(
    workspace: Workspace,
    path: Path | str,
    *,
    noise: NoiseKind = "swap",
    rate: float = 0.2,
    seed: int = 0,
    rows: int = 0,
    max_turns: int = 0,
    scores: Sequence[str] = (),
    llm: str = "smollm2",
    llm_options: Mapping[str, JSON] | None = None,
    clear: Mapping[str, JSON] | None = None,
) -> NoiseResult:
    """Plant faults in a fraction of a file's rows, and measure which scores find them; ``clear`` are options of propose."""
    bench = NoiseBench(
        noise=noise, rate_fraction=rate, seed=seed, n_rows=rows, max_turns=max_turns, scores=tuple(scores) or USUAL, llm=llm,
        llm_options=dict(llm_options or {}),
        clear=None if clear is None else parse_options(ProposeOptions, {"method": "filter", "seed": seed, **clear}),
    )  # fmt: skip
    return NoiseResult(
        measure(Path(path), bench, workspace=workspace.path, on_progress=lambda *_: None), noise
    )


def doctor(workspace: Workspace) -> Records:
    """A line per fact: section, name, value."""
    report = examine(workspace.path)
    lines = [
        {"section": section, "name": name, "value": value}
        for section, facts in report.items()
        for name, value in facts.items()
    ]
    return Records.of("Versions, models, devices, disk and settings", lines)
