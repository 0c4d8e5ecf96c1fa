"""Whether prose was cut off, told by how it ends. Many good answers end without a full stop: with a price, an address, a
name, an emoji. A limit on tokens hardly ever cuts what is short, so that a short one has to end on an open word or sign.
"""

import re
import unicodedata

SENTENCE_ENDS = tuple(".!?)]}\"'`>:;…|*_~。！？」』”’»:)")
CUT_ENDS = (",", " -", " –", "(", "[", "{", "=", " +", "“", "„", "«", "，", "、")
LEAST_CHARACTERS = 20
SHORT_PROSE = 120  # characters; a limit of 32 tokens
LOOKED_AT = 100  # characters at the end
MOST_GAPS = 10  # between the words of a farewell
OPEN_WORDS = frozenset(
    "a an the of and or but your their its than der die das und oder mit für von zu im le la les des et ou avec pour el los las "
    "y o con para their our".split()
)
AFTER_COMMA = re.compile(
    r", (?:who|whom|whose|which|where|when|while|although|because|but|if|since|unless|weil|dass|wenn|wobei|welche[rsmn]?|aber|qui|que|dont|"
    r"où|mais|car|quien|pero|porque|donde|cuando|che|mas|maar|waar|men)\Z"
)
"""Behind a comma they begin a clause, of which more has to come."""
LEADING_WORDS = frozenset("to for from in on at by as is are was were that which because if when into".split())
"""They are followed by more, but some sentences end with them: what it is, the place I came from."""
OPEN_CHINESE = ("を", "以及", "或者", "但是", "因为", "而且", "如果", "并且", "由于", "虽然", "为了", "不仅")
LIST_LINE = re.compile(r"\s*(?:[-*•+#>|]|\d{1,3}[.)]|\w[.)]\s)")
WHOLE_SENTENCE = re.compile(r"[a-zà-ÿ0-9)][a-zà-ÿ0-9)][.!?][\"”)]?\s+[\"“(]?[A-ZÀ-Þ0-9]|[。！？]")
COMPLETE_KINDS = frozenset(("So", "Sc", "Pe", "Pf", "No", "Nl", "Me", "Cf"))  # of Unicode: emoji, currencies, ½ ...
COMPLETE_SIGNS = frozenset("%#\ufe0f")
CLOSING_QUOTES = {"“": "„", "«": "»"}  # of German and Danish; elsewhere they open
FACE = re.compile(r"(?:[:;=]['^o-]?[(\[{]+|[:;=8]['^o-]?[DPpOoSsXx3]|\b[xX]D+|\^_?\^)\Z")
WRITTEN_BY_MACHINES = re.compile(r"[#@]\w+\Z|.*(?:://|\w[@.]\w)|.*\w\+\Z|[A-Za-z0-9+/]{12,}={1,2}\Z")
MEASURE = re.compile(
    r"\d\s?°?(?:[kmcd]?m[²³23]?|km/h|mph|k?g|mg|lbs?|oz|m?l|[kM]?[WVA]|kWh|[kMG]?Hz|[kKMGT]B|m?s|min|h|hrs?|[ap]m|[AP]M|C|F|K|"
    r"EUR|USD|GBP|CHF|JPY|CAD|AUD|INR|(?:[Ee]uros?|dollars|pounds|percent|Uhr|heures|horas|ore|years|days|hours|minutes|seconds|Stunden|Tage))\Z"
)
FAREWELL = re.compile(
    r"(?:(?:with |my |all |our )*(?:(?:best|kind|kindest|warm|warmest) )?(?:wishes|regards|best|love|hugs)|cheers|thanks|thank you|many thanks|(?:yours )?(?:sincerely|truly|faithfully)|"
    r"yours|bye|goodbye|see you|take care|good luck|(?:liebe|viele|beste|herzliche|schöne) grüße|mit freundlichen grüßen|danke|merci|cordialement|bien à vous|"
    r"saludos|un abrazo|gracias|(?:i )?hope (?:this|that|it) helps|(?:i |we )?hope to \w+ (?:from )?you|(?:i am |i'm |we are )?looking forward to \w+|warmly|respectfully|ciao|enjoy|bon appétit|happy \w+ing|congratulations|(?:we (?:hope|wish) you|(?:please )?have) an? \w+ (?:day|evening|week|weekend|trip|time|stay)|"
    r"(?:please )?let (?:me|us) know (?:if|when|what|how) \w+ (?:have|need|want|would like))\b(?:[ ,]+[\w'’.-]+){0,5}\Z",
    re.IGNORECASE,
)
LABELLED = re.compile(
    r"(?:[A-ZÀ-Þ]\w*(?: \w+){0,2}:|(?:\w+,? )?(?:the|die|la) (?:\w+ )?(?:answer|antwort|réponse|respuesta) (?:is|ist|est|es)) ?\S+(?: \S+){0,3}\Z",
    re.IGNORECASE,
)


def is_cut_off(text: str) -> bool:
    """Of a text of prose without whitespace around it."""
    last = text[-1:]
    if len(text) < LEAST_CHARACTERS or last in SENTENCE_ENDS or last.isdigit():
        return False
    tail = text[-LOOKED_AT:]
    last_word = tail.rsplit(None, 1)[-1]
    if FACE.search(tail[-4:]) or WRITTEN_BY_MACHINES.match(last_word):
        return False
    if text.endswith(CUT_ENDS):
        return last not in CLOSING_QUOTES or text.count(last) != text.count(CLOSING_QUOTES[last])
    if _is_complete_sign(last):
        return False
    last_line = text[text.rfind("\n") + 1 :]
    if "\u3040" <= last <= "\u9fff":
        return text.endswith(OPEN_CHINESE) and WHOLE_SENTENCE.search(last_line) is not None
    is_long = len(text) >= SHORT_PROSE
    follows = len(last_line) > len(last_word) and not last_line.endswith(f"{last_word} {last_word}")
    if follows and (last_word in OPEN_WORDS or AFTER_COMMA.search(last_line[-LOOKED_AT:])):
        return True
    is_leading = follows and last_word in LEADING_WORDS
    if not (is_long or is_leading) or WHOLE_SENTENCE.search(last_line) is None:
        return is_leading and is_long
    return is_leading or not (LIST_LINE.match(last_line) or _ends_well(tail))


def _is_complete_sign(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return sign in COMPLETE_SIGNS or kind in COMPLETE_KINDS or (not sign.isascii() and kind in ("Po", "Sk", "Sm"))


def _ends_well(tail: str) -> bool:
    """What stands behind the last sentence is a farewell, a name with its value, or ends with a measure."""
    if MEASURE.search(tail[-12:]):
        return True
    before = max(tail.rfind(end) for end in (". ", "! ", "? "))
    part = tail[before + 2 :].lstrip()
    if before < 0 or part.count(" ") > MOST_GAPS:
        return False
    return FAREWELL.match(part) is not None or LABELLED.match(part) is not None
