"""What a deployment decides, read from the environment (TAMIS_*) once at start; never part of a job or a manifest."""

from __future__ import annotations

import os
import re
from functools import cache, lru_cache
from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

NOBODY = "local"  # who decides, tags and names where nobody said who it is


class Settings(BaseSettings):
    """Every setting with its default and its meaning; the README lists them all."""

    model_config = SettingsConfigDict(env_prefix="TAMIS_", frozen=True, extra="ignore")

    workspace: Path = Field(
        Path("workspace"), description="Folder that holds datasets, jobs and the database."
    )
    database_folder: Path | None = Field(
        None,
        description="Folder for the database, on a disk of this machine, where the workspace is on a disk of the network; "
        "empty means in the workspace.",
    )
    import_folders: list[Path] = Field(
        default_factory=list,
        description="Folders on the server from which a file may be named in the browser, as a JSON list; "
        "empty means the folder the app was started in and the sample data.",
    )
    model_folders: list[Path] = Field(
        default_factory=list,
        description="Folders on the server from which a model may be named in the browser, besides the import folders, as a "
        "JSON list.",
    )
    read_memory_gb: float = Field(
        4.0,
        gt=0,
        description="Memory that a process may take to read a file, in GB; a file that needs more is refused.",
    )
    read_cpu_s: float = Field(
        60.0, gt=0, description="Processor time for looking at a file before it is imported, in seconds."
    )
    import_cpu_min: float = Field(240.0, gt=0, description="Processor time of an import, in minutes.")
    read_output_gb: float = Field(
        32.0,
        gt=0,
        description="Largest file that reading a file may write, what is unpacked on the way included, in GB.",
    )
    endpoints: Path | None = Field(
        None,
        description="TOML file of the addresses to which a key may be sent: a table for each, with `address`, `variable` and, where "
        "not everybody may use it, `accounts` or the least `role`; OpenAI's own with OPENAI_API_KEY needs no entry.",
    )
    accounts: Path | None = Field(
        None,
        description="TOML file that says which account has which role (viewer, reviewer, curator, operator); set, people log in.",
    )
    login: Path | None = Field(
        None,
        description="TOML file with `[auth]` as Streamlit's secrets.toml has it (redirect_uri, cookie_secret, client_id, "
        "client_secret, server_metadata_url): the OpenID provider by which people log in.",
    )
    proxy_header: str = Field(
        "",
        description="Header in which a proxy before the server names the account, for example `X-Forwarded-User`; "
        "empty means that people log in by OpenID Connect.",
    )
    proxy_addresses: list[str] = Field(
        default_factory=list,
        description="Addresses, as a JSON list, from which that header is believed; requests from others are refused.",
    )
    group: str = Field(
        "",
        description="Group of the system that shares new workspaces; empty means that only whoever made one can read it.",
    )
    task_folders: list[Path] = Field(
        default_factory=list,
        description="Folders whose task files the lm-evaluation-harness may run, as a JSON list; such a file can run code.",
    )
    cpu_slots: int = Field(
        2, ge=1, description="Jobs that may run at once on this machine, and one short one beside them."
    )
    gpu_slots: int = Field(1, ge=0, description="GPU jobs that may run at once on this machine.")
    heartbeat_timeout_s: float = Field(
        120.0, gt=0, description="Silence after which a worker on another machine counts as lost, in seconds."
    )
    ray_address: str = Field(
        "http://127.0.0.1:8265",
        description="Dashboard of the Ray cluster for jobs on `ray`. A token is read from RAY_AUTH_TOKEN or "
        "RAY_AUTH_TOKEN_PATH, as Ray itself does.",
    )
    slurm_options: str = Field(
        "",
        description="More options of sbatch for jobs on `slurm`, for example `--partition=gpu --account=nlp`.",
    )
    sample_on_empty: bool = Field(
        True, description="Import the bundled sample data when the app starts on an empty workspace."
    )
    token: str = Field(
        "",
        repr=False,
        description="Token that lets people in, for a server whose address should stay the same; else each start has its own.",
    )
    debug: bool = Field(
        False,
        description="Show the traceback of a bug in the browser, for development; else an id in the log.",
    )
    reviewer: str = Field(
        "",
        description="Name recorded with tags and decisions when nobody is logged in or named; `local` when empty.",
    )

    @model_validator(mode="after")
    def _has_a_whole_proxy(self) -> Settings:
        if bool(self.proxy_header) != bool(self.proxy_addresses):
            raise ValueError(
                "TAMIS_PROXY_HEADER and TAMIS_PROXY_ADDRESSES go together: the header in which the proxy names the account, and "
                "the addresses that the proxy asks from"
            )
        if self.proxy_header and self.accounts is None:
            raise ValueError(
                "TAMIS_PROXY_HEADER needs TAMIS_ACCOUNTS: the file that says which account has which role"
            )
        return self

    @field_validator("proxy_addresses")
    @classmethod
    def _are_addresses(cls, addresses: list[str]) -> list[str]:
        for one in addresses:
            ip_network(one, strict=False)
        return addresses

    @field_validator("ray_address")
    @classmethod
    def _is_a_dashboard(cls, address: str) -> str:
        if not re.fullmatch(r"https?://[^\s#]+", address):
            raise ValueError(
                "this is not the address of a Ray dashboard. Start a head (ray start --head) and set the variable to "
                "what that says, usually http://127.0.0.1:8265"
            )
        return address

    def reviewer_name(self, given: str = "") -> str:
        """Who decides, tags and names, on a page, by command and by Python: who was named, else the setting, else ``local``."""
        # Not the account that runs the server: several people may sit before it.
        return given.strip() or self.reviewer.strip() or NOBODY

    def allowed_import_folders(self) -> tuple[Path, ...]:
        """Resolved folders from which a file of the server may be read."""
        folders = self.import_folders or [Path.cwd(), sample_data_folder()]
        return tuple(folder.expanduser().resolve() for folder in folders)

    def allowed_model_folders(self) -> tuple[Path, ...]:
        """Resolved folders from which a model of the server may be loaded."""
        return (
            *(folder.expanduser().resolve() for folder in self.model_folders),
            *self.allowed_import_folders(),
        )


def settings_now() -> Settings:
    """What the environment says now; it is parsed again only where it says something else than before.

    For what asks on every page and for every key: parsing takes as long as a small page. Raises ValidationError.
    """
    said = frozenset((name, value) for name, value in os.environ.items() if name.upper().startswith("TAMIS_"))
    return _parse_settings(said)


@lru_cache(maxsize=4)
def _parse_settings(_: frozenset[tuple[str, str]]) -> Settings:
    return Settings()


def explain_settings(error: ValidationError) -> str:
    """Which variable of the environment has a value that its setting cannot have."""
    lines = []
    for item in error.errors(include_url=False):
        # What is wrong with several together has no place of its own, and names them.
        about = f"TAMIS_{str(item['loc'][0]).upper()} = {item['input']!r}: " if item["loc"] else ""
        lines.append(f"{about}{item['msg'].removeprefix('Value error, ')}.")
    return " ".join(lines)


@cache
def source_folder() -> Path:
    """The folder that holds the package: what another process needs in its import path to run this same code."""
    return Path(__file__).resolve().parent.parent


@cache
def app_folder() -> Path:
    """The folder that holds app.py, pages, sample_data and .streamlit: the checkout, or ``_app`` of an installed wheel."""
    installed = Path(__file__).resolve().parent / "_app"
    return installed if installed.is_dir() else source_folder().parent


def sample_data_folder() -> Path:
    """The folder of the bundled sample data."""
    return app_folder() / "sample_data"
