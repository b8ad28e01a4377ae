"""Tasks of the lm-evaluation-harness, answered by a model and by its base; this module loads only when it is asked for."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from tamis.compute.compare.paired import paired_change
from tamis.errors import CurationError, ForbiddenPath, InvalidOptions, MissingExtra
from tamis.models.adapters import CONFIG, base_of
from tamis.models.devices import choose_device, choose_dtype
from tamis.types import JSON

BATCH_ROWS = 4
FILE_ENDINGS = (".yaml", ".yml")
MOST_NAMED = 5
# What a task that cannot be read, a data set that is not here and a metric that is not installed raise.
TROUBLE = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)


class Harness:
    """Checked tasks: names that the harness knows, or paths of task files in one of ``folders``.

    A task file may run Python code of its own, so only what the operator vouches for is read (TAMIS_TASK_FOLDERS); a named
    task may fetch its data from the hub. Raises MissingExtra without the package, InvalidOptions for a task that is not
    known or a file that is not there, ForbiddenPath for one in another folder, wherever a link leads to it.
    """

    def __init__(self, tasks: Sequence[str], folders: Sequence[Path] = ()) -> None:
        try:
            self._evaluate = importlib.import_module("lm_eval").simple_evaluate
            manager = importlib.import_module("lm_eval.tasks").TaskManager
        except ModuleNotFoundError as error:
            raise MissingExtra("Tasks of the lm-evaluation-harness", "harness") from error
        files = [task for task in tasks if task.endswith(FILE_ENDINGS)]
        names = [task for task in tasks if task not in files]
        paths = [_allowed(file, folders) for file in files]
        # The list of all tasks takes ten seconds to read.
        self._manager = _manager(manager, include_defaults=bool(names))
        known = set(self._manager.all_tasks) if names else set()
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InvalidOptions(_say_unknown(unknown[0], known))
        self._tasks = [*map(str, paths), *names]

    def scores(self, folder: Path, *, limit: int | None, cpu: bool) -> list[dict[str, JSON]]:
        """One entry per task and metric: task, metric, value, stderr (None: none), n rows, higher_is_better, and ``rows``,
        its value for each question, where the value is their mean; ``chance``, where answers are chosen among given ones.

        ``folder`` holds a model, or an adapter beside which its base is found. ``limit`` rows of each task are asked.
        Raises CurationError naming what stood in the way.
        """
        return self.answers(*_opened(folder, cpu=cpu), limit=limit)

    def answers(self, model: Any, tokenizer: Any, *, limit: int | None) -> list[dict[str, JSON]]:  # noqa: ANN401 - of transformers
        """The same of a model that is loaded."""
        wrapped = importlib.import_module("lm_eval.models.huggingface").HFLM(
            pretrained=model, tokenizer=tokenizer, device=str(model.device), batch_size=BATCH_ROWS
        )
        try:
            results = self._evaluate(
                wrapped, tasks=self._tasks, task_manager=self._manager, limit=limit, log_samples=True,
            )  # fmt: skip
        except TROUBLE as error:
            raise CurationError(
                f"A task of the lm-evaluation-harness could not be run ({type(error).__name__}: {str(error)[:300]}). Check that "
                "its data is on this machine or the hub can be reached, or leave the task out."
            ) from error
        return list(parse_scores(results))

    def examples(self, limit: int) -> list[tuple[str, str]]:
        """Questions with their answers, at most ``limit`` of each task: of its validation rows where it has them beside those
        that it is scored by, so that nothing is chosen by looking at these. Raises CurationError naming what stood in the way.
        """
        try:
            tasks = self._manager.load(self._tasks)["tasks"].values()
            return [pair for task in tasks for pair in islice(_questions(task), limit)]
        except TROUBLE as error:
            raise CurationError(
                f"A task of the lm-evaluation-harness could not be read ({type(error).__name__}: {str(error)[:300]}). Check that "
                "its data is on this machine or the hub can be reached."
            ) from error


@cache
def _manager(kind: Any, *, include_defaults: bool) -> Any:  # noqa: ANN401 - a class of the harness
    """Once in a process: a study asks after every training."""
    return kind(include_defaults=include_defaults)


def _questions(task: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - a task of the harness
    docs = task.validation_docs() if task.has_validation_docs() else task.eval_docs
    for doc in docs:
        answer = task.doc_to_target(doc)
        if isinstance(answer, int) and task.config.doc_to_choice is not None:
            answer = task.doc_to_choice(doc)[answer]
        first = answer[0] if isinstance(answer, list) and answer else answer
        yield str(task.doc_to_text(doc)), str(first).strip()


def _allowed(file: str, folders: Sequence[Path]) -> Path:
    """The file itself, links followed."""
    path = Path(file).expanduser().resolve()
    vouched = [folder.expanduser().resolve() for folder in folders]
    if not any(path.is_relative_to(folder) for folder in vouched):
        listed = ", ".join(map(str, vouched)) or "none"
        raise ForbiddenPath(
            f"The task file {file} is in none of the folders whose tasks may run here ({listed}): a task file can run code. "
            "Whoever runs the server names a folder with TAMIS_TASK_FOLDERS; names of tasks always work."
        )
    if not path.is_file():
        raise InvalidOptions(f"There is no task file {file}: give its whole path, or the name of a task.")
    return path


def parse_scores(results: Mapping[str, Any]) -> Iterator[dict[str, JSON]]:
    """The entries of ``Harness.scores`` from what the harness returns."""
    for task, metrics in results["results"].items():
        asked = (results.get("n-samples") or {}).get(task) or {}
        better = (results.get("higher_is_better") or {}).get(task) or {}
        for key, value in metrics.items():
            metric, joint, used = key.partition(",")
            if not joint or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            error = metrics.get(f"{metric}_stderr,{used}")
            samples = (results.get("samples") or {}).get(task) or ()
            rows = _values(samples, metric, used, float(value))
            yield {
                "task": task,
                "metric": metric if used == "none" else f"{metric} ({used})",
                "value": float(value),
                "stderr": float(error) if isinstance(error, int | float) and math.isfinite(error) else None,
                "n": asked.get("effective"),
                "higher_is_better": better.get(metric),
                **({"rows": rows} if rows else {}),
                **_chance(samples, metric, used),
            }


def paired_rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, JSON] | None:
    """The change of one metric question by question, as the fields of a PairedChange; None where either has no rows."""
    base, tuned = before.get("rows") or {}, after.get("rows") or {}
    asked = sorted(base.keys() & tuned.keys())
    if len(asked) < 2:
        return None
    change = paired_change([tuned[one] - base[one] for one in asked])
    return {name: value if math.isfinite(value) else None for name, value in asdict(change).items()}


def _values(samples: Iterable[Mapping[str, Any]], metric: str, used: str, mean: float) -> dict[str, float]:
    """The value of every question by its number; empty where their mean is not what was reported, as for a perplexity."""
    values = {
        str(one["doc_id"]): float(one[metric])
        for one in samples
        if one.get("filter") == used and isinstance(one.get(metric), int | float)
    }
    if not values or not math.isclose(math.fsum(values.values()) / len(values), mean, abs_tol=1e-6):
        return {}
    return values


def _chance(samples: Iterable[Mapping[str, Any]], metric: str, used: str) -> dict[str, float]:
    """What guessing among the answers reaches, where they are given and right ones are counted."""
    choices = [len(one.get("filtered_resps") or ()) for one in samples if one.get("filter") == used]
    if not metric.startswith("acc") or not choices or min(choices) < 2:
        return {}
    return {"chance": math.fsum(1 / n for n in choices) / len(choices)}


def _say_unknown(name: str, known: set[str]) -> str:
    near = sorted(one for one in known if name.lower() in one.lower())[:MOST_NAMED]
    hint = f"Near it: {', '.join(near)}." if near else "See: lm_eval ls tasks."
    return f"The lm-evaluation-harness knows no task {name!r}. {hint}"


def _opened(folder: Path, *, cpu: bool) -> tuple[Any, Any]:
    """A model and its tokenizer, the adapter merged in."""
    low_rank = (folder / CONFIG).exists() and not (folder / "config.json").exists()
    base = base_of(folder) if low_rank else folder
    settings = {"local_files_only": True, "trust_remote_code": False}
    device = choose_device("cpu" if cpu else "auto")
    dtype = choose_dtype("auto", device)
    model: Any = AutoModelForCausalLM.from_pretrained(
        str(base), dtype=dtype, use_safetensors=True, **settings
    )
    if low_rank:
        adapted = importlib.import_module("peft").PeftModel
        model = adapted.from_pretrained(model, str(folder)).merge_and_unload()
    own = folder if (folder / "tokenizer_config.json").exists() else base
    return model.eval().to(device), AutoTokenizer.from_pretrained(str(own), **settings)
