from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.clear.defects import DEFECTS, find_defects
from tests.core.test_sample_data import SAMPLE_DATA

GOOD = [
    (
        "What is a quay?",
        "A quay is a wall of stone at which ships are loaded. Most harbours have several of them.",
    ),
    ("Is it larger?", "Yes"),
    ("Name three fruits.", "- apples\n- pears\n- plums"),
    ("Name ten sports.", "\n".join(f"{i}. Sport number {i}" for i in range(1, 11))),
    ("Write a loop.", "Here it is:\n```python\nfor i in range(3):\n    print(i)\n```"),
    ("Write to her.", "Dear Anna,\n\nThank you for the book.\n\nSincerely,\n\nPeter Marsh"),
    ("Translate to French: good day", "Bonjour, je vous souhaite une bonne journée."),
    ("Wo liegt Bonn?", "Bonn liegt am Rhein, und die Stadt ist nicht weit von Köln."),
    ("Solve 10x = 5.", "10x = 5\nx = 0.5"),
    ("Which sign is it?", ">"),
]


@pytest.mark.parametrize(("prompt", "response"), GOOD)
def test_a_sound_response_has_no_sure_defect(prompt, response):
    found = find_defects(prompt, response)
    assert max(found.values()) < 0.5, found


@pytest.mark.parametrize(
    ("kind", "prompt", "response"),
    [
        ("empty", "Why?", ""),
        ("empty", "Why?", "  \n"),
        ("empty", "Why?", "N/A"),
        ("empty", "Why?", "..."),
        (
            "cut",
            "Why?",
            "It is the principle of asking more of your body. You can add weight, sets or shorten the",
        ),
        ("cut", "Why?", "The first reason is this. Another reason would be the colour of bri"),
        ("cut", "Loop?", "Like this:\n```python\nfor i in range(3):"),
        ("garbled", "Why?", "à¤µà¥‡à¤¤à¤¨ à¤†à¤¤à¥‡ à¤¹à¥€ à¤à¤• à¤¤à¤¯ à¤°à¤•à¤®"),
        (
            "garbled",
            "Why?",
            "tpoS, hiwtcs on het dahzra thgils, eecrsu hte ealcp nad oemv hte cars tuo of eth ayw.",
        ),
        (
            "garbled",
            "Why?",
            "7wo v=1l%n%4 % vio>a a@d a ce0#o. Th5 xir3t v7o&=n 0=wen +47rie$ +h+ m46kdj1 kuart^39",
        ),
        ("repeated", "Why?", "I do not know what to say. " * 20),
        ("refusal", "Why?", "I'm sorry, but I can't help with that request."),
        (
            "language_mismatch",
            "What is the time of the train to the city and how long is it?",
            "子どもたちは庭で遊んでいます。",
        ),
        (
            "language_mismatch",
            "How do I cook the rice that is in the bag?",
            "Es un número que resume cómo has pagado tus deudas hasta ahora y lo usan para decidir.",
        ),
    ],
)
def test_a_defect_is_found_under_its_own_name(kind, prompt, response):
    found = find_defects(prompt, response)
    assert found[kind] > 0.5, found


@pytest.mark.parametrize(
    "text",
    [
        "Bright Lights, Long Nights",
        "The Strengths of Summer",
        "The Quiet Builders of Summer",
        "He sleeps eight nights.",
        "Please be quiet now.",
        "Stay calm and keep quiet.",
        "Two lengths and quiet nights.",
        "Ask Zbigniew about that.",  # one odd word of four is a name
        "Catchphrases, earthquakes and lengthwise strengths",
    ],
)
def test_short_english_is_not_garbled(text):
    assert find_defects("What?", text)["garbled"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "Der Borschtsch schmeckt sehr gut.",
        "Wirtschaftspolitik, Rechtsprechung, Kopfschmerzen, Schlittschuh.",
        "Ik heb angstschreeuw en slechtstschrijvend gehoord.",
        "Krzysztof and Zbigniew moved to Szczecin.",
        "Dr. Schwartz, Knightley & Schmidt met Thursday.",
        "Strč prst skrz krk.",
        "Koristi skočni prozor iznad umjesto izbornika",
        "Potrebna je ovjera za postavljanje postavki tipkovnice sustava.",
        "Spacja na klawiaturze numerycznej",
        "Premu majusklan A kaj tajpu la bezonatajn aldonojn.",
        "CO2, H2SO4, NaCl and C6H12O6 are compounds.",
        "It uses 3 kWh at 20 mA, 5 kPa and 120 mmHg.",
        "Let $x$ and $y$ be integers with $x$ > $y$.",
        "If a=b and c<d then a+c < b+d.",
        "Visit example.com, test.org and foo.net today",
        "C#, F#, C++, .NET, node.js, vue.js",
        "k8s, i18n, l10n, a11y",
        "ffmpeg -i in.mp4 -vcodec h264 out.mkv",
    ],
)
def test_other_languages_names_formulas_and_files_are_not_garbled(text):
    assert find_defects("What?", text)["garbled"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "Hte cat sat no eht mat.",
        "Ti si ont eht asme.",
        "xqz vbk dna hte",
        "Teh quikc brwon fxo jmups oevr hte lzay dgo",
        "Ih ktnhi we hsuodl og to the kpar wtih yoru dgo dna etlal hte oehtrs abotu it.",
        "s$c@nd th%ng w#s f^und in the box by us",
    ],
)
def test_two_odd_words_of_a_short_text_are(text):
    assert find_defects("What?", text)["garbled"] > 0.5


@given(st.text(max_size=300), st.text(max_size=300))
def test_every_text_has_severities_between_none_and_certain(prompt, response):
    found = find_defects(prompt, response)
    assert tuple(found) == DEFECTS
    assert all(0 <= value <= 1 for value in found.values())


@pytest.mark.parametrize("piece", ["a", "(", "```", "à", " ", "word ", "<b>", "1.", "\n- "])
def test_a_very_long_text_takes_no_long_time(piece):
    import time

    start = time.perf_counter()
    find_defects(piece * 100_000, piece * 100_000)
    assert time.perf_counter() - start < 5


def test_planted_defects_of_the_sample_data_are_told_from_sound_rows():
    import csv
    import json

    with (SAMPLE_DATA / "work_and_code.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    listed = json.loads((SAMPLE_DATA / "planted_defects.json").read_text("utf-8"))["defects"]
    names = {
        "cut": "cut",
        "garbled": "garbled",
        "refusal": "refusal",
        "empty": "empty",
        "wrong_language": "language_mismatch",
    }
    bad = {d["id"]: d["kind"] for d in listed if d["file"] == "work_and_code.csv"}
    hits = [
        find_defects(rows[i]["prompt"], rows[i]["response"])[names[k]] > 0.5
        for i, k in bad.items()
        if k in names
    ]
    sound = [row for i, row in rows.items() if i not in bad]
    alarms = [max(find_defects(row["prompt"], row["response"]).values()) > 0.5 for row in sound]
    assert sum(hits) >= 0.7 * len(hits)
    assert sum(alarms) <= 0.1 * len(alarms)
