from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from core.models.packed_linear import cpu_computes_bfloat16, pack_linears  # noqa: E402


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


def test_float32_layers_stay_as_they_are():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    assert pack_linears(model) == 0


def test_layers_stay_where_the_operators_are_missing(monkeypatch):
    def missing(*_):
        raise AttributeError("no such operator")

    monkeypatch.setattr("core.models.packed_linear.PackedLinear", missing)
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
