from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tamis.encoders import open_encoder
from tamis.errors import CurationError
from tamis.models.files import find_model

torch = pytest.importorskip("torch")

SCRIPTS = [
    "The quick brown fox jumps over the lazy dog.",
    "机器学习模型需要数据。",
    "機械学習はデータを必要とします。",
    "기계 학습에는 데이터가 필요합니다.",
    "التعلم الآلي يحتاج إلى بيانات",
    "למידת מכונה דורשת נתונים",
    "Машинное обучение требует данных.",
    "मशीन लर्निंग को डेटा चाहिए",
    "การเรียนรู้ของเครื่องต้องการข้อมูล",
    "🎉🚀 😀 👩‍💻",
    "def f(x):\n    return x ** 2\n",
    "cafe\u0301 naïve Straße",
]


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_vectors_are_those_of_the_library_in_every_script_and_length(minilm, plain_minilm):
    texts = [" ".join([text] * times) for times in (1, 2, 5, 20, 60) for text in SCRIPTS]
    theirs = plain_minilm.encode(texts, show_progress_bar=False)
    assert cosines(minilm.encode(texts), theirs).min() >= 0.999


def test_float32_gives_the_library_vectors_almost_exactly(plain_minilm):
    exact = open_encoder("minilm", {"dtype": "float32", "device": "cpu"})
    theirs = plain_minilm.encode(SCRIPTS, show_progress_bar=False)
    np.testing.assert_allclose(exact.encode(SCRIPTS), theirs, atol=2e-6)


def test_a_prompt_stands_before_every_text(minilm):
    prompted = open_encoder("sentence_transformer", {"prompt": "query: ", "device": "cpu"})
    found = prompted.encode(["bake bread", ""])
    wanted = minilm.encode(["query: bake bread", ""])
    assert cosines(found[:1], wanted[:1])[0] > 0.9999
    assert not found[1].any()


def test_token_counts_are_those_of_the_tokenizer(minilm, plain_minilm):
    texts = [*SCRIPTS, "word " * 1000]
    wanted = [len(ids) for ids in plain_minilm.tokenizer(texts)["input_ids"]]
    assert minilm.count_tokens(texts).tolist() == wanted
    assert minilm.max_tokens == 256


def test_truncation_reads_the_first_window_only(minilm):
    start = "bread flour yeast oven " * 80
    first, second = minilm.encode([start + "python code", start + "river mountain"])
    assert first @ second > 0.9999


def test_chunk_mean_is_the_weighted_mean_of_the_windows(minilm):
    whole = open_encoder("minilm", {"long_text": "chunk_mean", "device": "cpu"})
    halves = ["bread " * 254, "river " * 100]  # 254 words fill a window of 256 with its two special tokens
    parts = minilm.encode(halves)
    wanted = parts[0] * 254 + parts[1] * 100
    found = whole.encode([halves[0] + halves[1], "bread"])
    assert cosines(found[:1], wanted[None])[0] > 0.9999
    assert cosines(found[1:], minilm.encode(["bread"]))[0] > 0.9999


def test_chunk_mean_reads_at_most_max_windows():
    two = open_encoder("minilm", {"long_text": "chunk_mean", "max_windows": 2, "device": "cpu"})
    text = "bread " * 508
    found = two.encode([text, text + "river " * 2000])
    assert cosines(found[:1], found[1:])[0] > 0.9999


def test_a_shorter_window_can_be_asked_for(minilm):
    short = open_encoder("sentence_transformer", {"max_tokens": 10, "device": "cpu"})
    found = short.encode(["bread " * 50])
    assert short.max_tokens == 10
    assert cosines(found, minilm.encode(["bread " * 8]))[0] > 0.9999
    assert short.count_tokens(["bread " * 50])[0] == 52


def test_small_and_large_batches_agree(minilm):
    small = open_encoder("minilm", {"batch_tokens": 1, "device": "cpu"})
    texts = [*SCRIPTS, "word " * 400]
    assert cosines(small.encode(texts), minilm.encode(texts)).min() > 0.999


def test_an_unknown_device_is_refused():
    with pytest.raises(CurationError, match="'toaster' is not a device"):
        open_encoder("minilm", {"device": "toaster"})
    if not torch.cuda.is_available():
        with pytest.raises(CurationError, match="'cuda' is not on this machine"):
            open_encoder("minilm", {"device": "cuda"})


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """A model of another make: tiny random BERT, first-token pooling, a dense layer, no normalisation."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense, Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(**sizes)).save_pretrained(folder / "bert")
    AutoTokenizer.from_pretrained(find_model("all-MiniLM-L6-v2")).save_pretrained(folder / "bert")
    first = Transformer(str(folder / "bert"), max_seq_length=64)
    parts = [first, Pooling(32, pooling_mode="cls"), Dense(32, 16)]
    SentenceTransformer(modules=parts, device="cpu").save_pretrained(str(folder / "small"))
    return folder / "small"


def test_a_model_of_another_make_gives_the_library_vectors(small_model):
    from sentence_transformers import SentenceTransformer

    encoder = open_encoder("sentence_transformer", {"model": str(small_model), "device": "cpu"})
    theirs = SentenceTransformer(str(small_model), device="cpu").encode(SCRIPTS, show_progress_bar=False)
    assert encoder.dimension == 16
    assert encoder.max_tokens == 64
    assert cosines(encoder.encode(SCRIPTS), theirs).min() > 0.999


def test_static_embeddings_work_without_a_window(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(find_model("all-MiniLM-L6-v2") / "tokenizer.json"))
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    model.save_pretrained(str(tmp_path / "static"))
    encoder = open_encoder("sentence_transformer", {"model": str(tmp_path / "static"), "device": "cpu"})
    vectors, counts = encoder.encode_with_counts(["bread", "the red bread", ""])
    assert encoder.max_tokens is None
    assert counts.tolist() == [1, 3, 0]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0], atol=1e-5)


def test_a_damaged_model_is_a_clear_error(small_model, tmp_path):
    shutil.copytree(small_model, tmp_path / "cut")
    (tmp_path / "cut" / "config.json").write_text(json.dumps({"model_type": "no-such-kind"}))
    encoder = open_encoder("sentence_transformer", {"model": str(tmp_path / "cut"), "device": "cpu"})
    with pytest.raises(CurationError, match="cannot be loaded"):
        encoder.encode(["text"])
