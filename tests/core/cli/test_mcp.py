"""The verbs for agents, by the protocol's own client: reading by default, writing and paying only where allowed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp")

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from tamis.actions.jobs import cancel_job
from tamis.actions.submit import submit
from tamis.cli.agents.call import ASKS, ASKS_NOT, call
from tamis.cli.agents.limits import Purse, asks_endpoint, check_paths
from tamis.cli.agents.server import AgentServer
from tamis.cli.agents.skill import skill
from tamis.cli.agents.tools import TOOLS, offered
from tamis.cli.main import main
from tamis.errors import CurationError, ForbiddenPath, InvalidOptions
from tamis.models import endpoints
from tamis.models.endpoints import read_key
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline
from tests.verbs import ROLES, VERBS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("agents")
    dataset_id = import_file(folder / "w", alpaca_file(folder))
    run_pipeline(folder / "w", dataset_id, budget=10)
    return folder / "w", dataset_id


@pytest.fixture
def dataset_id(made: tuple[Path, str]) -> str:
    return made[1]


@pytest.fixture
def workspace(made: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "w"))


def ask(server: Any, *calls: tuple[str, dict]) -> list[Any]:
    """The results of calls in one session."""

    async def session() -> list[Any]:
        async with Client(server) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return run_apart(session)


def run_apart(session: Callable[[], Awaitable[Any]]) -> Any:
    """What a coroutine returns, in a thread of its own: where a browser was driven, this one has a loop that runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, session).result()


def test_an_agent_reads_over_stdio_and_is_offered_nothing_that_writes(
    workspace: Path, dataset_id: str
) -> None:
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "tamis.cli", "--workspace", str(workspace), "mcp"],
        env={"PYTHONPATH": str(ROOT / "core"), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip

    async def session() -> tuple[set[str], str, Any, Any]:
        async with Client(server) as client:
            listed = {one.name for one in (await client.list_tools()).tools}
            found = await client.call_tool("datasets_list", {})
            refused = await client.call_tool("run_select", {"dataset": dataset_id, "budget": 3})
            return listed, client.instructions or "", found, refused

    listed, said, found, refused = run_apart(session)
    assert listed == {one.name for one in offered(writing=False)}
    assert said == skill(writing=False)
    assert found.structured_content["datasets"][0]["dataset_id"] == dataset_id
    assert refused.is_error
    assert "--allow-writing" in refused.structured_content["error"]


def test_an_agent_searches_picks_and_exports_where_it_may(
    workspace: Path, dataset_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_IMPORT_FOLDERS", f'["{tmp_path}"]')
    out = tmp_path / "out.jsonl"
    found, checked, picked, active, exported, again = ask(
        AgentServer(workspace, writing=True).server(),
        ("rows_search", {"what": "-1", "dataset": dataset_id, "limit": 2}),  # a text that looks like a flag
        ("check_select", {"dataset": dataset_id, "budget": 3}),
        ("run_select", {"dataset": dataset_id, "budget": 3, "method": "random"}),
        ("active", {"dataset": dataset_id}),
        ("export", {"dataset": dataset_id, "selection": "active", "out": str(out)}),
        ("export", {"dataset": dataset_id, "selection": "active", "out": str(out)}),
    )
    assert not found.is_error
    assert checked.structured_content["ok"]
    assert picked.structured_content["summary"]["n_selected"] == 3
    assert picked.structured_content["artifact_id"] in str(active.structured_content)
    assert len(out.read_text().splitlines()) == 3, exported
    assert "writes over no file" in again.structured_content["error"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("import", {"paths": ["/etc/hostname"]}, "outside the folders"),
        ("export", {"dataset": "D", "out": "/etc/tamis.jsonl"}, "outside the folders"),
        ("run_finetune", {"dataset": "D", "selection": "active", "model": "/etc"}, "outside the folders"),
        ("run_propose", {"dataset": "D", "llm": "openai"}, "--max-cost"),
        ("run_score", {"dataset": "D", "scorer": "llm_rating", "llm": "openai"}, "--max-cost"),
        ("run_propose", {"dataset": "D", "llm": "openai", "price_per_million_prompt_tokens": 0}, "no argument 'price"),
        ("rows_list", {"dataset": "D", "what": 1}, "no argument 'what'"),
        ("rows_show", {"dataset": "D"}, "needs 'row'"),
        ("decisions_decide", {"dataset": "D"}, "no tool"),
        ("rows_list", {"dataset": "nobody"}, "nobody"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(
    workspace: Path, dataset_id: str, name: str, arguments: dict, said: str
) -> None:
    named = arguments | ({"dataset": dataset_id} if arguments.get("dataset") == "D" else {})
    (answer,) = ask(AgentServer(workspace, writing=True).server(), (name, named))
    assert answer.is_error
    assert said in answer.structured_content["error"]


def test_runs_cost_no_more_than_was_allowed_together() -> None:
    purse = Purse(limit=1.0)
    purse.reserve(0.75)
    with pytest.raises(InvalidOptions, match=r"0\.25 are left"):
        purse.reserve(0.5)
    purse.reserve(0.25)
    with pytest.raises(InvalidOptions, match="cannot be estimated"):
        purse.reserve(None)
    with pytest.raises(InvalidOptions, match="--max-cost"):
        Purse().check_open()


def test_the_prices_are_the_persons_and_go_to_every_endpoint_that_is_named() -> None:
    purse = Purse(1.0, (0.25, 2.0))
    assert purse.price_words(TOOLS["run_score"], {"llm": "openai"}) == [
        "--price-per-million-prompt-tokens=0.25", "--price-per-million-completion-tokens=2.0",
    ]  # fmt: skip
    assert len(purse.price_words(TOOLS["run_propose"], {"llm": "openai", "judge": "openai"})) == 4
    assert not purse.price_words(TOOLS["run_propose"], {"llm": "smollm2"})
    named = {name for tool in offered(writing=True) for name in tool.parameters}
    assert not [name for name in named if "price" in name]


def test_what_estimates_ask_is_paid_too() -> None:
    purse = Purse(1.0, (1.0, 1.0))
    for _ in range(4):  # of a run that never fits
        purse.check_open()
        purse.pay_sample({"cost": 100.0, "n_sampled": 8, "n_rows": 3200})
        with pytest.raises(InvalidOptions, match="are left"):
            purse.reserve(100.0)
    with pytest.raises(InvalidOptions, match="used up"):
        purse.check_open()


def test_a_price_list_is_what_a_limit_needs(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--max-cost", "1"], ["--max-cost", "1", "--prices", "0,0"], ["--prices", "nan,1"]):
        with pytest.raises(SystemExit) as ended:
            main(["--workspace", str(workspace), "mcp", *words])
        assert ended.value.code
        assert "Write them as 0.15,0.60" in capsys.readouterr().err


def test_a_job_that_asks_an_endpoint_is_the_persons_to_resume(workspace: Path, dataset_id: str) -> None:
    options = {
        "scorer": "llm_rating",
        "llm": "openai",
        "llm_options": {"model": "m", "base_url": "http://127.0.0.1:9/v1"},
    }
    opened = open_workspace(workspace)
    job = submit(opened, dataset_id, "score", options).job
    cancel_job(opened, job.job_id)
    (answer,) = ask(AgentServer(workspace, writing=True).server(), ("jobs_resume", {"job_id": job.job_id}))
    assert "Let the person resume it" in answer.structured_content["error"]


def test_a_call_that_nobody_pays_asks_no_endpoint(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(endpoints, "_closed", [])
    assert call(str(workspace), ASKS, ["datasets", "list"]) == 0
    assert read_key("NO_KEY", "http://127.0.0.1:9/v1") == "none"
    assert call(str(workspace), ASKS_NOT, ["datasets", "list"]) == 0
    with pytest.raises(CurationError, match="only in runs that it may pay"):
        read_key("NO_KEY", "http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    "name", ["new.py", ".rows.jsonl", ".git/rows.jsonl", "w/datasets/rows.jsonl", "kept.jsonl", "left.jsonl", "link.jsonl"]
)  # fmt: skip
def test_an_agent_writes_over_nothing_and_nowhere_that_others_obey(
    name: str, workspace: Path, dataset_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_IMPORT_FOLDERS", f'["{tmp_path}"]')
    (tmp_path / "kept.jsonl.manifest.json").write_text("{}")
    (tmp_path / "left.jsonl.skipped.jsonl").write_text("{}")
    (tmp_path / "link.jsonl").symlink_to("/etc/nowhere.jsonl")
    with pytest.raises(ForbiddenPath):
        check_paths(TOOLS["export"], {"dataset": dataset_id, "out": str(tmp_path / name)}, str(workspace))
    check_paths(TOOLS["export"], {"dataset": dataset_id, "out": str(tmp_path / "new.jsonl")}, str(workspace))


@pytest.mark.parametrize(
    ("arguments", "asks"),
    [({"llm": "openai"}, True), ({"judges": '["openai"]'}, False), ({"judges": ["openai"]}, True),
     ({"base_url": "http://127.0.0.1:9"}, True), ({"llm": "transformers", "rows": 3}, False)],
)  # fmt: skip
def test_an_endpoint_is_seen_wherever_it_is_named(arguments: dict, asks: bool) -> None:
    assert asks_endpoint(TOOLS["run_propose"], arguments) is asks


def _verbs_of(command: str) -> list[str]:
    return [verb for verb, callers in VERBS.items() if callers.command == command]


@pytest.mark.parametrize("name", [one.name for one in TOOLS.values() if not one.writes and not one.fixed])
def test_what_only_reads_is_a_viewers(name: str) -> None:
    more_than_viewer = {verb for role, names in ROLES.items() if role != "viewer" for verb in names.split()}
    verbs = _verbs_of(TOOLS[name].command)
    changing = [verb for verb in verbs if verb in more_than_viewer and verb not in _LOOKS]
    assert not changing, f"{name} calls {changing}"


# With flags that no tool offers, a list that everybody may read, and what every look at jobs does first.
_LOOKS = {"verify.verify", "verify.make_again", "audit.list_audit", "jobs.refresh_jobs"}


def test_no_tool_decides_for_a_person() -> None:
    deciding = {one.command for one in TOOLS.values()}
    assert not deciding & {
        "review approve",
        "review reject",
        "review rule",
        "decisions decide",
        "decisions import",
        "apply",
    }


def test_the_skill_file_is_of_today() -> None:
    assert (ROOT / "docs" / "SKILL.md").read_text(encoding="utf-8") == skill()
