"""What a refinement is asked for: options, flags of the command line, and what is refused before anything runs."""

from __future__ import annotations

import pytest

from tamis.errors import InvalidOptions
from tamis.registry import parse_options
from tamis.steps import STEPS
from tamis.steps.refine.options import RefineOptions
from tests.core.cli.step_flags import parse_step_flags


def test_a_budget_below_the_rounds_is_refused():
    with pytest.raises(InvalidOptions, match="cannot be divided over 3 rounds"):
        parse_options(RefineOptions, {"budget": 2})


def test_a_reward_score_without_a_model_is_refused_before_anything_runs():
    with pytest.raises(InvalidOptions, match="reward_model needs a model"):
        parse_options(RefineOptions, {"scorer": "reward_model"})


def test_no_flag_of_a_plug_in_hides_one_of_the_step():
    own = set(RefineOptions.model_fields)
    for choice in RefineOptions.CHOICES:
        for row in choice.table.values():
            assert not own & set(row.options.model_fields), row.name


def test_flags_of_the_command_line_become_options():
    values = parse_step_flags(
        "refine",
        ["--rounds", "2", "--budget", "60", "--lora-r", "4", "--response-words", "9", "--train", "false",
         "--cluster-factors", '{"3": "excluded"}', "--generate-rows", "10"],
    )  # fmt: skip
    options = parse_options(RefineOptions, values)
    assert (options.rounds, options.budget, options.train, options.generate_rows) == (2, 60, False, 10)
    assert options.recipe_options["lora_r"] == 4
    assert options.scorer_options["response_words"] == 9
    assert options.cluster_factors == {"3": "excluded"}


def test_epochs_have_one_name():
    options = parse_options(RefineOptions, {"recipe_options": {"lora_r": 4}})
    assert "num_train_epochs" not in options.recipe_options
    assert options.recipe_options["lora_r"] == 4
    # Given to the recipe they are meant for the round models, unless the round models have their own.
    given = {"num_train_epochs": 5.0}
    assert parse_options(RefineOptions, {"recipe_options": given}).guide_epochs == 5.0
    assert parse_options(RefineOptions, {"recipe_options": given, "guide_epochs": 2}).guide_epochs == 2.0
    again = parse_options(RefineOptions, options.model_dump(mode="json"))
    assert again == options


def test_the_options_name_only_what_a_run_looks_at():
    def identity(**values):
        return parse_options(STEPS["refine"].options, values).identity()

    assert identity(train=False) == identity(train=False, recipe_options={"lora_r": 4}, scored_by="guide")
    assert identity(control="random") == identity(control="random", scorer="perplexity", tau=3)
    assert identity(cluster_factors={"2": 1}) == identity()
    assert identity(cluster_factors={"2": 0}) == identity(cluster_factors={2: "excluded"})
    with pytest.raises(InvalidOptions, match="neither a factor nor pinned"):
        identity(cluster_factors={"2": "big"})
