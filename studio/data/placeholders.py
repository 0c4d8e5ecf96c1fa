"""What stands where an answer should: nothing, a placeholder, or something left to fill in.

A whole answer that is a placeholder may still be the right one: where the question offers it, as "N/A" among labels, or asks
for it, as for the error of a spreadsheet.
"""

import re

from studio.data.code_blocks import without_code
from studio.data.language import language

TODO = re.compile(
    r"\b(?:TODO(?! (?:comment|list|item|note|app|marker)s?\b)|TBD|TBA|FIXME)\b|\[(?i:placeholder|(?:insert|enter|fill in|add)\b[^\]\n]{0,60}|your (?:answer|response|output|text)\b[^\]\n]{0,40})\]"
    r"|<(?i:placeholder|insert\b[^>\n]{0,60}|your (?:answer|response|output|text)\b[^>\n]{0,40})>"
    r"|\{\{\s*(?i:answer|output|response|completion|placeholder|text)\s*\}\}|\b(?i:lorem ipsum)\b"
)
MARK = re.compile(r"\s*[:(\[\])]")
ALL_AFTER = re.compile(r" (?:lo|el|la|los|las|un|una|bien|incluido|listo|mundo|esto|eso|está|es|tipo|que|va)\b")
ALL_BEFORE = re.compile(r"\b(?:por|es|está|están|de|en|con|lo|que|para|sobre|ante|é|com|em) \Z", re.IGNORECASE)
"""In Spanish and Portuguese TODO is the word for all, where no sign makes it a mark."""
FILLER_AFTER = re.compile(r"\W*(?:dolor|lorem)\b|[^\w\"'”’“»`]*\Z|[.…!]|\s*\n", re.IGNORECASE)
EXPLAINS_FILLER = re.compile(
    r"lorem ipsum\W* (?:is|was|comes|ist|kommt|est|es|è|é)\b|placeholder|dummy|filler|typeset|cicero|blindtext|platzhalter|faux[- ]texte|relleno|marcador",
    re.IGNORECASE,
)
LONGEST = 40  # characters of a whole answer that is looked up here
_REPLY = r"(?:answer|response|output|completion|reply|text)"
_HERE = rf"(?:(?:your|the) )?{_REPLY}(?: (?:goes )?here)?"
_LEFT = r"to be (?:completed|added|done|determined|defined|decided|announced|filled(?: in| out)?|written|provided|updated|confirmed)"
_NONE_GIVEN = r"no (?:response|(?:response|answer|text) (?:given|provided|available|yet))"
_OTHER_LANGUAGES = (
    "待(?:补充|補充|定|填写|填寫|完善|更新|续)|未填写|暂无回答|占位符|未入力|未記入|回答なし|답변 없음|미입력|(?:por|a) completar|sin respuesta|à (?:compléter|remplir)|"
    r"sans réponse|noch auszufüllen|keine antwort|k\. ?a\.|н/д"
)
PLACEHOLDER = re.compile(
    rf"[-–—]{{1,3}}|\.+|…|_{{3,}}|\?{{2,}}|x{{3,}}|#?n ?/ ?a|n\. ?a\.?|na|#(?:name\?|ref!|value!|div/0!|null!|num!)|null|nan|nil|undefined|answer|output|response|"
    rf"todo|tbd|tba|fixme|placeholder|{_LEFT}|{_NONE_GIVEN}|(?:your )?{_REPLY} (?:goes )?here|(?:insert|enter|type|write) (?:(?:your|the) )?{_REPLY}(?: here)?|{_OTHER_LANGUAGES}|"
    rf"[\[<({{（【]{{1,2}} ?(?:empty|blank|placeholder|todo|tbd|n/?a|missing|no (?:answer|response|text|content)|{_HERE}|{_LEFT}|{_NONE_GIVEN}|{_OTHER_LANGUAGES}) ?[\]>)}}）】]{{1,2}}"
)
RIGHT_WHERE_ASKED = [
    (re.compile(said), re.compile(asked, re.IGNORECASE))
    for said, asked in (
        (r"#.*", r"excel|spreadsheet|sheets?\b|formula|\bcell|lookup"),
        (r"null|nan|nil|undefined", r"javascript|python|sql|json|\bcode|program|function|returns?\b|print|console|typeof|ruby|\blua\b|evaluat|expression"),
        (r"x+", r"roman|römisch|romain|romano"),
        (r"todo", r"spanish|spanisch|español|espagnol|portugu|\ball\b|everything|[¿¡]"),
        (r"placeholder|[<{\[(].*", r"html|xml|svg|\btags?\b|element|attribute|template|\binput\b"),
        (r"\W+", r"\bsigns?\b|symbol|punctuation|character|\bmarks?\b|operator|morse|dash|\bdots?\b|hyphen|zeichen"),
    )
]  # fmt: skip
_NEVER_OFFERED = re.compile(rf"\W*(?:{_REPLY}|{_HERE}|.*\bhere)\W*")
_AROUND = "*\"“”'"


def is_empty(prompt: str, answer: str) -> bool:
    if not answer:
        return True
    if len(answer) > LONGEST:
        return False
    said = answer.lower()
    bare = said.strip(_AROUND)
    bare = bare if any(map(str.isalpha, bare)) else said
    if not (PLACEHOLDER.fullmatch(bare) or (bare[-1] in ".:!" and PLACEHOLDER.fullmatch(bare[:-1]))):
        return False
    return answer != "Na" and not _is_right(prompt, bare)  # sodium


def _is_right(prompt: str, said: str) -> bool:
    """The question offers this answer or asks for it."""
    if any(right.fullmatch(said) and asked.search(prompt) for right, asked in RIGHT_WHERE_ASKED):
        return True
    if not any(map(str.isalpha, said)) or _NEVER_OFFERED.fullmatch(said):
        return False
    return re.search(rf"(?<!\w){re.escape(said)}(?!\w)", prompt.lower()) is not None


def has_todo(prompt: str, answer: str) -> bool:
    prose = without_code(answer)
    is_spanish = None
    for found in TODO.finditer(prose):
        if found[0].lower() == "lorem ipsum":
            if _fills(prompt, prose, found.end()):
                return True
            continue
        if found[0] != "TODO" or MARK.match(prose, found.end()):
            return True
        if is_spanish is None:
            is_spanish = bool(set(prompt + prose) & set("¿¡")) or language(prose) in ("Spanish", "Portuguese")
        if not (
            is_spanish
            or ALL_AFTER.match(prose, found.end())
            or ALL_BEFORE.search(prose[max(0, found.start() - 12) : found.start()])
        ):
            return True
    return False


def _fills(prompt: str, prose: str, end: int) -> bool:
    """Whether the lorem ipsum that ends there fills a gap, and is not asked for or explained."""
    if "lorem" in prompt.lower() or EXPLAINS_FILLER.search(prose):
        return False
    return FILLER_AFTER.match(prose, end) is not None
