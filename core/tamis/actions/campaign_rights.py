"""In whose hands a campaign goes on: those of whoever started it or resumed it last, with the role that is theirs now."""

from __future__ import annotations

from tamis.actions.accounts import find_actor
from tamis.errors import NotAllowed
from tamis.models.endpoints import check_use
from tamis.store.actor import AT_THE_MACHINE, Actor
from tamis.store.database.campaigns import CampaignRow, read_mover
from tamis.store.workspace import Workspace


def in_its_hands(workspace: Workspace, row: CampaignRow) -> Workspace:
    """The workspace as a campaign's next move acts on it, whoever lets it go on: a person, or an app by itself.

    Raises NotAllowed where its account may run no jobs any more, or may not have a key sent that its options name.
    """
    hands = workspace.acting_as(_mover(workspace, row))
    hands.actor.require("curator")
    check_keys(hands, row)
    return hands


def check_keys(workspace: Workspace, row: CampaignRow) -> None:
    """Raise NotAllowed where a campaign's options would have a key sent that who holds the workspace may not have sent."""
    check_use(dict(row.options), workspace.actor.asker())


def _mover(workspace: Workspace, row: CampaignRow) -> Actor:
    noted = read_mover(workspace.database, row.campaign_id)
    if noted is None:
        raise NotAllowed(f"The audit log does not say who started campaign {row.campaign_id}.")
    if noted.via == "machine":
        return AT_THE_MACHINE
    if noted.via == "token":
        return Actor("", noted.role, noted.via)  # whoever has the token has no account
    if workspace.settings.accounts is None:
        return noted
    return find_actor(workspace.settings, noted.account, noted.via)
