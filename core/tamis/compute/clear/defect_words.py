"""Word lists for finding cut and garbled texts."""

from __future__ import annotations

import re

# Words after which no sentence ends, in languages that put spaces between words.
_GOES_ON = """
a an the and or but nor of because than which whose my your our their its these if although while whereas unless
le les des une et ou du der das und oder ein eine einen weil dass el los las un una porque il lo gli della nel
och ett het een dat os uma das mas ve bir ile oraz dla ze
и в на с к из не а но для за от что как при или чтобы та й у в і
και το η ο την της του στο στη στην στον με για να που των
של את על עם כי או في من على إلى أن التي الذي عن مع
और का की के को लेकिन क्योंकि तथा या जो कि
그리고 및 또는 하지만
"""
GOES_ON = frozenset(_GOES_ON.split())

# Words after which most sentences go on and some end: particles of verbs, stranded prepositions, auxiliaries, pronouns.
_SOMETIMES_LAST = """
to in on at by for with from as that who is are was were be been so then it this these his her not can will would
should could may might must do does did have has had we you they he she i about into through over under up down off
when where what how there just also very more la de que qui die mit von zu y o con per che di no si
"""
SOMETIMES_LAST = frozenset(_SOMETIMES_LAST.split())

# The same where no space stands before them.
GOES_ON_UNSPACED = (
    "因为",
    "和",
    "但是",
    "而且",
    "或者",
    "以及",
    "在",
    "把",
    "从",
    "对于",
    "を",
    "には",
    "および",
    "และ",
    "แต่",
    "หรือ",
    "ของ",
)

# Marks that look unfinished and are not: faces, rules of dashes, an empty option, C++.
ENDS_AS_IT_IS = re.compile(r"^\W*$|[:;]-?[(\[{]$|\b\w[+#]{1,2}$|-{3,}$|={3,}$|—$(?<=\w—)")

# Pairs of letters that English and its neighbours hardly ever have; scrambled words are full of them.
_RARE_PAIRS = """
bx cj cv cx dx fq fx fz gq gx hx jb jc jd jf jg jh jk jl jm jn jp jq jr js jt jv jw jx jy jz kq kx lx mx mz
pq px qb qc qd qe qf qg qh qj qk ql qm qn qo qp qr qs qt qv qw qx qy qz sx tq tx vb vc vd vf vh vj vk vm vn
vp vq vt vw vx vz wj wq wv wx wz xj xk xr xz zb zc zd zf zg zj zk zm zn zp zq zr zs zt zx hj hq hz fj fv gv
gz pj pv pz bq bw bz kj kz mj mq mv
"""
RARE_PAIRS = frozenset(_RARE_PAIRS.split())

# Words that have the letters of a small English word and are words themselves.
_REAL_ANAGRAMS = """
won own saw left felt god dog meat team mate tame meal male lame lead deal dale note tone ten net eat tea
ate now form from tow two owt hi ah ha ho oh ton not pit tip rat art tar tear rate how who evil live vile
veil ow wo ma am en nay yan ya ay os so ot ta at ti it ni in lla ell ail lia ali mad dam its sit tis mean
name mane amen seed sea era ear are sink ink kin skin time item emit mite met them stop spot post pots tops
sale seal sue use ruse user sure suer rues kid bat tab gas sag wed dew bus sub nest sent nets tens dens send
ends lips slip stub buts bust tubs gin dine hades shade heads sword words throw worth wrote tower three
there ether heart earth hater sire rise wee ewe may yam yea aye add dad hem noon none neon neo one eon nope
open peon peso dose does odes nod don non hoes shoe hose sleep trap part amok omak deny outs oust stone
notes onset tones steal least tales slate stale seam same mesa reset terse steer wasp swap paws trial trail
sever verse serve veers thing night vary was ewer were swell wells nib bin gig lit til weak wake weka wont
town wane wean anew thus huts shut tush shout south ourself cuter pal lap alp dire ride tie keen knee slat
last salt alts cloud could yer rye rite tire trie nail lain line nile lien loin lion much chum tub but manes
names means salve slave vales
"""
# Words that are pronounced although many consonants or rare pairs stand in them.
_REAL_CLUSTERS = """
strengths lengths wavelengths lengthwise lengthways eighths twelfths thousandths warmths angstrom subway
earthquake earthquakes worthwhile downstream whoever matchstick matchsticks catchphrase catchphrases
watchstrap watchstraps watchstring latchstring backstroke birthplace birthstone nights knightsbridge
nightshade nightstand nightstick lightship handspring postscript filmstrip filmstrips borscht schnapps
schnitzel schnauzer schwa schmuck schmooze phthalate psst pfft sqrt https http html json mysql postgresql
jquery ffmpeg dijkstra hertzsprung touchscreen switchblade witchcraft offspring blackjack flapjack cobweb
cobwebs subzero dumbstruck
"""
# Other words made of the letters of a small English word, names among them.
_MORE_ANAGRAMS = """
quiet hand items begin near map sheet pre nose node nodes hes whos hows wasnt asleep earn thaw sha newer
hits tbsp ash kate dense nerve ron rep rome rsvp tl tesla aids cone elbow sway teak nbsp dame tel remo lyon
desu bowel stmt eth ethos rove sour
"""
REAL_ANAGRAMS = frozenset(_REAL_ANAGRAMS.split())
REAL_WORDS = frozenset(f"{_REAL_ANAGRAMS} {_REAL_CLUSTERS} {_MORE_ANAGRAMS}".replace("'", "").split())
