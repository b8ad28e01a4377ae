"""Campaigns from Python: started on a dataset, looked at by id, and moved on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tamis.actions import campaigns
from tamis.actions.briefs import Brief, read_brief, suggest_rules
from tamis.actions.jobs import refresh_jobs, wait_for_job
from tamis.api.show import Tabular
from tamis.api.steps import HasDataset

if TYPE_CHECKING:
    import pyarrow as pa

    from tamis.actions.campaigns import Campaign
    from tamis.store.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CampaignHandle(Tabular):
    """A campaign: where it stands is asked anew each time. As a table, a line per move with its figures."""

    _workspace: Workspace
    id: str
    _reviewer: str

    @property
    def now(self) -> Campaign:
        """Where it stands: state, a sentence, what waits for people, the best round, all moves."""
        return campaigns.show_campaign(self._workspace, self.id)

    def next(self, *, as_decided: bool = False, wait: bool = True) -> Campaign:
        """Make every move until people are waited for or it ends; ``as_decided`` takes what they decided so far.

        Without ``wait``, only what can be made now.
        """
        found = campaigns.go_on(self._workspace, self.id, with_what_is_decided=as_decided)
        return _followed(self._workspace, found) if wait else found

    def stop(self) -> Campaign:
        """Stop it where it stands; ``resume`` goes on from there."""
        return campaigns.stop_campaign(self._workspace, self.id, reviewer=self._reviewer)

    def resume(self, *, wait: bool = True) -> Campaign:
        """Go on after a stop, or once what was in its way is mended."""
        found = campaigns.resume_campaign(self._workspace, self.id)
        return _followed(self._workspace, found) if wait else found

    @property
    def brief(self) -> Brief:
        """The versions of its brief, and how many rows of each were accepted."""
        return read_brief(self._workspace, self.id)

    def suggest_rules(self) -> list[str]:
        """Rules for the next brief that its teacher suggests from rejected rows; nothing is saved."""
        return suggest_rules(self._workspace, self.id)

    def revise_brief(self, text: str, *, wait: bool = True) -> Campaign:
        """Save the next version of its brief and go on; raises InvalidOptions where none is waited for."""
        found = campaigns.revise_brief(self._workspace, self.id, text)
        return _followed(self._workspace, found) if wait else found

    def to_arrow(self) -> pa.Table:
        """A line per move: round, move, dataset, made, job, state, and its figures."""
        import pyarrow as pa

        lines = campaigns.moves_table(self.now)
        names = list(dict.fromkeys(name for line in lines for name in line))
        return pa.table({name: [line.get(name) for line in lines] for name in names})

    def _line(self) -> str:
        found = self.now
        return f"Campaign {found.campaign_id} ({found.state}): {found.said}"


class HasReviewer(HasDataset, Protocol):
    """A dataset in the hands of somebody."""

    @property
    def _reviewer(self) -> str: ...


class HasCampaigns:
    """The part of a dataset that starts campaigns."""

    __slots__ = ()

    def campaign(self: HasReviewer, kind: str, *, wait: bool = True, **options: Any) -> CampaignHandle:  # noqa: ANN401
        """Start a campaign (llm2llm, self_guide, data_engine, alc3, spin) with the options of ``tamis campaign start KIND --help``.

        It goes on until people are waited for or it ends; without ``wait`` it is only begun. Raises UnknownName and
        InvalidOptions before anything is queued.
        """
        begun = campaigns.start_campaign(self._workspace, self.id, kind, options, reviewer=self._reviewer)
        if wait:
            _followed(self._workspace, begun)
        return CampaignHandle(self._workspace, begun.campaign_id, self._reviewer)


def _followed(workspace: Workspace, found: Campaign) -> Campaign:
    """Wait for jobs and go on, until people are waited for or the campaign ends."""
    refresh_jobs(workspace)
    while found.state == "running" and found.job_id:
        wait_for_job(workspace, found.job_id)
        found = campaigns.go_on(workspace, found.campaign_id)
    return found
