"""Comparisons of two answers in Chinese, Japanese and Korean, as a table of shapes: which of the letters is the better (METHODS.md 2.3).

The order of the letters tells nothing there: "A 比 B 更好" is praise of A, "比起 A, B 更好" and "A 不如 B" of B. So a clause is
read as a whole or not at all: one whose shape is not in the table, or that goes on ("… 的说法不对", "… とは限らない"), names none.
"""

from __future__ import annotations

import re

_OPEN, _CLOSE = r"[ (\[{【「『\"'“‘`*_<]{0,4}", r"[ )\]}】」』\"'”’`*_>]{0,4}"
_THING = "回答|答案|回复|回覆|选项|選項|助手|模型|版本|アシスタント|モデル|応答|解答|선택지|답변|응답|모델|어시스턴트"
_OF = rf"(?:(?:的|の|의)? ?(?:{_THING}|表现|表現|内容))?"
_SIDE = rf"(?:{_THING})?{_OPEN}\b%s\b{_CLOSE}{_OF}"
# What a shape is written with: x is the better one, y the other; a space may be any number of them.
_WORDS = {
    "x": _SIDE % "(?P<letter>[AB])",
    "y": _SIDE % "[AB]",
    # Chinese
    "than": "比(?:起)?|较之?|較之?|相比(?:于|於|之下)?|相较(?:于|於)?|相對(?:于|於)?|相对(?:于|於)|对比",
    "besides": "比起|相比(?:于|於)?|相较(?:于|於)?|较之|較之|相对(?:于|於)|相對於|(?:与|與|和|跟|同)(?=[^,;。]*(?:相比|比较|比較|比起来|相较))",
    "compared": "(?:相比(?:之下|较)?|比较|比較|比起来|相较)?",
    "more": "更加?|更为|更為|比较|比較|较为|较|明显|明顯|显然|要|还是?|還|也|略微?|稍微?|远远?|遠|大大",
    "most": "(?:明显|明顯|显然|略微?|稍微?|还是)?(?:更加?|更为|更為|比较|比較|较为)",
    "good": "好|优秀?|優秀?|佳|强|強|准确|準確|精确|完整|全面|可靠|有用|有帮助|有幫助|正确|正確|合适|出色",
    "bad": "差劲?|糟糕?|弱|不好|不准确|不完整",
    "much": "(?:得多|一些|一点|一點|些|多了|很多|许多)?",
    "beats": "优于|優於|胜过|勝過|好于|好於|好过|强于|强過|胜于|高于|赢过",
    "loses": "不如|不及|比不上|逊于|遜於|逊色于|劣于|劣於|差于|弱于|不敌",
    "wins": "胜出|勝出|获胜|獲勝|更胜一筹",
    # Japanese
    "wa": "(?:は|が|の(?:方|ほう)が)",
    "no": "(?:は|が|の(?:方|ほう)が|を)",
    "yori": "より(?:も|は)?",
    "zutto": "より|もっと|ずっと|はるかに|遥かに|少し|やや|明らかに|かなり|若干",
    "yoi": "(?:良い|よい|いい|優れて(?:いる|います)|優れる|正確|適切|優秀|好ましい)(?:です|だ|である)?(?:と(?:思います|思う|考えます|判断します))?",
    "warui": "(?:悪い(?:です)?|劣(?:る|ります|って(?:いる|います)))",
    "nai": "(?:(?:良く|よく|優れて(?:い)?)(?:ない(?:です)?|ません)|(?:良く|よく)ありません|(?:正確|適切)(?:ではない|ではありません))",
    "erabu": "(?:選(?:びます|ぶ|択します)|好みます)",
    # Korean
    "ga": "가|이|는|은",
    "boda": "보다(?:는)?",
    "deo": "(?:더욱?|훨씬|조금|약간|분명히|확실히) ?",
    "nat": "(?:낫|좋|(?:정확|우수|유용|완전|적절)[하합]|뛰어[나납])(?:다|습니다|니다|아요)(?:고 (?:생각|판단)(?:합니다|한다))?",
    "mot": "(?:못하다|못합니다|나쁘다|나쁩니다|(?:부정확|열등|부족)(?:하다|합니다))",
    "taek": "(?:선택|선호)(?:합니다|한다)|고르겠습니다",
}  # fmt: skip
_SHAPES = (
    # Chinese: A 比 B 更好, 比起 B, A 更好, A 优于 B, B 不如 A, B 没有 A 好, B 比 A 差, A 更好
    "x more* than y more* good much",
    "besides y compared ,? x more* good much",
    "x more* beats y",
    "y more* loses x (?:(?:那么|这么)? more* good)?",
    "y (?:没有?|沒有?) x (?:那么|这么|那麼)? good",
    "y more* than x more* bad much",
    "x most good much",
    "x wins",
    # Japanese: AはBより良い, BよりAの方が良い, Bと比べてAの方が良い, BはAより劣る, BはAに及ばない, BはAほど良くない, Aの方が良い
    "x wa y yori zutto* yoi",
    "y yori ,? x no zutto* (?:yoi|erabu)",
    "y (?:(?:と|に)比べ(?:て|ると)|と比較(?:して|すると)) ,? x wa zutto* yoi",
    "y wa x (?:yori|に) zutto* warui",
    "y wa x に (?:及ばない|及びません)",
    "y wa x ほど nai",
    "x wa y (?:に勝(?:る|ります)|を上回(?:る|ります|って(?:いる|います)))",
    "x (?:が|の(?:方|ほう)が) zutto* yoi",
    "(?:y (?:ではなく|よりも?) ,?)? x を erabu",
    "優れているのは x です",
    # Korean: A가 B보다 낫다, B보다 A가 낫다, B에 비해 A가 낫다, B는 A보다 못하다, A가 더 좋다, A를 선택합니다
    "x ga y boda deo* nat",
    "y boda x (?:ga deo* nat|(?:를|을) deo* taek)",
    "y (?:에 비해(?:서)?|(?:와|과) 비교(?:하면|해서)) ,? x ga deo* nat",
    "y ga x boda deo* mot",
    "y ga x 만 mot",
    "y ga x 만큼 (?:좋|정확하|우수하)지 (?:않다|않습니다)",
    "x ga deo+ nat",
    "x ga 이겼(?:다|습니다)",
    "(?:y (?:가|이) 아니라 ,?)? x (?:를|을) taek",
)
# Where a clause begins, with what only leads to it, and where it ends: nothing may go on but a second praise or a reason.
_LEADS = (
    "我(?:个人)?(?:认为|觉得|想)?|在我看来|综上(?:所述)?|綜上所述|总(?:的来说|体来说|体而言|之)|总体|整体|因此|所以|故|最终(?:判断)?|最后|显然|但是?|而|不过|然而|两者相比"
    "|したがって|よって|ゆえに|総合的に|全体的に|私は|しかし|結論|最終判断|따라서|결론적으로|전반적으로|저는|그러나|하지만"
)
_BEGIN = rf"(?:^|[。.!?,;:\n、]) ?(?:[-•#>*_]{{1,3}} ?)?(?:(?:{_LEADS})[,、:]? ?){{0,3}}"
_END = rf"(?:[、,和且](?:并且|更加?|更为){{0,2}}(?:{_WORDS['good']})){{0,3}} ?(?=$|[。.!,;、\n)\]】」]|因为|因為|所以|因此|ので|から)"


def _pattern(shape: str) -> re.Pattern[str]:
    """A shape as an expression over a normalised text: its words put in, and a space or none where it has one."""
    spaced = " {0,2}".join(shape.split(" "))
    filled = re.sub(r"\b[a-z]+\b", lambda word: f"(?:{_WORDS[word[0]]})", spaced)
    return re.compile(_BEGIN + filled + _END, re.MULTILINE)


# Each with the better answer's letter as the group "letter".
COMPARED = tuple(_pattern(shape) for shape in _SHAPES)
