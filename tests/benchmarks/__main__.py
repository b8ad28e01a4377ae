"""``make bench``: every benchmark in a process of its own, one after another; ``ARGS=--quick`` for a short look."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.measure import machine

QUICK = {
    "importing": ["--rows", "100000"],
    "embedding": ["--rows", "100", "--repeats", "1"],
    "clustering": ["--quick"],
    "layout": ["--rows", "300", "--repeats", "1"],
    "selection": ["--quick"],
    "pages": ["--rows", "20000"],
    "maps": ["--rows", "20000"],
    "reviewing": ["--pending", "3000", "--presses", "9"],
    "noise": ["--rows", "60", "--seeds", "1"],
    "confidence": ["--rows", "20"],
    "llm_scoring": ["--rows", "12"],
    "refining": [
        "--rows",
        "90",
        "--budget",
        "24",
        "--clusters",
        "10",
        "--seeds",
        "1",
        "--max-new-tokens",
        "16",
    ],
}


def main() -> int:
    """Run those that are named, or all."""
    quick = "--quick" in sys.argv
    named = [name for name in sys.argv[1:] if name in QUICK] or list(QUICK)
    print(f"# Benchmarks: {machine()}", flush=True)
    codes = [
        subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{name}", *(QUICK[name] if quick else [])], check=False
        ).returncode
        for name in named
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
