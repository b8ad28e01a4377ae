from __future__ import annotations

import pytest

from tamis.compute.text.tokens import is_unspaced, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The QUICK brown fox, didn't it?", {"quick", "brown", "fox"}),
        ("snake_case 2nd 100 3.14 x I", {"snake", "case", "2nd"}),
        ("Die Straße und das Café", {"strasse", "café"}),
        ("हिन्दी भाषा", {"हिन्दी", "भाषा"}),
        ("שלום עולם", {"שלום", "עולם"}),
        ("می\u200cخواهم سلام", {"می\u200cخواهم", "سلام"}),
        ("한국어 문장", {"한국어", "문장"}),
        ("机器学习", {"机器", "学习"}),
        ("我的猫", {"猫"}),  # a word of one character; the rest is grammar
        ("ภาษา", {"ภาษา"}),
        ("น้ำทะเล ทำอาหาร", {"น้ำ", "ทะเล", "อาหาร"}),  # NFKC would cut ำ in two
        ("カメラです", {"カメラ"}),
        ("日本の桜はいつ咲きますか", {"日本", "桜", "咲き"}),
        ("តើខ្ញុំអាចរៀនភាសាខ្មែរ", {"រៀន", "ភាសាខ្មែរ"}),
        ("ຂ້ອຍຈະຮຽນພາສາລາວໄດ້ແນວໃດ", {"ຮຽນ", "ພາສາ"}),
        ("မြန်မာစာ ဘယ်လို လေ့လာရမလဲ", {"မြန်မာ", "လေ့လာ"}),
        ("كيف أتعلم العزف على العود؟", {"أتعلم", "العزف", "العود"}),
        ("हिंदी में नमस्ते कैसे कहें", {"हिंदी", "नमस्ते"}),
        ("こんにちは", set()),
        ("iPhone手机 ok", {"iphone", "手机"}),
        ("nice 👩‍💻 👍🏽 🇫🇷 ❤️", {"nice", "👩‍💻", "👍🏽", "🇫🇷", "❤️"}),
        ("1234 ٣٤٥ ½", set()),
        ("", set()),
        ("\x00\ud800 lone", {"lone"}),
    ],
)
def test_terms_of_any_script(text: str, expected: set[str]) -> None:
    assert terms(text) == expected


def test_composed_and_decomposed_letters_are_one_term() -> None:
    assert terms("cafe\u0301") == terms("caf\u00e9")


def test_ascii_short_cut_gives_what_the_full_way_gives() -> None:
    text = "Don't use b2b_sales 2nd 42 x-ray HELLO world7 __init__ a.b.c"
    assert terms(text) == terms(text + " é") == {"b2b", "sales", "2nd", "ray", "world7", "init"}


def test_scripts_without_spaces_are_told_apart() -> None:
    assert is_unspaced("学习")
    assert is_unspaced("ภา")
    assert not is_unspaced("한국어")
    assert not is_unspaced("word")
