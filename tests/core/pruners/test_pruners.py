"""Which weights go: by hand, exactly as many as asked, the same whatever the scale of the inputs."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.errors import InvalidOptions
from tamis.pruners import PRUNERS, Pattern
from tamis.registry import parse_options

torch = pytest.importorskip("torch")
from tamis.pruners.layer_inputs import LayerInputs  # noqa: E402
from tamis.pruners.layers import TokenBatch, decoder_layers, matrices, prune_layers  # noqa: E402
from tests.core.llms.conftest import build_model  # noqa: E402

HALF = Pattern(0.5)


def prune(name, weight, inputs=None, pattern=HALF, seed=0, **options):
    """The matrix after pruning, and the mask of what went."""
    row, given = PRUNERS[name], torch.tensor(weight, dtype=torch.float32)
    seen = LayerInputs(given.shape[1], row.reads, given.device)
    if inputs is not None:
        seen.add(torch.as_tensor(np.asarray(inputs), dtype=torch.float32))
    mask = row.load()(
        given, seen, pattern, parse_options(row.options, options), torch.Generator().manual_seed(seed)
    )
    return given, mask


def drawn(seed, rows=6, width=16, tokens=40):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, width)), rng.standard_normal((tokens, width)) * rng.uniform(
        0.1, 5, width
    )


def test_wanda_weighs_each_weight_by_the_norm_of_its_input():
    weight, _ = prune("wanda", [[1, -2, 3], [0.5, 4, -1]], np.diag([3.0, 1.0, 2.0]), Pattern(1 / 3))
    assert weight.tolist() == [[1, 0, 3], [0, 4, -1]]


def test_pads_that_are_counted_change_which_weight_goes():
    real, pad = [[1.0, 0.0], [3.0, 4.0]], [[10.0, 0.0]]
    assert prune("wanda", [[1, 1.5]], real)[0].tolist() == [[0, 1.5]]
    assert prune("wanda", [[1, 1.5]], real + pad)[0].tolist() == [[1, 0]]


@pytest.mark.parametrize("name", PRUNERS)
@pytest.mark.parametrize("pattern", [Pattern(0.5), Pattern(0.3), Pattern(n=2, m=4), Pattern(n=4, m=8)])
def test_exactly_as_many_weights_go_as_were_asked_for(name, pattern):
    weight, inputs = drawn(1)
    left, mask = prune(name, weight, inputs, pattern)
    if pattern.m:
        groups = mask.reshape(-1, pattern.m).sum(dim=1)
        assert (groups == pattern.n).all()
    elif name in ("wanda", "random"):
        assert (mask.sum(dim=1) == pattern.count(16)).all()
    else:
        assert int(mask.sum()) == pattern.count(weight.size)
    assert ((left == 0) == mask).all()


@pytest.mark.parametrize("name", ["wanda", "magnitude", "sparsegpt"])
def test_of_equal_scores_the_first_go(name):
    _, mask = prune(name, np.ones((2, 6)), np.eye(6))
    rows = [[True] * 3 + [False] * 3] * 2
    assert mask.tolist() == (rows if name == "wanda" else [[True] * 6, [False] * 6])


@pytest.mark.parametrize("name", ["wanda", "sparsegpt"])
@pytest.mark.parametrize("scale", [0.25, 3.0, 1024.0])
def test_inputs_of_another_scale_change_no_mask(name, scale):
    for seed in range(5):
        weight, inputs = drawn(seed)
        assert (prune(name, weight, inputs)[1] == prune(name, weight, inputs * scale)[1]).all()


def test_sparsegpt_with_inputs_that_are_alike_is_magnitude_in_each_block_and_keeps_what_stays():
    weight, _ = drawn(3, width=12)
    left, mask = prune("sparsegpt", weight, np.eye(12) * 2, block_columns=4)
    for start in (0, 4, 8):
        part = slice(start, start + 4)
        assert (mask[:, part] == prune("magnitude", weight[:, part])[1]).all()
    kept = torch.tensor(weight, dtype=torch.float32)
    assert torch.allclose(left[~mask], kept[~mask], atol=1e-6)


def test_sparsegpt_mends_the_output_and_leaves_what_is_never_read():
    weight, inputs = drawn(4, rows=8, width=32, tokens=400)
    inputs = inputs @ np.random.default_rng(5).standard_normal((32, 32))  # inputs that tell of each other
    inputs[:, 7] = 0
    given = torch.tensor(inputs, dtype=torch.float32)
    whole = given @ torch.tensor(weight, dtype=torch.float32).T
    lost = {
        name: float((given @ prune(name, weight, inputs)[0].T - whole).norm())
        for name in ("wanda", "sparsegpt")
    }
    assert lost["sparsegpt"] < lost["wanda"]
    assert (prune("sparsegpt", weight, inputs)[0][:, 7] == 0).all()


def test_a_pattern_that_does_not_divide_a_row_is_refused_with_its_width():
    with pytest.raises(InvalidOptions, match="2:4 does not divide a row of 6 weights"):
        prune("wanda", np.ones((2, 6)), np.eye(6), Pattern(n=2, m=4))


def test_chance_needs_its_seed():
    weight, _ = drawn(6)
    assert (prune("random", weight, seed=1)[1] == prune("random", weight, seed=1)[1]).all()
    assert (prune("random", weight, seed=1)[1] != prune("random", weight, seed=2)[1]).any()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from transformers import AutoModelForCausalLM

    folder = build_model(tmp_path_factory.mktemp("tiny"))
    return lambda: AutoModelForCausalLM.from_pretrained(str(folder)).eval()


def batch(*rows, width=0):
    width = max(width, *map(len, rows))
    ids = torch.ones((len(rows), width), dtype=torch.long)
    real = torch.zeros_like(ids)
    for line, row in enumerate(rows):
        ids[line, : len(row)], real[line, : len(row)] = torch.tensor(row), 1
    return TokenBatch(ids, real)


def looked_at(model, batches, **more):
    """What every matrix of every layer read, with nothing pruned."""
    norms = {}
    prune_layers(
        model, batches, "norms", lambda name, weight, seen: norms.update({name: seen.norms()}), **more
    )
    return norms


def test_what_layers_read_is_what_they_read_in_a_plain_pass(model):
    one, row = model(), [5, 9, 40, 77, 100, 3]
    wanted, handles = {}, []
    for number, layer in enumerate(decoder_layers(one)):
        for name, matrix in matrices(layer):
            handles.append(
                matrix.register_forward_pre_hook(
                    lambda module, given, key=f"{number}.{name}": wanted.update(
                        {key: given[0][0].norm(dim=0)}
                    )
                )
            )
    with torch.no_grad():
        one(torch.tensor([row]))
    for handle in handles:
        handle.remove()
    found = looked_at(one, [batch(row)])
    assert found.keys() == wanted.keys() and len(found) == 14
    assert all(torch.allclose(found[name], wanted[name], atol=1e-4) for name in found)


def test_pads_and_batches_change_nothing_unless_they_are_counted(model):
    one, rows = model(), ([5, 9, 40], [7, 8, 9, 10, 11, 12])
    alone = looked_at(one, [batch(rows[0]), batch(rows[1])])
    together = looked_at(one, [batch(*rows, width=20)])
    counted = looked_at(one, [batch(*rows, width=20)], count_pads=True)
    assert all(torch.allclose(alone[name], together[name], atol=1e-3) for name in alone)
    assert not torch.allclose(alone["0.mlp.up_proj"], counted["0.mlp.up_proj"], rtol=0.1)


def test_a_pruned_layer_feeds_the_next(model):
    one, row = model(), [5, 9, 40, 77]
    dense = looked_at(one, [batch(row)])
    seen_then = {}

    def clear_first(name, weight, seen):
        seen_then[name] = seen.norms()
        if name.startswith("0."):
            weight.zero_()

    prune_layers(one, [batch(row)], "norms", clear_first)
    assert torch.allclose(seen_then["0.mlp.up_proj"], dense["0.mlp.up_proj"])
    assert not torch.allclose(seen_then["1.mlp.up_proj"], dense["1.mlp.up_proj"], rtol=0.1)
    assert not any("forward" in vars(layer) for layer in decoder_layers(one))
