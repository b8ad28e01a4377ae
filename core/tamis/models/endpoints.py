"""What endpoints are asked with and what they say: keys come from the environment only, and are never repeated."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from tamis.errors import CurationError, InvalidOptions, NotAllowed
from tamis.settings import settings_now
from tamis.types import JSON

if TYPE_CHECKING:
    import openai

NEEDS_KEY = "api.openai.com"
HIDDEN = "[key]"
MAX_SAID_CHARS = 200
_VERSION = re.compile(r"api-version=[\d-]{1,10}(-preview)?", re.ASCII)  # Azure's
SHORTEST_SECRET = 6  # shorter ones are placeholders such as "none", which are words


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to which a secret may be sent: the environment variable ``variable``, to everything below ``address``.

    ``accounts`` and those who reach to ``role`` may have it sent; where neither is named, everybody who may run a job (curators).
    """

    name: str
    address: str
    variable: str
    accounts: tuple[str, ...] = ()
    role: str = ""

    def is_open_to(self, asker: KeyHolder) -> bool:
        """Whether this one may have the key sent there."""
        if asker.at_machine:
            return True
        if not (self.accounts or self.role):
            return _RUNS_JOBS in asker.roles
        return asker.account in self.accounts or self.role in asker.roles

    @property
    def who(self) -> str:
        """Who may, in words."""
        named = [*self.accounts, *([f"whoever has the role {self.role}"] if self.role else [])]
        return (
            " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
            if named
            else f"whoever has the role {_RUNS_JOBS}"
        )


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """For whom an endpoint is asked: an account with the roles that it reaches to, or whoever is at the machine itself."""

    account: str = ""
    roles: tuple[str, ...] = ()
    at_machine: bool = False


AT_THE_MACHINE = KeyHolder(at_machine=True)
ROLES = ("viewer", "reviewer", "curator", "operator")  # as tamis.store.actor has them
_RUNS_JOBS = "curator"
_asking: ContextVar[KeyHolder | None] = ContextVar("asking", default=None)
_FOR = "TAMIS_ASKED_FOR"  # of a worker, and of the processes that it starts
_KEYS = frozenset({"address", "variable", "accounts", "role"})
OPENAI = Endpoint("openai", "https://api.openai.com", "OPENAI_API_KEY")


_closed: list[str] = []  # why this process asks no endpoint


def close_endpoints(reason: str) -> None:
    """Have every endpoint refused in this process, with that sentence."""
    _closed.append(reason)


def ask_for(asker: KeyHolder) -> None:
    """From now on endpoints are asked for this one, as far as what runs in this thread goes."""
    _asking.set(asker)


def ask_in_this_process_for(asker: KeyHolder) -> None:
    """The same for all of a process that works for one alone, and for those that it starts."""
    os.environ[_FOR] = _told(asker)


def asking_environment() -> dict[str, str]:
    """What tells a process that is started now for whom it asks; nothing for whoever is at the machine."""
    asker = _asker()
    return {} if asker.at_machine else {_FOR: _told(asker)}


def _told(asker: KeyHolder) -> str:
    return json.dumps([asker.account, asker.roles, asker.at_machine])


def _asker() -> KeyHolder:
    found = _asking.get()
    if found is not None:
        return found
    told = os.environ.get(_FOR)
    if not told:
        return AT_THE_MACHINE
    account, roles, at_machine = json.loads(told)
    return KeyHolder(account, tuple(roles), at_machine)


def known_endpoints() -> list[Endpoint]:
    """Those that the operator listed in the file ``TAMIS_ENDPOINTS``, and OpenAI's own where the file says nothing of it.

    A table for each, ``[name]`` with ``address``, ``variable`` and, where not everybody may use it, ``accounts`` (a list) or
    ``role`` (the least). Raises InvalidOptions for a file that says something else.
    """
    file = settings_now().endpoints
    if file is None:
        return [OPENAI]
    try:
        found = [
            _endpoint(name, one) for name, one in tomllib.loads(file.expanduser().read_text("utf-8")).items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidOptions(
            f"TAMIS_ENDPOINTS = {str(file)!r} cannot be used ({error}): write a table for each endpoint, as in [mine], "
            'address = "https://llm.example.org/v1", variable = "MY_KEY", and, where not everybody may use it, accounts = '
            '["ann@example.org"] or role = "curator".'
        ) from error
    is_told = any(_covers(one, OPENAI.variable, OPENAI.address) for one in found)
    return found if is_told else [OPENAI, *found]


def _endpoint(name: str, one: dict[str, JSON]) -> Endpoint:
    unknown = sorted(one.keys() - _KEYS)
    if unknown:  # one that is misspelt would open it to everybody
        raise ValueError(f"{name}: {unknown[0]!r} is no key of it")
    accounts, role = one.get("accounts", []), one.get("role", "")
    if not isinstance(accounts, list) or not all(isinstance(account, str) for account in accounts):
        raise ValueError(f"{name}: accounts = {accounts!r} is no list of accounts")
    if "role" in one and role not in ROLES:
        raise ValueError(f"{name}: role = {role!r} is none of {', '.join(ROLES)}")
    if "accounts" in one and not accounts:
        raise ValueError(f"{name}: accounts = [] is nobody")
    return Endpoint(
        name,
        str(one["address"]),
        str(one["variable"]),
        tuple(one.strip().lower() for one in accounts),
        str(role),
    )


def check_use(options: JSON, asker: KeyHolder) -> None:
    """Raise NotAllowed where options, however deep, would have a key sent that this one may not have sent."""
    if isinstance(options, list | tuple):
        for one in options:
            check_use(one, asker)
    if not isinstance(options, dict):
        return
    variable, address = options.get("api_key_variable"), options.get("base_url")
    if isinstance(variable, str) and isinstance(address, str) and variable and address:
        _require_open(variable, address, asker)
    for one in options.values():
        check_use(one, asker)


def _require_open(variable: str, base_url: str, asker: KeyHolder) -> bool:
    """Whether an endpoint is listed for both; raises NotAllowed where only for others."""
    listed = [one for one in known_endpoints() if _covers(one, variable, base_url)]
    if listed and not any(one.is_open_to(asker) for one in listed):
        you = asker.account or "who came in without an account"
        raise NotAllowed(
            f"{variable} may be sent to {listed[0].address} for {' and '.join(one.who for one in listed)} alone, and you are "
            f"{you}. Ask the operator, who says it in the file that TAMIS_ENDPOINTS names."
        )
    return bool(listed)


def read_key(variable: str, base_url: str) -> str:
    """The value of an environment variable, "none" where it is not set: the client insists on one.

    A secret leaves only for an address that is listed with this variable, because addresses come with links and manifests,
    too, and for those alone whom its entry names (NotAllowed). Raises CurationError for any other that is not on this machine, for one that is known to need a key which is not
    set, for an address with a name or a query in it, and where endpoints are closed.
    """
    check_address(base_url)
    if _closed:
        raise CurationError(_closed[0])
    key = os.environ.get(variable, "").strip()
    if not key and NEEDS_KEY in base_url:
        raise CurationError(
            f"The environment variable {variable} is not set, and {base_url} needs a key: set it before starting, or "
            "give the base_url of an endpoint that needs none."
        )
    if _require_open(variable, base_url, _asker()) or not key:
        return key or "none"
    if _is_loopback(base_url):
        return "none"  # a server of one's own, which asks for none; a secret does not go there either
    raise CurationError(
        f"{base_url} is not listed as an address to which {variable} may be sent. Whoever runs this server lists it in the "
        f'file that TAMIS_ENDPOINTS names: [a_name], address = "{base_url}", variable = "{variable}".'
    )


def check_address(base_url: str) -> str:
    """The address; raises InvalidOptions, without repeating it, for one with a name, a password or a key in it.

    Options are kept with jobs and artifacts and shown, so it must not come so far. What names a key is anybody's choice,
    so of a query only the version of an interface (``api-version``) is let through.
    """
    if "@" in urlsplit(base_url.replace("\\", "/")).netloc or "@" in urlsplit(base_url).netloc:
        raise InvalidOptions(f"{_bare(base_url)} holds a name or a password: give the address alone.")
    parts = urlsplit(base_url)
    if parts.fragment or (parts.query and not _VERSION.fullmatch(parts.query)):
        raise InvalidOptions(
            f"{_bare(base_url)} is followed by more, which would be stored and shown: of a query it may have api-version alone. "
            "A key goes into a variable of the environment, which whoever runs this server lists with the address in the "
            "file that TAMIS_ENDPOINTS names."
        )
    return base_url


def _bare(base_url: str) -> str:
    """An address without the name and the password, the query and the fragment that it may hold."""
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _covers(endpoint: Endpoint, variable: str, base_url: str) -> bool:
    listed, asked = urlsplit(endpoint.address), urlsplit(base_url)
    same_place = (listed.scheme, listed.hostname, listed.port) == (asked.scheme, asked.hostname, asked.port)
    below = f"{asked.path.rstrip('/')}/".startswith(f"{listed.path.rstrip('/')}/")
    # What a server may read as a way up is covered by no address but itself.
    leads_up = any(sign in asked.path for sign in ("..", "%", "\\")) and asked.path != listed.path
    return endpoint.variable == variable and same_place and below and not leads_up


def _is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_key(text: str, variable: str) -> str:
    """A text that came from an endpoint, which may repeat the key it was sent, without that key."""
    key = os.environ.get(variable, "").strip()
    return text.replace(key, HIDDEN) if len(key) >= SHORTEST_SECRET else text


def sent_elsewhere(error: Exception, base_url: str) -> str:
    """What to say of an endpoint that answers with a redirect, "" for any other failure.

    None is followed: the question would go where nobody has allowed it to, and on the same server the key with it.
    """
    status, response = getattr(error, "status_code", 0), getattr(error, "response", None)
    if not (300 <= status < 400) or response is None:
        return ""
    place = _bare(str(response.headers.get("location") or "nowhere"))[:MAX_SAID_CHARS]
    return (
        f"The endpoint {base_url} sends what it is asked on to {place} (HTTP {status}), where nothing was sent: if you trust that "
        "address, give the one where the API begins there as base_url."
    )


def words_of(error: openai.APIStatusError, variable: str) -> str:
    """What an endpoint said about its refusal, in one line of at most MAX_SAID_CHARS and without the key."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    text = str((inner or {}).get("message") or error.response.text or "nothing")
    # Before it is cut: half a key is a secret too.
    return " ".join(without_key(text, variable).split())[:MAX_SAID_CHARS]
