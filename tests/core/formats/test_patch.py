import orjson
import pytest

from tamis.errors import CurationError
from tamis.formats.writer import StoredExample, row_lines


def _stored(record: dict, name: str, edit, fields=None) -> StoredExample:
    from tamis.formats import load_format

    form = load_format(name)
    example = form.parse(record, fields or form.fields())[0]
    return StoredExample(
        messages=edit(example.messages),
        raw=orjson.dumps(record).decode(),
        source="file",
        source_row=3,
        meta=example.meta,
        format_name=name,
        fields=fields or form.fields(),
    )


def _answer(text: str):
    return lambda messages: [*messages[:-1], {**messages[-1], "content": text}]


def _written(stored: StoredExample) -> dict:
    return orjson.loads(b"".join(row_lines([stored], format_name="source")))


def test_an_edit_changes_its_fields_only_and_leaves_order_and_nulls_alone():
    record = {
        "id": 7,
        "output": "old",
        "input": None,
        "instruction": "Do",
        "score": 0.5,
        "tags": ["a"],
        "history": [],
    }
    written = _written(_stored(record, "alpaca", _answer("new")))
    assert written == record | {"output": "new"}
    assert list(written) == list(record)


def test_an_added_system_prompt_becomes_a_field_and_a_removed_one_goes():
    record = {"instruction": "Do", "output": "old", "lang": "en"}
    system = {"role": "system", "content": "Be brief."}
    with_system = _written(_stored(record, "alpaca", lambda m: [system, *m]))
    assert with_system == record | {"system": "Be brief."}
    assert _written(_stored(with_system, "alpaca", lambda m: m[1:])) == record


def test_an_edited_prompt_keeps_its_input_where_it_was():
    record = {"instruction": "Translate", "input": "Haus", "output": "home"}
    edited = _stored(record, "alpaca", lambda m: [{**m[0], "content": "Translate well\n\nHaus"}, m[1]])
    assert _written(edited) == {"instruction": "Translate well", "input": "Haus", "output": "home"}


@pytest.mark.parametrize(
    ("name", "record"),
    [
        (
            "messages",
            {
                "messages": [
                    {"role": "user", "content": "q", "id": 1},
                    {"role": "assistant", "content": "a"},
                ],
                "k": 1,
            },
        ),
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "id": "x"},
        ),
        ("turns", {"conversations": ["q", "a"], "source": "lima"}),
        ("prompt_completion", {"prompt": "q", "completion": "a", "n": None}),
        ("preference", {"prompt": "q", "chosen": "a", "rejected": "b", "margin": 2}),
        (
            "self_instruct",
            {"id": "s", "instruction": "q", "instances": [{"input": "", "output": "a"}], "is": True},
        ),
    ],
)
def test_every_format_takes_an_edited_answer_and_keeps_the_rest(name, record):
    from tamis.formats import load_format

    written = _written(_stored(record, name, _answer("new \u4f60 <b>")))
    form = load_format(name)
    assert form.parse(written, form.fields())[0].response == "new \u4f60 <b>"
    changed = {key for key in written if written[key] != record.get(key)}
    assert len(changed) == 1
    assert written.keys() == record.keys()


def test_a_shape_that_cannot_hold_the_edit_is_an_error_that_names_the_record_and_a_way_out():
    record = {"prompt": "q", "completion": "a"}
    more = [{"role": "user", "content": "and?"}, {"role": "assistant", "content": "b"}]
    with pytest.raises(CurationError, match=r"prompt_completion.*'messages'.*record 3 of file"):
        _written(_stored(record, "prompt_completion", lambda m: [*m, *more]))
