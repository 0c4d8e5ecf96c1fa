"""bitsandbytes without torch's compiler, which it would load at once: a run would wait a second longer for its first step."""

import functools
from collections.abc import Callable
from typing import Any


def import_bitsandbytes() -> None:
    """To be called before peft imports it. Version 0.50.2 has four functions compiled, for devices that few have."""
    import torch

    compile_now = torch.compile
    torch.compile = functools.partial(compile_later, compile_now)  # type: ignore[assignment]
    try:
        import bitsandbytes  # noqa: F401
    finally:
        torch.compile = compile_now


def compile_later(compile_now: Callable[..., Any], function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """`torch.compile`, but the compiler is loaded when the function is first called."""
    if function is None:
        return functools.partial(compile_later, compile_now, **options)
    compiled = functools.cache(lambda: compile_now(function, **options))

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        return compiled()(*arguments, **named)

    return called
