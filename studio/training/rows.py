"""Examples as the tokens that a trainer is fed, by the objective of the recipe; the same template and mask in each.

sft: input_ids, and labels that are -100 where nothing is to be learned. dpo: prompt_ids, chosen_ids, rejected_ids. kto:
prompt_ids, completion_ids, label (whether it was judged good).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from studio import chat
from studio.chat import IGNORED, Message
from studio.errors import InputError
from studio.examples import Dataset
from studio.training import calls, context
from studio.training.recipe import Recipe

Row = dict[str, Any]
COLUMNS = {
    "sft": ("input_ids", "labels"),
    "dpo": ("prompt_ids", "chosen_ids", "rejected_ids"),
    "kto": ("prompt_ids", "completion_ids", "label"),
}


@dataclass
class Encoded:
    """`rows` as a datasets.Dataset. Of the examples `truncated` were cut at the recipe's longest length, `left_out` had
    nothing in them to learn, `tools_hidden` offer tools that the model's template does not show, and `beyond` are longer than
    the `context` that the model was made for."""

    rows: Any = None
    truncated: int = 0
    left_out: int = 0
    tools_hidden: int = 0
    beyond: int = 0
    context: int = 0
    given: int = field(default=0, repr=False)

    def sentence(self) -> str:
        """What was not learned as it stands, in words; empty when everything was."""
        said = {
            f"cut at the longest length: {self.truncated:,}": self.truncated,
            f"left out, with nothing in them to learn: {self.left_out:,}": self.left_out,
            f"with tools that the model's chat template does not show: {self.tools_hidden:,}": self.tools_hidden,
            f"longer than the {self.context:,} tokens that the model was made for: {self.beyond:,}": self.beyond,
        }
        there = [words for words, count in said.items() if count]
        return f"Of {self.given:,} examples " + "; ".join(there) if there else ""


def encode_rows(tokenizer: Any, dataset: Dataset, recipe: Recipe) -> Encoded:
    """The rows of the dataset for the recipe's objective. Raises InputError when none leaves anything to learn."""
    import datasets

    calls.check_with(tokenizer, dataset)
    found = Encoded()
    sees_tools = "tools" in str(tokenizer.chat_template) and _shows_tools(tokenizer.chat_template)
    made: list[Row] = []
    for batch in dataset.batches():
        for example in cast("list[Row]", batch.to_dict("records")):
            found.given += 1
            found.tools_hidden += example["tools"] is not None and not sees_tools
            rows = [row for row in _rows_of(tokenizer, example, recipe, found) if _teaches(row)]
            found.left_out += not rows
            made += rows
    if not made:
        raise InputError(
            "No example leaves anything to learn", f"{found.given} examples in {dataset.reference}, max_length {recipe.max_length}",
            "Use a longer max_length, or examples with an answer",
        )  # fmt: skip
    found.beyond, found.context = context.check_made(recipe, [_length(row) for row in made])
    if recipe.objective == "kto":  # its batches keep the order of the rows, so chance comes here
        random.Random(recipe.seed).shuffle(made)
    found.rows = datasets.Dataset.from_dict({name: [row[name] for row in made] for name in COLUMNS[recipe.objective]})
    return found


def _shows_tools(template: Any) -> bool:
    templates = template.values() if isinstance(template, dict) else [template]
    return any(chat.shows_tools(text) for text in templates)


def _rows_of(tokenizer: Any, example: Row, recipe: Recipe, found: Encoded) -> Iterator[Row]:
    if recipe.objective == "sft":
        if example["kind"] == "passage":
            yield from _passage(tokenizer, example["messages"][0]["content"], recipe)
        elif example["messages"][-1]["role"] == "assistant":
            yield _conversation(tokenizer, example, recipe, found)
        return
    chosen, rejected = _judged(tokenizer, example)
    longest = recipe.max_length
    found.truncated += any(answer and len(answer[0]) + len(answer[1]) > longest for answer in (chosen, rejected))
    if recipe.objective == "dpo":
        if chosen and rejected:
            yield _pair(chosen, rejected, longest)
        return
    for answer, is_good in ((chosen, True), (rejected, False)):
        if answer:
            prompt, completion = answer
            yield {
                "prompt_ids": prompt,
                "completion_ids": completion[: max(0, longest - len(prompt))],
                "label": is_good,
            }


def _conversation(tokenizer: Any, example: Row, recipe: Recipe, found: Encoded) -> Row:
    """Packing splits what is too long over two rows and loses nothing; without it the end is cut off."""
    encoded = chat.encode(
        tokenizer, example["messages"], None if recipe.packing else recipe.max_length, example["tools"]
    )
    found.truncated += encoded.truncated
    return {"input_ids": encoded.input_ids, "labels": encoded.labels}


def _passage(tokenizer: Any, text: str, recipe: Recipe) -> Iterator[Row]:
    """All tokens of a text, in pieces of the longest length: nothing is lost of it."""
    ids = chat.plain_ids(tokenizer, text)
    for start in range(0, len(ids), recipe.max_length):
        piece = ids[start : start + recipe.max_length]
        yield {"input_ids": piece, "labels": list(piece)}


Answer = tuple[list[int], list[int]]
"""The tokens before an answer, and its own with the one that ends it."""


def _judged(tokenizer: Any, example: Row) -> tuple[Answer | None, Answer | None]:
    """The better and the worse answer of a preference, each with what stands before it."""
    messages: list[Message] = example["messages"]
    answered = messages[-1]["role"] == "assistant"
    good = _answer(tokenizer, messages, example["tools"]) if answered else None
    bad = None
    if example["rejected"] is not None:
        asked = messages[:-1] if answered else messages
        bad = _answer(tokenizer, [*asked, {"role": "assistant", "content": example["rejected"]}], example["tools"])
    return good, bad


def _answer(tokenizer: Any, messages: list[Message], tools: str | None) -> Answer:
    """What the template puts behind the answer is nobody's choice."""
    ids, start, end = chat.last_answer(tokenizer, messages, tools)
    return ids[:start], ids[start:end]


def _pair(chosen: Answer, rejected: Answer, longest: int) -> Row:
    """Both answers after what they share; a template may already differ a little before the answer."""
    prompt = chosen[0]
    if rejected[0] != prompt:
        same = 0
        while same < min(len(prompt), len(rejected[0])) and prompt[same] == rejected[0][same]:
            same += 1
        chosen, rejected = ((ids[0][:same], ids[0][same:] + ids[1]) for ids in (chosen, rejected))
        prompt = chosen[0]
    room = max(0, longest - len(prompt))
    return {"prompt_ids": prompt, "chosen_ids": chosen[1][:room], "rejected_ids": rejected[1][:room]}


def _length(row: Row) -> int:
    """Tokens that the model sees at once."""
    if "input_ids" in row:
        return len(row["input_ids"])
    answers = (len(row.get(name, ())) for name in ("chosen_ids", "rejected_ids", "completion_ids"))
    return len(row["prompt_ids"]) + max(answers)


def _teaches(row: Row) -> bool:
    if "labels" in row:
        return any(label != IGNORED for label in row["labels"][1:])  # the first token follows nothing
    if "label" in row:
        return bool(row["completion_ids"])
    return bool(row["chosen_ids"] and row["rejected_ids"]) and row["chosen_ids"] != row["rejected_ids"]
