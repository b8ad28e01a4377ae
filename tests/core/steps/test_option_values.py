"""Options as people name them, and as a step takes them."""

from __future__ import annotations

import pytest

from tamis.errors import InvalidOptions, UnknownName
from tamis.registry import parse_options
from tamis.steps import STEPS
from tamis.steps.option_values import named_options, nest_options, own_options, plugin_groups


def test_options_of_a_plug_in_stand_beside_those_of_the_step():
    nested = nest_options("cluster", {"n_clusters": 64, "seed": 3})
    assert nested == {"seed": 3, "method_options": {"n_clusters": 64}}
    assert parse_options(STEPS["cluster"].options, nested).method_options["n_clusters"] == 64


def test_the_plug_in_that_is_named_says_which_options_there_are():
    assert nest_options("cluster", {"method": "hdbscan", "min_samples": 2})["method_options"] == {
        "min_samples": 2
    }
    with pytest.raises(InvalidOptions, match="cluster has no option 'min_samples'. Known: .*n_clusters"):
        nest_options("cluster", {"min_samples": 2})
    with pytest.raises(UnknownName, match="optics"):
        nest_options("cluster", {"method": "optics"})


def test_two_models_of_one_step_are_told_apart():
    values = {"llm": "openai", "model": "w", "judge": "openai", "judge_model": "j"}
    nested = nest_options("propose", values)
    assert (nested["llm_options"], nested["judge_options"]) == ({"model": "w"}, {"model": "j"})


def test_what_a_manifest_holds_can_be_given_again():
    options = parse_options(STEPS["cluster"].options, nest_options("cluster", {"n_clusters": 64}))
    again = nest_options("cluster", options.model_dump(mode="json"))
    assert parse_options(STEPS["cluster"].options, again) == options
    with pytest.raises(InvalidOptions, match="n_clusters is given twice"):
        nest_options("cluster", {"method_options": {"n_clusters": 64}, "n_clusters": 3})


@pytest.mark.parametrize("step", STEPS)
def test_every_option_is_named_once_and_says_what_it_means(step):
    assert all(option.meaning for option in named_options(step, {}).values())
    own = [option.name for option in own_options(step)]
    assert len(set(own)) == len(own)
    for _, plugin, options in plugin_groups(step):
        assert not set(own) & {option.name for option in options}, plugin.name
