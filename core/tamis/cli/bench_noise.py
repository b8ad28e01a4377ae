"""``tamis bench-noise``: how well each score finds planted faults, and what CLEAR would do with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tamis.cli.command import command
from tamis.cli.session import Session
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.bench_noise import NoiseBench, NoiseFound
    from tamis.steps.propose.options import ProposeOptions

# The flags of `tamis run propose` that say something here; the score, the seed and --llm are the command's own.
SHARED = (
    "gamma_fraction", "gamma", "eta", "max_new_tokens", "temperature", "judge", "judge_options", "judge_samples",
    "judge_beta_fraction", "judge_characters",
)  # fmt: skip


def _clear_flags() -> list[click.Parameter]:
    """Those of Auto-Correct, under the names that ``tamis run propose`` has for them."""
    from tamis.cli.flags import flag_of
    from tamis.steps.propose.options import ProposeOptions

    fields = ProposeOptions.model_fields
    return [click.Option([flag_of(name)], metavar="VALUE", help=fields[name].description) for name in SHARED]


@command(
    "tamis bench-noise train.jsonl --noise swap --rate 0.2 --seed 0",
    """tamis bench-noise train.jsonl --clear-method correct --judge openai --judge-options '{"model": "..."}'""",
    name="bench-noise",
    later=_clear_flags,
)
@click.argument("path", type=click.Path(path_type=Path), help="Any file that can be imported.")
@click.option(
    "--noise",
    default="swap",
    show_default=True,
    metavar="NAME",
    help="What to plant: swap, sentence, number, truncate or garble.",
)
@click.option("--rate", default=0.2, show_default=True, help="Fraction of rows to change.")
@click.option("--seed", default=0, show_default=True, help="Seed of the draw.")
@click.option("--rows", default=0, help="Use only so many rows, always the same ones (0: all).")
@click.option("--max-turns", default=0, help="Use only conversations of so many turns (0: all).")
@click.option(
    "--score", "scores", multiple=True, metavar="NAME", help="Score to measure besides confidence; repeat it."
)
@click.option("--llm", default="smollm2", show_default=True, metavar="NAME", help="Language model.")
@click.option("--llm-options", default="{}", metavar="JSON", help="Its options.")
@click.option(
    "--clear",
    is_flag=True,
    help="Also tell what CLEAR's filter, a random one and the oracle would keep and drop.",
)
@click.option(
    "--clear-method",
    type=click.Choice(("filter", "correct")),
    help="The same, and with correct also Auto-Correct: candidates by --llm, verdicts by --judge.",
)
@click.option(
    "--writer", default="", metavar="NAME", help="Language model of the candidates, when --llm only scores."
)
@click.option("--writer-options", default="{}", metavar="JSON", help="Its options.")
@click.option("--truth", type=click.Path(path_type=Path), help="Write which rows were changed to this file.")
def bench_noise(session: Session, path: Path, truth: Path | None, **asked: JSON) -> None:
    """Plant faults in a file and see which scores find them."""
    import orjson

    from tamis.actions import bench_noise as actions
    from tamis.cli.flags import json_object

    bench = actions.NoiseBench(
        noise=asked["noise"],
        rate_fraction=asked["rate"],
        seed=asked["seed"],
        n_rows=asked["rows"],
        max_turns=asked["max_turns"],
        scores=asked["scores"] or actions.USUAL,
        llm=asked["llm"],
        llm_options=json_object("--llm-options", asked["llm_options"]),
        clear=_clear_options(asked),  # what is wrong with it is said before anything is scored
    )
    result = actions.bench_noise(
        path, bench, workspace=session.workspace.path,
        on_progress=lambda done, n: session.say(f"candidates and verdicts: {done:,} of {n:,} rows"),
    )  # fmt: skip
    if truth:
        changed = {"noise": bench.noise, "seed": bench.seed, "rows": result.noisy_rows.tolist()}
        truth.write_bytes(orjson.dumps(changed))
    _show(session, path, bench, result)
    session.result(
        {
            "noise": bench.noise,
            "rate": bench.rate_fraction,
            "seed": bench.seed,
            "n_rows": result.n_rows,
            "n_noisy": len(result.noisy_rows),
            "auroc": result.auroc["confidence"],
            "scores": result.auroc,
            "kept_half": {"precision": result.precision, "recall": result.recall},
            "llm": result.llm_identity,
        }
        | ({"clear": result.clear} if bench.clear else {})
    )


def _show(session: Session, path: Path, bench: NoiseBench, result: NoiseFound) -> None:
    n_noisy = len(result.noisy_rows)
    session.show(f"{path}: {result.n_rows:,} rows, {n_noisy:,} changed by {bench.noise!r}, seed {bench.seed}")
    session.show("\n".join(f"  {name:20} AUROC {value:.3f}" for name, value in result.auroc.items()))
    session.show(f"  kept half            precision {result.precision:.3f}, recall {result.recall:.3f}")
    for name, table in result.clear.items():
        session.show(filter_lines(name, table))


def _clear_options(asked: Mapping[str, JSON]) -> ProposeOptions | None:
    """What --clear asks for, None when it asks for nothing; raises InvalidOptions and UnknownName."""
    from tamis.cli.flags import json_object
    from tamis.registry import parse_options
    from tamis.steps.propose.options import ProposeOptions

    if not (asked["clear"] or asked["clear_method"]):
        return None
    # The paper's median, so that what is kept can be read beside its tables; a proposal drops far fewer.
    values: dict[str, JSON] = {
        "method": asked["clear_method"] or "filter",
        "seed": asked["seed"],
        "gamma_fraction": 0.5,
    }
    values |= {name: asked[name] for name in SHARED if asked[name] is not None}
    if "judge_options" in values:
        values["judge_options"] = json_object("--judge-options", values["judge_options"])
    writer = "writer" if asked["writer"] else "llm"
    values["llm"] = asked[writer]
    values["llm_options"] = json_object(f"--{writer}-options", asked[f"{writer}_options"])
    return parse_options(ProposeOptions, values)


def filter_lines(name: str, measured: Mapping[str, Any]) -> str:
    """The table of one method for a person; filters correct nothing, so that column is Auto-Correct's alone."""
    lines = [f"  {name:20} precision {measured['precision']:.3f}, recall {measured['recall']:.3f}"]
    for kind, counts in measured["table"].items():
        corrected = f"{counts['corrected']:,} corrected, " if "outcomes" in measured else ""
        lines.append(f"    {kind:18} {counts['kept']:,} kept, {corrected}{counts['dropped']:,} dropped")
    if "outcomes" in measured:
        text = ", ".join(f"{number:,} {outcome}" for outcome, number in measured["outcomes"].items())
        lines.append(f"    outcomes           {text}")
        if measured["gold_fraction"] == measured["gold_fraction"]:
            lines.append(f"    corrected to gold  {measured['gold_fraction']:.3f}")
    return "\n".join(lines)
