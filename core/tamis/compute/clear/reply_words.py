"""The words by which replies name a choice, as alternatives of a regular expression, in the languages that models answer in."""

from __future__ import annotations

THING = (
    "option|answer|response|assistant|candidate|choice|model|output|reply|version|antwort|variante|réponse|respuesta|resposta"
    "|opción|risposta|opzione|回答|选项|選項|答案"
)
NOUN = (
    "answers?|choices?|verdict|option|judge?ment|conclusion|decision|rating|reply|response|output|winner|pick|preference"
    "|better one|best one|réponse|choix|verdict|meilleure|respuesta|elección|mejor|resposta|escolha|antwort|wahl|urteil"
    "|entscheidung|sieger|risposta|scelta|ответ"
)
IS = "is|would be|will be|must be|has to be|ist|wäre|est|serait|es|é|è|—|это"
VERB = (
    "choose|chose|chosen|pick|select|go with|going with|opt for|say|vote(?: for)?|prefer|favou?r|side with"
    "|lean(?:ing)? towards?|wähle|nehme|bevorzuge|entscheide mich für|stimme für|choisis|préfère|opte pour|vote pour|elijo"
    "|escojo|prefiero|escolho|prefiro|scelgo|preferisco|выбираю|предпочитаю|wahl fällt auf|préférence va à|лучше"
)
# "Die bessere ist die B", "prefiero la respuesta B", "à la réponse B".
ARTICLE = "the|la|el|le|il|lo|die|der|den|das|l['’]|[ao](?= (?:resposta|opção|risposta))|opção|ответ"
# "Ich würde B wählen": the letter stands inside the verb.
VERB_FIRST = "würde|möchte|ziehe"
VERB_LAST = "wählen|nehmen|bevorzugen|vor"
# "B over A": what stands between the choice and what it is preferred to.
OVER = (
    "over|to|than|rather than|instead of|not|and not|against|gegenüber|statt|und nicht|als|vor|à|plutôt que|et non|au lieu de"
    "|que|a|en vez de|antes que|y no"
)
NEGATION = (
    "not|never|neither|nor|cannot|rather than|instead of|no(?= (?:elijo|escojo|prefiero|es)\\b)|nicht|nie|kein|keine|weder|noch|statt"
    "|ne|ni|jamais|plutôt que|nunca|não|nem|né|не|нет|nobody|no one|none|niemand|personne|nadie|avoid|rule out|reject|discard"
)
NOT = "not|nicht|pas|no|non|não|не"
BUT = "but|sondern|aber|mais|sino|pero|mas|ma|bensì|а|而是"
HENCE = "so|thus|hence|therefore|also|daher|donc"
RATHER = "rather|instead|plutôt|it is"
AND = "or|and|nor|vs\\.?|versus|oder|und|noch|ou|et|ni|o|y|e|или|и"
JOINS = (
    f"{BUT}|and|so|while|whereas|though|thus|therefore|hence|clearly|overall|that|und|also|daher|et|donc|y|e"
)
SURELY = (
    "actually|so|thus|hence|therefore|definitely|clearly|obviously|certainly|surely|probably|overall|i think|i believe|i guess|also|daher"
    "|eindeutig|klar|donc|clairement"
)
# Only what leaves the praise whole: "hardly", "allegedly", "stylistically better" are none.
VERY = (
    r"clearly|slightly|marginally|significantly|considerably|substantially|definitely|certainly|undoubtedly|undeniably|unquestionably|obviously|evidently"
    r"|plainly|vastly|greatly|noticeably|notably|markedly|decidedly|distinctly|overwhelmingly|easily|really|truly|simply|generally|probably|actually"
    r"|ultimately|objectively|moderately|mildly|strongly|convincingly|demonstrably|therefore|thus|overall|much|far|the|a|bit|slightly|still|also|definitely|deutlich|klar|eindeutig|viel|etwas|die|der|das|la|le|nettement"
    r"|clairement|bien|mucho|claramente|muito|ligeiramente|molto"
)
BETTER = (
    "better|best|correct|right|preferable|preferred|superior|stronger|strongest|the winner|winner|right choice|right answer|correct answer"
    "|more (?:accurate|helpful|correct|complete|precise|relevant|useful|convincing|factual|faithful|truthful|thorough|reliable)"
    "|besser|beste|richtig|korrekt|bessere|überlegen|vorzuziehen|hilfreicher|genauer|meilleure?s?|correcte?|juste|préférable|supérieure?|mejor|correcta?|superior"
    "|preferible|melhor|migliore|лучше"
)
# After "better": only in one respect, or than what nobody offered.
IN_PART = (
    r"in(?! (?:my|every|all|most|almost|nearly|both|general|each|this|the end|jeder|allen|tous|todo)\b)|if|when|otherwise|formatted|written|structured|organi[sz]ed|worded|phrased|styled|than (?:nothing|none|average|expected|usual|before)"
    "|formatiert|geschrieben|formuliert|als (?:nichts|keine)|que rien|que nada|écrite?|escrita?|scritta?"
)
WINS = "wins|gewinnt|siegt|gagne|l['’]emporte|gana|vence|vince"
FIND = "find|found|consider|finde|trouve|encuentro"
WORSE = (
    r"worse|worst|wrong|bad|weaker|weakest|inferior|incorrect|poor|poorer|flawed|losers?|losing|rejected|eliminated|discarded"
    r"|mistake to|unchosen|not (?:chosen|selected|preferred|picked)|low(?:er|est)[- ](?:quality|scor\w+|rat\w+|rank\w+)"
    r"|(?:less|least) (?:accurate|helpful|convincing|complete|correct|precise|relevant|useful|detailed|good|prefer\w+|suitable"
    r"|faithful|truthful|clear|informative|reliable|appropriate|effective|coherent|thorough)"
    r"|runner[- ]?up|second[- ](?:best|place)|last place"
    r"|schlechter|schlechteren?|schlechteste|schlecht|falsche?|unterlegene?|verlierer(?:in)?|(?:weniger|moins|menos|meno) \w+"
    r"|pires?|mauvaise?|fausse|perdante?|peor|perdedora?|pior|peggiore|perdente|хуже|худший|проигравший"
)
WORSE_EAST = "最差|较差|較差|更差|不好|不如|错误|錯誤|失败|淘汰|劣|悪い|負け|나쁜|더 못"
# What the one of two is called that is not chosen, and what is named before a letter that is blamed.
LOSES = (
    "worse|worst|loser|losing|weaker|weakest|inferior|rejected|eliminated|schlechter|schlechtere|schlechteste|verlierer|pire"
    "|perdant|peor|perdedor|pior|peggiore|perdente|хуже|最差的?|较差的?|更差的?"
)
FAULT = (
    "grades?|problems?|weakness(?:es)?|issues?|flaws?|errors?|mistakes?|drawbacks?|faults?|cons|concerns?|downsides?|fehler|schwächen?"
    "|nachteile?|problème|défaut|faiblesse|problema|defecto|debilidad|difetto|debolezza|defeito"
)
# What joins a fault to the letter that has it, and what says that it has none or that it does not matter.
OF = "in|with|of|for|from|by|bei|mit|von|dans|de|avec|en|con|em|di"
FOUND = "found|seen|noticed|made|here"
HAS = "has|had|contains?|shows?|makes?|hat|enthält|contient|tiene|tem|ha"
SPARING = (
    "no|none|not|any|few|fewer|fewest|less|least|without|free|despite|fix\\w*|correct\\w*|keine?|weniger|ohne|trotz|sans|aucune?"
    "|moins|malgré|sin|menos|sem|senza|meno"
)
FIELD = (
    "answer|choice|verdict|winner|better|best|preferred|preference|decision|selection|selected|chosen|label|result|letter|pick"
    "|judge?ment|antwort|réponse|respuesta|答案|选择"
)
# Languages that are written without spaces between words.
CHOSEN_EAST = "答案|选择|選擇|选|選|更喜欢|更喜歡|偏好|正解|答え|判定|判断|结论|結論|更好的|胜者|获胜者|勝者|정답|(?<![가-힣])답|판정|판단|결론|승자"
IS_EAST = "应该是|應該是|的?(?:回答|答案)?是|回答|为|為|は|은|는"
# How a choice ends that is written together.
END_EAST = r"$|[。.!,;:、\n)\]】」|]|因为|因為|而不是|而非|作为|作為|입니다|이다|です|だ(?!と)|で(?=[,、])"
AND_EAST = "和|或|还是|還是|或者|与|與|と|か"
# Of verdicts between two answers (verdict_replies.py): nothing but these is read.
REASON = "because|since|as(?! well)|for|weil|da|denn|car|parce que|puisque|porque|ya que|pois|perché|poiché|因为|因為"
WHOLLY = r"overall|here|by far|in (?:my opinion|my view|every respect|all respects|general|the end|both respects)|insgesamt|hier|ici|aquí"
THOUGHT = "i (?:think|believe|find|say|conclude|guess)|i (?:would|['’]d) say|in my (?:view|opinion)|that|dass|que|ich (?:denke|finde|glaube)|je (?:pense|crois)"
CHOSEN = (
    "final|better|best|correct|right|preferred|overall|stronger|winning|chosen|own|bessere|beste|richtige|endgültige|korrekte|meilleure|bonne"
    "|finale?|mejor|correcta|melhor|correta|migliore|corretta|лучший|правильный"
)
RESOLVED = "would|will|must|do|also|still|therefore|thus|hence|clearly|definitely|strongly|slightly|personally|have to|had to|should|am|rather"
VERB_OF_I = (
    "choose|chose|pick|picked|select|selected|go with|going with|opt for|say|vote(?: for)?|prefer|favou?r|side with|lean(?:ing)? towards?"
    "|judge|vote goes to"
)
VERB_OF_ME = (
    "wähle|nehme|bevorzuge|entscheide mich für|stimme für|choisis|préfère|opte pour|vote pour|elijo|escojo|prefiero|escolho|prefiro|scelgo"
    "|preferisco|выбираю|предпочитаю|meine wahl fällt auf|ma préférence va à|my vote (?:goes to|is for)|лучше"
)
IS_NOW = "ist|est|es|é|è|sieht|scheint|это"
FINAL = "final|actually|therefore|so|thus|hence|overall|conclusion|in short|verdict|also|daher|insgesamt|donc"
HOWEVER = "but|however|yet|though|although|if|unless|were it|only|except|until|aber|jedoch|wenn|falls|mais|cependant|si|pero|sin embargo|mas|ma|se"
HEDGES = (
    "not|never|no|nobody|none|neither|if|unless|were|might|may|could|tempting|at first|initially|first glance|was going to|used to|refuse|hard"
    "|difficult|wrong|mistake|people|readers|others|some|one|you|they|everyone|nicht|kein|keine|weder|wenn|man|zuerst|zunächst|pas|jamais|si|ni"
    "|nunca|tampoco|nem|não|né|non|не|нет"
)
PREFACE = (
    "i|we|ich|je|我认为|我觉得|我想|总体来说|总的来说|after \\w+ing[^,]*|having (?:\\w+ed|read|seen)[^,]*|overall|in sum(?:mary)?|in conclusion|to conclude|all in all|all things considered|on balance|in short|clearly|therefore|thus|hence|so|finally"
    "|in my (?:opinion|view)|i (?:think|believe|conclude|find)(?: that)?|to me|for me|insgesamt|meiner meinung nach|klar|à mon avis|en somme|dans l['’]ensemble"
    "|en mi opinión|en resumen|en general|na minha opinião|and|but|und|aber|et|mais|y|pero|no (?:doubt|question)|there is no doubt(?: that)?|no hay duda"
    "|it (?:isn['’]t|is not) close|if (?:i (?:had to|must) (?:choose|pick|decide)|pressed|forced)|of the two|of both"
)
LACKS = (
    "lacks?|lacked|stops|breaks off|ends in the middle|misses|missed|missing|ignores?|ignored|leaves out|left out|fails?|failed|omits?|omitted|invents?|hallucinat\\w+|incomplete|cut(?: off| short)?"
    "|truncated|off[- ]topic|contradicts?|mis\\w+s|unsupported|bricht ab|fehlt|unvollständig|incomplète|incompleta|不完整|也不|does not|did not"
)
# Of what is said of two answers together: "The correct answer is B. Both say so" is no verdict between them.
BOTH = (
    "both|each (?:of|one|assistant|answer|response|gives|says)|all of (?:them|these)|all (?:the )?(?:assistants|answers|responses)|neither|assistants|beide[nr]?|keine[rs]? (?:der|von) (?:beiden|ihnen)"
    "|(?:les|toutes|tous)(?: les)? deux|aucune?|ambas|ambos|l[ao]s dos|ningun[ao]|entramb[ei]|nessun[ao]|[ao]s duas|nenhuma|оба|обе|ни один"
)
BOTH_EAST = "两个|两者|两位|两份|兩個|兩者|都|両方|双方|どちらも|両者|둘 ?다|두 (?:답변|응답)|모두"
TIE = "tie|tied|a draw|equal(?:ly)?|equivalent|the same|unentschieden|gleich(?:wertig|stand)?|égalité|à égalité|se valent|empate|igual(?:es)?|pareggio|pari|ничья"
TIE_EAST = "平局|平手|一样好|一樣好|不相上下|引き分け|同点|同等|무승부|동점"
# Of a mark: what takes it back, and what does so where it goes on to another ("from [[A]] to [[B]]").
WITHDRAWS = (
    "withdraw(?:ing)?|withdrew|retract(?:ing|ed)?|take back|took back|no longer (?:stand by|hold|support|choose)|abandon(?:ed)?|revoke|rescind"
    "|changed from|from|instead of|rather than|ziehe|retire|retiro|ritiro"
)
CHANGES = (
    "from|chang(?:e|es|ed|ing)|revis(?:e|es|ed|ing)|correct(?:s|ed|ing)?|updat(?:e|es|ed|ing)|switch(?:es|ed|ing)?|replac(?:e|es|ed|ing)|amend(?:ed)?"
    "|move[sd]?|korrigiere|ändere|von|corrige|de|cambio|corrijo"
)
EXAMPLE = r"for example|for instance|e\.g\.|such as|zum beispiel|z\.\s?b\.|par exemple|por ejemplo|per esempio|por exemplo|например"
