"""Time whole processes with the memory of all their children, and print tables."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: seconds by the wall clock, peak resident memory of it and its children, its output."""

    seconds: float
    peak_gb: float
    output: str


def run_process(arguments: Sequence[str], **environment: str) -> Run:
    """Run a command to its end; fails when it does."""
    started = time.perf_counter()
    process = subprocess.Popen(
        list(arguments),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "core")} | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        peak = max(peak, _resident(watched))
        time.sleep(SAMPLE_S)
    output = process.stdout.read() if process.stdout else ""
    assert process.returncode == 0, f"{arguments} ended with {process.returncode}"
    return Run(time.perf_counter() - started, peak / 1024**3, output)


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for member in [process, *process.children(recursive=True)]:
            # Proportional size: pages that forked children share count once, not once per process.
            memory = member.memory_full_info() if sys.platform == "linux" else member.memory_info()
            total += getattr(memory, "pss", memory.rss)
    except psutil.Error:
        return total
    return total


def time_calls(*calls: Callable[[], object], repeats: int = 3) -> list[float]:
    """Median seconds of each call, the calls taken in turn so that a drifting machine slows all of them."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, spent in zip(calls, seconds, strict=True):
            started = time.perf_counter()
            call()
            spent.append(time.perf_counter() - started)
    return [median(spent) for spent in seconds]


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table with the machine and the date above it."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    print(f"\n## {title}\n")
    for line in (list(header), ["-" * width for width in widths], *cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
    sys.stdout.flush()


def machine() -> str:
    """One line: date, cores, memory, Python."""
    memory = psutil.virtual_memory().total / 1024**3
    date = datetime.now(UTC).date()
    return f"{date}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
