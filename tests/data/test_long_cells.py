"""One cell may hold anything of any length: what is asked of an answer takes time that grows with its length alone."""

import time
from random import Random

import pytest

from studio.data import quality, studio_quality

LENGTH = 100_000
HEX = "".join(Random(1).choices("0123456789abcdef", k=LENGTH))
SHAPES = {
    "hex": "Here is the dump (in hex: " + HEX, "one sign": "_" * LENGTH + "(", "brackets": "(" * LENGTH, "square": "[" * LENGTH, "apart": "( " * (LENGTH // 2), "faces": ":(" * (LENGTH // 2),
    "fences": "```" * (LENGTH // 3), "one line of fences": "```a" * (LENGTH // 4), "fence and word": "```" + "a" * LENGTH, "fence and gap": "```" + " " * LENGTH + "x",
    "empty lines of Python": "```python\n" + "\n" * LENGTH + "x = (\n```", "lines of blanks": "```py\n" + " \n" * (LENGTH // 2) + "x = (\n```", "interval": "(" + "a" * LENGTH,
    "numbers": "(" + "1" * (LENGTH // 2) + "," + "1" * (LENGTH // 2), "object": "{" + "a" * LENGTH, "Chinese": "中" * LENGTH + "（", "letters": "ß" * LENGTH + "(", "base64": "The file. " + "A" * LENGTH + "b=",
    "sentences": "Aa. " * (LENGTH // 4) + "b", "gap": "It is so. " * 20 + "B" + " " * LENGTH + "b", "gap in a sentence": "Aaa." + " " * LENGTH + "b", "regards": "Thanks, " * (LENGTH // 8) + "Ana", "labels": "Aa: b" * (LENGTH // 5),
    "sorry": "I'm sorry, " * (LENGTH // 11), "as an AI": "As an AI " * (LENGTH // 9), "an AI that goes on": "As an AI, I " + "a " * (LENGTH // 2), "TODO": "TODO " * (LENGTH // 5), "dots": "a." * (LENGTH // 2) + "b", "at": "a@" * (LENGTH // 2),
    "values of JSON": "[1, 2] " * (LENGTH // 7), "openings": "[ " * (LENGTH // 2) + "'", "braces": "{ " * (LENGTH // 2), "a set": '{"a"' + ', "a"' * (LENGTH // 5), "key": '{a: "' + "b" * LENGTH,
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_cell_is_scored_in_time(shape: str) -> None:
    """A tenth of a second is usual; what grows with the square of the length takes from five seconds to two minutes."""
    studio_quality.score_batch(["What?"], ["That."])
    begin = time.process_time()
    quality.score(SHAPES[shape])
    studio_quality.score_batch(["What?"], [SHAPES[shape]])
    assert time.process_time() - begin < 2.5
