"""Pruning beside plain second versions, written from the formulas of METHODS.md 3.1."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.compare.paired import paired_change
from tamis.compute.compare.perplexity import log_ratio, mask_overlap, perplexity_over_seeds

torch = pytest.importorskip("torch")
from tests.core.pruners.test_pruners import Pattern, drawn, prune  # noqa: E402


def lowest(scores, count):
    """The ``count`` places with the lowest score, the first of equal ones."""
    return sorted(range(len(scores)), key=lambda j: (scores[j], j))[:count]


def plain_wanda(weight, inputs, fraction):
    mask = np.zeros(weight.shape, dtype=bool)
    for i, row in enumerate(weight):
        norms = [np.sqrt(sum(x**2 for x in inputs[:, j])) for j in range(len(row))]
        mask[
            i, lowest([abs(w) * norm for w, norm in zip(row, norms, strict=True)], int(fraction * len(row)))
        ] = True
    return mask


def plain_sparsegpt(weight, inputs, fraction, block, dampening=0.01):
    """One weight after the other, the rest by the inverse of the Hessian of what is still to come."""
    work, mask = weight.copy(), np.zeros(weight.shape, dtype=bool)
    hessian = 2 / len(inputs) * inputs.T @ inputs
    hessian += dampening * np.diag(hessian).mean() * np.eye(len(hessian))
    width = weight.shape[1]
    for start in range(0, width, block):
        end = min(start + block, width)
        cost = np.stack(
            [work[:, j] ** 2 / np.linalg.inv(hessian[j:, j:])[0, 0] for j in range(start, end)], axis=1
        )
        count = int(fraction * len(work) * end) - int(mask.sum())
        for place in lowest(cost.ravel().tolist(), count):
            mask[place // (end - start), start + place % (end - start)] = True
        for j in range(start, end):
            inverse = np.linalg.inv(hessian[j:, j:])
            for i in np.flatnonzero(mask[:, j]):
                work[i, j:] -= work[i, j] / inverse[0, 0] * inverse[0]
    return np.where(mask, 0, work), mask


@pytest.mark.parametrize("seed", range(4))
def test_wanda(seed):
    weight, inputs = drawn(seed)
    assert (prune("wanda", weight, inputs)[1].numpy() == plain_wanda(weight, inputs, 0.5)).all()


@pytest.mark.parametrize("block", [4, 16])
@pytest.mark.parametrize("seed", range(3))
def test_sparsegpt(seed, block):
    weight, inputs = drawn(seed, tokens=80)
    left, mask = prune("sparsegpt", weight, inputs, Pattern(0.5), block_columns=block)
    wanted, chosen = plain_sparsegpt(weight, inputs, 0.5, block)
    assert (mask.numpy() == chosen).all()
    assert np.allclose(left.numpy(), wanted, atol=1e-3)


def test_perplexities_pairs_and_overlap():
    rng = np.random.default_rng(0)
    tokens = rng.integers(5, 40, 30)
    first, second = (rng.normal(base, 0.1, (3, 30)) * tokens for base in (2.5, 2.0))
    value, low, high = perplexity_over_seeds(first, tokens)
    each = [np.exp(draw.sum() / tokens.sum()) for draw in first]
    assert value == pytest.approx(np.prod(each) ** (1 / 3)) and low < value < high
    ratio = log_ratio(first, second, tokens)
    assert ratio.mean == pytest.approx(
        np.mean([(a.sum() - b.sum()) / tokens.sum() for a, b in zip(first, second, strict=True)])
    )
    assert ratio.told == 1 and log_ratio(second, first, tokens).told == -1
    assert ratio.row_low < ratio.mean < ratio.row_high
    assert log_ratio(first, first, tokens).told == 0
    masks = rng.random((2, 64)) < 0.5
    packed = [np.packbits(one) for one in masks]
    assert mask_overlap(*packed) == pytest.approx((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def test_rows_of_one_prompt_do_not_tell_alike_sets_apart() -> None:
    """Thirteen prompts with five rows each, half of a difference common to a prompt, and sets that are alike."""
    rng, told = np.random.default_rng(1), np.zeros(2)
    prompts, tokens, n_runs = np.repeat(np.arange(13), 5), np.full(65, 60), 300
    for _ in range(n_runs):
        rows = 0.05 * rng.standard_normal(13)[prompts] + 0.05 * rng.standard_normal(65)
        luck = 0.003 * rng.standard_normal((2, 3, 1)) + 0.01 * rng.standard_normal((2, 3, 65))
        first, second = (2 + rows + luck[0]) * tokens, (2 + luck[1]) * tokens
        told += [log_ratio(first, second, tokens, groups=one).told != 0 for one in (None, prompts)]
    assert told[1] / n_runs <= 0.09 < 0.18 < told[0] / n_runs  # what was said before


def test_rows_of_a_group_are_one_with_their_tokens_and_all_pairs_hold_together() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(100, 9, (2, 4, 12))
    tokens, groups = rng.integers(20, 60, 12), np.repeat(np.arange(8), [1, 1, 1, 2, 2, 2, 2, 1])
    of_group = [(first - second).mean(axis=0)[groups == g].sum() for g in range(8)]
    for n_models, n_pairs in ((2, 1), (4, 6)):
        found = log_ratio(first, second, tokens, n_models=n_models, groups=groups)
        plain = paired_change(np.array(of_group) * 8 / tokens.sum(), confidence_fraction=1 - 0.05 / n_pairs)
        assert (found.row_low, found.row_high) == pytest.approx((plain.low, plain.high))
        assert found.mean == pytest.approx(plain.mean)
