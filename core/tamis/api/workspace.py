"""The front door: a workspace, its datasets, and what is done with them as a whole."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from tamis.actions import datasets
from tamis.actions.adapters import find_adapter
from tamis.actions.audit import AuditCheck, AuditEntry, check_audit, list_audit
from tamis.actions.backup import back_up
from tamis.actions.backup import restore as put_back
from tamis.actions.bench_grounded import GroundedBench, bench_grounded
from tamis.actions.campaigns import list_campaigns, show_campaign
from tamis.actions.datasets import Discarded
from tamis.actions.imports import plan_paths, start_import
from tamis.actions.models import trained_models
from tamis.actions.replay import replay_manifest
from tamis.actions.uploads import store_upload
from tamis.actions.verify import Verification, verify
from tamis.api import benchmarks
from tamis.api.benchmarks import NoiseResult
from tamis.api.campaigns import CampaignHandle
from tamis.api.dataset import Dataset, list_jobs
from tamis.api.jobs import JobHandle, wait_unless
from tamis.api.records import json_lines
from tamis.api.show import Listing, Records, Shown
from tamis.api.training import AdapterResult
from tamis.reprs import Head, shortened
from tamis.store.artifacts.adapters import known_adapters
from tamis.store.workspace import open_workspace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tamis.jobs.model import Job
    from tamis.protocols import Encoder
    from tamis.store import workspace as store
    from tamis.store.artifacts.adapters import KnownAdapter
    from tamis.store.artifacts.refinements import RoundModel
    from tamis.types import JSON


def open(path: Path | str | None = None, *, reviewer: str = "") -> Workspace:  # noqa: A001 - tamis.open is what people read
    """Open a workspace folder; it is made when something is first put into it.

    Without a path it is the folder that ``TAMIS_WORKSPACE`` names, or ``workspace``. ``reviewer`` is the name under which
    tags, names and decisions are kept (else ``TAMIS_REVIEWER``, else ``local``).
    """
    handle = open_workspace(path)
    return Workspace(handle, handle.settings.reviewer_name(reviewer))


def restore(backup: Path | str, path: Path | str) -> Workspace:
    """Put a backup back as a workspace at ``path``, which must not hold anything yet, and open it.

    Raises InvalidOptions for a folder that is not empty, CurationError for a damaged backup.
    """
    return open(put_back(Path(backup), Path(path)).path)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Workspace(Shown):
    """A folder of datasets, of what was computed from them, and of what people decided."""

    _workspace: store.Workspace
    reviewer: str
    _encoders: dict[str, Encoder] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return self._workspace.path

    def datasets(self) -> Listing[Dataset]:
        """Every dataset, by name."""
        entries = {one.dataset_id: one for one in datasets.list_datasets(self._workspace)}

        def describe(dataset: Dataset) -> dict[str, object]:
            entry = entries[dataset.id]
            made = " ".join(kind for kind in entry.made if kind != "examples")
            return {"name": entry.name, "id": entry.dataset_id, "rows": entry.n_rows, "made": made}

        return Listing(f"Datasets of {self.path}", tuple(self._dataset(one) for one in entries), describe)

    def dataset(self, id_or_name: str) -> Dataset:
        """A dataset by its id or its name; raises DatasetMissing, also when several share the name."""
        return self._dataset(datasets.find_dataset(self._workspace, id_or_name))

    @overload
    def import_file(
        self, path: Path | str | Sequence[Path | str], *, name: str = ..., format: str = ...,  # noqa: A002
        fields: Mapping[str, JSON] | None = ..., roles: Mapping[str, str] | None = ..., encoding: str = ...,
        repairs: Sequence[str] = ..., wait: Literal[True] = True, progress: bool = ...,
    ) -> Dataset: ...  # fmt: skip
    @overload
    def import_file(
        self, path: Path | str | Sequence[Path | str], *, name: str = ..., format: str = ...,  # noqa: A002
        fields: Mapping[str, JSON] | None = ..., roles: Mapping[str, str] | None = ..., encoding: str = ...,
        repairs: Sequence[str] = ..., wait: Literal[False], progress: bool = ...,
    ) -> JobHandle[Dataset]: ...  # fmt: skip
    @overload
    def import_file(
        self, path: Path | str | Sequence[Path | str], *, name: str = ..., format: str = ...,  # noqa: A002
        fields: Mapping[str, JSON] | None = ..., roles: Mapping[str, str] | None = ..., encoding: str = ...,
        repairs: Sequence[str] = ..., wait: bool, progress: bool = ...,
    ) -> Dataset | JobHandle[Dataset]: ...  # fmt: skip
    def import_file(
        self,
        path: Path | str | Sequence[Path | str],
        *,
        name: str = "",
        format: str = "auto",  # noqa: A002 - as on the command line
        fields: Mapping[str, JSON] | None = None,
        roles: Mapping[str, str] | None = None,
        encoding: str = "",
        repairs: Sequence[str] = (),
        wait: bool = True,
        progress: bool = True,
    ) -> Dataset | JobHandle[Dataset]:
        """Import a file, several as one dataset, a folder of files, or a hub dataset (``hub:OWNER/NAME``).

        ``format`` is a conversation format, detected when left out; ``fields`` says which column plays which part,
        ``roles`` what labels of turns mean that are not known (``{"narrator": "system"}``). ``encoding`` is that of the
        text, detected when left out; ``repairs`` are names of ``tamis import --repair``. What was read otherwise than it
        stands in the files is counted in the dataset's ``summary["notes"]``. The same files under the same name are the
        same dataset. Raises UnreadableFile, UnknownName, InvalidOptions and JobFailed.
        """
        paths = [path] if isinstance(path, str | Path) else list(path)
        plan = plan_paths(
            [str(one) for one in paths],
            name=name,
            format_name=format,
            fields=fields,
            roles=roles,
            encoding=encoding,
            repairs=repairs,
        )
        submission = start_import(self._workspace, plan)
        return wait_unless(self._workspace, submission, self._open, wait=wait, progress=progress)

    @overload
    def import_rows(
        self, rows: pd.DataFrame | pa.Table | Iterable[Mapping[str, JSON]], *, name: str, format: str = ...,  # noqa: A002
        fields: Mapping[str, JSON] | None = ..., roles: Mapping[str, str] | None = ..., wait: Literal[True] = True, progress: bool = ...,
    ) -> Dataset: ...  # fmt: skip
    @overload
    def import_rows(
        self, rows: pd.DataFrame | pa.Table | Iterable[Mapping[str, JSON]], *, name: str, format: str = ...,  # noqa: A002
        fields: Mapping[str, JSON] | None = ..., roles: Mapping[str, str] | None = ..., wait: Literal[False], progress: bool = ...,
    ) -> JobHandle[Dataset]: ...  # fmt: skip
    def import_rows(
        self,
        rows: pd.DataFrame | pa.Table | Iterable[Mapping[str, JSON]],
        *,
        name: str,
        format: str = "auto",  # noqa: A002 - as of import_file
        fields: Mapping[str, JSON] | None = None,
        roles: Mapping[str, str] | None = None,
        wait: bool = True,
        progress: bool = True,
    ) -> Dataset | JobHandle[Dataset]:
        """Import rows that are in memory: a data frame, an Arrow table, or mappings, as lines of a JSON file would be.

        They are written into the workspace's uploads, so that an export of them can be replayed. Otherwise as
        ``import_file``; raises InvalidOptions for a value that JSON cannot hold.
        """
        stored = store_upload(self._workspace, f"{name}.jsonl", io.BytesIO(json_lines(rows)))
        return self.import_file(
            stored, name=name, format=format, fields=fields, roles=roles, wait=wait, progress=progress
        )

    def delete(self, id_or_name: str) -> None:
        """Move a dataset with everything computed from it into the trash; raises JobConflict while a job is under way."""
        self.dataset(id_or_name).delete()

    def trash(self) -> Listing[Discarded]:
        """What is in the trash, newest first."""

        def describe(entry: Discarded) -> dict[str, object]:
            return {
                "name": entry.dataset_name,
                "id": entry.dataset_id,
                "deleted": f"{entry.discarded_at:%Y-%m-%d %H:%M}",
            }

        return Listing(f"Trash of {self.path}", tuple(datasets.list_trash(self._workspace)), describe)

    def restore(self, id_or_name: str) -> Dataset:
        """Put a dataset back from the trash, the newest of that id or name; raises DatasetMissing."""
        return self._dataset(datasets.restore_dataset(self._workspace, id_or_name))

    def empty_trash(self) -> int:
        """Delete everything in the trash for good; returns how many datasets that were."""
        return datasets.empty_trash(self._workspace)

    def campaigns(self) -> Listing[CampaignHandle]:
        """All campaigns, newest first, and where each stands."""
        known = {one.campaign_id: one for one in list_campaigns(self._workspace)}

        def describe(handle: CampaignHandle) -> dict[str, object]:
            one = known[handle.id]
            return {"id": one.campaign_id, "dataset": one.dataset_id, "state": one.state, "said": one.said}

        handles = tuple(CampaignHandle(self._workspace, one, self.reviewer) for one in known)
        return Listing("Campaigns", handles, describe)

    def campaign(self, campaign_id: str) -> CampaignHandle:
        """A campaign by its id; raises UnknownName."""
        show_campaign(self._workspace, campaign_id)
        return CampaignHandle(self._workspace, campaign_id, self.reviewer)

    def jobs(self, *, limit: int = 100) -> Listing[JobHandle[Any]]:
        """All jobs, newest first."""
        return list_jobs(self._workspace, self.reviewer, limit=limit)

    def adapters(self) -> Listing[AdapterResult]:
        """Every fine-tuned model, newest first."""
        known = {one.artifact_id: one for one in known_adapters(self._workspace.artifacts)}
        made = tuple(self.adapter(one) for one in known)

        def describe(adapter: AdapterResult) -> dict[str, object]:
            one = known[adapter.id]
            return {
                "model": one.model,
                "recipe": one.recipe,
                "base": one.base,
                "rows": one.n_train,
                "dataset": one.dataset_id,
            }

        return Listing(f"Adapters of {self.path}", made, describe)

    def models(self) -> Listing[KnownAdapter | RoundModel]:
        """Everything that was trained here and that a model option can name: fine-tunings, then round models."""

        def describe(one: KnownAdapter | RoundModel) -> dict[str, object]:
            return {"model": one.model, "base": one.base, "dataset": one.dataset_id, "rows": one.n_train}

        return Listing(f"Models of {self.path}", tuple(trained_models(self._workspace)), describe)

    def adapter(self, model: str) -> AdapterResult:
        """A fine-tuned model by its id, with or without ``adapter:``; raises ArtifactMissing."""
        return AdapterResult(self._workspace, find_adapter(self._workspace.artifacts, model))

    def bench_noise(self, path: Path | str, **options: Any) -> NoiseResult:  # noqa: ANN401 - those of benchmarks.bench_noise
        """Plant faults in a file and measure which scores find them; nothing is imported.

        ``noise`` (swap, sentence, number, truncate, garble), ``rate``, ``seed``, ``rows`` and ``max_turns`` to take fewer,
        ``scores``, ``llm`` with ``llm_options``, and ``clear``, options of propose, for what CLEAR would do.
        """
        return benchmarks.bench_noise(self._workspace, path, **options)

    def bench_grounded(self, path: Path | str, *, checker: str = "", **options: Any) -> GroundedBench:  # noqa: ANN401
        """Measure a checker, or a language model, on a file of documents, claims and labels; nothing is imported.

        ``checker`` is a sequence-classification model (a folder, a hub id, adapter:ID); else ``llm`` with ``llm_options``.
        ``sentences`` is whole, min or mean, ``chunk_words`` and ``seed`` as on the command line.
        """
        return bench_grounded(self._workspace, Path(path), checker=checker, **options)

    def doctor(self) -> Records:
        """What is installed, what was found and what is missing: versions, models, devices, backends, disk, settings."""
        return benchmarks.doctor(self._workspace)

    def backup(self, target: Path | str) -> Path:
        """Copy everything that cannot be made again into a new folder, or a file that ends in ``.tar.zst``, verified.

        Others may go on working meanwhile. Returns where it is; raises InvalidOptions for a target that exists.
        """
        return back_up(self._workspace, Path(target)).path

    def audit(
        self, dataset: str = "", *, account: str = "", action: str = "", limit: int = 100
    ) -> Listing[AuditEntry]:
        """Who did what when, newest first: of a dataset (and the logins), of one account, of one kind of action."""
        dataset_id = datasets.find_dataset(self._workspace, dataset) if dataset else ""
        entries = list_audit(self._workspace, dataset_id, account=account, action=action, limit=limit)
        return Listing(f"Audit log of {self.path}", tuple(entries), asdict)

    def check_audit(self, expected: str = "") -> AuditCheck:
        """Whether the audit log is what was written; ``expected`` is a last hash that was kept elsewhere."""
        return check_audit(self._workspace, expected=expected)

    def verify(self) -> Verification:
        """Read every file and compare it with what was written; says what is damaged, and changes nothing."""
        return verify(self._workspace)

    def _dataset(self, dataset_id: str) -> Dataset:
        return Dataset(self._workspace, dataset_id, self.reviewer, self._encoders)

    def _open(self, job: Job) -> Dataset:
        return self._dataset(job.dataset_id)

    def _head(self) -> Head:
        return self.datasets()._head()

    def _line(self) -> str:
        return f"Workspace {self.path}"


def replay(
    manifest: Path | str,
    *,
    sources: Sequence[Path | str] = (),
    out: Path | str | None = None,
    workspace: Workspace | None = None,
    trust: bool = False,
    progress: bool = True,
) -> ReplayResult:
    """Make the rows of an export again from its source files, none of it from what is stored, and compare the bytes.

    ``sources`` are files to look at besides the recorded paths, recognised by their content; ``out`` keeps the rows. The
    work is done in a temporary folder, inside ``workspace`` when one is given. Only steps that compute the same anywhere
    are run, unless you ``trust`` whoever wrote the manifest. Raises CurationError naming another step, and when a source
    is gone or is another file than it was.
    """
    say = _Bar(progress)
    with tempfile.TemporaryDirectory(prefix="tamis-") as folder, say:
        done = replay_manifest(
            Path(manifest),
            workspace.path if workspace else Path(folder),
            sources=[Path(one) for one in sources],
            out=Path(out) if out else None,
            say=say,
            trust=trust,
        )
    return ReplayResult(done.identical, done.n_rows, done.sha256, done.verdict)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReplayResult(Shown):
    """What came out, and whether it is the same to the byte; true when it is."""

    identical: bool
    n_rows: int
    sha256: str
    verdict: str

    def __bool__(self) -> bool:
        return self.identical

    def _line(self) -> str:
        return self.verdict


class _Bar:
    """What a replay says, beside a bar without an end."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown

    def __enter__(self) -> None:
        if self._shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(bar_format="{desc} {elapsed}")

    def __call__(self, text: str) -> None:
        if self._shown:
            self._bar.set_description_str(shortened(text, 60))

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._bar.close()
