"""Word lists for finding cut and garbled texts."""

from __future__ import annotations

# Words after which an English, French, German, Spanish or Italian sentence goes on.
_GOES_ON = """
a an the and or but of to in on at by for with from as that which who whose is are was were be been if
because so than then it its this these your my our their his her not can will would should could may i we
you they he she le la les des une et ou de du que qui der die das und oder ein eine mit von zu el los las y
o un una en con per che di il
"""
GOES_ON = frozenset(_GOES_ON.split())

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
REAL_ANAGRAMS = frozenset(_REAL_ANAGRAMS.split())
