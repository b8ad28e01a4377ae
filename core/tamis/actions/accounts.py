"""Who has which role: a small TOML file that the operator writes, read again whenever it has changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import get_args

from tamis.errors import InvalidOptions, NotAllowed
from tamis.settings import Settings
from tamis.store.actor import ROLES, Actor, Role, Via

__all__ = [
    "Accounts",
    "account_of_claims",
    "accounts_with",
    "check_accounts",
    "find_actor",
    "read_accounts",
    "same_account",
]

EXAMPLE = 'default = "viewer", then a table [accounts] with lines like "ann@example.org" = "reviewer"'
PROVIDER_KEYS = ("client_id", "client_secret", "server_metadata_url")
LEAST_SECRET_CHARS = 32
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Accounts:
    """``roles`` by account. ``default`` is the role of everybody else who logs in, empty for none.

    ``claim`` is what of a login names the account: ``email``, which counts only where the provider has verified it, or
    another one (``sub``, ``preferred_username``), which is taken as it is.
    """

    roles: Mapping[str, Role]
    default: Role | None
    claim: str


def read_accounts(path: Path) -> Accounts:
    """Read the file; raises InvalidOptions for one that cannot be read, an unknown key and an unknown role."""
    try:
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidOptions(
            f"TAMIS_ACCOUNTS = {str(path)!r} cannot be read ({error}). It has {EXAMPLE}."
        ) from error


def find_actor(settings: Settings, account: str, via: Via, login: str = "") -> Actor:
    """The account with the role that it has now; raises NotAllowed for one without any."""
    assert settings.accounts is not None
    known = read_accounts(settings.accounts)
    name = same_account(account)
    role = known.roles.get(name, known.default)
    if role is None or not name:
        raise NotAllowed(
            f"{account or 'Nobody'} has no role here. The operator gives one in the file of accounts."
        )
    return Actor(name, role, via, login, partial(find_actor, settings, account, via, login))


def accounts_with(settings: Settings, role: Role) -> list[str]:
    """The accounts that have this role or a higher one, in the order of the file; empty where there are none."""
    if settings.accounts is None:
        return []
    known = read_accounts(settings.accounts).roles
    return [account for account, held in known.items() if ROLES.index(held) >= ROLES.index(role)]


def account_of_claims(claims: Mapping[str, object], claim: str) -> str:
    """The account that a login is of; empty where the claim is missing, or is an address that nobody verified."""
    value = claims.get(claim)
    if claim == "email" and claims.get("email_verified") is not True:
        return ""
    return same_account(value) if isinstance(value, str) else ""


def same_account(account: str) -> str:
    """An account as it is compared: A to Z small, nothing else changed, so that no two others become one."""
    return account.strip().translate(_LOWER)


def check_accounts(settings: Settings) -> None:
    """Raise InvalidOptions for accounts with which nobody could come in, or somebody without being asked."""
    if settings.accounts is None:
        return
    read_accounts(settings.accounts)
    if settings.proxy_header:
        return
    if settings.login is None:
        raise InvalidOptions(
            "TAMIS_ACCOUNTS is set, so people log in, but nothing says how: set TAMIS_LOGIN to a TOML file with [auth] of an "
            "OpenID provider, or TAMIS_PROXY_HEADER and TAMIS_PROXY_ADDRESSES where a proxy knows who they are."
        )
    try:
        section = tomllib.loads(settings.login.read_text("utf-8")).get("auth", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidOptions(f"TAMIS_LOGIN = {str(settings.login)!r} cannot be read ({error}).") from error
    providers = [section, *(value for value in section.values() if isinstance(value, dict))]
    missing = [name for name in ("redirect_uri", "cookie_secret") if not section.get(name)]
    if not any(all(one.get(name) for name in PROVIDER_KEYS) for one in providers):
        missing += PROVIDER_KEYS
    if missing:
        raise InvalidOptions(f"{settings.login}: [auth] lacks {', '.join(missing)}.")
    if len(str(section["cookie_secret"])) < LEAST_SECRET_CHARS:
        raise InvalidOptions(
            f"{settings.login}: cookie_secret has fewer than {LEAST_SECRET_CHARS} characters, so a login could be forged. Take "
            'what python -c "import secrets; print(secrets.token_hex(32))" prints.'
        )


@lru_cache(maxsize=8)
def _read(path: Path, modified_ns: int, size: int) -> Accounts:
    found = tomllib.loads(path.read_text("utf-8"))
    unknown = set(found) - {"default", "claim", "accounts"}
    if unknown:
        raise InvalidOptions(f"{path}: {sorted(unknown)[0]!r} is no key of it. It has {EXAMPLE}.")
    roles = found.get("accounts", {})
    default = found.get("default", "")
    for account, role in [*roles.items(), *([("default", default)] if default else [])]:
        if role not in get_args(Role):
            raise InvalidOptions(f"{path}: {account!r} has the role {role!r}; roles are {', '.join(ROLES)}.")
    return Accounts(
        {same_account(account): role for account, role in roles.items()},
        default or None,
        str(found.get("claim", "email")),
    )
