from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tamis.models.devices import cpu_computes_bfloat16  # noqa: E402


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
