"""JSON as an answer: whether it is whole, line by line and in blocks too, and what begins like it but is something else,
as an interval, a citation, a set, a Python dict or JSON with words behind it.
"""

import json
import re

from studio.data import code_blocks

JSON_START = re.compile(r'\s*(?:\{\s*(?:["\'{}]|\w+"?\s*:)|\[\s*(?:[\[{"\]]|(?:-?\d[\d.eE+-]*|true|false|null)\s*,))')
INTERVAL = re.compile(r"[\[(]\s*[-+\w.∞]+\s*[,;]\s*[-+\w.∞]+\s*[\])]")
OTHER_VALUE = re.compile(
    r'[\[{(\s]*\''  # Python's text
    r'|[\[{\s]*\{\s*(?!\w+\s*:\s*(?:"[^"]*"|[\w.+-]+)\s*,\s*"[^"]*"\s*:)\w+\s*:'  # a key without quotes, and not only the first
    r'|\{\s*"[^"]*"(?:\s*,\s*"[^"]*")*\s*\}'  # a set
)  # fmt: skip
OPENING = re.compile(r"\s*[\[{]")
BRACKET = re.compile(r"[()\[\]{}]")
NO_MORE_JSON = re.compile(r'\s*(?:[^\s,:;."\'`<|{}\[\]\d]|[.,:;]\s+[^\W\d_]+[\s,]+[^\W\d_])')
JSON_COMMENT = re.compile(r'("(?:\\.|[^"\\])*+"?)|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?', re.DOTALL)
SHORT_JSON = 1200  # under half of Python's limit of levels and of the digits of a number


def looks_like_json(answer: str) -> bool:
    return answer[:1] in ("{", "[") and JSON_START.match(answer) is not None


def is_json(text: str) -> bool:
    """What Python's json reads; orjson is sure of a text too short for its depth or its numbers to matter."""
    import orjson

    if len(text) < SHORT_JSON:
        try:
            orjson.loads(text)
        except ValueError:
            pass  # json takes some that it doesn't, like NaN
        else:
            return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_broken_json(prompt: str, answer: str) -> bool:
    if looks_like_json(answer) and not (is_json(answer) or is_json_lines(answer) or is_something_else(prompt, answer)):
        return True
    return any(name.lower() == "json" and not is_block_of_json(block) for name, block in code_blocks.blocks(answer))


def is_block_of_json(block: str) -> bool:
    """As it stands, line by line, or with comments, which editors and settings take."""
    if is_json(block) or is_json_lines(block):
        return True
    return "/" in block and is_json(JSON_COMMENT.sub(lambda found: found[1] or " ", block))


def is_json_lines(text: str) -> bool:
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    return len(lines) > 1 and all(looks_like_json(line) and is_json(line) for line in lines)


def is_something_else(prompt: str, answer: str) -> bool:
    """Of an answer that looks like JSON and is none: whether it was not meant to be. A value of another language is meant
    so where the question does not ask for JSON."""
    if OTHER_VALUE.match(answer):
        return "json" not in prompt.casefold() and all(
            answer.count(first) == answer.count(last) for first, last in ("{}", "[]")
        )
    return INTERVAL.fullmatch(answer.rstrip(". ")) is not None or has_words_behind(answer)


def has_words_behind(answer: str) -> bool:
    """Whether the values in brackets with which the answer begins are whole, and what follows is prose and no more JSON."""
    rest = answer[_end_of_values(answer) :]
    return len(rest) < len(answer) and NO_MORE_JSON.match(rest) is not None and rest.count("{") == rest.count("}")


def _end_of_values(answer: str) -> int:
    """Behind the values of JSON, or else behind the bracket that closes the first; 0 where there is no end."""
    decoder, end = json.JSONDecoder(), 0
    try:
        while opening := OPENING.match(answer, end):
            end = decoder.raw_decode(answer, opening.end() - 1)[1]
    except (ValueError, RecursionError):
        pass  # what is no JSON may still be brackets in prose
    return end or _end_of_brackets(answer)


def _end_of_brackets(answer: str) -> int:
    """Of any kind, as an interval closes otherwise than it opens; 0 where texts in quotes stand between them."""
    depth = 0
    for found in BRACKET.finditer(answer):
        depth += 1 if found[0] in "([{" else -1
        if not depth:
            return 0 if '"' in answer[: found.end()] else found.end()
    return 0
