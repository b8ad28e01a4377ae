"""A comparison says what brute force says, and its report stands alone."""

from __future__ import annotations

import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import orjson
import pytest

from tamis.actions.report.report import notes_of, render_report, write_report
from tamis.compute.compare.novel_sum import novel_sum
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.steps.compare.comparison import Comparison, IntervalEstimate, read_comparison, read_membership
from tamis.steps.plan import plan_step
from tamis.store.artifacts.readers import (
    read_cluster_ids,
    read_scores,
    read_selected_ids,
    read_token_counts,
    read_vectors,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step

N_ROWS = 80
BUDGET = 16


class Made:
    """A workspace with a comparison of four methods, two of them with three seeds."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.dataset_id = import_file(self.workspace, alpaca_file(folder, N_ROWS), "Q & <A>")
        run_pipeline(self.workspace, self.dataset_id)
        self.store = ArtifactStore(self.workspace)
        wanted = [
            ("kmq", 1),
            ("kmq", 2),
            ("kmq", 3),
            ("random", 11),
            ("random", 12),
            ("random", 13),
            ("top_quality", 1),
            ("k_center", 4),
        ]
        self.selections = [self.run("select", method=m, seed=s, budget=BUDGET) for m, s in wanted]
        self.artifact = self.run(
            "compare", selections=[one.id for one in self.selections], tokens_per_second=100.0
        )
        self.found = read_comparison(self.artifact)

    def run(self, step: str, **values: object) -> Artifact:
        return run_step(self.workspace, self.dataset_id, step, values)

    def rows(self, i: int) -> np.ndarray:
        """Rows of the comparison's selection ``i``."""
        return read_selected_ids(self.store.get(self.dataset_id, "selection", self.found.selections[i].id))

    def newest(self, kind: str) -> Artifact:
        return self.store.list(self.dataset_id, kind)[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("compare"))


def test_selections_that_differ_by_their_seed_are_one_method(made: Made) -> None:
    found = made.found
    assert [(method.name, len(method.selections)) for method in found.methods] == [
        ("kmq", 3), ("random", 3), ("top_quality", 1), ("k_center", 1),
    ]  # fmt: skip
    assert [found.selections[i].seed for i in found.methods[0].selections] == [1, 2, 3]
    assert all(found.selections[i].method == m for m, one in enumerate(found.methods) for i in one.selections)


def test_overlap_is_that_of_sets(made: Made) -> None:
    sets = [set(made.rows(i).tolist()) for i in range(8)]
    for i in range(8):
        for j in range(8):
            expected = len(sets[i] & sets[j]) / len(sets[i] | sets[j])
            assert made.found.jaccard_of_selections[i][j] == pytest.approx(expected)
    kmq, random = made.found.methods[0].selections, made.found.methods[1].selections
    pairs = [made.found.jaccard_of_selections[i][j] for i in kmq for j in random]
    overlap = made.found.jaccard[0][1]
    assert overlap.value == pytest.approx(np.mean(pairs))
    assert overlap.low is not None
    assert overlap.low <= overlap.value <= overlap.high
    within = [made.found.jaccard_of_selections[i][j] for i in kmq for j in kmq if i != j]
    assert made.found.jaccard[0][0].value == pytest.approx(np.mean(within))
    assert made.found.jaccard[2][2].value == 1.0


def test_coverage_and_diversity_are_those_of_brute_force(made: Made) -> None:
    vectors = np.asarray(read_vectors(made.newest("embeddings")), dtype=np.float64)
    for i, one in enumerate(made.found.selections):
        rows = made.rows(i)
        cosine = np.clip((vectors @ vectors[rows].T).max(axis=1), -1, 1)
        cosine[rows] = 1
        distance = np.sqrt(2 - 2 * cosine)
        assert one.values["radius"].value == pytest.approx(distance.max(), abs=1e-3)
        assert one.values["mean_distance"].value == pytest.approx(distance.mean(), abs=1e-3)
        assert one.values["facility_location"].value == pytest.approx(np.maximum(cosine, 0).mean(), abs=1e-4)
        eigen = np.linalg.eigvalsh(vectors[rows] @ vectors[rows].T / len(rows))
        eigen = eigen[eigen > 1e-12]
        novel = novel_sum(vectors.astype(np.float32), rows)
        assert one.values["novel_sum"].value == pytest.approx(novel.value, rel=1e-4)
        assert one.values["novel_sum_plain"].value == pytest.approx(novel.without_density, rel=1e-4)
        assert one.values["vendi"].value == pytest.approx(np.exp(-(eigen * np.log(eigen)).sum()), rel=1e-4)


def test_quality_tokens_and_cost_are_sums_over_the_picks(made: Made) -> None:
    quality = read_scores(made.newest("scores"))
    tokens = read_token_counts(made.newest("embeddings"))
    for i, one in enumerate(made.found.selections):
        rows = made.rows(i)
        spent = int(tokens[rows].sum())
        assert one.values["quality"].value == pytest.approx(np.nanmean(quality[rows]))
        assert one.values["n_tokens"].value == spent
        assert one.values["training_tokens"].value == 3 * spent
        assert one.values["gpu_hours"].value == pytest.approx(3 * spent / 100 / 3600)


def test_shares_are_counts_and_sum_to_one(made: Made) -> None:
    ids = read_cluster_ids(made.newest("clustering"))
    clusters = made.found.clusters
    assert clusters is not None
    assert clusters.sizes == np.bincount(ids, minlength=4).tolist()
    top = made.rows(made.found.methods[2].selections[0])
    assert [e.value for e in clusters.methods[2]] == pytest.approx(
        np.bincount(ids[top], minlength=4) / BUDGET
    )
    for line in [*clusters.methods, *made.found.sources.methods]:
        assert sum(e.value for e in line) == pytest.approx(1)
    for spread in made.found.spreads.values():
        assert sum(spread.pool) == pytest.approx(1)
        assert all(sum(line) == pytest.approx(1) for line in spread.methods)


def test_intervals_are_over_seeds_where_there_are_some_else_over_rows(made: Made) -> None:
    random, top = made.found.methods[1].values["mean_distance"], made.found.methods[2].values["mean_distance"]
    seeds = [made.found.selections[i].values["mean_distance"].value for i in made.found.methods[1].selections]
    assert (random.over, random.n) == ("seeds", 3)
    assert random.value == pytest.approx(np.mean(seeds))
    assert random.high - random.value == pytest.approx(4.302653 * np.std(seeds, ddof=1) / np.sqrt(3))
    assert random.value - random.low == pytest.approx(random.high - random.value)
    assert (top.over, top.n) == ("pool rows", N_ROWS)
    assert top.low < top.value < top.high
    assert made.found.methods[2].values["radius"].low is None


def test_rows_that_one_method_alone_picked(made: Made) -> None:
    picked = [
        set().union(*(set(made.rows(i).tolist()) for i in one.selections)) for one in made.found.methods
    ]
    table = read_membership(made.artifact)
    only = table["only_method"].to_numpy()
    ids = table["example_id"].to_numpy()
    for m, mine in enumerate(picked):
        others = set().union(*(other for j, other in enumerate(picked) if j != m))
        assert set(ids[only == m].tolist()) == mine - others
        assert made.found.methods[m].n_only == len(mine - others)
    inside = np.array([table[f"in_{one.id}"].to_numpy() for one in made.found.selections])
    assert table["n_selections"].to_pylist() == inside.sum(axis=0).tolist()
    assert set(ids.tolist()) == set().union(*picked)


def test_the_best_of_a_metric_and_what_its_interval_reaches(made: Made) -> None:
    by_key = {metric.key: metric for metric in made.found.shown_metrics()}
    values = [one.values["mean_distance"].value for one in made.found.methods]
    best = made.found.best(by_key["mean_distance"])
    assert {i for i, is_best in best.items() if is_best} == {
        i for i, v in enumerate(values) if v == min(values)
    }
    assert made.found.best(by_key["radius"]) == {}  # the smallest is of one draw of a method with chance
    tokens = next(metric for metric in made.found.shown_metrics() if metric.key == "n_tokens")
    assert made.found.best(tokens) == {}


def test_the_order_of_the_names_does_not_matter(made: Made) -> None:
    ids = [one.id for one in made.selections]
    plans = {
        plan_step(made.store, made.dataset_id, "compare", {"selections": named}).artifact_id
        for named in (ids, ids[::-1], [*ids, ids[0]])
    }
    assert len(plans) == 1


def test_one_selection_is_no_comparison(made: Made) -> None:
    with pytest.raises(InvalidOptions, match="two different"):
        plan_step(made.store, made.dataset_id, "compare", {"selections": [made.selections[0].id] * 2})
    with pytest.raises(ArtifactMissing, match="no selection 'feed'"):
        plan_step(made.store, made.dataset_id, "compare", {"selections": [made.selections[0].id, "feed"]})


def test_one_seed_for_one_method_with_other_options_is_told(made: Made) -> None:
    two_methods = [made.run("select", method=method, seed=5, budget=BUDGET) for method in ("kmq", "random")]
    found = read_comparison(made.run("compare", selections=[one.id for one in two_methods]))
    assert not found.shared_seeds  # a method's name is part of its seed
    options = {"quota": "equal"}
    other = made.run("select", method="kmq", seed=5, budget=BUDGET, method_options=options)
    found = read_comparison(made.run("compare", selections=[two_methods[0].id, other.id]))
    assert found.shared_seeds


def test_where_all_are_alike_none_is_best_and_rows_tell_nothing_about_another_draw(made: Made) -> None:
    radius = next(metric for metric in made.found.shown_metrics() if metric.key == "radius")

    def best(*values: IntervalEstimate) -> dict[int, bool]:
        methods = [
            one.model_copy(update={"values": {"radius": value}})
            for one, value in zip(made.found.methods, values, strict=False)
        ]
        return made.found.model_copy(update={"methods": methods, "beside_best": {}}).best(radius)

    assert best(IntervalEstimate(value=1.0), IntervalEstimate(value=1.0)) == {}
    wide = {"value": 1.1, "low": 0.9, "high": 1.3}
    assert best(IntervalEstimate(value=1.0), IntervalEstimate(**wide, over="pool rows")) == {}
    assert best(IntervalEstimate(value=1.0), IntervalEstimate(**wide, over="seeds")) == {0: True, 1: False}


def test_what_is_not_told_from_the_best_is_so_by_the_difference_and_not_by_one_interval(made: Made) -> None:
    metric = next(m for m in made.found.shown_metrics() if m.key == "mean_distance")
    beside = made.found.beside_best["mean_distance"]
    (top,) = [i for i, one in enumerate(beside) if one is None and made.found.best(metric).get(i)]
    for i, one in enumerate(beside):
        if one is not None and one.low is not None and one.high is not None:
            assert (made.found.best(metric).get(i) is False) == (one.low <= 0 <= one.high)
            values = [made.found.methods[j].values["mean_distance"].value or 0.0 for j in (i, top)]
            assert one.value == pytest.approx(values[0] - values[1])

    radius = next(metric for metric in made.found.shown_metrics() if metric.key == "radius")

    def best(difference: IntervalEstimate | None) -> dict[int, bool]:
        methods = [
            one.model_copy(update={"values": {"radius": IntervalEstimate(value=value)}})
            for one, value in zip(made.found.methods, (1.0, 1.1), strict=False)
        ]
        changed = {"methods": methods, "beside_best": {"radius": [None, difference]}}
        return made.found.model_copy(update=changed).best(radius)

    reach = {"value": 0.1, "over": "seeds", "n": 6}
    assert best(IntervalEstimate(low=-0.1, high=0.3, **reach)) == {0: True, 1: False}
    assert best(IntervalEstimate(low=0.05, high=0.15, **reach)) == {0: True}
    assert best(None) == best(IntervalEstimate(value=0.1)) == {}  # one seed tells nothing


def test_with_one_seed_nothing_is_told_and_the_legend_says_so(made: Made) -> None:
    ids = [made.run("select", method=one, seed=5, budget=BUDGET).id for one in ("kmq", "random", "km_random")]
    found = read_comparison(made.run("compare", selections=ids))
    assert all(found.best(metric) == {} for metric in found.shown_metrics())
    assert found.legend().startswith("One seed: nothing can be told apart")
    assert found.verdict([one.title for one in found.methods]).startswith("Nothing can be told apart")
    assert "Bonferroni" in made.found.legend()
    assert "uncorrected" in made.found.model_copy(update={"correction": ""}).legend()
    radius = next(metric for metric in made.found.shown_metrics() if metric.key == "radius")
    beside = [IntervalEstimate(value=0.1, low=0.05, high=0.15, over="seeds", n=6), None, None, None]
    top = int(np.argmin([one.values["radius"].value or 0.0 for one in made.found.methods]))
    beside.insert(top, None)
    mixed = made.found.model_copy(update={"beside_best": {"radius": beside[:4]}}).best(radius)
    assert mixed[top]
    assert sum(mixed.values()) == 1
    assert len(mixed) == 3  # one is told from the best, and two of which nothing is known are not


def test_arms_of_a_refinement_with_one_seed_share_their_luck(made: Made) -> None:
    """Controls too: what both picked in one seed is no likeness, and their differences are those of one seed."""
    shared = {"rounds": 2, "budget": BUDGET}
    arms = [
        made.run("refine", control=control, seed=seed, **shared)
        for control in ("random", "km_random")
        for seed in (1, 2, 3)
    ]
    ids = [str(arm.summary["selections"][-1]) for arm in arms]
    found = read_comparison(made.run("compare", selections=ids))
    assert found.shared_seeds
    assert len(found.methods) == 2
    other = [one for one in found.beside_best["radius"] if one is not None]
    assert [one.over for one in other] in (["paired seeds"], [""])
    assert [one.n for one in other] == [3]
    by_seed = {(one.method, one.seed): one.values["radius"].value or 0.0 for one in found.selections}
    mean = np.mean([by_seed[0, seed] - by_seed[1, seed] for seed in (1, 2, 3)])
    assert abs(other[0].value or 0.0) == pytest.approx(abs(mean))


def test_budgets_that_differ_are_told(made: Made) -> None:
    small = made.run("select", method="random", seed=5, budget=4)
    found = read_comparison(made.run("compare", selections=[small.id, made.selections[0].id]))
    assert found.budgets_differ
    assert not made.found.budgets_differ


def test_a_sample_of_the_pool_is_told_and_its_radius_is_a_lower_bound(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 300))
    run_pipeline(workspace, dataset_id)
    ids = [
        run_step(workspace, dataset_id, "select", {"method": "random", "seed": s, "budget": 20}).id
        for s in (1, 2)
    ]
    whole = read_comparison(run_step(workspace, dataset_id, "compare", {"selections": ids}))
    part = read_comparison(run_step(workspace, dataset_id, "compare", {"selections": ids, "pool_rows": 100}))
    assert (whole.is_sampled, part.is_sampled, part.n_pool_rows) == (False, True, 100)
    assert part.selections[0].values["radius"].value <= whole.selections[0].values["radius"].value


def test_without_vectors_scores_and_clusters_what_is_left_is_compared(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 30))
    ids = [
        run_step(workspace, dataset_id, "select", {"method": "random", "seed": s, "budget": 5}).id
        for s in (1, 2)
    ]
    artifact = run_step(workspace, dataset_id, "compare", {"selections": ids})
    found = read_comparison(artifact)
    assert found.clusters is None
    assert found.shown_metrics() == []
    assert b"</html>" in render_report(ArtifactStore(workspace), artifact, dataset_name="bare")


class _Links(HTMLParser):
    """Everything in a page that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.manifest = ""
        self._in_manifest = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        named = dict(attrs)
        self.fetched += [
            named[key] for key in ("src", "href") if named.get(key) and not named[key].startswith("#")
        ]
        self._in_manifest = tag == "script" and named.get("id") == "manifest"

    def handle_data(self, data: str) -> None:
        if self._in_manifest:
            self.manifest += data

    def handle_endtag(self, tag: str) -> None:
        self._in_manifest = False


def test_the_report_stands_alone_and_carries_its_manifest(made: Made, tmp_path: Path) -> None:
    report = write_report(made.store, made.artifact, tmp_path / "report.html", dataset_name="Q & <A>")
    content = report.path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == report.sha256
    page = _Links()
    page.feed(content.decode())
    assert page.fetched == []
    assert not re.search(r"url\(|@import|https?://", content.decode())
    manifest = orjson.loads(page.manifest)
    kinds = [one["kind"] for one in manifest["artifacts"]]
    assert kinds[0] == "examples"
    assert kinds[-1] == "comparison"
    assert {one["artifact_id"] for one in manifest["artifacts"]} >= {one.id for one in made.selections}


def test_what_the_interval_of_the_vendi_score_is_about_is_said_where_there_is_one(made: Made) -> None:
    """Over rows it is about draws of this size and not about the pool; over seeds it is another interval."""
    said = [note for note in notes_of(made.found) if "Vendi score" in note]
    assert len(said) == 1
    assert "mean over draws of as many rows" in said[0]
    assert "do not cover the diversity of the whole dataset" in said[0]
    assert said[0] in html.unescape(render_report(made.store, made.artifact, dataset_name="x").decode())
    over = [one.values["vendi"].over for one in made.found.methods]
    seeded = [one for one, word in zip(made.found.methods, over, strict=True) if word != "picked rows"]
    assert 0 < len(seeded) < len(over)
    assert not [
        note for note in notes_of(made.found.model_copy(update={"methods": seeded})) if "Vendi" in note
    ]


def test_text_of_the_dataset_is_text_in_the_report(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    lines = [
        orjson.dumps({"instruction": f"{attack} {i}", "input": "", "output": f"{attack} {i}"})
        for i in range(20)
    ]
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(lines))
    dataset_id = import_file(workspace, tmp_path / "bad.jsonl", attack)
    ids = [
        run_step(workspace, dataset_id, "select", {"method": "random", "seed": s, "budget": 4}).id
        for s in (1, 2)
    ]
    artifact = run_step(workspace, dataset_id, "compare", {"selections": ids, "epochs": 2})
    page = render_report(ArtifactStore(workspace), artifact, dataset_name=attack).decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("</script>") == 1


def test_the_report_is_the_same_bytes_again(made: Made) -> None:
    first, again = (render_report(made.store, made.artifact, dataset_name="x") for _ in range(2))
    assert first == again


def test_a_comparison_is_read_as_it_was_written(made: Made) -> None:
    assert Comparison.model_validate_json(made.found.model_dump_json()) == made.found
