"""The forecast of a language-model run in a process of its own: a model too large for this machine ends that one alone.

``python -m tamis.jobs.forecast.process`` is that process.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tamis.jobs.asked_process import LIMIT_S, AskedProcess, answer_request
from tamis.jobs.forecast.llm import SAMPLE_ROWS, ModelsForecast, RoleForecast, forecast_models
from tamis.store.artifacts.store import ArtifactStore
from tamis.types import JSON

__all__ = ["LIMIT_S", "ForecastProcess"]
MODULE = "tamis.jobs.forecast.process"


class ForecastProcess(AskedProcess[ModelsForecast]):
    """The process that estimates; leaving the context ends it."""

    def __init__(
        self,
        workspace: Path,
        dataset_id: str,
        step: str,
        values: Mapping[str, JSON],
        *,
        n_sample: int = SAMPLE_ROWS,
        limit_s: float = LIMIT_S,
        command: Sequence[str] = (sys.executable, "-m", MODULE),
    ) -> None:
        request: dict[str, JSON] = {
            "workspace": str(workspace), "dataset_id": dataset_id, "step": step, "values": dict(values), "n_sample": n_sample,
        }  # fmt: skip
        super().__init__(request, _read, what="The estimate", limit_s=limit_s, command=command)


def _read(found: dict[str, Any]) -> ModelsForecast:
    roles = tuple(RoleForecast(**role) for role in found.pop("roles"))
    return ModelsForecast(**found, roles=roles)


def _answer(request: dict[str, Any]) -> JSON:
    store = ArtifactStore(Path(request["workspace"]))
    asked = (request["dataset_id"], request["step"], request["values"])
    return asdict(forecast_models(store, *asked, n_sample=request["n_sample"]))


def main() -> int:
    """Answer the request on standard input; returns the exit code."""
    return answer_request(_answer)


if __name__ == "__main__":
    sys.exit(main())
