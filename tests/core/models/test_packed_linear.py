from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tamis.models.packed_linear import PackedGate, cpu_computes_bfloat16, pack_linears  # noqa: E402


def test_packed_layers_answer_like_the_layers_they_replace():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 8, bias=False))
    model = model.to(torch.bfloat16).eval()
    inputs = torch.randn(5, 3, 16, dtype=torch.bfloat16)
    with torch.inference_mode():
        wanted = model(inputs).float()
        replaced = pack_linears(model)
        torch.testing.assert_close(model(inputs).float(), wanted, rtol=0.02, atol=0.02)
    assert replaced == (2 if cpu_computes_bfloat16() else replaced)


class Gated(torch.nn.Module):
    """A gated block as Llama has it, with any activation."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (
            torch.nn.Linear(16, 32, bias=False),
            torch.nn.Linear(16, 32, bias=False),
        )
        self.down_proj, self.act_fn = torch.nn.Linear(32, 16, bias=False), activation

    def forward(self, inputs):
        return self.down_proj(self.act_fn(self.gate_proj(inputs)) * self.up_proj(inputs))


def packed_gated(activation):
    torch.manual_seed(0)
    model = torch.nn.Sequential(Gated(activation)).to(torch.bfloat16).eval()
    inputs = torch.randn(5, 3, 16, dtype=torch.bfloat16)
    with torch.inference_mode():
        wanted = model(inputs).float()
        pack_linears(model)
        torch.testing.assert_close(model(inputs).float(), wanted, rtol=0.03, atol=0.01)
    return model[0]


@pytest.mark.skipif(not cpu_computes_bfloat16(), reason="this processor does not compute bfloat16")
def test_a_gated_block_becomes_one_that_answers_alike():
    assert type(packed_gated(torch.nn.SiLU())) is PackedGate


@pytest.mark.parametrize("activation", [torch.nn.GELU(), torch.nn.ReLU(), torch.tanh])
def test_a_gated_block_with_another_activation_stays(activation):
    assert type(packed_gated(activation)) is Gated


def test_a_block_that_does_more_than_its_layers_say_stays():
    class Scaled(Gated):
        def forward(self, inputs):
            return 2 * super().forward(inputs)

    model = torch.nn.Sequential(Scaled(torch.nn.SiLU())).to(torch.bfloat16).eval()
    pack_linears(model)
    assert type(model[0]) is Scaled


def test_float32_layers_stay_as_they_are():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    assert pack_linears(model) == 0


def test_layers_stay_where_the_operators_are_missing(monkeypatch):
    def missing(*_):
        raise AttributeError("no such operator")

    monkeypatch.setattr("tamis.models.packed_linear.PackedLinear", missing)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4)).to(torch.bfloat16)
    assert pack_linears(model) == 0
    assert type(model[0]) is torch.nn.Linear


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("flags\t: sse avx512_bf16 fma\n", True),
        ("flags\t: sse avx2\n", False),
        ("Features\t: asimd\n", False),
    ],
)
def test_the_processor_says_what_it_computes(tmp_path, content, expected):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\n" + content)
    known = cpu_computes_bfloat16(tmp_path / "cpuinfo")
    assert known == (expected and torch.backends.mkldnn.is_available())


def test_a_system_without_cpuinfo_computes_float32(tmp_path):
    assert not cpu_computes_bfloat16(tmp_path / "missing")
