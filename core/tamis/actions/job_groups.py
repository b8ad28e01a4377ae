"""Pipelines among jobs: those that were queued to wait for each other are one, and told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tamis.actions.job_words import job_headline, job_title, say_progress
from tamis.jobs import job_table
from tamis.jobs.model import Job, JobState
from tamis.store.workspace import Workspace

# What a group is while its jobs differ: the first of these that any of them is in.
_LEADING = (
    JobState.RUNNING,
    JobState.FAILED,
    JobState.QUEUED,
    JobState.CANCELLED,
    JobState.SUCCEEDED,
)


@dataclass(frozen=True, slots=True)
class JobGroup:
    """Jobs that belong together, in the order in which they were asked for; a job that nothing waits for is one alone."""

    jobs: tuple[Job, ...]

    @property
    def group_id(self) -> str:
        """The id of the job that was asked for first."""
        return self.jobs[0].job_id

    @property
    def state(self) -> JobState:
        """What matters most of the states of its jobs: one that runs, else one that failed, else one that waits."""
        states = {job.state for job in self.jobs}
        return next(one for one in _LEADING if one in states)

    @property
    def title(self) -> str:
        """``Embed → Cluster → Map``: its steps in order, each once."""
        return " → ".join(dict.fromkeys(job_title(job) for job in self.jobs))

    @property
    def n_done(self) -> int:
        """How many of its jobs have succeeded."""
        return sum(job.state is JobState.SUCCEEDED for job in self.jobs)

    @property
    def fraction(self) -> float | None:
        """Share of its jobs that is done, with the part of the one that runs; None unless one runs."""
        if self.state is not JobState.RUNNING:
            return None
        under_way = sum(job.progress.fraction or 0.0 for job in self.jobs if job.state is JobState.RUNNING)
        return (self.n_done + under_way) / len(self.jobs)

    @property
    def seconds(self) -> float | None:
        """From the start of its first job to the end of its last; None while it is under way or never began."""
        began = [job.started_at for job in self.jobs if job.started_at]
        ended = [job.finished_at for job in self.jobs if job.finished_at]
        if not began or len(ended) < len(self.jobs):
            return None
        return (datetime.fromisoformat(max(ended)) - datetime.fromisoformat(min(began))).total_seconds()

    def says(self, behind: Mapping[str, str]) -> str:
        """Where it stands in a sentence; ``behind`` says of jobs that wait what is before them."""
        leading = next(job for job in self.jobs if job.state is self.state)
        done = f"{self.n_done} of {len(self.jobs)} done"
        if self.state is JobState.RUNNING:
            words = say_progress(leading)
            return (
                f"{job_headline(leading)} · {done}"
                if words == "starting"
                else f"{job_title(leading)}: {words} · {done}"
            )
        if self.state is JobState.QUEUED:
            first = next((job for job in self.jobs if job.state is JobState.QUEUED), leading)
            return f"{job_title(first)} {behind.get(first.job_id, 'waits')} · {done}"
        if self.state in (JobState.FAILED, JobState.CANCELLED):
            return f"{job_title(leading)}: {leading.reason}"
        return self.title


def group_jobs(jobs: Iterable[Job]) -> list[JobGroup]:
    """Jobs that wait, or waited, for each other together, in the order of the newest job of each group as given.

    Only jobs that are given are joined: a job whose inputs were there already, or are not among these, begins its own.
    """
    by_id = {job.job_id: job for job in jobs}
    joined = _joined([(job.job_id, job.waits_for) for job in by_id.values()])
    return [JobGroup(tuple(_in_order([by_id[one] for one in ids]))) for ids in joined]


def page_of_groups(
    workspace: Workspace, *, dataset_id: str = "", limit: int, offset: int = 0
) -> tuple[list[JobGroup], int]:
    """Some of the groups of all jobs, the newest first, and how many groups there are."""
    joined = _joined(job_table.links(workspace.database, dataset_id=dataset_id))
    named = [one for ids in joined[offset : offset + limit] for one in ids]
    return group_jobs(job_table.list_named(workspace.database, named)), len(joined)


def _joined(links: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """Ids that are linked, directly or over others, together, in the order of the first of each as given."""
    leader = {one: one for one, _ in links}

    def find(one: str) -> str:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for one, others in links:
        for other in others:
            if other in leader:
                leader[find(one)] = find(other)
    members: dict[str, list[str]] = {}
    for one, _ in links:
        members.setdefault(find(one), []).append(one)
    return list(members.values())


def _in_order(jobs: Sequence[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: (job.sequence, job.submitted_at, job.job_id))
