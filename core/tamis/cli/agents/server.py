"""The commands as tools over the Model Context Protocol, on stdin and stdout, by the official library."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import mcp_types as types
import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

from tamis import __version__
from tamis.cli.agents.call import ASKS, ASKS_NOT
from tamis.cli.agents.limits import Purse, asks_endpoint, check_job, check_paths
from tamis.cli.agents.skill import skill
from tamis.cli.agents.tools import Tool, offered
from tamis.errors import CurationError
from tamis.types import JSON

MAX_ANSWER = 60_000  # characters: what a model reads of one answer, before it must ask for less


@dataclass
class AgentServer:
    """The tools of one workspace for one agent; ``writing`` offers those that change it, ``purse`` what runs may cost."""

    workspace: Path
    writing: bool = False
    purse: Purse = field(default_factory=Purse)
    _paying: anyio.Lock = field(default_factory=anyio.Lock, init=False)

    def server(self) -> Server:
        """The protocol's server."""
        return Server(
            "tamis", version=__version__, instructions=skill(writing=self.writing),
            on_list_tools=self._list, on_call_tool=self._call,
        )  # fmt: skip

    @property
    def tools(self) -> dict[str, Tool]:
        """What is offered, by name."""
        return {one.name: one for one in offered(writing=self.writing)}

    async def _list(
        self, _: ServerRequestContext, __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(one) for one in self.tools.values()])

    async def _call(
        self, _: ServerRequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        arguments = params.arguments or {}
        try:
            tool = self.tools.get(params.name)
            if tool is None:
                return _failed({"error": self._unknown(params.name)})
            words = tool.words(arguments)
            await anyio.to_thread.run_sync(check_paths, tool, arguments, str(self.workspace))
            await anyio.to_thread.run_sync(check_job, tool, arguments, str(self.workspace))
            if tool.writes and asks_endpoint(tool, arguments):
                words += self.purse.price_words(tool, arguments)
                await self._reserve(words)
        except CurationError as error:
            return _failed({"error": str(error)})
        return await self._run(words)

    async def _reserve(self, words: list[str]) -> None:
        """Take what a run will cost from the purse before it starts, and what the estimate itself did."""
        async with self._paying:  # of calls that come together each sees what the others took
            self.purse.check_open()
            _, estimate = await self._answer([*words, "--estimate"], may_ask=ASKS)
            self.purse.pay_sample(estimate)
            self.purse.reserve(estimate.get("cost"))

    async def _run(self, words: list[str]) -> types.CallToolResult:
        code, answer = await self._answer(words)
        text = orjson.dumps(answer).decode()
        if len(text) > MAX_ANSWER:
            said = f"The answer has {len(text):,} characters; {MAX_ANSWER:,} can be read. Ask for fewer rows or columns."
            return _failed({"error": said})
        content: list[types.ContentBlock] = [types.TextContent(text=text)]
        return types.CallToolResult(content=content, structured_content=answer, is_error=code != 0)

    async def _answer(self, words: list[str], may_ask: str = ASKS_NOT) -> tuple[int, dict[str, JSON]]:
        """Exit code and answer of a command in a process of its own; a call that is cancelled ends it."""
        command = [sys.executable, "-P", "-m", "tamis.cli.agents.call", str(self.workspace), may_ask, *words]
        environment = os.environ | {"TAMIS_REVIEWER": os.environ.get("TAMIS_REVIEWER") or "agent"}
        done = await anyio.run_process(command, check=False, env=environment)
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        try:
            answer = orjson.loads(lines[-1]) if lines else {}
        except orjson.JSONDecodeError:
            answer = {"said": lines[-1]}
        said = done.stderr.decode(errors="replace").strip()
        return done.returncode, answer if answer or not said else {"said": said[-2000:]}

    def _unknown(self, name: str) -> str:
        if not self.writing and any(one.name == name for one in offered(writing=True)):
            return f"{name} changes the workspace, and this server only reads. The person may start it with --allow-writing."
        return f"There is no tool {name!r}. Known: {', '.join(self.tools)}."


def serve_agents(server: AgentServer) -> None:
    """Answer on stdin and stdout until stdin closes."""

    async def run() -> None:
        protocol = server.server()
        async with stdio_server() as (reading, writing):
            await protocol.run(reading, writing, protocol.create_initialization_options())

    anyio.run(run)


def _described(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        read_only_hint=not tool.writes, destructive_hint=False, open_world_hint=False
    )
    return types.Tool(
        name=tool.name, description=tool.description, input_schema=tool.schema, annotations=hints
    )


def _failed(answer: Mapping[str, JSON]) -> types.CallToolResult:
    text = types.TextContent(text=orjson.dumps(dict(answer)).decode())
    return types.CallToolResult(content=[text], structured_content=dict(answer), is_error=True)
