"""Examples as Arrow tables and as frames: what is stored of each row, and the way from one to the other.

A table is columnar and needs a kilobyte a row less than a frame, so that what need not look into a conversation (to
filter, to divide, to mix) moves tables and never frames.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Message = dict[str, str]
"""`role` and `content`, and where it is so the MESSAGE_EXTRAS; `tool_calls` is the JSON text of OpenAI's list. `weight` is
there with an answer that is read and not learned, and is then UNLEARNED."""
MESSAGE_EXTRAS = ("tool_calls", "tool_call_id", "name", "weight")
UNLEARNED = "0"
MESSAGE_FIELDS = ("role", "content", *MESSAGE_EXTRAS)
KINDS = ("conversation", "preference", "passage")
COLUMNS = ["id", "messages", "source", "tokens", "quality", "flags", "reasons", "kind", "rejected", "tools"]
LISTS = ("flags", "reasons")
MEASURED = ("fingerprint", "studio_quality", "studio_reasons")
"""What is stored beside COLUMNS so that it is measured once: null where it was not (in a dataset of an older format)."""
GROUP_ROWS = 3000  # what is read of a file to look at one row
REPEATING = [f"messages.list.element.{name}" for name in ("role", "name")] + [
    "source",
    "kind",
    "tools",
    *(f"{name}.list.element" for name in (*LISTS, "studio_reasons")),
]


def worse_side(messages: Sequence[Message], rejected: str) -> list[Message]:
    """The conversation with the answer to avoid in the place of the other, or behind the question where there is none."""
    asked = messages[:-1] if messages[-1]["role"] == "assistant" else messages
    return [*asked, {"role": "assistant", "content": rejected}]


def schema() -> Any:
    """The Arrow schema of a stored table."""
    import pyarrow

    text, texts = pyarrow.string(), pyarrow.list_(pyarrow.string())
    message = pyarrow.struct([(name, text) for name in MESSAGE_FIELDS])
    special = {
        "messages": pyarrow.list_(message), "tokens": pyarrow.int64(), "quality": pyarrow.float64(), "flags": texts, "reasons": texts,
        "fingerprint": pyarrow.binary(16), "studio_quality": pyarrow.float64(), "studio_reasons": texts,
    }  # fmt: skip
    return pyarrow.schema([(name, special.get(name, text)) for name in (*COLUMNS, *MEASURED)])


def to_frame(table: Any, names: Sequence[str] = COLUMNS) -> "pd.DataFrame":
    """An Arrow table as a frame of examples; columns that an older format lacks get what they stand for."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in table.column_names:
        if name == "messages":
            columns[name] = pd.Series(_conversations(table[name]), dtype=object)
        elif name in (*LISTS, "rejected", "tools"):
            columns[name] = pd.Series(table[name].to_pylist(), dtype=object)
        elif name in names:
            columns[name] = table[name].to_pandas()
    return complete(pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows)), names)


def complete(examples: "pd.DataFrame", names: Sequence[str] = COLUMNS) -> "pd.DataFrame":
    """The columns `names` in their order: no reasons, conversations, nothing rejected and no tools where one is absent."""
    import pandas as pd

    rows, index = len(examples), examples.index
    if set(names) - set(examples):
        absent: dict[str, pd.Series[Any]] = {
            **{name: pd.Series([[] for _ in range(rows)], index, object) for name in LISTS},
            "kind": pd.Series(["conversation"] * rows, index, "str"),
            "rejected": pd.Series([None] * rows, index, object),
            "tools": pd.Series([None] * rows, index, object),
        }
        examples = examples.assign(**{name: values for name, values in absent.items() if name not in examples})
    return examples.reindex(columns=list(names))


def to_table(examples: "pd.DataFrame") -> Any:
    """A frame of examples as an Arrow table of the stored schema; what was not measured is null."""
    import pyarrow

    frame = complete(examples).astype({"quality": "float64", "tokens": "int64"})
    arrays = [
        pyarrow.nulls(len(frame), column.type)
        if column.name in MEASURED
        else pyarrow.array(frame[column.name].tolist(), column.type)
        for column in schema()
    ]
    return pyarrow.Table.from_arrays(arrays, schema=schema())


def of_columns(columns: dict[str, Any], rows: int) -> Any:
    """The stored columns as a table, from lists, arrays or Arrow columns by their names; those that are not given are
    null."""
    import pyarrow

    wanted = schema()
    arrays = []
    for field in wanted:
        values = columns.get(field.name)
        if values is None:
            arrays.append(pyarrow.nulls(rows, field.type))
        elif isinstance(values, pyarrow.Array | pyarrow.ChunkedArray):
            arrays.append(values if values.type.equals(field.type) else values.cast(field.type))
        else:
            arrays.append(pyarrow.array(values, field.type))
    return pyarrow.Table.from_arrays(arrays, schema=wanted)


def write(path: Path, batches: Iterable[Any], measured: bool = True, compression: str = "snappy") -> int:
    """Writes batches (tables or frames of examples) to one Parquet file, with or without what was MEASURED; the number
    of rows. `compression` is one of Parquet's, or "none"."""
    import pyarrow
    import pyarrow.parquet

    wanted, rows = schema() if measured else pyarrow.schema([schema().field(name) for name in COLUMNS]), 0
    with pyarrow.parquet.ParquetWriter(
        path, wanted, compression=compression, use_dictionary=REPEATING, write_statistics=False
    ) as writer:
        for batch in batches:
            table = conformed(batch) if isinstance(batch, pyarrow.Table) else to_table(batch)
            writer.write_table(table if measured else table.select(COLUMNS), row_group_size=GROUP_ROWS)
            rows += table.num_rows
    return rows


def conformed(table: Any) -> Any:
    """A table of any older format in the stored schema."""
    import pyarrow

    wanted = schema()
    if table.schema.equals(wanted):
        return table
    if set(COLUMNS) - set(table.column_names) or not _lacks_extras(table.schema.field("messages").type):
        return to_table(to_frame(table))
    if not table.schema.field("messages").type.equals(wanted.field("messages").type):
        at = table.schema.get_field_index("messages")
        table = table.set_column(at, "messages", _with_extras(table["messages"]))
    absent = {name: pyarrow.nulls(table.num_rows, wanted.field(name).type) for name in MEASURED}
    columns = [
        table[column.name].cast(column.type) if column.name in table.column_names else absent[column.name]
        for column in wanted
    ]
    return pyarrow.Table.from_arrays(columns, schema=wanted)


def _lacks_extras(kind: Any) -> bool:
    """Whether messages are stored as they are now, but for some MESSAGE_EXTRAS or none."""
    import pyarrow

    if not pyarrow.types.is_list(kind) or not pyarrow.types.is_struct(kind.value_type):
        return False
    return all(field.name in MESSAGE_FIELDS and field.type.equals(pyarrow.string()) for field in kind.value_type)


def _with_extras(column: Any) -> Any:
    """Messages of a format that knew fewer MESSAGE_EXTRAS, with the others absent."""
    import pyarrow

    kind = schema().field("messages").type
    chunks = []
    for chunk in column.chunks:
        values = chunk.values
        there = dict(zip(values.type.names, values.flatten(), strict=True))
        absent = pyarrow.nulls(len(values), pyarrow.string())
        fields = [there.get(name, absent) for name in MESSAGE_FIELDS]
        messages = pyarrow.StructArray.from_arrays(fields, [*MESSAGE_FIELDS])
        chunks.append(pyarrow.ListArray.from_arrays(chunk.offsets, messages).cast(kind))
    return pyarrow.chunked_array(chunks, kind)


def _conversations(column: Any) -> list[list[Message]]:
    """The messages of each row without the extras that a message does not have."""
    combined = column.combine_chunks()
    flat = combined.flatten()
    fields = [name for name in flat.type.names if flat.field(name).null_count < len(flat)] if len(flat) else []
    values = [flat.field(name).to_pylist() for name in fields]
    if set(fields) <= {"role", "content"}:
        known: dict[str, str] = {}
        roles, contents = (flat.field(name).to_pylist() for name in ("role", "content"))
        messages = [
            {"role": known.setdefault(role, role), "content": known.setdefault(content, content) if role == "system" else content}
            for role, content in zip(roles, contents, strict=True)
        ]  # fmt: skip
    else:
        messages = [
            {name: value for name, value in zip(fields, row, strict=True) if value is not None}
            for row in zip(*values, strict=True)
        ]
    ends = np.cumsum(np.asarray(combined.value_lengths().fill_null(0)))
    return [messages[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if len(ends) else []
