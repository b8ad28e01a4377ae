"""What a referee said, as a sentence and tables."""

from __future__ import annotations

import pyarrow as pa

from tamis.actions.referee import read_ruling
from tamis.api.show import Records
from tamis.api.step_result import StepResult


class RefereeResult(StepResult):
    """What a referee said: the sentence, and a line per method held against random."""

    __slots__ = ()

    @property
    def sentence(self) -> str:
        """The answer."""
        return read_ruling(self._artifact).sentence

    @property
    def notes(self) -> list[str]:
        """What has to be known beside the numbers."""
        return read_ruling(self._artifact).notes

    def to_arrow(self) -> pa.Table:
        """A line per method: loss, and against random difference, half_width, verdict, p; costs in trainings."""
        ruling = read_ruling(self._artifact)
        against = {pair.second: pair for pair in ruling.against_random()}
        lines = []
        for i, one in enumerate(ruling.methods):
            pair = against.get(i)
            line: dict[str, object] = {"method": one.name, "title": one.title, "loss": one.loss}
            for name in ("difference", "half_width", "verdict", "p", "seeds", "detectable"):
                line[name] = getattr(pair, name, None)
            lines.append(
                line
                | {"in_top": one.in_top, "passes": one.n_passes, "cold": one.cold, "marginal": one.marginal}
            )
        return pa.Table.from_pylist(lines)

    @property
    def pairs(self) -> Records:
        """Every pair of methods: difference (second minus first), half_width, verdict, p, and where the uncertainty is from."""
        ruling = read_ruling(self._artifact)
        titles = [one.title for one in ruling.methods]
        lines = [
            {
                "first": titles[one.first], "second": titles[one.second], "verdict": one.verdict,
                "difference": one.difference, "half_width": one.half_width, "p": one.p, "level": one.level,
                "seeds": one.seeds, "row_fraction": one.row_fraction, "detectable": one.detectable,
            }
            for one in ruling.pairs
        ]  # fmt: skip
        return Records.of(f"Pairs of referee {self.id}", lines)

    @property
    def targets(self) -> Records:
        """Exploratory: every method against random on the examples of every target, with a q over all of them."""
        ruling = read_ruling(self._artifact)
        lines = [
            {
                "method": ruling.methods[one.method].title, "target": one.target, "examples": one.n_examples, "loss": one.loss,
                "difference": one.difference, "p": one.p, "q": one.q,
            }
            for one in ruling.targets
        ]  # fmt: skip
        return Records.of(f"Targets of referee {self.id}, exploratory", lines)

    @property
    def tasks(self) -> Records:
        """Exploratory: every method in every task of the lm-evaluation-harness beside random and the untrained model.

        q is None where nothing is tested: no method is better than guessing, or there are too few questions.
        """
        ruling = read_ruling(self._artifact)
        lines = [
            {
                "method": ruling.methods[one.method].title, "task": one.task, "metric": one.metric,
                "questions": one.n_questions, "value": one.value, "random": one.random, "untrained": one.untrained,
                "guessed": one.is_guessed, "p": one.p, "q": one.q,
            }
            for one in ruling.tasks
        ]  # fmt: skip
        return Records.of(f"Tasks of referee {self.id}, exploratory", lines)

    @property
    def clusters(self) -> Records:
        """Exploratory: every method against random in every cluster, with a Benjamini-Hochberg q over all of them."""
        ruling = read_ruling(self._artifact)
        lines = [
            {
                "method": ruling.methods[one.method].title, "cluster": one.cluster_id, "rows": one.n_rows,
                "families": one.n_families, "difference": one.difference, "p": one.p, "q": one.q,
            }
            for one in ruling.clusters
        ]  # fmt: skip
        return Records.of(f"Clusters of referee {self.id}, exploratory", lines)
