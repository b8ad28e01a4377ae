"""What people decide about the rows of a dataset, and the log of it; the dataset changes only when it is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tamis.actions import (
    augmenting,
    bulk_decisions,
    decision_files,
    decisions,
    label_rounds,
    proposals,
    review_queue,
    teams,
)
from tamis.actions.dataset_context import open_context
from tamis.actions.review_calibration import ReviewCalibration, calibrate_review
from tamis.actions.teams import Agreement, Note, Share
from tamis.api.results import ProposalsResult
from tamis.api.rows import Rows, list_rows
from tamis.api.show import Listing, Tabular
from tamis.compute.apply import with_response
from tamis.compute.clear.review_rule import ReviewRule
from tamis.errors import InvalidOptions
from tamis.store.rows.scope import ALL_ROWS, Scope

if TYPE_CHECKING:
    from tamis.actions.proposals import Proposal
    from tamis.store.artifacts.store import Artifact
    from tamis.store.review.types import DecisionEvent, RecordedDecision, ReviewProgress, RowChange, Verdict
    from tamis.store.workspace import Workspace
    from tamis.types import Int64s, Message


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Decisions(Tabular):
    """The decisions in force, row by row, and what can be done with them."""

    _workspace: Workspace
    _dataset_id: str
    _reviewer: str
    _ids_of: Callable[[object], Int64s]

    def __len__(self) -> int:
        return len(self._now().by_row)

    @property
    def conflicts(self) -> list[int]:
        """The rows on which a decision waits that contradicts the one in force (see ``settle``)."""
        return list(self._now().conflicts)

    def summary(self) -> decisions.DecisionSummary:
        """How many rows are decided how, by whom, and what waits for a person."""
        return decisions.summarise_decisions(self._workspace, self._dataset_id)

    def label_round(self, proposals: str = "") -> label_rounds.LabelRound:
        """Where a round of ALC3 stands (the newest, or that of these proposals): p_k, η_k, who was asked; raises ArtifactMissing."""
        return label_rounds.label_round(self._workspace, self._dataset_id, proposals)

    def freeze_label_round(self, proposals: str = "") -> str:
        """The round's training set, as an id to fine-tune with: ``data.finetune(decisions=...)``; the decisions stay as they are."""
        return label_rounds.freeze_label_round(self._workspace, self._dataset_id, proposals).id

    def to_arrow(self) -> pa.Table:
        """A line per decided row: example_id, verdict, via, reviewer, event_id."""
        lines = [
            {"example_id": row, **asdict(decided)} for row, decided in sorted(self._now().by_row.items())
        ]
        names = ("example_id", "verdict", "via", "reviewer", "event_id")
        return pa.table({name: [line[name] for line in lines] for name in names})

    def decide(
        self,
        rows: object,
        verdict: Verdict,
        *,
        response: str | None = None,
        messages: Sequence[Message] | None = None,
        reason: str = "",
    ) -> DecisionEvent:
        """Decide to keep or drop rows, or to replace the answer of a row by ``response`` (or all of it by ``messages``).

        One event, undone as one; ``reason`` is kept in the history. Raises InvalidOptions.
        """
        return decisions.decide_rows(
            self._workspace, self._dataset_id, self._ids_of(rows), verdict,
            response=response, messages=messages, reason=reason, reviewer=self._reviewer,
        )  # fmt: skip

    def edit(
        self, row: int, *, response: str | None = None, messages: Sequence[Message] | None = None
    ) -> RecordedDecision:
        """Replace a row's answer, or all its messages, by what you wrote after reading it; raises InvalidOptions."""
        if (response is None) == (messages is None):
            raise InvalidOptions("An edit needs the new response, or the new messages.")
        if messages is None:
            messages = with_response(
                decisions.own_messages(self._workspace, self._dataset_id, [row])[0], response or ""
            )
        by = decisions.DecidedBy(reviewer=self._reviewer)
        return decisions.save_edit(self._workspace, self._dataset_id, row, messages, by)

    def approve(self, rows: object, made: ProposalsResult | str = "") -> list[RecordedDecision]:
        """Do what is proposed for these rows, by the newest proposals unless others are given; raises InvalidOptions."""
        return [decisions.approve_proposal(*self._about(one), by) for one, by in self._proposed(rows, made)]

    def reject(self, rows: object, made: ProposalsResult | str = "") -> list[RecordedDecision]:
        """Do the opposite: keep what was to change, drop what was to be kept; raises InvalidOptions."""
        return [decisions.reject_proposal(*self._about(one), by) for one, by in self._proposed(rows, made)]

    def by_rule(self, rule: ReviewRule, made: ProposalsResult | str = "") -> DecisionEvent:
        """Decide every proposal that a rule is about (``ReviewRule(approves=True, measure="confidence", limit=0.3)``)."""
        context = open_context(self._workspace, self._dataset_id)
        queue = review_queue.open_queue(context, self._proposals(made))
        return bulk_decisions.decide_by_rule(
            self._workspace, self._dataset_id, rule, queue, self._now(), reviewer=self._reviewer, cluster_names=context.names.names
        )  # fmt: skip

    def accept_passed(self) -> DecisionEvent:
        """Keep every row of this batch that passed its filters and waits, as one decision that is undone as one."""
        return augmenting.accept_passed(self._workspace, self._dataset_id, reviewer=self._reviewer)

    def queue(
        self,
        made: ProposalsResult | str = "",
        *,
        order: str = "",
        kinds: Sequence[str] = (),
        scope: Scope = ALL_ROWS,
        decided_too: bool = False,
    ) -> Rows:
        """The rows that wait for a decision, in the order of the review page: by confidence, or as ``order`` says."""
        context = open_context(self._workspace, self._dataset_id)
        queue = review_queue.open_queue(context, self._proposals(made), order=order, kinds=kinds, scope=scope)
        rows = queue.rows if decided_too else review_queue.next_rows(queue, self._now())
        return list_rows(self._workspace, self._dataset_id, rows.copy(), f"review by {queue.order}")

    def calibrate(self, made: ProposalsResult | str = "") -> ReviewCalibration:
        """What the decisions say about the score of the proposals: how probably a row is bad, what a threshold would do."""
        return calibrate_review(proposals.proposal_columns(self._proposals(made)), self._now())

    def progress(self, made: ProposalsResult | str = "") -> ReviewProgress:
        """How far the review of some proposals is, with its pace and how often people agreed."""
        rows = proposals.proposal_columns(self._proposals(made)).rows
        return decisions.review_progress(self._workspace, self._dataset_id, rows)

    def undo(self, event: int | None = None, *, row: int | None = None) -> DecisionEvent | None:
        """Undo your latest change in force, or revert any by its number (one ``row`` of it); None for nothing to undo."""
        if event is None:
            return decisions.undo_decision(self._workspace, self._dataset_id, self._reviewer)
        return decisions.revert_decision(self._workspace, self._dataset_id, event, self._reviewer, row=row)

    def redo(self) -> DecisionEvent | None:
        """Redo what you undid last; None when there is nothing."""
        return decisions.redo_decision(self._workspace, self._dataset_id, self._reviewer)

    def settle(self, event: int, *, keep_mine: bool, row: int | None = None) -> DecisionEvent:
        """Put a stale decision in force, or leave what is in force; raises InvalidOptions when no conflict is open."""
        return decisions.settle_conflict(
            self._workspace, self._dataset_id, event, self._reviewer, keep_mine=keep_mine, row=row
        )

    def log(self, limit: int = 100, *, reviewer: str = "") -> Listing[DecisionEvent]:
        """The latest events of everyone, or of one reviewer, newest first, undo and redo among them."""
        events = decisions.list_decisions(self._workspace, self._dataset_id, reviewer=reviewer, limit=limit)
        return Listing(f"Decisions about {self._dataset_id}", tuple(events), asdict)

    def rows_of(self, event: int, limit: int = 1000) -> Listing[RowChange]:
        """The rows that a decision was about, with the text before and after it."""
        changes = decisions.rows_of_decision(self._workspace, self._dataset_id, event, limit=limit)
        return Listing(f"Rows of decision {event}", tuple(changes), asdict)

    def history(self, row: int) -> Listing[RowChange]:
        """Everything that was decided about one row, oldest first."""
        changes = decisions.history_of_row(self._workspace, self._dataset_id, row)
        return Listing(f"Decisions about row {row}", tuple(changes), asdict)

    def assign(
        self,
        reviewers: Sequence[str],
        made: ProposalsResult | str = "",
        *,
        overlap: float = 0.0,
        kinds: Sequence[str] = (),
        scope: Scope = ALL_ROWS,
        seed: int = 0,
    ) -> Listing[Share]:
        """Divide the rows of a queue among people, ``overlap`` (0 to 1) of them two people's; raises InvalidOptions."""
        context = open_context(self._workspace, self._dataset_id)
        queue = review_queue.open_queue(context, self._proposals(made), kinds=kinds, scope=scope)
        shares = teams.assign_rows(
            self._workspace, queue, reviewers, overlap_fraction=overlap, seed=seed, assigned_by=self._reviewer
        )
        return Listing(f"Shares of {queue.proposals.id}", tuple(shares), asdict)

    def shares(self, made: ProposalsResult | str = "") -> Listing[Share]:
        """Who has how many rows of some proposals, and how many of them are decided."""
        proposals_id = self._proposals(made).id
        shares = teams.list_shares(self._workspace, self._dataset_id, proposals_id)
        return Listing(f"Shares of {proposals_id}", tuple(shares), asdict)

    def agreement(self, made: ProposalsResult | str = "", *, seed: int = 0) -> Agreement:
        """How far people agree on the rows that two of them decided: Krippendorff's alpha, Cohen's kappa by pair."""
        return teams.measure_agreement(self._workspace, self._dataset_id, self._proposals(made).id, seed=seed)

    def note(self, row: int, text: str) -> Note:
        """Write a note on a row; raises InvalidOptions."""
        return teams.add_note(self._workspace, self._dataset_id, row, text, self._reviewer)

    def notes(self, row: int | None = None) -> Listing[Note]:
        """What people wrote about a row, or about all rows, the oldest of each row first."""
        found = teams.list_notes(self._workspace, self._dataset_id, row)
        return Listing(f"Notes on rows of {self._dataset_id}", tuple(found), asdict)

    def export(self, path: Path | str) -> int:
        """Write the decisions in force as JSON lines, as ``import_file`` reads them; returns how many."""
        return decision_files.export_decisions(self._workspace, self._dataset_id, Path(path))

    def import_file(self, path: Path | str) -> DecisionEvent:
        """Decide rows from JSON lines (example_id, verdict, response or messages) as one event; all of them or none."""
        return decision_files.import_decisions(self._workspace, self._dataset_id, Path(path), self._reviewer)

    def _now(self) -> decisions.DecisionSnapshot:
        return decisions.decision_snapshot(self._workspace, self._dataset_id)

    def _proposals(self, made: ProposalsResult | str) -> Artifact:
        chosen = made.id if isinstance(made, ProposalsResult) else made
        return proposals.find_proposals(self._workspace, self._dataset_id, chosen)

    def _proposed(
        self, rows: object, made: ProposalsResult | str
    ) -> Iterable[tuple[Proposal, decisions.DecidedBy]]:
        opened = self._proposals(made)
        columns, table = proposals.proposal_columns(opened), proposals.proposal_table(opened)
        by = decisions.DecidedBy(reviewer=self._reviewer, proposals_id=opened.id)
        return [(one, by) for one in proposals.proposals_for(table, columns, self._ids_of(rows))]

    def _about(self, proposal: Proposal) -> tuple[Workspace, str, Proposal]:
        return self._workspace, self._dataset_id, proposal

    def _line(self) -> str:
        waiting = len(self.conflicts)
        conflicts = f", {waiting:,} conflicts" if waiting else ""
        return f"{len(self):,} rows of {self._dataset_id} are decided{conflicts}"
