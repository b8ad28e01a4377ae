"""What endpoints are asked with and what they say: keys come from the environment only, and are never repeated."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from tamis.errors import CurationError, InvalidOptions
from tamis.settings import settings_now

if TYPE_CHECKING:
    import openai

NEEDS_KEY = "api.openai.com"
HIDDEN = "[key]"
MAX_SAID_CHARS = 200
_VERSION = re.compile(r"api-version=[\d-]{1,10}(-preview)?", re.ASCII)  # Azure's
SHORTEST_SECRET = 6  # shorter ones are placeholders such as "none", which are words


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to which a secret may be sent: the environment variable ``variable``, to everything below ``address``."""

    name: str
    address: str
    variable: str


OPENAI = Endpoint("openai", "https://api.openai.com", "OPENAI_API_KEY")


_closed: list[str] = []  # why this process asks no endpoint


def close_endpoints(reason: str) -> None:
    """Have every endpoint refused in this process, with that sentence."""
    _closed.append(reason)


def known_endpoints() -> list[Endpoint]:
    """OpenAI's own, and those that the operator listed in the file ``TAMIS_ENDPOINTS``.

    A table for each, ``[name]`` with ``address`` and ``variable``. Raises InvalidOptions for a file that says something
    else.
    """
    file = settings_now().endpoints
    if file is None:
        return [OPENAI]
    try:
        listed = tomllib.loads(file.expanduser().read_text("utf-8"))
        return [
            OPENAI,
            *(Endpoint(name, str(one["address"]), str(one["variable"])) for name, one in listed.items()),
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidOptions(
            f"TAMIS_ENDPOINTS = {str(file)!r} cannot be used ({error}): write a table for each endpoint, as in [mine], "
            'address = "https://llm.example.org/v1", variable = "MY_KEY".'
        ) from error


def read_key(variable: str, base_url: str) -> str:
    """The value of an environment variable, "none" where it is not set: the client insists on one.

    A secret leaves only for an address that is listed with this variable, because addresses come with links and manifests,
    too. Raises CurationError for any other that is not on this machine, for one that is known to need a key which is not
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
    if not key or any(_covers(one, variable, base_url) for one in known_endpoints()):
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
    return endpoint.variable == variable and same_place and below and ".." not in asked.path


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


def words_of(error: openai.APIStatusError, variable: str) -> str:
    """What an endpoint said about its refusal, in one line of at most MAX_SAID_CHARS and without the key."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    text = str((inner or {}).get("message") or error.response.text or "nothing")
    # Before it is cut: half a key is a secret too.
    return " ".join(without_key(text, variable).split())[:MAX_SAID_CHARS]
