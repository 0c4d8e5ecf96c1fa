"""Telephone numbers in a text, told from the many other runs of digits by their form and by the words around them."""

import re
from collections.abc import Iterator

from studio.data import plain_signs

SIGN = rf"\d(?:(?:[ ()./-]|{plain_signs.BETWEEN_DIGITS}){{0,3}}\d){{6}}"
"""What must stand in a text for one to be found in it (RE2 over bytes and Python alike), but for digits of other scripts."""
PHONE = re.compile(r"(?<![\w.,@#/-])(?:\+|00|\()?[0-9](?:[ ()./-]{0,3}[0-9]){6,17}(?![\w-]|[.,][0-9])")
DATE = re.compile(
    r"(?:19|20)\d\d(?:[-./ ](?:19|20)\d\d)+(?!\d)|(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}(?!\d)|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d(?!\d)"
)
PAIRS = re.compile(r"\d{1,3}([./-])\d{1,3}(?: +\d{1,3}\1\d{1,3})+")  # decimals, scores, ranges
PHONE_WORD = re.compile(
    r"\b(?:phone|tel|telephone|call|mobile|cell|fax|whatsapp|number is|dial|handy|reach \w+ (?:at|on)"
    r"|telefon\w{0,7}|telefoon\w{0,6}|mobil(?:nummer|telefon)?|mobiel|rufen?|anrufen|bel (?:ons|mij|me|naar)|t[eé]l|t[eé]l[eé]phone\w?|r?appele[rz]|joindre"
    r"|tel[eé]fonos?|m[oó]vil|celular|ll[aá]m(?:ame|anos|eme|enos|e|ar)|cellulare|chiam(?:are|ami|aci|i)|telefone\w?|telem[oó]vel|ligue|ligar"
    r"|zadzwo\w{1,4}|dzwoni\w{1,3}|kom[oó]rka|arayın|тел|телефон\w{0,3}|(?:по)?звон\w{1,5}|моб\w{0,7}|هاتف|جوال|फ़?ोन)\b\W{0,12}"
    r"(?:(?!(?:takes?|took|lasts?|lasted|returns?|returned|costs?|gives?|gave|needs?|needed|uses?|used)\b)\w+\W{1,3}){0,2}$"
    r"|(?:电话|電話|手机|手機|[拨撥]打|致[电電]|[热熱][线線]|[号號][码碼]|[联聯][系繫]|[传傳]真|携帯|ファックス|전화|휴대폰|핸드폰|연락처|โทร)[^\d\n。！？]{0,8}$",
    re.IGNORECASE,
)
NOT_PHONE_WORD = re.compile(
    r"\b(?:isbn|issn|imei|order|invoice|ticket|sku|id|ref|reference|doi|case|serial|part|rechnung|bestellung|commande|facture|pedido|factura|ordine|fattura"
    r"|encomenda|fatura|bestelling|factuur|zam[oó]wieni\w|заказ\w{0,2}|сч[её]т\w{0,2})\b[\w .:#-]{0,12}$"
    r"|(?:[订訂][单單]|[编編][号號]|[单單][号號]|[发發]票|身份[证證]|注文|伝票|주문)[\w .:：#-]{0,4}$",
    re.IGNORECASE,
)
UNIT_AFTER = re.compile(
    r"\s?(?:[mnµ]?s|sec|min|h|seconds?|minutes?|hours?|days?|[kmg]i?b|bytes?|tokens?|rows?|steps?|users?|people|times|euros?|eur|dollars?|usd|rub|元|円|원|[%€$£])(?!\w)",
    re.IGNORECASE,
)
CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")
IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
REGIONS = (
    "US", "GB", "DE", "FR", "ES", "IT", "IN", "AU", "NL", "BR", "CH", "AT", "JP", "CN", "KR", "RU", "PL", "TR", "MX", "PT", "SE",
)  # fmt: skip
SHORTEST_NATIONAL = 9  # a date has eight digits
TRUNK = ("1", "7", "8")  # first groups of one digit: North America, Russia
LOOKED_AT = 40  # characters before a number


def find(text: str, said: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each in `text`, made by `plain_signs.parted` of the plain `said`, in which the words are read."""
    for match in PHONE.finditer(text):
        opened = match[0].count("(") > match[0].count(")")  # a bracket around the whole number
        start, end = match.start() + opened, match.end()
        if is_phone(match[0][opened:], said[max(0, start - LOOKED_AT) : start], said[end : end + 12]):
            yield start, end


def is_phone(found: str, before: str = "", after: str = "") -> bool:
    """Whether `found` is a telephone number: with a country's code one of a possible length (phonenumbers), else one
    that is valid in one of REGIONS, or a possible one after a word like "call". `before` and `after` stand around it."""
    if DATE.match(found) or PAIRS.fullmatch(found):  # the most frequent runs of digits
        return False
    import phonenumbers

    digits = "".join(filter(str.isdigit, found))
    if not 7 <= len(digits.removeprefix("00")) <= 15 or len(set(digits)) < 2 or NOT_PHONE_WORD.search(before):
        return False
    is_international = found.startswith(("+", "00"))
    if not is_international and UNIT_AFTER.match(after):
        return False
    if CHINESE_MOBILE.fullmatch(found) and IDEOGRAPH.search(before[-12:] + after):
        return True
    invited = PHONE_WORD.search(before) is not None
    if not is_international and len(digits) < SHORTEST_NATIONAL and not invited:
        return False
    if not is_international and digits == found and not (invited or found.startswith("0")):
        return False  # a bare number is more often anything else
    groups = re.findall(r"\d+", found)
    if not invited and not is_international and len(groups) == 2 and groups[1].startswith("0"):
        return False  # no subscriber's number begins with 0, a line number in a log does
    for region in REGIONS if not is_international else ("DE",):
        try:
            number = phonenumbers.parse(found, region)
        except phonenumbers.NumberParseException:
            continue
        if is_international or invited or found.startswith("("):
            if phonenumbers.is_possible_number(number):
                return True
        elif phonenumbers.is_valid_number(number) and (found.startswith("0") or _is_grouped(groups, found)):
            return True
    return False


def _is_grouped(groups: list[str], found: str) -> bool:
    """At least three groups of two to five digits, and not the threes of a large number."""
    thousands = all(len(group) == 3 for group in groups[1:]) and " " in found and len(groups[0]) <= 3
    national = groups[1:] if groups[0] in TRUNK else groups
    return len(national) > 2 and not thousands and all(1 < len(group) < 6 for group in national)
