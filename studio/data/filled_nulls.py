"""Nulls that a typed table put into tools and their calls: Arrow gives each object the fields of all others."""

from typing import Any

TOOLS = ("tools", "functions", "tool_calls", "function_call", "tool_call")


def columns_with_tools(schema: Any) -> list[str]:
    """The columns of an Arrow schema where objects of tools or calls may lie."""
    return [field.name for field in schema if "struct<" in (kind := str(field.type)) and _names_tools(field.name, kind)]


def _names_tools(name: str, kind: str) -> bool:
    return name.lower() in TOOLS or any(f"{tool}: " in kind for tool in TOOLS)


def without(value: Any, name: str = "", in_tools: bool = False) -> Any:
    """A value of the field `name` without the nulls in objects below a field of TOOLS. All else stays: in an answer a null
    may be what is to be learned, and a list has only the entries that it was given."""
    in_tools = in_tools or name.lower() in TOOLS
    if isinstance(value, dict):
        there = {key: without(item, str(key), in_tools) for key, item in value.items()}
        return {key: item for key, item in there.items() if item is not None} if in_tools else there
    if isinstance(value, list):
        return [without(item, name, in_tools) for item in value]
    return value
