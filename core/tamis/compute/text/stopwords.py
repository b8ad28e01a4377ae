"""Words too common to name a cluster, in casefolded form, for the languages most instruction data is in."""

from __future__ import annotations

# Parts of words that an apostrophe splits off (don't, l'eau, we'll) are listed as the words they become.
_ENGLISH = """
a about above after again against all also although always am among an and another any anyone anything are
aren around as ask at away back be became because become been before being below between both but by call
called came can cannot could couldn did didn different do does doesn doing don done down during each either
else etc even ever every everyone everything example few first following for found from further gave get gets
getting give given gives go goes going gone good got had hadn has hasn have haven having he hello help her
here hers herself him himself his how however if in including instead into is isn it its itself just keep know
known last least less let like likely ll look made make makes making many may maybe me might mine more most
much must mustn my myself need needn needs never new next no nor not nothing now of off often ok on once one
ones only onto or other others our ours ourselves out over own per perhaps please possible put quite rather re
really right said same say says second see seem seems shall shan she should shouldn show since so some someone
something sometimes soon still such sure take takes tell than thank thanks that the their theirs them
themselves then there therefore these they thing things think this those though three through thus time times
to together too try trying two under unless until up upon us use used useful uses using usually various ve
very via want wants was wasn way ways we well went were weren what whatever when where whether which while who
whole whom whose why will with within without won would wouldn write year years yes yet you your yours
yourself
amp gt lt nbsp quot
"""
_SPANISH = """
al algo algunos ante antes aunque aqui aquí así aun bien cada como con contra cual cuando cuál cómo de del
desde donde dos durante e el ella ellas ellos en entre era es esa esas ese eso esos esta estas este esto estos
está están fue ha hace hacer hasta hay la las le les lo los me mi mientras muy más ni no nos nosotros o otra
otro otros para pero poco por porque puede pueden que quien qué se ser si sido sin sobre solo son su sus sí
también tan tanto te tiene tienen todo todos tu tus un una uno unos usted y ya yo
"""
_FRENCH = """
ai au aussi autre aux avec avez avoir bien c ce ceci cela ces cet cette ceux chaque comme comment d dans de
depuis des deux doit donc dont du elle elles en encore entre est et etc eu eux faire fait faut fois il ils j
je l la le les leur leurs lors lui là m ma mais me mes moi moins mon même n ne nos notre nous on ont ou où par
parce pas peu peut peuvent plus pour pourquoi qu quand que quel quelle quelles qui quoi s sa sans se selon ses
si son sont sous sur t ta te tes toi ton tous tout toute toutes très tu un une vers vos votre vous y à ça
était étaient été être
"""
_GERMAN = """
aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis bist da dabei
damit dann das dass dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch
dort du durch ein eine einem einen einer eines er es etwa euch euer für gegen gibt hab habe haben hat hatte
hatten hier ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede jedem jeden jeder jedes
jetzt kann kein keine keinen können könnte man mehr mein meine mich mir mit muss müssen nach nicht noch nun
nur ob oder ohne sehr sein seine seinem seinen seiner seit sich sie sind so solche soll sollte sondern sowie
um und uns unser unter viel vom von vor war waren was weil welche welcher wenn wer werden wie wieder will wir
wird wo wurde wurden während zu zum zur zwei zwischen über
"""
_PORTUGUESE = """
a ao aos apenas as até cada com como da das de dela dele deles depois do dos e ela elas ele eles em entre era
essa esse esta estava este estes está estão eu foi foram fazer há isso isto já lhe mais mas me mesmo meu minha
muito na nas nem no nos nossa nosso não nós o os ou para pela pelas pelo pelos por porque pode podem qual
quando que quem se seja sem ser seu seus sua suas são só sobre também te tem tinha todo todos tu tudo têm um
uma umas uns vai você vocês à às é
"""
_ITALIAN = """
ad agli ai al alla alle allo anche ancora avere c che chi ci cioè come con cosa cui da dai dal dalla dalle dei
del della delle dello di dopo dove due e ecco ed era essere fa fare fra gli ha hanno ho i il in io l la le lei
li lo loro lui ma me mi mia mio molto ne nei nel nella nelle no noi non nostra nostro o ogni oppure per perché
più poi prima puoi può quale quando quanto quella quelle quelli quello questa queste questi questo qui se sei
si sia sono stata stato su sua sue sui sul sulla suo tra tu tua tuo tutti tutto un una uno vi voi è
"""
_DUTCH = """
aan al alle als bij dan dat de den der deze die dit doen door dus een en er geen geweest haar had heb hebben
heeft hem het hier hij hoe hun ik in is ja je jij jouw kan kunnen maar me meer men met mij mijn moet na naar
niet niets nog nu of om omdat onder ons ook op over te tegen toch toen tot u uit uw van veel voor waar waren
was wat we wel werd wie wij wil worden wordt zal ze zei zich zij zijn zo zonder zou
"""
_RUSSIAN = """
а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее если
есть еще ещё её же за и из или им их к как какой когда которая которые который кто ли между меня мне много
может можно мой мы на над надо нас не него нет ни них но ну о об один он она они оно от по под после потому
при про раз с с сам свой себя со так также такой там те тем то того тоже только том ты у уже чем через что
чтобы эта эти это этого этой этот я
"""

WORDS_BY_LANGUAGE = {
    name: frozenset(words.casefold().split())
    for name, words in {
        "english": _ENGLISH,
        "spanish": _SPANISH,
        "french": _FRENCH,
        "german": _GERMAN,
        "portuguese": _PORTUGUESE,
        "italian": _ITALIAN,
        "dutch": _DUTCH,
        "russian": _RUSSIAN,
    }.items()
}
STOP_WORDS = frozenset().union(*WORDS_BY_LANGUAGE.values())

# Characters of Chinese and Japanese grammar: an n-gram that starts or ends with one straddles two words.
STOP_CHARACTERS = frozenset(
    "的了是在和与與也就都而及着著或一个個不没沒有我你他她它这這那们們吗嗎呢吧把被对對为為于於以之其"
)
