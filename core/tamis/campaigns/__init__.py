"""CAMPAIGNS: loops over steps and people, each a pure function from what was done to what is done next."""

from __future__ import annotations

from dataclasses import dataclass

from tamis.campaigns.options import (
    DataEngineOptions,
    LabelsOptions,
    Llm2LlmOptions,
    SelfGuideOptions,
    SelfPlayOptions,
)
from tamis.registry import Plugin, Table

REASONS = {
    "rounds": "All rounds are made.",
    "finished": "All moves are made.",
    "nothing_wrong": "The model got no row wrong, so there is nothing to write more of.",
    "nothing_passed": "No row that was written passed the filters: look at their reasons, and try other filters or another teacher.",
    "nothing_accepted": "Nobody accepted a row, so there is nothing to join.",
    "budget": "The budget is spent.",
    "no_rise": "The held-out measure has not risen for as many rounds as the patience allows.",
    "labels_trusted": "People found fewer wrong labels than expected in as many rounds as were set.",
    "nobody_answered": "Nobody answered any label of the round.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignKind(Plugin):
    """One row. ``target`` is ``next_move(options, dataset_id, history)``, pure; ``needs_people`` says that one always waits."""

    needs_people: bool = False


CAMPAIGNS: Table[CampaignKind] = Table(
    "campaign",
    CampaignKind(
        name="llm2llm",
        title="More of what is wrong (LLM2LLM)",
        summary="Train a student, examine it, let a teacher write more of what it gets wrong, accept, join, train from base again.",
        options=Llm2LlmOptions,
        target="tamis.campaigns.loops:next_of_llm2llm",
    ),
    CampaignKind(
        name="self_guide",
        title="A model that writes its own rows (SELF-GUIDE)",
        summary="From an instruction and a few rows a model writes inputs, answers them, and is trained on what passes the filters.",
        options=SelfGuideOptions,
        target="tamis.campaigns.once:next_of_self_guide",
    ),
    CampaignKind(
        name="data_engine",
        title="Rows for the worst groups (DataEngine)",
        summary="Accuracy per group, rows written for the groups with the lowest, by a brief that people revise each round.",
        options=DataEngineOptions,
        target="tamis.campaigns.loops:next_of_data_engine",
    ),
    CampaignKind(
        name="alc3",
        title="Rounds over labels (ALC3)",
        summary="Each round corrects labels a probe is sure of, asks people about the most doubtful, and ends once few are wrong.",
        options=LabelsOptions,
        target="tamis.campaigns.labels:next_of_labels",
        needs_people=True,
    ),
    CampaignKind(
        name="spin",
        title="Against its own answers (SPIN)",
        summary="Fine-tune, let the model answer, train it to prefer the given answers to its own, and again from the result.",
        options=SelfPlayOptions,
        target="tamis.campaigns.self_play:next_of_self_play",
    ),
)
