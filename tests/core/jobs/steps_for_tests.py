"""Small steps that count, wait, fail and misbehave, in a table of their own."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from tamis.errors import UnreadableFile
from tamis.registry import Table
from tamis.steps.context import StepContext
from tamis.steps.spec import Need, Step, StepOptions
from tamis.types import JSON

HERE = "tests.core.jobs.steps_for_tests"


class NoInput(StepOptions):
    """Options of a step that reads nothing."""

    def needs(self) -> tuple[Need, ...]:
        return ()


class NothingOptions(NoInput):
    """A number, so that there can be many different ones."""

    number: int = 0


class CountOptions(NoInput):
    """How many parts, and how long each takes."""

    n_parts: int = 5
    part_s: float = 0.0
    seed: int = 0


class DoubleOptions(StepOptions):
    """Which numbers to double."""

    POINTERS: ClassVar[Mapping[str, str]] = {"numbers": "numbers"}

    numbers: str = ""
    factor: int = 2

    def needs(self) -> tuple[Need, ...]:
        return (Need("numbers", "numbers", self.numbers),)


class TripleOptions(DoubleOptions):
    """Which doubled numbers to go on from."""

    def needs(self) -> tuple[Need, ...]:
        return (Need("doubled", "doubled", self.numbers),)


class MisbehaveOptions(NoInput):
    """How to misbehave."""

    how: Literal["request", "bug", "memory", "disk", "killed", "exit", "stubborn", "patient", "flood"] = "bug"
    seconds: float = 60.0


def nothing(context: StepContext, options: NothingOptions) -> dict[str, JSON]:
    (context.output.path / "nothing.txt").write_text(str(options.number))
    return {}


def count(context: StepContext, options: CountOptions) -> dict[str, JSON]:
    """Compute part after part, noting in a ledger each one that is really computed."""
    rng = np.random.default_rng(options.seed)
    seeds = rng.integers(0, 2**31, options.n_parts)
    for number, seed in enumerate(seeds):
        part = context.output.part(f"{number:04d}.npy")
        if not part.exists():
            time.sleep(options.part_s)
            with (context.workspace / "ledger.txt").open("a") as ledger:
                ledger.write(f"{options.seed} {number}\n")
            aside = part.with_suffix(".aside")
            with aside.open("wb") as stream:
                np.save(stream, np.random.default_rng(seed).normal(size=100))
            aside.replace(part)
        context.reporter.metric("part", float(number), float(number))
        context.progress("count", number + 1, options.n_parts, f"part {number}")
    folder = context.output.path
    numbers = np.concatenate([np.load(path) for path in sorted((folder / "parts").glob("*.npy"))])
    np.save(folder / "numbers.npy", numbers)
    return {"n": len(numbers)}


def double(context: StepContext, options: DoubleOptions) -> dict[str, JSON]:
    numbers = np.load(context.input("numbers").file("numbers.npy"))
    np.save(context.output.path / "doubled.npy", numbers * options.factor)
    context.progress("double", len(numbers), len(numbers))
    return {"n": len(numbers)}


def triple(context: StepContext, options: TripleOptions) -> dict[str, JSON]:
    numbers = np.load(context.input("doubled").file("doubled.npy"))
    np.save(context.output.path / "tripled.npy", numbers * options.factor)
    return {"n": len(numbers)}


def misbehave(context: StepContext, options: MisbehaveOptions) -> dict[str, JSON]:
    context.progress("misbehave", 0, 1)
    if options.how in ("stubborn", "patient"):
        _wait(context, options)
    (context.output.path / "half.txt").write_text("half")
    if options.how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if options.how == "exit":
        os._exit(7)
    if options.how == "flood":
        sys.stdout.write("".join(f"line {i}\n" for i in range(20_000)))
    raise {
        "request": UnreadableFile("line 3 of data.jsonl is no JSON. Mend it and import again."),
        "memory": MemoryError(),
        "disk": OSError(errno.ENOSPC, "No space left on device", str(context.output.path / "half.txt")),
    }.get(options.how, ValueError("seven is not a colour"))


def _wait(context: StepContext, options: MisbehaveOptions) -> None:
    """Wait and listen, or neither listen nor heed a signal, as a long call into C would."""
    if options.how == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deadline = time.monotonic() + options.seconds
    while time.monotonic() < deadline:
        time.sleep(0.1)
        if options.how == "patient":
            context.progress("misbehave", 0, 1)


STEPS = Table(
    "step",
    Step(
        name="nothing",
        title="Nothing",
        summary="Do nothing.",
        options=NothingOptions,
        target=f"{HERE}:nothing",
        makes="nothing",
    ),
    Step(
        name="count",
        title="Count",
        summary="Make numbers.",
        options=CountOptions,
        target=f"{HERE}:count",
        makes="numbers",
    ),
    Step(
        name="double",
        title="Double",
        summary="Double numbers.",
        options=DoubleOptions,
        target=f"{HERE}:double",
        makes="doubled",
    ),
    Step(
        name="triple",
        title="Triple",
        summary="Go on from doubled numbers.",
        options=TripleOptions,
        target=f"{HERE}:triple",
        makes="tripled",
    ),
    Step(
        name="misbehave",
        title="Misbehave",
        summary="Fail.",
        options=MisbehaveOptions,
        target=f"{HERE}:misbehave",
        makes="mischief",
    ),
)
