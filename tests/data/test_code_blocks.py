"""Blocks of code are found as a pattern finds them, in time that grows with the length alone."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.data import code_blocks

PATTERN = re.compile(r"```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(["`", "``", "```", "```py\n", "\n", " ", "\t", "a", "c++ x", "ü"]), max_size=20).map(
        "".join
    )
)
@example("Run `f(` here.\n```\nprint(1)\n```\nThen ```python  \n1```2")
@example("```python\nno end")
def test_blocks(text: str) -> None:
    assert code_blocks.blocks(text) == PATTERN.findall(text)
    assert code_blocks.without_code(text) == code_blocks.INLINE_CODE.sub(" ", PATTERN.sub(" ", text))
