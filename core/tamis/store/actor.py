"""Who acts on a workspace, and what that person may do: checked where something is done, not where a button is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tamis.errors import NotAllowed
from tamis.models.endpoints import KeyHolder

Role: TypeAlias = Literal["viewer", "reviewer", "curator", "operator"]
Via: TypeAlias = Literal["machine", "token", "login", "proxy"]
# Each may do what those before it may.
ROLES: tuple[Role, ...] = ("viewer", "reviewer", "curator", "operator")
ROLE_SUMMARIES: dict[Role, str] = {
    "viewer": "looks at everything",
    "reviewer": "decides rows one by one, undoes own decisions, tags, votes, writes notes",
    "curator": "imports, computes, exports, decides by rule, settles and reverts what others decided, assigns, applies",
    "operator": "deletes for good, backs up and restores",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """One account and its role. Without an account it is whoever is at the machine, who may do everything.

    ``login`` tells one coming in from another of the same account. ``renew`` reads the role again, so that one that was taken away is not used by a page that is still open.
    """

    account: str = ""
    role: Role = "operator"
    via: Via = "machine"
    login: str = field(default="", repr=False, compare=False)
    renew: Callable[[], Actor] | None = field(default=None, repr=False, compare=False)

    def may(self, role: Role) -> bool:
        """Whether this role, or a higher one, is held now; raises NotAllowed when the account has none any more."""
        held = (self.renew() if self.renew else self).role
        return ROLES.index(held) >= ROLES.index(role)

    def require(self, role: Role) -> None:
        """Raise NotAllowed unless this role, or a higher one, is held now."""
        if not self.may(role):
            raise NotAllowed(
                f"{self.account or 'You'}: this needs the role {role} ({ROLE_SUMMARIES[role]}). Ask the operator, who gives "
                "roles in the file that TAMIS_ACCOUNTS names."
            )

    def asker(self) -> KeyHolder:
        """For whom endpoints are asked in these hands, with the roles that are held now."""
        held = (self.renew() if self.renew else self).role
        return KeyHolder(self.account, ROLES[: ROLES.index(held) + 1], at_machine=self.via == "machine")

    def named(self, given: str) -> str:
        """The name that a record gets: the account where there is one, else the name that was given.

        Raises NotAllowed for the name of somebody else.
        """
        if self.account and given and given != self.account:
            raise NotAllowed(
                f"You are logged in as {self.account}; nothing is kept under the name {given!r}."
            )
        return self.account or given


AT_THE_MACHINE = Actor()
