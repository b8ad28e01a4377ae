"""What a campaign does next, as a pure function: every order of moves, every reason to end, and budgets over rounds."""

from __future__ import annotations

import pytest

from tamis.actions.campaigns import plan_campaign
from tamis.campaigns import CAMPAIGNS, REASONS
from tamis.campaigns.moves import HELD_OUT, SEEDS, CampaignHistory, Done, Move, Past, best_place, has_stalled
from tamis.errors import InvalidOptions
from tamis.registry import parse_options


class Story:
    """A campaign whose moves end with the facts that a test gives them by name, one after the other."""

    def __init__(self, kind: str, **options) -> None:
        self.row, self.past = CAMPAIGNS[kind], []
        self.options = parse_options(self.row.options, options)
        self.n_joined = 0

    def next(self):
        return self.row.load()(self.options, "seed", CampaignHistory(self.past))

    def tell(self, **by_name) -> Done:
        """Go on to the end; each name has a list of facts, the last of which is told for ever."""
        given = {name: list(facts) for name, facts in by_name.items()}
        for _ in range(200):
            move = self.next()
            if isinstance(move, Done):
                return move
            facts = given.get(move.name, [{}])
            told = facts.pop(0) if len(facts) > 1 else facts[0]
            self.n_joined += move.name == "join"
            dataset = {"join": f"version-{self.n_joined}", "augment": f"batch-{len(self.past)}"}.get(
                move.name, move.dataset_id
            )
            self.past.append(Past(move, dataset, f"{move.name}-{len(self.past)}", told))
        raise AssertionError("it never ends")

    def names(self) -> list[str]:
        return [one.move.name for one in self.past]


GOOD = {
    "measure": [{"accuracy": value / 10} for value in range(1, 9)],
    "examine": [{"n_wrong": 4}],
    "augment": [{"n_passed": 3, "questions_asked": 5, "tokens_asked": 100, "stopped_by": "jobs"}],
    "accept": [{"n_accepted": 3}],
    "review": [{"n_accepted": 2, "n_dropped": 9}],
}


def test_a_round_trains_measures_examines_writes_accepts_and_joins_and_the_last_one_only_trains() -> None:
    story = Story("llm2llm", rounds=2, accept="passed")
    ended = story.tell(**GOOD)
    a_round = ["train", "measure", "examine", "augment", "accept", "join"]
    assert story.names() == [*a_round, *a_round, "train", "measure"]
    assert ended == Done("rounds", 3)
    trained = [one.move for one in story.past if one.move.name == "train"]
    assert [one.dataset_id for one in trained] == ["seed", "version-1", "version-2"]
    assert {one.options["model"] for one in trained} == {"smollm2"}, "from base, not continued"
    assert {one.options["held_out"] for one in trained} == {HELD_OUT}
    examined = [one.move.options["within"] for one in story.past if one.move.name == "examine"]
    assert examined == [SEEDS, SEEDS], "rows that a model wrote are never parents"


def test_four_seeds_grow_to_six_and_then_to_seven() -> None:
    """Seeds 0 and 2 are wrong, then 2 and a written row, which is not asked: 4, 6, 7 rows."""
    story = Story("llm2llm", rounds=2, accept="passed", patience=0)
    story.tell(**GOOD | {"examine": [{"n_wrong": 2}, {"n_wrong": 1}]})
    asked = [one.move.options for one in story.past if one.move.name == "augment"]
    assert [4 + sum(one["rows"] for one in asked[:n]) for n in range(3)] == [4, 6, 7]
    assert {one.move.options["within"] for one in story.past if one.move.name == "examine"} == {SEEDS}


def test_always_right_ends_in_the_first_round() -> None:
    story = Story("llm2llm", accept="passed")
    assert story.tell(**GOOD | {"examine": [{"n_wrong": 0}]}).reason == "nothing_wrong"
    assert story.names() == ["train", "measure", "examine"]


@pytest.mark.parametrize(
    ("options", "facts", "reason"),
    [
        ({"rounds": 1}, {}, "rounds"),
        ({}, {"examine": [{"n_wrong": 3}, {"n_wrong": 0}]}, "nothing_wrong"),
        ({}, {"augment": [{"n_passed": 0, "stopped_by": "stall"}]}, "nothing_passed"),
        ({"max_tokens": 99}, {"augment": [{"n_passed": 0, "stopped_by": "tokens"}]}, "budget"),
        ({"max_tokens": 100}, {}, "budget"),
        ({"max_calls": 6}, {}, "budget"),
        ({"accept": "review"}, {"review": [{"n_accepted": 0, "n_dropped": 3}]}, "nothing_accepted"),
        ({"rounds": 9, "patience": 2}, {"measure": [{"accuracy": 0.5}]}, "no_rise"),
    ],
)
def test_it_ends_for_each_of_its_reasons(options, facts, reason) -> None:
    for kind in ("llm2llm", "data_engine"):
        story = Story(kind, **{"accept": "passed"} | options)
        assert story.tell(**GOOD | facts).reason == reason
        assert reason in REASONS


def test_the_best_round_is_named_and_not_the_last() -> None:
    measures = [{"accuracy": value} for value in (0.4, 0.7, 0.6, 0.7)]
    ended = Story("llm2llm", rounds=9, accept="passed", patience=2).tell(**GOOD | {"measure": measures})
    assert ended == Done("no_rise", 2)


def test_what_is_left_of_the_budget_goes_to_the_next_round() -> None:
    story = Story("llm2llm", rounds=3, accept="passed", max_calls=12, max_tokens=1000, max_cost=5.0)
    story.tell(
        **GOOD | {"augment": [{"n_passed": 3, "questions_asked": 5, "tokens_asked": 100, "cost_asked": 1.5}]}
    )
    asked = [one.move.options for one in story.past if one.move.name == "augment"]
    assert [(one["max_calls"], one["max_tokens"], one["max_cost"]) for one in asked] == [
        (12, 1000, 5.0),
        (7, 900, 3.5),
        (2, 800, 2.0),
    ]


def test_wrong_rows_are_the_parents_and_the_control_draws_as_many_by_chance() -> None:
    for parents, wanted in (("wrong", "wrong:examine-2"), ("random", "campaign:random:4")):
        story = Story("llm2llm", parents=parents, rows_per_parent=2, rounds=1, accept="passed")
        story.tell(**GOOD)
        (asked,) = [one.move.options for one in story.past if one.move.name == "augment"]
        assert (asked["parents"], asked["rows"]) == (wanted, 8)


def test_a_brief_is_revised_after_a_round_that_people_decided_and_its_version_goes_into_the_next() -> None:
    brief = {"brief": [{"brief": "Ask for numbers.", "version": 2}]}
    story = Story("data_engine", rounds=2, rows=10, brief="Short.", accept="review", group="response")
    story.tell(**GOOD | brief)
    assert story.names().count("brief") == 1, "the last round has no next one"
    asked = [one.move.options for one in story.past if one.move.name == "augment"]
    assert [(one["brief"], one["brief_version"]) for one in asked] == [("Short.", 1), ("Ask for numbers.", 2)]
    assert {(one["mix"], one["rows"]) for one in asked} == {("bad_case", 10)}
    assert {one.move.options["group"] for one in story.past if one.move.step == "examine"} == {"response"}
    few = Story("data_engine", rounds=2, accept="review")
    few.tell(**GOOD | {"review": [{"n_accepted": 4, "n_dropped": 5}]})
    assert "brief" not in few.names(), "nine decided rows say too little"


def test_self_guide_measures_before_and_after_where_rows_are_held_out() -> None:
    story = Story("self_guide", demos="tag:demo", accept="passed", instruction="Name the plant.")
    assert story.tell(**GOOD) == Done("finished", 1)
    assert story.names() == ["measure_base", "augment", "accept", "join", "train", "measure"]
    written = story.past[1].move.options
    assert (written["generator"], written["parents"], written["instruction"]) == (
        "self_guide",
        SEEDS,
        "Name the plant.",
    )
    measured = [story.past[place].move.options for place in (0, 5)]
    assert [(one["llm"], one["llm_options"]) for one in measured] == [
        ("smollm2", {}),
        ("transformers", {"model": "adapter:train-4"}),
    ]
    alone = Story("self_guide", accept="passed")
    alone.tell(**GOOD)
    assert alone.names() == ["augment", "accept", "join", "train"]
    assert "held_out" not in alone.past[-1].move.options


ANSWERED = {"n_answered": 2, "n_annotated": 2, "share_wrong": 0.5, "eta": 0.3}


def test_rounds_of_labels_end_once_fewer_are_wrong_than_expected_twice() -> None:
    better = ANSWERED | {"share_wrong": 0.1}
    story = Story("alc3", train=True)
    assert story.tell(review=[ANSWERED, better, better]).reason == "labels_trusted"
    assert story.names() == ["embed", *["propose", "review"] * 3, "freeze", "train"]
    proposed = [one.move.options for one in story.past if one.move.name == "propose"]
    assert [one["after"] for one in proposed] == ["", "propose-1", "propose-3"]
    assert [one["decisions"] for one in proposed] == ["", "current", "current"]
    assert Story("alc3", rounds=4).tell(review=[ANSWERED]).reason == "rounds"
    assert Story("alc3", max_annotations=2).tell(review=[ANSWERED]).reason == "budget"
    assert Story("alc3").tell(review=[{"n_answered": 0}]).reason == "nobody_answered"


def test_self_play_starts_each_iteration_from_the_one_before() -> None:
    story = Story("spin", rounds=3, patience=0)
    accuracies = [{"pair_accuracy": value} for value in (0.6, 0.9, 0.8)]
    assert story.tell(spin=accuracies) == Done("rounds", 2)
    assert story.names() == ["sft", *["answer", "spin"] * 3]
    models = [one.move.options["model"] for one in story.past if one.move.name == "spin"]
    assert models == ["adapter:sft-0", "adapter:spin-2", "adapter:spin-4"]
    asked = [one.move.options for one in story.past if one.move.name == "answer"]
    assert [one["llm_options"]["model"] for one in asked] == models
    assert [one["temperature"] for one in asked] == [1.0] * 3
    assert Story("spin", rounds=9, patience=1).tell(spin=[{"pair_accuracy": 0.6}]) == Done("no_rise", 1)


@pytest.mark.parametrize("kind", CAMPAIGNS)
def test_every_kind_has_a_plan_that_ends(kind) -> None:
    moves = plan_campaign(kind, {})
    assert 3 <= len(moves) <= 60
    assert all(isinstance(one, Move) for one in moves)
    with pytest.raises(InvalidOptions, match="colour"):
        plan_campaign(kind, {"colour": "red"})


def test_stalls_and_best_values() -> None:
    assert best_place([]) is None
    assert best_place([0.2, 0.9, 0.9]) == 1
    assert not has_stalled([0.5, 0.5], 2)
    assert has_stalled([0.5, 0.5, 0.5], 2)
    assert not has_stalled([0.5, 0.4, 0.6], 2)
    assert not has_stalled([0.5] * 9, 0)
