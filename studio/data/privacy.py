"""Private details in texts: found with their place, and masked, replaced alike everywhere, or dropped with their row."""

import hashlib
import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from studio.data import key_signs, phone_numbers, plain_signs, presidio
from studio.data.row_texts import RowTexts
from studio.data.text_column import TextColumn
from studio.data.words import Array
from studio.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("e-mail address", "phone number", "card number", "IBAN", "IP address", "key or token")
ORDER = (
    "key or token",
    "e-mail address",
    "IBAN",
    "card number",
    "IP address",
    "phone number",
)  # in which they are looked for
HOW = ("mask", "replace", "drop")
MASKS = {
    "e-mail address": "[EMAIL]", "phone number": "[PHONE]", "card number": "[CARD]", "IBAN": "[IBAN]", "IP address": "[IP]",
    "key or token": "[KEY]",
}  # fmt: skip
EMAIL = re.compile(r"(?<![\w.+-])[\w+-](?:[\w.+-]|'(?=\w)){0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?![\w@])")
TOP_DOMAIN = re.compile(r"[^\W\d_]{2,63}|xn--[\w-]+")
FILES = set(
    "png jpg jpeg gif webp svg ico css js ts jsx tsx json html htm txt csv xml yml yaml php cpp pdf exe dll".split()
)
REPOSITORIES = ("git", "hg", "svn")  # the user of a shared address: nobody
SUSPECT = rf"@|{key_signs.SIGN}|::|\d\.\d{{1,3}}\.\d|[0-9A-Fa-f]:[0-9A-Fa-f]{{1,4}}:|{phone_numbers.SIGN}|{plain_signs.ANY_PLACE}"
# what must stand in a text (RE2, over bytes) for one of a kind to be found in it, but for those of plain_signs.ANY_PLACE
SIGNS = {
    "e-mail address": "@", "phone number": phone_numbers.SIGN, "card number": rf"\d(?:(?:[ -]|{plain_signs.BETWEEN_DIGITS})?\d){{12}}",
    "IBAN": rf"[A-Za-z]{{2}}\d\d(?: |{plain_signs.SPACE})?[A-Za-z0-9]{{4}}",
    "IP address": r"\d\.\d{1,3}\.\d{1,3}\.\d|:[0-9A-Fa-f]{0,4}:", "key or token": key_signs.SIGN,
}  # fmt: skip
CARD = re.compile(r"(?<![A-Za-z]{2}\d\d )(?<![\w.+-])[2-6]\d{3}(?:[ -]?\d{2,6}){2,4}(?![\w-])")
ISSUED = re.compile(  # American Express; Diners and JCB; Visa; Mastercard; Maestro, Discover and UnionPay
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|3\d{15}|4\d{15}(?:\d{3})?|(?:5[1-5]|2[2-7])\d{14}|(?:50|5[6-9]|6\d)\d{11,17}"
)
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])")
IP4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
VERSION_BEFORE = re.compile(
    r"(?:\b(?:versi\w{2,4}|ver|v|release|build|revision|section|chapter|kapitel|clause|article|appendix|table|figure|step|верси\w)\.?|§|版本?|章)\s*$",
    re.IGNORECASE,
)
IBAN_LENGTHS = (15, 34)


class Detail(NamedTuple):
    """`text[start:end]` is private, of `kind` (one of KINDS)."""

    kind: str
    start: int
    end: int


def find(text: str, kinds: Sequence[str] = KINDS) -> list[Detail]:
    """The private details of one text, in its order, none inside another (the first of KINDS that is longest wins)."""
    return [detail for detail in _find(text, ORDER) if detail.kind in kinds]


def _find(text: str, kinds: Sequence[str]) -> list[Detail]:
    found: list[Detail] = []
    said = plain_signs.plain(text)
    parted = plain_signs.parted(said)
    taken = bytearray(len(text))  # 1 where a detail stands
    for kind in kinds:
        for detail in _FINDERS[kind](parted, said):
            if taken.find(1, detail.start, detail.end) < 0:
                taken[detail.start : detail.end] = b"\1" * (detail.end - detail.start)
                found.append(detail)
    return sorted(found, key=lambda detail: detail.start)


def suspects(column: TextColumn) -> Array:
    """Whether a text is worth `find`: it has a sign of some private detail."""
    return column.matching(SUSPECT, column.perhaps())


def find_batch(texts: Sequence[str], kinds: Sequence[str] = KINDS) -> list[list[Detail]]:
    """`find` for each text; those without any sign of one are passed over."""
    check_kinds(kinds)
    found: list[list[Detail]] = [[] for _ in texts]
    column = TextColumn.of(texts)
    for at, details in find_in(column, suspects(column)):
        found[at] = [detail for detail in details if detail.kind in kinds]
    if named := [kind for kind in kinds if kind in presidio.KINDS]:
        for at, more in presidio.find(texts, named):
            free = [Detail(*one) for one in more if all(one[2] <= own.start or one[1] >= own.end for own in found[at])]
            found[at] = sorted(found[at] + free, key=lambda detail: detail.start)
    return found


def find_in(column: TextColumn, suspect: Array) -> Iterator[tuple[int, list[Detail]]]:
    """(place, details) of each text of a column that has any, among those of the mask `suspect` (by SUSPECT)."""
    rows = np.flatnonzero(suspect)
    any_kind = column.matching(plain_signs.ANY_PLACE, suspect)
    signs = np.array([(column.matching(SIGNS[kind], suspect) | any_kind)[rows] for kind in ORDER]).reshape(
        len(ORDER), -1
    )
    for at, of_row in zip(rows.tolist(), signs.T.tolist(), strict=True):
        if any(of_row) and (
            details := _find(column.text(at), [kind for kind, has in zip(ORDER, of_row, strict=True) if has])
        ):
            yield at, details


def check_kinds(kinds: Sequence[str], how: str = "mask") -> None:
    """Raises InputError that names every kind, and the manner, that is not known."""
    known = (*KINDS, *presidio.KINDS)
    mistakes = [f"there is no kind {kind!r}; there are {', '.join(known)}" for kind in kinds if kind not in known]
    if set(kinds) & set(presidio.KINDS) and presidio.model() is None:
        mistakes.append(presidio.state().rstrip("."))
    mistakes += ["no kind is chosen"] if not kinds else []
    mistakes += [] if how in HOW else [f"there is no way {how!r}; there are {', '.join(HOW)}"]
    if mistakes:
        raise InputError("Private details cannot be removed like this", "; ".join(mistakes), "Correct it and run again")


def _emails(text: str, _: str) -> Iterator[Detail]:
    if "@" in text:
        for match in EMAIL.finditer(text):
            name, domain = match[0].split("@")
            start, labels = match.start(), domain.lower().split(".")
            if text[match.end() : match.end() + 1] == "'":  # it is quoted, and what stands before the quote is code
                start += name.rfind("'") + 1
            is_file = labels[-1] in FILES or (labels[-1] == "py" and len(labels) == 2)
            if TOP_DOMAIN.fullmatch(labels[-1]) and not is_file and name not in REPOSITORIES:
                yield Detail("e-mail address", start, match.end())


def _keys(_: str, said: str) -> Iterator[Detail]:
    for start, end in key_signs.find(said):
        yield Detail("key or token", start, end)


def _phones(text: str, said: str) -> Iterator[Detail]:
    for start, end in phone_numbers.find(text, said):
        yield Detail("phone number", start, end)


def _ibans(text: str, _: str) -> Iterator[Detail]:
    for match in IBAN.finditer(text):
        for end in sorted(
            {match.end(), *(match.start() + at for at, sign in enumerate(match[0]) if sign == " ")}, reverse=True
        ):
            if is_iban(text[match.start() : end]):
                yield Detail("IBAN", match.start(), end)
                break


def _cards(text: str, _: str) -> Iterator[Detail]:
    for match in CARD.finditer(text):
        if is_card(match[0]):
            yield Detail("card number", *match.span())


def _addresses(text: str, said: str) -> Iterator[Detail]:
    if text.count(".") > 2:
        for match in IP4.finditer(text):
            if _is_address(match[0]) and not VERSION_BEFORE.search(said, max(0, match.start() - 12), match.start()):
                yield Detail("IP address", *match.span())
    if text.count(":") > 1:
        for match in IP6.finditer(text):
            is_whole = (
                match[0].count(":") == 7 and max(map(len, match[0].split(":"))) > 2
            )  # not a list of small numbers
            if len(match[0]) > 4 and ("::" in match[0] or is_whole) and _is_address(match[0]):
                yield Detail("IP address", *match.span())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_card(text: str) -> bool:
    """As many digits as an issuer's cards have, the last of them right (Luhn, ISO/IEC 7812-1), and not all the same."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not ISSUED.fullmatch("".join(map(str, digits))) or len(set(digits)) < 2:
        return False
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """The right length and check digits (ISO 13616: the rearranged number leaves 1 modulo 97)."""
    from stdnum import iban

    plain = text.replace(" ", "")
    return IBAN_LENGTHS[0] <= len(plain) <= IBAN_LENGTHS[1] and bool(iban.is_valid(plain))


_FINDERS = {
    "e-mail address": _emails,
    "phone number": _phones,
    "card number": _cards,
    "IBAN": _ibans,
    "IP address": _addresses,
    "key or token": _keys,
}


def count(examples: "pd.DataFrame", kinds: Sequence[str] = KINDS) -> dict[str, int]:
    """How many details of each kind stand in the rows: in what is said, in answers to avoid, in tool calls and in the
    tools on offer; every kind is named."""
    texts = RowTexts(examples)
    found: Counter[str] = Counter()
    for at, details in enumerate(_find_in_rows(texts, kinds)):
        if details:
            times = len(texts.rows_with(at))
            found.update({kind: number * times for kind, number in Counter(one.kind for one in details).items()})
    return {kind: found[kind] for kind in kinds}


def _find_in_rows(texts: RowTexts, kinds: Sequence[str]) -> list[list[Detail]]:
    """The details of each of the texts; none of the words before one."""
    found = find_batch(texts.texts, kinds)
    for at, before in texts.before.items():
        if before and found[at]:
            found[at] = [one._replace(start=max(one.start, before)) for one in found[at] if one.end > before]
    return found


def redact(
    examples: "pd.DataFrame", kinds: Sequence[str] = KINDS, how: str = "mask", seed: int = 0
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """(the examples without these details, id and reason of the rows left out).

    "mask" writes [EMAIL] and the like; "replace" a made-up value of the same kind, the same for the same value in all
    rows; "drop" leaves out the rows that have any. They are looked for where `count` does. Raises InputError for a kind
    or a way that is not known.
    """
    import pandas as pd

    check_kinds(kinds, how)
    texts = RowTexts(examples)
    found = _find_in_rows(texts, kinds)
    if how == "drop":
        kinds_of: dict[int, set[str]] = {}
        for at, details in enumerate(found):
            for row in texts.rows_with(at) if details else ():
                kinds_of.setdefault(row, set()).update(detail.kind for detail in details)
        touched = sorted(kinds_of)
        dropped = pd.DataFrame(
            {"id": examples["id"].to_numpy(object)[touched], "reason": [f"has {', '.join(sorted(kinds_of[row]))}" for row in touched]}, dtype="str"
        )  # fmt: skip
        gone = np.isin(np.arange(len(examples)), touched)
        return examples[~gone].reset_index(drop=True), dropped
    write = _Replacements(seed) if how == "replace" else lambda kind, value: (MASKS | presidio.MASKS)[kind]
    redacted = texts.written(
        [
            _rewritten(text, details, write) if details else text
            for text, details in zip(texts.texts, found, strict=True)
        ]
    )
    gone_kinds = set(kinds) if how == "mask" else set()
    redacted["flags"] = pd.Series(
        [[flag for flag in flags if flag not in gone_kinds] for flags in examples["flags"]], examples.index, object
    )
    return redacted, pd.DataFrame({"id": [], "reason": []}, dtype="str")


def _rewritten(text: str, details: list[Detail], write: Any) -> str:
    parts, at = [], 0
    for detail in details:
        parts += [text[at : detail.start], write(detail.kind, text[detail.start : detail.end])]
        at = detail.end
    return "".join(parts) + text[at:]


class _Replacements:
    """Made-up values: drawn from the value itself and a seed, so that the same one is replaced alike in every part of
    the data, and addresses, numbers and names that are set aside for examples where there are such."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, kind: str, value: str) -> str:
        plain = (
            value.lower()
            if kind == "e-mail address"
            else re.sub(r"[\s()./-]", "", plain_signs.plain(value))
            if kind != "key or token"
            else value
        )
        random = Random(hashlib.sha256(f"{self.seed}\x1f{kind}\x1f{plain}".encode()).digest())
        if kind in presidio.KINDS:
            return presidio.made_up(kind, random)
        return str(getattr(self, f"_{kind.split(' ')[0].replace('-', '').lower()}")(random, value))

    def _email(self, random: Random, value: str) -> str:
        name = "".join(random.choice(pair) for pair in ("bdfgklmnprst", "aeiou", "bdfgklmnprst", "aeiou", "lmnrst"))
        return f"{name}.{random.randint(100, 9999)}@example.com"  # RFC 2606

    def _phone(self, random: Random, value: str) -> str:
        return f"+1 {random.randint(201, 989)} 555 01{random.randint(0, 99):02d}"  # 555-01xx is for fiction

    def _card(self, random: Random, value: str) -> str:
        digits = "4" + "".join(str(random.randint(0, 9)) for _ in range(14))
        return next(digits + str(last) for last in range(10) if is_card(digits + str(last)))

    def _iban(self, random: Random, value: str) -> str:
        account = "".join(str(random.randint(0, 9)) for _ in range(18))
        return f"DE{98 - int(account + '131400') % 97:02d}{account}"

    def _ip(self, random: Random, value: str) -> str:
        if ":" in value:
            return f"2001:db8::{random.randrange(1, 0xFFFF):x}:{random.randrange(1, 0xFFFF):x}"  # RFC 3849
        return f"{random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{random.randint(1, 254)}"  # RFC 5737

    def _key(self, random: Random, value: str) -> str:
        return "sk-" + "".join(random.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(32))
