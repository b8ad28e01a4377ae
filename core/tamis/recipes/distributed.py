"""One training on several GPUs: processes started by torchrun, as ``accelerate launch`` starts them.

Progress comes back as lines of a file; a file asks them to stop. ``python -m tamis.recipes.distributed SPEC`` is one of
the processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

from tamis.errors import CurationError, JobCancelled
from tamis.recipes import RECIPES, SftOptions, TrainingOutOfMemory, TrainingRequest
from tamis.registry import parse_options

SPEC, EVENTS, STOP, FAILURE, LOG = "launch.json", "events.jsonl", "stop", "failure.json", "processes.log"
POLL_S = 0.5
STOP_WITHIN_S = 600.0  # a step and a checkpoint of a large model
LOG_TAIL_BYTES = 2000


def launch(request: TrainingRequest, recipe: str, options: SftOptions, n_processes: int) -> None:
    """Run a recipe in so many processes and wait for its end; what they made is in ``request.folder``.

    Raises what the recipe raises, and RuntimeError with the end of their log when a process dies.
    """
    folder = request.folder
    for name in (EVENTS, STOP, FAILURE):
        (folder / name).unlink(missing_ok=True)
    spec = {
        "model": str(request.model),
        "train_file": str(request.train_file),
        "eval_file": None if request.eval_file is None else str(request.eval_file),
        "folder": str(folder),
        "seed": request.seed,
        "recipe": recipe,
        "options": options.model_dump(mode="json"),
        "parent": os.getpid(),
    }
    (folder / SPEC).write_bytes(orjson.dumps(spec))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(n_processes),
    ]
    command += ["--module", "tamis.recipes.distributed", str(folder / SPEC)]
    with (folder / LOG).open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _follow(process, request)
        finally:
            if process.poll() is None:
                process.terminate()
    _raise_failure(folder, process.returncode)


def main(arguments: Sequence[str]) -> None:
    """One process of a training: the first of them reports, and looks whether to stop."""
    spec = orjson.loads(Path(arguments[0]).read_bytes())
    folder = Path(spec["folder"])
    first = os.environ.get("RANK", "0") == "0"
    row = RECIPES[spec["recipe"]]
    request = TrainingRequest(
        model=Path(spec["model"]),
        train_file=Path(spec["train_file"]),
        eval_file=None if spec["eval_file"] is None else Path(spec["eval_file"]),
        folder=folder,
        seed=spec["seed"],
        on_progress=_Progress(folder, spec["parent"]) if first else _nothing,
        on_metric=_Metric(folder) if first else _nothing,
    )
    try:
        row.load()(request, parse_options(row.options, spec["options"]))
    except CurationError as error:
        if first:
            failure = {"kind": type(error).__name__, "message": str(error)}
            (folder / FAILURE).write_text(json.dumps(failure), "utf-8")
        raise SystemExit(1) from error


class _Progress:
    def __init__(self, folder: Path, parent: int) -> None:
        self._folder, self._parent = folder, parent

    def __call__(self, step: int, n_steps: int, message: str) -> None:
        _append(self._folder, ["progress", step, n_steps, message])
        # Without the job that asked, nobody would take the result.
        if (self._folder / STOP).exists() or not _is_alive(self._parent):
            raise JobCancelled("The job was cancelled.")


class _Metric:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str, value: float, position: float) -> None:
        _append(self._folder, ["metric", name, value, position])


def _nothing(*_given: object) -> None:
    """Only the first process reports."""


def _append(folder: Path, event: list[object]) -> None:
    with (folder / EVENTS).open("ab") as stream:
        stream.write(json.dumps(event).encode() + b"\n")


def _follow(process: subprocess.Popen[bytes], request: TrainingRequest) -> None:
    """Hand events on until the processes end; a cancelled job first lets them write a checkpoint."""
    offset = 0
    cancelled: JobCancelled | None = None
    deadline = float("inf")
    while True:
        ended = process.poll() is not None
        events, offset = _read_events(request.folder / EVENTS, offset)
        for event in events:
            try:
                _hand_on(request, event)
            except JobCancelled as error:
                if cancelled is None:
                    cancelled, deadline = error, time.monotonic() + STOP_WITHIN_S
                    (request.folder / STOP).touch()
        if ended or time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    if cancelled is not None:
        raise cancelled


def _hand_on(request: TrainingRequest, event: list[object]) -> None:
    kind, *values = event
    handler = request.on_progress if kind == "progress" else request.on_metric
    handler(*values)  # type: ignore[arg-type]


def _read_events(path: Path, offset: int) -> tuple[list[list[object]], int]:
    if not path.exists():
        return [], offset
    with path.open("rb") as stream:
        stream.seek(offset)
        block = stream.read()
    whole = block.rfind(b"\n") + 1
    return [json.loads(line) for line in block[:whole].splitlines()], offset + whole


def _raise_failure(folder: Path, returncode: int) -> None:
    if returncode == 0:
        return
    kinds: dict[str, type[CurationError]] = {
        "TrainingOutOfMemory": TrainingOutOfMemory,
        "JobCancelled": JobCancelled,
    }
    try:
        failure = json.loads((folder / FAILURE).read_text("utf-8"))
    except FileNotFoundError:
        tail = (folder / LOG).read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
        raise RuntimeError(f"a training process ended with exit code {returncode}:\n{tail}") from None
    raise kinds.get(failure["kind"], CurationError)(failure["message"])


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
