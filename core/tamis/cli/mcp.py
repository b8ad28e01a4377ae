"""``tamis mcp``: the verbs for language-model agents, over the Model Context Protocol."""

from __future__ import annotations

import math

import click

from tamis.cli.command import command
from tamis.cli.exit_codes import DONE
from tamis.cli.session import Session
from tamis.errors import CurationError, InvalidOptions


@command(
    "tamis mcp",
    "tamis mcp --allow-writing",
    "tamis mcp --allow-writing --max-cost 2 --prices 0.15,0.60",
    "tamis mcp --skill",
    name="mcp",
)
@click.option(
    "--allow-writing",
    is_flag=True,
    help="Offer also what changes the workspace: imports, runs, tags, exports.",
)
@click.option(
    "--max-cost",
    default=0.0,
    show_default=True,
    help="What runs that ask an endpoint may cost together, by their estimates at --prices; 0: none may ask one.",
)
@click.option(
    "--prices",
    default="",
    metavar="READ,WRITTEN",
    help="What a million tokens cost that an endpoint reads and writes, in the unit of --max-cost; an agent cannot say them.",
)
@click.option("--skill", "only_skill", is_flag=True, help="Print the skill file for agents, and end.")
def mcp(session: Session, *, allow_writing: bool, max_cost: float, prices: str, only_skill: bool) -> int:
    """Serve the verbs to a language-model agent on stdin and stdout; it only reads unless you let it write."""
    if only_skill:
        from tamis.cli.agents.skill import skill

        print(skill(), end="")
        return DONE
    try:
        from tamis.cli.agents.limits import Purse
        from tamis.cli.agents.server import AgentServer, serve_agents
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise CurationError("tamis mcp needs the package mcp: pip install 'tamis[mcp]'.") from error
    serve_agents(
        AgentServer(
            session.workspace.path, writing=allow_writing, purse=Purse(max_cost, _prices(prices, max_cost))
        )
    )
    return DONE


def _prices(text: str, max_cost: float) -> tuple[float, float]:
    """The two prices; raises InvalidOptions for a text that holds something else, and for none where something may be spent."""
    if not text and max_cost <= 0:
        return 0.0, 0.0
    try:
        read, written = map(float, text.split(","))
    except ValueError:
        read = written = math.nan
    if not (0 <= read < math.inf and 0 <= written < math.inf and read + written > 0):
        raise InvalidOptions(
            f"--prices {text!r}: what runs cost is estimated by the prices of a million tokens read and written. Write "
            "them as 0.15,0.60."
        )
    return read, written
