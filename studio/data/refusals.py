"""Answers that refuse, by the usual forms of ten languages: an apology, that one can't, and what an assistant would do.

They are looked for at the beginning alone, and only with a verb of answering or helping, so that someone in a story who
is sorry and can't come refuses nothing. The forms of a language are only tried on a text that begins as one of its STARTS.
"""

import re

ENGLISH = re.compile(
    r"(?P<sorry>(?:(?:i['’]?m|i am) (?:very |so |really |truly )?sorry|sorry|i apologi[sz]e|unfortunately)[,.!]? (?:but )?)?"
    r"(?:(?:i (?:can['’]?t|can ?not|won['’]?t|will not|am unable to|am not able to|will not be able to|won['’]?t be able to)|i['’]?m (?:unable|not able) to) "
    r"(?:directly |currently |really |fully |actually |ethically )?"
    r"(?:(?:assist|provide|fulfil|fulfill|comply|do that|create|generate|write|discuss)\b|answer\b(?! the (?:phone|door|call)\b)|help\b(?! (?:but|it|myself)\b| \w{2,20}ing\b)"
    r"|(?(sorry)(?:do (?:this|it)|share|engage|support|browse|access|view|see (?:images|pictures|videos|links)|predict|endorse|promote|condone|participate|respond|"
    r"open (?:(?:the|this|that|these|those|any|your|external|attached|uploaded) ){0,3}(?:links?|urls?|files?|attachments?|documents?|images?|websites?|web ?pages?)|"
    r"(?:complete|process|continue) (?:with )?(?:this|that|your)|tell you|give you|offer (?:advice|opinions|medical|legal))\b|(?!)))"
    r"|(?(sorry)i (?:do not|don['’]?t) have (?:access|the (?:ability|capability)|(?:any |enough )?information|(?:personal )?(?:opinions|feelings|experiences))\b|(?!))"
    r"|as an? (?:ai|artificial intelligence|(?:large )?language model)(?: (?:language|text|model|assistant|chatbot|bot|system|program|agent)){0,3}"
    r"(?: (?:trained|developed|created|made|built|designed) by [\w ]{1,30})?,? (?:i|my|it)\b[^.!?\n]{0,200}?\b(?:cannot|not|no|never|unable|lack|without|\w{1,9}n['’]t)\b)",
    re.IGNORECASE,
)
ENGLISH_STARTS = tuple("IiSsUuAa")

# (how a text begins, what it then says): of the latter `<name>` stands for the gap of that length in one sentence
_FORMS = {
    "German": (
        "es tut mir|tut mir|entschuldig|verzeih|leider|bedauerlicherweise|sorry|ich |als ",
        r"(?:(?:(?:es )?tut mir (?:sehr |wirklich |aufrichtig )?leid|entschuldig\w*(?: sie)?|verzeihung|leider|bedauerlicherweise|sorry)[,.!:]? ?(?:aber |doch )?)?"
        r"(?:(?:[^\s.,!?]+ ){0,3}?(?:kann|darf|werde) ich|ich (?:kann|darf|werde))\b<60>\b(?:nicht|keinen?|keine[rs]?)\b<50>"
        r"(?:helfen|weiterhelfen|behilflich sein|unterst(?:ü|ue)tzen|beantworten|erf(?:ü|ue)llen|nachkommen|bereitstellen|auskunft geben|ratschl(?:ä|ae)ge geben)\b"
        r"|ich bin nicht in der lage\b<60>(?:helfen|beantworten|erf(?:ü|ue)llen|bereitzustellen|unterst(?:ü|ue)tzen)\b"
        r"|als (?:eine? )?(?:gro(?:ß|ss)es )?(?:ki(?!-)|k(?:ü|ue)nstliche intelligenz|sprachmodell|ki-(?:sprach)?modell|ki-assistent(?:in)?|ki-system)\b<120>\b(?:nicht|keinen?|keine[rs]?)\b",
    ),
    "French": (
        "je |désolé|desole|toutes mes excuses|mes excuses|excusez|malheureusement|en tant qu",
        r"(?:(?:(?:je suis )?(?:vraiment |sinc(?:è|e)rement |profond(?:é|e)ment |tr(?:è|e)s )?d(?:é|e)sol(?:é|e)e?|(?:toutes )?mes excuses|excusez[- ]moi|malheureusement|"
        r"je regrette|je m['’]excuse|je (?:vous |te )?prie de m['’]excuser)[,.!:]? ?(?:mais )?)?"
        r"(?:je ne (?:peux|puis|pourrai|saurais)(?: malheureusement)?(?: pas)?|je ne (?:suis|serai)(?: malheureusement)? pas (?:en mesure|capable|autoris(?:é|e)e?) d(?:e|['’])) ?"
        r"(?:pas )?(?:(?:vous|te|y|lui) |t['’])?(?:aider|assister|r(?:é|e)pondre(?! au t)|fournir|donner suite|satisfaire|acc(?:é|e)der (?:à|a) (?:votre|cette|ta)|traiter (?:votre|cette|ta)|g(?:é|e)n(?:é|e)rer)\b"
        r"|en tant qu(?:e |['’])(?:ia|intelligence artificielle|(?:grand )?mod(?:è|e)le (?:de langage|linguistique)|assistant (?:ia|virtuel)|assistant d['’]ia)\b<120>\bn(?:e |['’])<40>\b(?:pas|aucune?|jamais)\b",
    ),
    "Spanish": (
        "lo siento|lo lamento|lamento|lamentablemente|desafortunadamente|perdón|perdon|disculp|mis disculpas|me temo|no |como ",
        r"(?:(?:lo (?:siento|lamento)(?: mucho)?|lamento(?: decir(?:te|le)?)?(?: que)?|lamentablemente|desafortunadamente|perd(?:ó|o)na?|perdone|disculp\w+|mis disculpas|me temo que)[,.!:]? ?(?:pero )?)?"
        r"no (?:puedo|podr(?:é|e|ía|ia)|soy capaz de|me es posible|estoy (?:autorizad|capacitad)[oa] (?:para|a)) "
        r"(?:ayudar(?:te|le|les|os|lo|la)?|asistir(?:te|le|les|os)?|responder(?:te|le)?(?! al t)|contestar(?:te|le)? (?:a )?(?:esa|esta|eso|esto)|proporcionar(?:te|le|les|os)?|brindar(?:te|le|les)?|"
        r"facilitar(?:te|le|les)?|cumplir con|atender (?:a )?(?:esa|esta|tu|su)|generar|completar (?:esa|esta))\b"
        r"|como (?:una? )?(?:ia|inteligencia artificial|(?:gran )?modelo de lenguaje|asistente (?:de ia|virtual))\b<120>\bno\b",
    ),
    "Italian": (
        "mi dispiace|mi spiace|mi scuso|sono spiacente|sono davvero|sono molto|purtroppo|scusa|scusi|chiedo scusa|non |come |in quanto|essendo",
        r"(?:(?:mi (?:di)?spiace(?: molto| davvero)?|mi scuso|sono (?:davvero |molto )?spiacente|purtroppo|scus(?:a|i|ami|ate|atemi)|chiedo scusa)[,.!:]? ?(?:ma |per(?:ò|o) )?)?"
        r"non (?:posso|potr(?:ò|o)|sono in grado di|mi (?:è|e) possibile|sono autorizzat[oa] a) "
        r"(?:aiutar(?:e|ti|la|lo|vi)|assister(?:e|ti|la|vi)|risponder(?:e|ti|le|vi)(?! al t)|fornir(?:e|ti|le|vi)|soddisfare|esaudire|dare seguito|generare|elaborare (?:questa|la tua|la sua))\b"
        r"|(?:come|in quanto|essendo) (?:una?['’ ]?)? ?(?:ia|ai|intelligenza artificiale|(?:grande )?modello (?:linguistico|di linguaggio)|assistente (?:ia|ai|virtuale))\b<120>\bnon\b",
    ),
    "Portuguese": (
        "sinto muito|lamento|eu |desculp|me desculp|peço desculpa|infelizmente|perdão|não |nao |como ",
        r"(?:(?:(?:eu )?(?:sinto|lamento)(?: muito)?|(?:me )?desculp\w+(?:-me)?|pe(?:ç|c)o desculpas?|infelizmente|perd(?:ã|a)o)[,.!:]? ?(?:mas )?)?"
        r"(?:eu )?n(?:ã|a)o (?:posso|poderei|consigo|sou capaz de|estou (?:autorizad|apt)[oa] a|me (?:é|e) poss(?:í|i)vel) (?:(?:te|lhe|vos|o|a) )?"
        r"(?:ajudar|ajud(?:á|a)-l[oa]|auxiliar|assistir|responder(?! ao t)|fornecer|cumprir|atender (?:a )?(?:essa|esta|esse|seu|sua)|prestar|gerar)\b"
        r"|como (?:uma? )?(?:ia|intelig(?:ê|e)ncia artificial|(?:grande )?modelo de linguagem|assistente (?:de ia|virtual))\b<120>\bn(?:ã|a)o\b",
    ),
    "Dutch": (
        "het spijt me|sorry|helaas|mijn excuses|excuses|excuseer|ik |als ",
        r"(?:(?:het spijt me(?: zeer| enorm)?|sorry|helaas|(?:mijn )?excuses|excuseer(?: mij)?)[,.!:]? ?(?:maar )?)?"
        r"(?:(?:[^\s.,!?]+ ){0,3}?(?:kan|mag|zal) ik|ik (?:kan|mag|zal))\b<50>\b(?:niet|geen)\b<40>"
        r"(?:helpen|assisteren|beantwoorden|voldoen|verstrekken|ondersteunen|bijstaan|van dienst zijn|verder helpen)\b"
        r"|ik ben niet in staat\b<50>(?:helpen|beantwoorden|voldoen|verstrekken)\b"
        r"|als (?:een )?(?:ai(?!-)|kunstmatige intelligentie|(?:groot )?taalmodel|ai-(?:taal)?model|ai-assistent)\b<120>\b(?:niet|geen)\b",
    ),
    "Russian": (
        "Извини|извини|Прости|прости|Мне жаль|мне жаль|Мне очень жаль|мне очень жаль|К сожалению|к сожалению|Сожалею|сожалею|Прошу прощения|прошу прощения|"
        "Приношу|приношу|Я |я |Не могу|не могу|Не смогу|не смогу|Как |как ",
        r"(?:(?:[Ии]звини(?:те)?(?: меня)?|[Пп]рости(?:те)?(?: меня)?|[Мм]не (?:очень )?жаль|[Кк] сожалению|(?:[Яя] )?[Сс]ожалею|[Пп]рошу прощения|[Пп]риношу (?:свои )?извинения)[,.!:]? ?(?:но )?)?"
        r"(?:[Яя] )?(?:[Нн]е (?:могу|смогу|в состоянии|вправе)|не способ(?:ен|на)|не имею возможности)(?: [^\s.,!?]+){0,3}? "
        r"(?:помочь|помогать|ответить(?! на звонок)|отвечать|предоставить|выполнить (?:это|этот|эту|ваш|данн)|обсуждать)"
        r"|[Кк]ак (?:большая |виртуальный )?(?:ИИ|искусственный интеллект|языковая модель|ассистент|помощник)<120>[\s,]не[ \n]",
    ),
    "Chinese": (
        "抱歉|非常|很抱|很遗|很遺|很对|十分|真的|对不|對不|不好意思|遗憾|遺憾|我|作为|作為|身为|身為",
        r"(?:(?:非常|很|十分|真的很?)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)[，,。!！、\s]*(?:但是?|不过|不過|可是)?[，,]?)?"
        r"(?:作[为為][^，。,\n]{1,20}[，,])?我(?:暂时|暫時|目前|现在|現在|还|還|实在|實在)?(?:无法|無法|不能|不可以|没办法|沒辦法|没有办法|不便)[^，。！？,\n]{0,16}?"
        r"(?:回答|回应|回應|帮助|幫助|帮到|帮您|帮你(?:解答|完成|回答)|协助|協助|提供|满足|滿足|讨论|討論|生成|处理您|處理您|处理这|完成这|完成您|完成你)"
        r"|(?:作[为為]|身[为為])(?:一[个個名款])?(?:人工智[能慧]|AI|大?语言模型|大?語言模型|大型语言模型|大型語言模型)<60>(?:无法|無法|不能|没有|沒有|不具备|不具備|不可以)",
    ),
    "Japanese": (
        "申し訳|大変|誠に|すみません|すいません|ごめん|恐れ|残念|恐縮|その|この|AI|私|人工知能|言語モデル|大規模",
        r"(?:大変|誠に)?(?:申し訳|すみません|すいません|ごめん|恐れ|残念|恐縮)[^。！？\n]{0,12}[、,。\s]?<60>"
        r"(?:お答え|回答|お手伝い|提供|お応え|対応|支援|サポート|手助け|お力になる|応じる|お受け)(?:を|は)?(?:する|いた|致)?(?:こと)?[はが]?(?:でき(?:ません|ない|かね)|出来(?:ません|ない)|しかね|いたしかね|致しかね|かね)"
        r"|(?:その|この)(?:ご)?(?:質問|リクエスト|要望|依頼)に(?:は)?(?:お答え|回答|対応|お応え)(?:する)?(?:こと)?[はが]?(?:でき(?:ません|ない|かね)|しかね|いたしかね)"
        r"|(?:私は)?(?:AI|人工知能|(?:大規模)?言語モデル)(?:アシスタント|言語モデル)?(?:として|なので|ですので|である(?:ため|ので)|のため)<60>(?:できません|できない|ありません|かねます)",
    ),
}  # fmt: skip
STARTS = tuple(dict.fromkeys(start for starts, _ in _FORMS.values() for start in starts.split("|")))
"""In lower case where they are of ASCII; other letters stand as they are written."""
STARTS_IN_BYTES = r"^(?i:" + "|".join(
    "".join(re.escape(chr(byte)) if byte < 0x80 else f"\\x{byte:02x}" for byte in start.encode()) for start in STARTS
) + ")"  # fmt: skip
"""The same for RE2 over bytes, of texts that begin with what they say."""
# without the foldings of letters outside ASCII, so that what STARTS says of bytes holds
_START = re.compile("|".join(map(re.escape, STARTS)), re.IGNORECASE | re.ASCII)
_GAP = re.compile(r"<(\d+)>")
_OTHERS = re.compile(
    "|".join(_GAP.sub(r"[^.!?。！？\\n]{0,\1}?", form) for _, form in _FORMS.values()), re.IGNORECASE | re.ASCII
)


def is_refusal(answer: str) -> bool:
    """Whether the answer, without spaces around it, refuses."""
    if answer[:1] in ENGLISH_STARTS and ENGLISH.match(answer):
        return True
    return _START.match(answer) is not None and _OTHERS.match(answer) is not None
