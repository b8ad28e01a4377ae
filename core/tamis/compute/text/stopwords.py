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

# Of scripts written without spaces these are words as ICU's dictionaries cut them; of the others, as spaces do.
_CHINESE = """
一 一个 一些 我的 你的 他的 她的 它的 我们的 您的 一种 上 下 不 不是 与 与其 两 个 中 为 为了 为什么 之 也 了 于 什么 从 他 他们 以 以及 任何 会 但 但是 何 你 你们 使用 來
來自 個 們 做 關於 关于 其 其中 再 几 出 到 前 却 又 及 及其 可 可以 可能 各 各种 同 同时 后 向 吗 吧 呢 和 哪 哪些 哪里 啊 嗎 因为 因此 在 地 型
多 多少 大 太 好 如 如何 如果 它 它们 对 对于 将 将会 小 就 就是 已 已经 并 并且 应 应该 当 很 得 怎么 怎样 您 想 我 我们 或 或者 所 所以 把 按 据 提供
收 放 敢 新 方式 无 既 时 是 是否 最 有 有些 有关 本 来 来自 某 根据 此 每 比 没 没有 照 然后 然而 現在 现在 用 由 由于 的 的话 看 着 第 等 给 給 而
而且 能 能够 自己 至 若 虽然 被 要 說 让 該 说 请 請 谁 谢谢 跟 較 较 还 还是 这 这个 这些 这种 這 這個 進行 进行 过 通过 通常 通過 那 那个 那么 那些 都 里 間
间 问 问题 難 难道 需要 非常 題 题 年 月 日
"""
_JAPANESE = """
あっ あり ある あれ い いい いう いえ いく いくつ いただき いただく いつ いる いろいろ え お おり および か かつ かも から が きっと く くだ くださ くださっ
くださり ください くれ くれる けど けれど こう ここ こちら こと この これ これら これらの こんな こんにちは さ さい さらに さん し しか しかし した して しよう する すると すべて ず せ
せず せる ぜひ そう そこ そして その それ それぞれ それら そんな た たい たく ただ たち たっ ため たら たり だ だから だけ だっ だろ ちょっと つ つい て で でき
できる でし でしょ でしょう です では でも と という といった とき ところ どう どこ どちら どの どれ どんな な ない なお なく なけれ なし なぜ など なに なら なり なる なん なんて に にて
には ね の ので のに は はい はじめ ば ひと びと へ べき べし ほか ほど ほとんど ま ます ませ まし また まだ まで まま みたい みる め も もう もし もの ものの もっと や やはり ゆえ
よ よう よく より よる ら られ られる れ れる わ わか わかり わから を ん 上 下 中 事 人 今 他 以上 以下 何 何故 例 例えば 其 内 分 前 同じ 場合 多く 年 度 彼 後
思い 思う 方 方法 日 時 是 月 次 毎 点 用 番 的 目 私 私たち 等 続 者 自分 行 行い 行う 言 言う 説明 際 間 教え 通常 非常 について において における によって による として ありがとう
"""
_THAI = """
ก็ กระทำ กล่าว กว่า กับ การ กัน กำลัง ขอ ของ ข้อ ขึ้น ขณะ ครับ คราว ครั้ง ค่ะ คะ คง ควร ความ คือ คุณ งั้น จง จน จริง จะ จัด จาก จึง ฉะนั้น ฉัน ช่วย ช่วง
ใช่ ใช้ ซึ่ง ด้วย ดัง ดังนั้น ดังกล่าว ดี ได้ โดย ใด ใดๆ ต้อง ตลอด ตั้ง ตั้งแต่ ตัว ตาม ต่าง ต่างๆ แต่ แต่ละ ต่อ ถ้า ถึง ถูก ทั้ง ทั้งนี้ ทั้งหมด ทาง ทำ ทำให้ ทำไม ที ที่ ทุก
เท่า เท่านั้น เท่าไร เธอ นอกจาก นัก นั่น นั้น น่า นำ นี่ นี้ ใน บาง บ้าง เป็น เปิด ไป ผ่าน ผม ผู้ เพราะ เพียง เพื่อ พบ พร้อม พวก พอ มา มาก มี เมื่อ ไม่ แม้ ยัง
ยิ่ง ย่อม รวม ระหว่าง รับ ราย เริ่ม เรา เรียก แรก และ แล้ว แล้วก็ ลง ละ ว่า วัน ส่ง ส่วน สามารถ สำหรับ สิ่ง เสีย หนึ่ง หรือ หลัง หลาย หาก ให้ ไหน ไหม แห่ง ใหม่ อย่าง อย่างไร
อย่างไรก็ตาม อยาก อยู่ ออก อะไร อัน อาจ อีก เอง เอา โปรด กรุณา ขอบคุณ สวัสดี เขา มัน ท่าน นะ ๆ
"""
_LAO = """
ກັບ ກັນ ກາຣ ການ ກໍ ກໍາລັງ ກ່ວາ ຂອງ ຂ້ອຍ ຂຶ້ນ ຄວນ ຄວາມ ຄື ຈະ ຈາກ ຈຶ່ງ ເຈົ້າ ສາມາດ ສໍາລັບ ຊຶ່ງ ຖ້າ ດ້ວຍ ໂດຍ ໃດ ໄດ້ ຕ້ອງ ຕໍ່ ຕາມ ແຕ່ ທີ່ ທັງ ທ່ານ ທຸກ ເທົ່າ ນັ້ນ ນີ້ ໃນ ບໍ່
ບໍ ເປັນ ໄປ ຜູ້ ແນວ ແນວໃດ ພວກ ເພາະ ເພື່ອ ມັນ ມາ ມີ ເມື່ອ ແມ່ນ ຢູ່ ຢ່າງ ຢ່າງໃດ ຍັງ ລາວ ເຮົາ ແລະ ແລ້ວ ລົງ ວ່າ ສິ່ງ ຫຍັງ ຫຼື ຫລື ຫຼາຍ ຫລາຍ ອອກ ອາດ ອີກ ອັນ ໃຫ້ ຈົ່ງ ກະລຸນາ ຂໍ ຂໍຂອບໃຈ
"""
_KHMER = """
ក៏ ការ ការដែល កំពុង កាល គឺ គេ គ្នា គួរ ចង់ ចាប់ ចេញ ចំពោះ ចុះ ឆ្នាំ ជា ជាង ជាមួយ ដល់ ដូច ដូចម្តេច ដែល ដែរ ដោយ ដើម្បី តាម តើ តែ ត្រូវ ថា ទាំង ទាំងអស់ ទី ទៅ ទេ ទៀត នេះ
នោះ នៃ នៅ នឹង និង ប៉ុន្តែ ប្រសិនបើ បាន ប្រើ បើ ពី ពីព្រោះ ពេល ព្រោះ ភាព មក មាន មិន មួយ យើង យ៉ាង យ៉ាងដូច ម្តេច រួច របស់ រឺ ល្អ លើ វា សូម សម្រាប់ សំរាប់ ហើយ ឬ អាច អំពី អ្នក អ្វី អី ឲ្យ
ឱ្យ ខ្ញុំ គាត់ នាង ពួក ខ្លះ ច្រើន ណា ក្នុង ក្រោយ មុន អរគុណ សួស្តី
"""
_BURMESE = """
က ကို ကျွန်တော် ကျွန်မ ကြ ခဲ့ ခု ငါ ၏ ၊ ။ ဒါ ဒီ ထို ထိုအခါ ထား ဖြင့် ဖြစ် ဖို့ ဘယ် ဘယ်လို ဘယ်သူ ဘာ ဘာကြောင့် မ မည် မှ မှာ မှု များ မယ် မလဲ ရ ရန် ရှိ ရဲ့ ရမလဲ လဲ လား လို့ လည်း
လျှင် လို လုပ် လုပ်နည်း သည် သည့် သော သောကြောင့် သူ သူတို့ သို့ သို့မဟုတ် သင် သင့် သာ သလို နဲ့ နှင့် နိုင် နေ နည်း အတွက် အား အရာ အရ အကြောင်း အဲဒီ ဟု ဟာ ဟူ ပါ ပါစေ ပါသည် ပါတယ် ပေး ပြီး ပြီ
ပဲ တစ် တစ်ခု တယ် တာ တွင် တွေ တို့ တော် တော့ စေ စွာ ဆို ဝင် အောင် ကျေးဇူး မင်္ဂလာပါ
"""
_ARABIC = """
آخر أبدا أثناء أحد أحيانا أخرى إذ إذا أكثر إلا التي الذي الذين الى إلى أم أما أمام أن أنا أنت أنتم أنه أنها إنه إنها إن أو أولا أي أيضا أين بأن بعد بعض بل بها
به بهذا بين بينما تحت تكون تلك تم ثم جدا جميع حتى حول حيث حين خلال دون ذات ذلك رغم سوف شكرا ضد ضمن عبر عدة عدم على عليه عليها عن عند عندما غير فإن فقط فوق في فيه فيها قال قبل
قد كان كانت كل كم كما كي كيف لا لأن لدى لديك لقد لك لكن لكي لم لما لماذا لن له لها لهذا لو ليس ليست ما ماذا مثل مجرد مرة مع معظم معها معه مما من منذ منه منها هذا هذه هل هم هنا هناك
هو هي وأن واحد والتي والذي وإن وقد وكان ولا ولكن ولم وما ومن ومع وهذا وهذه وهو وهي و يا يتم يجب يكون يمكن يمكنك كيفية
"""
_HINDI = """
अगर अत अपना अपनी अपने अब अभी अलावा आदि आप आपका आपकी आपके इन इनका इनके इस इसका इसकी इसके इसमें इसलिए इसे उन उनका उनकी उनके उन्हें उन्होंने उस उसका उसकी उसके उसे
एक एवं ऐसा ऐसे और कई कब कभी कम कर करता करते करना करने करें कर रहा कहा कहें कहते कहकर का काफी कि किया किए किस किसी की कुछ के कैसे को कोई कौन क्या क्यों क्योंकि गई गए गया चाहिए जब
जा जाता जाती जाते जाना जाए जिस जिसका जिसके जिसमें जिसे जैसा जैसे जो तक तथा तब तरह तो था थी थे द्वारा दिया दी दे देना दो धन्यवाद नहीं ना ने नमस्कार पर परंतु पहले फिर बहुत बात बाद बारे बिना भी
मगर मुझे में मेरा मेरी मेरे मैं यदि यह यहां यहाँ या ये रहा रहे रही लिए लेकिन ले व वह वहां वाला वाली वाले वे सकता सकते सकती सब सभी साथ से सो हम हमारे हर ही हुआ हुई हुए है हैं हो होता होती
होते होना होने हूँ हूं
"""
_KOREAN = """
가 가장 각 같은 것 것은 것을 것이 것입니다 그 그것 그는 그들은 그러나 그런 그리고 그래서 그녀는 나 나는 내 내가 너 너는 너무 네 다른 다시 당신 당신은 당신의 대한 대해 더 더욱 도 된 된다 될 두 등 따라
때 때문에 또 또는 또한 를 많은 많이 만약 매우 모든 무엇 무엇을 무엇인가요 뭐 및 바로 보다 수 수도 아니 아니라 아주 안 어디 어떤 어떻게 어느 언제 없는 없다 여러 여기 왜 우리 우리는 위한 위해 으로 은 을 의 이 이것
이것은 이러한 이런 이를 입니다 있는 있다 있습니다 있을 있으며 있도록 자신 잘 저 저는 전 점 정말 제 제가 좀 주세요 중 즉 지 참 통해 하고 하는 하나 하는지 하면 하세요 하지만 한 한다 할 함께 합니다 해 해주세요 했다 후 감사합니다 안녕하세요
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
STOP_WORDS = frozenset().union(
    *WORDS_BY_LANGUAGE.values(),
    *(
        words.casefold().split()
        for words in (_CHINESE, _JAPANESE, _THAI, _LAO, _KHMER, _BURMESE, _ARABIC, _HINDI, _KOREAN)
    ),
)

# Characters of Chinese and Japanese grammar, which say nothing by themselves.
STOP_CHARACTERS = frozenset(
    "的了是在和与與也就都而及着著或一个個不没沒有我你他她它这這那们們吗嗎呢吧把被对對为為于於以之其"
)
