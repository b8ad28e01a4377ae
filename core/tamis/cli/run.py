"""``tamis run STEP``: a step of the pipeline as a job, or what it would take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from tamis.cli.command import DATASET, Command, Group, command, dataset_option
from tamis.cli.exit_codes import DONE
from tamis.cli.session import Session, as_percent
from tamis.cli.waiting import end, end_all, follow, say_attached, say_first
from tamis.errors import InvalidOptions
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.evaluations import TaskChange
    from tamis.actions.submit import RunTarget
    from tamis.steps.spec import Step

# Steps that make a dataset have commands of their own.
OWN_COMMANDS = {
    "import": "To import, use: tamis import PATH.",
    "curate": "To apply decisions, use: tamis apply --dataset DATASET --name NAME.",
}
# What is worth showing of a step besides its defaults.
FLAGS_TO_TRY = {
    "embed": "--encoder hashing",
    "cluster": "--n-clusters 64",
    "regroup": "--merge '[3, 5]'",
    "name_clusters": "--llm smollm2",
    "project": "--method pca",
    "score": "--scorer alignment",
    "select": "--budget 1000 --quality alignment",
    "compare": """--selections '["sel-1", "sel-2"]'""",
    "propose": "--method correct --estimate",
    "examine": "--mark number --within tag:seed",
    "augment": "--parents wrong:newest --rows 200 --estimate",
    "refine": "--rounds 3 --budget 1000",
    "finetune": "--selection active --recipe sft_lora",
    "prune": "--calibrations selection:sel-1,selection:sel-2 --method wanda --sparsity 0.5",
}


class Steps(Group):
    """One command for each step."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table of steps."""
        from tamis.steps import STEPS

        return [name for name in STEPS if name not in OWN_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a step; raises UnknownName, and InvalidOptions for a step that has a command of its own."""
        from tamis.steps import STEPS

        if ctx.resilient_parsing and cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name in OWN_COMMANDS:
            raise InvalidOptions(OWN_COMMANDS[cmd_name])
        return StepCommand(STEPS[cmd_name])


run = Steps(
    "run",
    help="Run a step of the pipeline on a dataset.",
    examples=("tamis run embed --dataset my-data-1a2b3c", "tamis run select --help"),
)


@command("tamis run-missing --dataset my-data-1a2b3c", name="run-missing")
@dataset_option
@click.option("--until", default="", metavar="STAGE", help="The last stage: embed, cluster, project, score.")
@click.option("--no-wait", is_flag=True, help="Submit and return at once.")
def run_missing(session: Session, dataset: str, until: str, no_wait: bool) -> int:
    """Embed, cluster, lay out, score and select, whatever of it is missing, with the usual options."""
    from tamis.actions.pipeline import submit_missing

    made = submit_missing(session.workspace, session.dataset(dataset), until=until)
    if not made:
        session.show("Nothing is missing.")
    return end_all(session, made, wait=not no_wait)


class StepCommand(Command):
    """One step; its flags are the fields of its options and of the plug-ins that these can name."""

    def __init__(self, step: Step) -> None:
        example = f"tamis run {step.name} --dataset my-data-1a2b3c"
        super().__init__(
            step.name, help=step.summary, callback=self._run, later=self._parameters,
            examples=(example, f"{example} {FLAGS_TO_TRY.get(step.name, '--no-wait')}"),
        )  # fmt: skip
        self._step = step

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags; raises InvalidOptions with those there are when nothing is spelled like one that is none."""
        from tamis.cli.flags import known_flags

        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                raise
            known = ", ".join(known_flags(self._step.name))
            raise InvalidOptions(
                f"{self._step.name} has no option {error.option_name!r}. Known: {known}."
            ) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Where it runs, the options of the step, and those of each plug-in under its name."""
        from tamis.cli.flags import step_help

        super().format_options(ctx, formatter)
        for heading, lines in step_help(self._step.name):
            with formatter.section(heading):
                formatter.write_dl(lines)

    def _parameters(self) -> list[click.Parameter]:
        from tamis.cli.flags import step_parameters

        return [*_running(), *step_parameters(self._step.name)]

    def _run(
        self,
        session: Session,
        *,
        dataset: str,
        backend: str,
        priority: int,
        preflight: bool,
        estimate: bool,
        estimate_rows: int | None,
        no_wait: bool,
        **resources: str | None,
    ) -> int:
        from tamis.actions.submit import RunTarget
        from tamis.cli.flags import typed_options

        options = typed_options(click.get_current_context(), self._step.name)
        run = (session.dataset(dataset), self._step.name, options)
        target = RunTarget(
            backend, {name: text for name, text in resources.items() if text is not None}, priority
        )
        if estimate or preflight:
            from tamis.cli.forecast import show_estimate, show_preflight

            return (
                show_estimate(session, run, estimate_rows)
                if estimate
                else show_preflight(session, run, target)
            )
        return _submit(session, run, target, wait=not no_wait)


def _running() -> list[click.Parameter]:
    """Dataset, backend, one flag for each resource, priority, and what to look at before."""
    from tamis.cli.flags import flag_of
    from tamis.jobs.backends import BACKENDS
    from tamis.jobs.model import Resources

    places = "; ".join(f"{name}: {row.summary.rstrip('.')}" for name, row in BACKENDS.items())
    return [
        click.Option(["--dataset"], **DATASET),
        click.Option(["--backend"], default="local", metavar="NAME", help=f"Where it runs ({places})."),
        *(
            click.Option([flag_of(name)], metavar="NUMBER", help=field.description)
            for name, field in Resources.model_fields.items()
        ),
        click.Option(["--priority"], default=0, help="Of the jobs that wait, the highest starts first."),
        click.Option(
            ["--preflight"], is_flag=True, help="Only check what stands in the way; submit nothing."
        ),
        click.Option(
            ["--estimate"],
            is_flag=True,
            help="Only say what it will take; of steps that ask language models, from a timed sample.",
        ),
        click.Option(["--estimate-rows"], type=int, help="How many rows to time for it."),
        click.Option(["--no-wait"], is_flag=True, help="Submit and return at once."),
    ]


def _submit(
    session: Session, run: tuple[str, str, Mapping[str, JSON]], target: RunTarget, *, wait: bool
) -> int:
    from tamis.actions.artifact_names import artifact_name
    from tamis.actions.jobs import refresh_jobs
    from tamis.actions.remedies import remarks_on
    from tamis.actions.submit import submit
    from tamis.selectors.quality import gain_remark
    from tamis.steps import STEPS

    submission = submit(session.workspace, *run, target=target)
    say_first(session, submission)
    if not wait:
        refresh_jobs(session.workspace)
        say_attached(session, submission)
        job = submission.job
        session.show(f"{job.job_id} {job.state}")
        session.result({"job_id": job.job_id, "state": job.state, "artifact_id": job.artifact_id})
        return DONE
    job = follow(session, submission)
    made = session.workspace.artifacts.find(job.dataset_id, job.kind, job.artifact_id)
    answer: dict[str, JSON] = {"artifact_id": made.id if made else None}
    if made is not None:
        answer |= {"summary": made.summary, "name": artifact_name(session.workspace, made)}
        answer |= {name: made.summary.get(name) for name in STEPS[job.step].told}
        session.show(f"{job.kind} {job.artifact_id}  {answer['name']}\n" + _summary_lines(made.summary))
        remarks = [
            *remarks_on(made.summary),
            gain_remark(
                str(made.summary.get("method")),
                made.summary.get("quality_gain"),
                int(made.summary.get("n_selected", 0)),
            ),
        ]
        for remark in filter(None, remarks):
            session.say(f"tamis: {remark}")
    return end(session, job, answer)


def _summary_lines(summary: Mapping[str, JSON]) -> str:
    """A summary for a person: one line per plain value."""
    from tamis.actions.evaluations import VERDICT_RULE, task_changes

    plain = {key: value for key, value in summary.items() if not isinstance(value, list | dict)}
    lines = [f"  {key:20} {value}" for key, value in plain.items()]
    notes = summary.get("notes")  # a list of sentences, or what a selection notes of its targets
    lines += [
        f"  {'target ' + str(one['name']):20} {one['n_picked']:,} rows, a share of {as_percent(one['share'])}"
        for one in (notes.get("targets", ()) if isinstance(notes, dict) else ())
    ]
    lines += [_task_line(one) for one in task_changes(summary.get("lm_eval") or ())]
    if summary.get("lm_eval") or summary.get("verdict"):
        lines.append(f"  {VERDICT_RULE}")
    return "\n".join(lines)


def _task_line(one: TaskChange) -> str:
    entry, change = one.entry, one.change
    text = f"  {entry['task']} {entry['metric']}: "
    if change is None:
        return f"{text}{entry['value']:.3f} on {entry['n']} rows"
    text += f"{entry['base']:.3f} → {entry['value']:.3f} on {entry['n']} rows, change {change.mean:+.3f}"
    if not math.isnan(change.low):
        text += (
            f" (95 % interval {change.low:+.3f} to {change.high:+.3f}{'' if change.paired else ', unpaired'})"
        )
    return f"{text}: {one.said}" if one.said else text
