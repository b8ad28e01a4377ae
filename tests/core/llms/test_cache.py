from __future__ import annotations

import hashlib
import pickle

import numpy as np
import orjson
import pyarrow as pa
import pytest

from tamis.llms import open_llm
from tamis.llms.cache import AnswerCache, CachedModel
from tamis.llms.scripted import ScriptedModel
from tamis.protocols import ChatPrompt, CutText, RawPrompt, Turn


def model(**kinds) -> ScriptedModel:
    return ScriptedModel(
        completes=lambda prompt, k: f"{prompt} {k}",
        chooses=lambda prompt, answers: [1 + len(prompt) % 5] + [1] * (len(answers) - 1),
        likelihood=lambda prompt, response: [-0.5] * len(response.split()),
        **kinds,
    )


def test_a_question_is_asked_once_even_by_another_process(tmp_path):
    first, second = model(), model()
    a = CachedModel(first, tmp_path).choose(["x", "yy", "x"], ("A", "B"))
    b = CachedModel(second, tmp_path).choose(["yy", "x", "zzz"], ("A", "B"))
    assert first.asked == ["x", "yy"]
    assert second.asked == ["zzz"]
    np.testing.assert_array_equal(a.probabilities[[1, 0]], b.probabilities[:2])


def test_everything_that_determines_an_answer_is_part_of_its_name(tmp_path):
    inner = model()
    cached = CachedModel(inner, tmp_path)
    cached.complete(["p"], temperature=1.0, seed=0)
    cached.complete(["p"], temperature=1.0, seed=1)
    cached.complete(["p"], temperature=0.5, seed=0)
    cached.complete(["p"], n=2, temperature=1.0)
    cached.complete(["p"], max_new_tokens=9)
    cached.complete([RawPrompt("p")], max_new_tokens=9)
    cached.choose(["p"], ("A", "B"))
    cached.choose(["p"], ("A", "C"))
    cached.loglikelihood(["p"], ["A"])
    cached.loglikelihood(["p", ""], ["B", "A"])
    assert len(inner.asked) == 11
    chat = ChatPrompt([Turn("user", "p"), Turn("assistant", "a"), Turn("user", "q")])
    # The same words as one user's turn, and as turns that are cut elsewhere, are other questions.
    cut = ChatPrompt([Turn("user", "p\n\nassistant: a"), Turn("user", "q")])
    assert str(chat) == str(cut)
    for asked in (chat, cut, str(chat), ChatPrompt(chat.turns)):
        cached.complete([asked])
    assert len(inner.asked) == 14
    CachedModel(other := model(identity="another model"), tmp_path).choose(["p"], ("A", "B"))
    assert other.asked == ["p"]


def test_a_run_that_stops_keeps_every_finished_batch(tmp_path):
    class Breaking(ScriptedModel):
        def choose(self, prompts, answers):
            if "stop" in prompts:
                raise KeyboardInterrupt
            return super().choose(prompts, answers)

    broken = Breaking(chooses=lambda prompt, answers: [1, 2])
    broken.batch_rows = 2
    prompts = ["a", "b", "c", "d", "stop", "f"]
    with pytest.raises(KeyboardInterrupt):
        CachedModel(broken, tmp_path).choose(prompts, ("A", "B"))
    whole = model()
    CachedModel(whole, tmp_path).choose(prompts, ("A", "B"))
    assert whole.asked == ["stop", "f"]


def test_a_half_written_line_costs_one_answer_only(tmp_path):
    cache = AnswerCache(tmp_path, "m")
    cache.put({"a": 1, "b": 2})
    file = next(cache.folder.glob("*.jsonl"))
    file.write_bytes(file.read_bytes() + b'{"k":"c","v":[1,')
    assert AnswerCache(tmp_path, "m").get(["a", "b", "c"]) == {"a": 1, "b": 2}
    with file.open("ab") as stream:
        stream.write(b'\n{"k":"d","v":4}\n')
    assert AnswerCache(tmp_path, "m").get(["c", "d"]) == {"d": 4}


def test_numbers_survive_exactly_and_what_could_not_be_asked_is_not_kept(tmp_path):
    asked = []

    def likelihood(prompt, response):
        asked.append(response)
        return [-1 / 3] * len(response.split())

    client = ScriptedModel(likelihood=likelihood)
    a = CachedModel(client, tmp_path).loglikelihood(["", ""], ["one two three", " "])
    b = CachedModel(client, tmp_path).loglikelihood(["", ""], ["one two three", " "])
    assert a.total[0] == b.total[0] == sum([-1 / 3] * 3)
    assert np.isnan(a.total[1]) and np.isnan(b.total[1])
    assert asked == ["one two three", " ", " "]


def test_a_cut_answer_is_still_cut_in_another_process(tmp_path):
    whole, cut = "The end.", CutText("The be")
    for process in range(2):
        client = ScriptedModel(completes=lambda prompt, k: (whole, cut)[k])
        found = CachedModel(client, tmp_path).complete(["p", "q"], n=2, temperature=1.0)
        assert found == [["The end.", "The be"]] * 2
        assert [[type(text) for text in several] for several in found] == [[str, CutText]] * 2
        assert client.asked == ([] if process else ["p", "q"])


def test_a_cut_answer_without_a_word_is_not_kept(tmp_path):
    client = ScriptedModel(completes=lambda prompt, k: CutText(""))
    for _ in range(2):
        assert type(CachedModel(client, tmp_path).complete(["p"])[0][0]) is CutText
    assert client.asked == ["p", "p"]


def test_a_cut_answer_is_written_wherever_a_text_is():
    cut = CutText("The be")
    assert orjson.dumps({"a": [cut]}) == b'{"a":["The be"]}'
    assert pa.array([cut, None], pa.string()).to_pylist() == ["The be", None]
    assert type(pickle.loads(pickle.dumps(cut))) is CutText


def test_answers_kept_before_cuts_were_marked_are_asked_again(tmp_path):
    settings = [1, 0.0, 0, 256]
    digest = hashlib.blake2b(repr(("complete", "turn", "p", settings)).encode(), digest_size=16).hexdigest()
    AnswerCache(tmp_path, "scripted:test").put({digest: ["of old"]})
    client = model()
    assert CachedModel(client, tmp_path).complete(["p"]) == [["p 0"]]


def test_halves_of_surrogate_pairs_are_texts_like_others(tmp_path):
    found = CachedModel(model(), tmp_path).choose(["\ud83d", "\ude00"], ("A", "B"))
    assert found.probabilities.shape == (2, 2)


def test_the_scripted_row_answers_everything(tmp_path):
    client = open_llm("scripted", {"answers": ["A", "B"]}, workspace=tmp_path)
    assert client.complete(["x"], n=2)[0] in (["A", "B"], ["B", "A"])
    assert client.choose(["x"], ("A", "B")).probabilities.sum() == pytest.approx(1)
    assert client.loglikelihood(["x"], ["a b"]).n_tokens.tolist() == [2]
    assert client.usage.reused == 0
    client.choose(["x"], ("A", "B"))
    assert client.usage.reused == 1


def test_a_flipped_bit_in_any_byte_costs_that_answer_alone(tmp_path):
    cache = AnswerCache(tmp_path, "m")
    cache.put({"a": ["one word"]})
    cache.put({"b": ["another"]})
    file = next(cache.folder.glob("*.jsonl"))
    whole = file.read_bytes()
    for at in range(whole.index(b"\n")):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert AnswerCache(tmp_path, "m").get(["a", "b"]) == {"b": ["another"]}, at


def test_answers_of_before_are_read(tmp_path):
    cache = AnswerCache(tmp_path, "m")
    cache.put({"a": 1})
    next(cache.folder.glob("*.jsonl")).write_bytes(b'{"k":"old","v":2}\n')
    assert AnswerCache(tmp_path, "m").get(["old"]) == {"old": 2}
