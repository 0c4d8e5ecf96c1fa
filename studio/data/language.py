"""Whether an answer is in another language than its question: by script, and by the small words of eleven languages."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from itertools import chain

LOOKED_AT = 240  # characters: a language shows itself early
LEAST_LETTERS = 20
LEAST_SMALL_WORDS = 4
SMALL_WORDS = {
    "English": "the of and to in is that for it with as was are this be by not you from have which",
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
    r"translat|übersetz|tradui|traduc|tradu[zç]|\b(?:in|into|to|auf|en) (?:english|german|french|spanish|italian|portuguese|dutch|"
    r"polish|swedish|turkish|romanian|russian|chinese|japanese|korean|arabic|hindi|greek|hebrew|deutsch|englisch|français|anglais|español|inglés)\b",
    re.IGNORECASE,
)
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
    small = [word for word in _WORD.findall(text[:LOOKED_AT].lower()) if word in _LANGUAGES_OF]
    if len(small) < LEAST_SMALL_WORDS:
        return ""
    ranked = Counter(chain.from_iterable(map(_LANGUAGES_OF.__getitem__, small))).most_common(2)
    if ranked[0][1] < LEAST_SMALL_WORDS:
        return ""
    return ranked[0][0] if len(ranked) < 2 or ranked[0][1] >= 1.5 * ranked[1][1] else ""


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
    """Both are long enough to tell, they differ, and the question asks for no translation."""
    if any(word in answer for word in PLAINLY_ENGLISH) and any(word in prompt for word in PLAINLY_ENGLISH):
        return False
    if len(answer) < LEAST_LETTERS or "```" in answer or answer[0] in "{[":
        return False
    if not (prompt.isascii() and answer.isascii()):
        scripts = script(prompt), script(answer)
        if all(scripts) and scripts[0] != scripts[1]:
            return _NAMED.search(prompt) is None
    asked = language(prompt)
    answered = language(answer) if asked else ""
    return bool(answered) and asked != answered and _NAMED.search(prompt) is None
