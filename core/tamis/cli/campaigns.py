"""``tamis campaign …``: loops over steps and people; started once, they go on until a person is needed or they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.command import DATASET, Command, Group, group
from tamis.cli.exit_codes import DONE, FAILED
from tamis.cli.session import Session, as_percent
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.campaigns import Campaign

EXAMPLE = "--dataset my-data-1a2b3c"
campaign_argument = click.argument(
    "campaign_id", metavar="CAMPAIGN", help="Id of the campaign, as in the list."
)
_GIVEN = "tamis.campaign"


class Kinds(Group):
    """One command for each kind of campaign."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        from tamis.campaigns import CAMPAIGNS

        return list(CAMPAIGNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command that starts one; raises UnknownName."""
        from tamis.campaigns import CAMPAIGNS

        if ctx.resilient_parsing and cmd_name not in CAMPAIGNS:
            return None
        return StartCommand(cmd_name, CAMPAIGNS[cmd_name].summary)


class StartCommand(Command):
    """Starts a campaign of one kind; its flags are the fields of its options."""

    def __init__(self, kind: str, summary: str) -> None:
        example = f"tamis campaign start {kind} {EXAMPLE}"
        super().__init__(
            kind,
            help=summary,
            callback=self._start,
            later=self._parameters,
            examples=(example, f"{example} --plan"),
        )
        self._kind = kind

    def _parameters(self) -> list[click.Parameter]:
        from tamis.campaigns import CAMPAIGNS
        from tamis.cli.flags import described_flag, flag_of

        fields = CAMPAIGNS[self._kind].options.model_fields
        own = [
            click.Option(
                [flag_of(name), name], metavar=meta, help=meaning, expose_value=False, callback=_note
            )
            for name, (meta, meaning) in (
                (name, described_flag(name, field)) for name, field in fields.items()
            )
        ]
        return [
            click.Option(["--dataset"], **DATASET),
            click.Option(
                ["--plan"], is_flag=True, help="Only say which moves it would make if every round gave rows."
            ),
            click.Option(
                ["--no-wait"], is_flag=True, help="Start and return at once; tamis serve goes on with it."
            ),
            click.Option(
                ["--reviewer"], default="", metavar="NAME", help="Under which name its rule accepts rows."
            ),
            *own,
        ]

    def _start(self, session: Session, *, dataset: str, plan: bool, no_wait: bool, reviewer: str) -> int:
        from tamis.actions.campaigns import plan_campaign, start_campaign
        from tamis.campaigns import CAMPAIGNS
        from tamis.cli.flags import flag_of, typed_value

        fields = CAMPAIGNS[self._kind].options.model_fields
        given: dict[str, str] = click.get_current_context().meta.get(_GIVEN, {})
        options = {
            name: typed_value(flag_of(name), text, fields[name].annotation) for name, text in given.items()
        }
        dataset_id = session.dataset(dataset)
        if plan:
            moves = plan_campaign(self._kind, options, dataset_id)
            for one in moves:
                session.show(f"round {one.round}: {one.name}{f' ({one.step})' if one.step else ''}")
            session.result(
                {"moves": [{"round": one.round, "name": one.name, "step": one.step} for one in moves]}
            )
            return DONE
        begun = start_campaign(
            session.workspace, dataset_id, self._kind, options, reviewer=session.reviewer(reviewer)
        )
        return _told(session, begun, wait=not no_wait)


def _note(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta.setdefault(_GIVEN, {})[parameter.name] = value


@group("tamis campaign start llm2llm --dataset my-data-1a2b3c --rounds 3", "tamis campaign list")
def campaign() -> None:
    """Start loops of examining, writing, reviewing and training, and see where they stand."""


campaign.add_command(
    Kinds(
        "start",
        help="Start a campaign of a kind on a dataset.",
        examples=(f"tamis campaign start llm2llm {EXAMPLE} --rounds 3 --accept passed",),
    )
)


@campaign.command("list", examples=["tamis campaign list", f"tamis campaign list {EXAMPLE}"])
@click.option("--dataset", default="", metavar="DATASET", help="Only those that began with this dataset.")
def list_all(session: Session, dataset: str) -> None:
    """List campaigns, newest first, and where each stands."""
    from tamis.actions.campaigns import list_campaigns

    found = list_campaigns(session.workspace, dataset_id=session.dataset(dataset) if dataset else "")
    for one in found:
        session.show(f"{one.campaign_id}  {one.state}  {one.said}")
    if not found:
        session.show("No campaign yet: tamis campaign start --help")
    session.result({"campaigns": [_answer(one) for one in found]})


@campaign.command("show", examples=["tamis campaign show llm2llm-1"])
@campaign_argument
def show(session: Session, campaign_id: str) -> None:
    """Show every move of a campaign with what came of it, and what it waits for."""
    from tamis.actions.campaigns import show_campaign

    _show(session, show_campaign(session.workspace, campaign_id))


@campaign.command(
    "next", examples=["tamis campaign next llm2llm-1", "tamis campaign next llm2llm-1 --as-decided"]
)
@campaign_argument
@click.option(
    "--as-decided",
    is_flag=True,
    help="Wait for people no longer: take the rows decided so far, or the brief as it is.",
)
@click.option("--no-wait", is_flag=True, help="Make what can be made now and return at once.")
def go_on(session: Session, campaign_id: str, *, as_decided: bool, no_wait: bool) -> int:
    """Make every move until people are waited for or the campaign ends."""
    from tamis.actions.campaigns import go_on as make_moves

    return _told(
        session, make_moves(session.workspace, campaign_id, with_what_is_decided=as_decided), wait=not no_wait
    )


@campaign.command(
    "brief", examples=['tamis campaign brief data_engine-1 --text "Ask for a number, never for a name."']
)
@campaign_argument
@click.option(
    "--text",
    default=None,
    help="The next version; without it, the present one and the reasons of rejected rows.",
)
@click.option(
    "--suggest",
    is_flag=True,
    help="Let the teacher suggest rules from rejected and accepted rows; nothing is saved.",
)
@click.option("--no-wait", is_flag=True, help="Save and return at once.")
def brief(session: Session, campaign_id: str, *, text: str | None, suggest: bool, no_wait: bool) -> int:
    """Show or revise the rules for new rows that a campaign waits with."""
    from tamis.actions.briefs import read_brief, suggest_rules
    from tamis.actions.campaigns import revise_brief

    if text is not None:
        return _told(session, revise_brief(session.workspace, campaign_id, text), wait=not no_wait)
    found = read_brief(session.workspace, campaign_id)
    for one in found.versions:
        session.show(
            f"version {one.version}: {one.n_accepted} of {one.n_decided} accepted ({as_percent(one.low)} to {as_percent(one.high)})\n{one.text}"
        )
    rules = suggest_rules(session.workspace, campaign_id) if suggest else []
    for rule in rules:
        session.show(f"- {rule}")
    session.result({"versions": [one.told() for one in found.versions], "suggested": rules})
    return DONE


@campaign.command("stop", examples=["tamis campaign stop llm2llm-1"])
@campaign_argument
@click.option("--reviewer", default="", metavar="NAME", help="Who stops it.")
def stop(session: Session, campaign_id: str, reviewer: str) -> None:
    """Stop a campaign where it stands and cancel its job; resume goes on from there."""
    from tamis.actions.campaigns import stop_campaign

    _show(session, stop_campaign(session.workspace, campaign_id, reviewer=session.reviewer(reviewer)))


@campaign.command("resume", examples=["tamis campaign resume llm2llm-1"])
@campaign_argument
@click.option("--no-wait", is_flag=True, help="Queue what can be queued and return at once.")
def resume(session: Session, campaign_id: str, *, no_wait: bool) -> int:
    """Go on with a campaign that was stopped, or that could not go on."""
    from tamis.actions.campaigns import resume_campaign

    return _told(session, resume_campaign(session.workspace, campaign_id), wait=not no_wait)


def _told(session: Session, found: Campaign, *, wait: bool) -> int:
    """Follow jobs and go on until people are needed or it ends, say where it stands, and return the exit code."""
    from tamis.actions.campaigns import go_on
    from tamis.actions.jobs import refresh_jobs, wait_for_job
    from tamis.cli.waiting import progress_line

    refresh_jobs(session.workspace)
    while wait and found.state == "running" and found.job_id:
        session.say(f"tamis: {found.campaign_id}: {found.said}")
        wait_for_job(session.workspace, found.job_id, on_progress=lambda job: session.say(progress_line(job)))
        found = go_on(session.workspace, found.campaign_id)
    _show(session, found)
    return FAILED if found.state == "failed" else DONE


def _show(session: Session, found: Campaign) -> None:
    from tamis.actions.campaigns import moves_table

    session.show(f"{found.campaign_id}  {found.title}  {found.state}\n  {found.said}")
    for one in moves_table(found):
        told = ", ".join(f"{name} {_short(one[name])}" for name in _SHOWN if name in one)
        session.show(f"  round {one['round']}  {one['move']:<12} {told or one['state']}")
    cost = f", cost {found.cost:,.2f}" if found.cost else ""
    session.show(f"  {found.questions:,} questions, {found.tokens:,} tokens{cost}")
    if found.waits_in and found.n_asked:
        session.show(
            f"  decide: tamis review --dataset {found.waits_in}, then: tamis campaign next {found.campaign_id}"
        )
    session.result(_answer(found))


_SHOWN = (
    "accuracy", "n_wrong", "n_passed", "n_drafts", "stopped_by", "n_accepted", "n_dropped", "n_answered", "share_wrong",
    "n_train", "train_loss", "pair_accuracy", "n_examples", "n_added", "version",
)  # fmt: skip


def _short(value: JSON) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _answer(found: Campaign) -> dict[str, JSON]:
    from tamis.actions.campaigns import moves_table

    names = (
        "campaign_id", "kind", "dataset_id", "dataset_now", "state", "said", "reason", "round", "best_round", "n_waiting",
        "n_asked", "waits_in", "job_id", "questions", "tokens", "cost",
    )  # fmt: skip
    return {name: getattr(found, name) for name in names} | {"moves": moves_table(found)}
