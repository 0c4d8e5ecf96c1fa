"""Which adapter each row of a batch speaks with: in one pass where peft can mix them, else one after the other.

DoRA changes the size of a weight itself, so that its rows can't share a pass with the base's (peft 0.21 refuses it).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from studio.models import BASE


def can_mix(model: Any) -> bool:
    """Whether base and adapter may answer in one pass."""
    return not any(getattr(config, "use_dora", False) for config in getattr(model, "peft_config", {}).values())


@contextmanager
def speaking(model: Any, names: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """What to give to a pass whose rows speak with `names` ("tuned" or "__base__"; None for a model that stands alone).
    Where they can't be mixed all names must be the same."""
    if names is None:
        yield {}
    elif can_mix(model):
        yield {"adapter_names": list(names)}
    elif set(names) == {BASE}:
        with model.disable_adapter():
            yield {}
    elif BASE not in names:
        yield {}
    else:
        raise ValueError(f"rows of {sorted(set(names))} cannot share a pass of this model")
