"""Whether an answer is in another language than its question: by script, and by the small words of eleven languages, with
the detector of `languages` where they say too little. A translation, a quotation and a question about a text in another
language are no mistakes, so that a doubt speaks for the answer."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

LOOKED_AT = 240  # characters: a language shows itself early
LEAST_LETTERS = 20
LEAST_SMALL_WORDS = 4
FEWEST_SMALL_WORDS = 3  # of one language in an answer that is looked at more closely; see `word_look`
LEAST_CONFIDENCE = 0.7  # of the detector
FEWEST_PLAIN_WORDS = 2  # in lower case, in what is no list of names
SMALL_WORDS = {
    "English": "the of and to in is that for it with as was are this be by not you from have which your on or an at can "
    "will if how what my we they has",
    "German": "der die das und ist nicht mit ein eine von zu den für auf im sich dem auch es sie wir bitte",
    "French": "le la les des et est une un dans pour que qui pas sur avec vous au du ce il elle",
    "Spanish": "el la los las de y que en es una un por con para no se del lo como su",
    "Italian": "il lo gli di e che è una un per con non sono della dei nel come si alla",
    "Portuguese": "o os as de e que é uma um em para com não por da do dos como se mais",
    "Dutch": "de het een en van is niet met op te dat voor zijn ook aan er bij naar wij",
    "Polish": "i w na nie jest się z do to że jak za od po dla są przez",
    "Swedish": "och att det som en ett på är av för med den inte till har jag vi",
    "Turkish": "ve bir bu için ile da de çok olarak daha gibi ne var en",
    "Romanian": "și de la în cu pe este un o nu care din pentru că sau mai",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _name, _words in SMALL_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_name)
_NAMED = re.compile(
    r"translat|übersetz|tradui|traduc|tradu[zç]|vertaal|przetłumacz|översätt|çevir|перев[её]д|перевод|翻[译譯訳]|訳し|번역|"
    r"\b(?:english|german|french|spanish|italian|portuguese|dutch|polish|swedish|turkish|romanian|russian|chinese|mandarin|japanese|"
    r"korean|arabic|hindi|greek|hebrew|latin|deutsche?[mns]?|englische?[mns]?|französisch|spanisch|italienisch|français|anglais|allemand|"
    r"espagnol|español|inglés|alemán|francés|italiano|inglese|tedesco|inglês|português|alemão|engels|duits|niemiecku?|angielsku?|engelska|tyska)\b|"
    r"(?:английск|русск|немецк|французск|испанск|китайск|японск)|[英日法德中汉漢俄韩韓][语語文]|スペイン語|フランス語|ドイツ語|中国語|韓国語|영어|일본어|중국어|한국어",
    re.IGNORECASE,
)
"""What names a language or asks for a translation."""
_QUOTED = re.compile(
    r"\"[^\"\n]*\"|“[^”\n]*”|„[^“”\n]*[“”]|”[^”\n]*”|«[^»\n]*»|»[^«\n]*«|「[^」\n]*」|『[^』\n]*』|(?<!\w)'[^'\n]*'(?!\w)"
)
_PARTS = re.compile(r"\n|[:：]\s")
_KANA, _HAN = re.compile("[\u3041-\u30fa]"), re.compile("[\u4e00-\u9fff]")
_CHINESE = re.compile("[的是了在我你您们們这這吗嗎呢吧就也都很说說对對没沒那哪么麼什]")
LEAST_SIGNS = 8  # Chinese or Japanese
LEAST_KANA = 0.2  # of the signs in a Japanese text
_WORD = re.compile(r"[^\W\d_]+")
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalpha())
PLAINLY_ENGLISH = (
    " the ",
    " and ",
    " with ",
    " that ",
    " this ",
    " you ",
    " are ",
    " of the ",
    "What ",
    "How ",
    "The ",
    " to ",
)


def language(text: str) -> str:
    """The language whose small words clearly lead, or an empty text."""
    return _leading(_counted(_small_words(text)))


def _small_words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text[:LOOKED_AT].lower()) if word in _LANGUAGES_OF]


def _counted(small: list[str]) -> dict[str, int]:
    """How many of the words each language has."""
    counted: dict[str, int] = {}
    for word in small:
        for name in _LANGUAGES_OF[word]:
            counted[name] = counted.get(name, 0) + 1
    return counted


def _leading(counted: dict[str, int]) -> str:
    first = second = 0
    leading = ""
    for name, count in counted.items():
        if count > first:
            leading, first, second = name, count, first
        elif count > second:
            second = count
    return leading if first >= LEAST_SMALL_WORDS and first >= 1.5 * second else ""


def script(text: str) -> str:
    """The script of most letters (LATIN, CYRILLIC, CJK ...), or an empty text where there are few letters."""
    looked_at = text[:LOOKED_AT]
    plain = looked_at.encode("ascii", "ignore")
    latin = len(plain.translate(None, _NO_LETTERS))
    if latin >= LEAST_LETTERS and latin > len(looked_at) - len(plain):
        return "LATIN"  # of most letters, whatever the others are
    letters = [sign for sign in looked_at if sign.isalpha()]
    if len(letters) < LEAST_LETTERS:
        return ""
    kinds = Counter("LATIN" if sign.isascii() else _script(sign) for sign in letters)
    name, count = kinds.most_common(1)[0]
    return name if count > len(letters) / 2 else ""


@lru_cache(maxsize=10_000)
def _script(sign: str) -> str:
    name = unicodedata.name(sign, "?").split(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA") else name


def other_language(prompt: str, answer: str) -> bool:
    """Both are long enough to tell, they differ, and the question asks for no translation and quotes no other language."""
    if any(word in answer for word in PLAINLY_ENGLISH) and any(word in prompt for word in PLAINLY_ENGLISH):
        return False
    if len(answer) < LEAST_SIGNS or "```" in answer or answer[0] in "{[":
        return False
    if not (prompt.isascii() or answer.isascii()) and _differ_in_kana(prompt, answer):
        return _NAMED.search(prompt) is None
    if len(answer) < LEAST_LETTERS:
        return False
    if not (prompt.isascii() and answer.isascii()):
        scripts = script(prompt), script(answer)
        if all(scripts) and scripts[0] != scripts[1]:
            return _NAMED.search(prompt) is None and not _is_meant(prompt, answer)
    return _differ_in_words(prompt, answer) and _NAMED.search(prompt) is None and not _is_meant(prompt, answer)


def _differ_in_kana(prompt: str, answer: str) -> bool:
    """One is Japanese and the other Chinese, which shows in what Japanese has kana for."""
    asked, said = (text[:LOOKED_AT] for text in (prompt, answer))
    kana = [len(_KANA.findall(text)) for text in (asked, said)]
    signs = [count + len(_HAN.findall(text)) for count, text in zip(kana, (asked, said), strict=True)]
    if min(signs) < LEAST_SIGNS or all(kana) or not any(kana):
        return False
    japanese, chinese = (0, said) if kana[0] else (1, asked)
    return kana[japanese] >= LEAST_KANA * signs[japanese] and len(set(_CHINESE.findall(chinese))) > 1


def _differ_in_words(prompt: str, answer: str) -> bool:
    asked_words = _small_words(prompt) if len(prompt) >= LEAST_LETTERS else []
    said_words = _small_words(answer) if asked_words else []
    if len(said_words) < FEWEST_SMALL_WORDS:
        return False
    counts = _counted(asked_words), _counted(said_words)
    asked, said = map(_leading, counts)
    if asked and said:
        return asked != said
    if max(counts[1].values()) < FEWEST_SMALL_WORDS:
        return False
    foremost = [{name for name, count in counted.items() if count == max(counted.values())} for counted in counts]
    if not foremost[0].isdisjoint(foremost[1]):
        return False
    said = _detected(answer, said_words, 2)
    asked = _detected(prompt, asked_words, 1) if said else ""
    return bool(asked) and asked != said


def _detected(text: str, small: list[str], least: int) -> str:
    """The language that the detector is sure of and of which `least` different small words stand in the text."""
    from studio.data import languages

    name = languages.surely(text[:LOOKED_AT], LEAST_CONFIDENCE)
    return name if sum(name in _LANGUAGES_OF[word] for word in set(small)) >= least else ""


def _is_meant(prompt: str, answer: str) -> bool:
    """The answer is a quotation or a list of names, or in the language of a part of the question. Asked only of the few
    that seem to differ."""
    from studio.data.languages import UNSURE, name_of

    own = _QUOTED.sub(" ", answer)
    if sum(map(str.isalpha, own)) < LEAST_LETTERS:
        return True
    plain = [word for word in _WORD.findall(own) if word[0] == word[0].lower() and word not in _LANGUAGES_OF]
    if len(plain) < FEWEST_PLAIN_WORDS and script(own) == "LATIN":
        return True
    parts = [part for part in _PARTS.split(prompt) if part.strip()]
    asked = {name_of(part[:LOOKED_AT]) for part in (*parts[:1], *parts[-1:], _QUOTED.sub(" ", prompt))} - {UNSURE}
    return name_of(own[:LOOKED_AT]) in asked
