"""The way to the Hugging Face Hub: whether it answers, with which token it is asked, and what its refusals mean.

A token that was typed is in the environment of this process, and so in that of the jobs it starts, and nowhere else.
"""

import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

from studio.errors import InputError, NotFoundError

TOKEN = "HF_TOKEN"
TOKEN_FORM = re.compile(r"[\x21-\x7e]{8,400}")
_before: list[str | None] = []  # what the environment said before a token was typed; empty when none was


def endpoint() -> str:
    """The address of the Hub, without a slash at its end."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def answers() -> bool:
    """Whether the Hub may be asked (HF_HUB_OFFLINE) and its name can be looked up; without that the library would retry for
    a minute before it gives up."""
    from huggingface_hub import is_offline_mode

    if is_offline_mode():
        return False
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    try:
        socket.getaddrinfo(urlsplit(endpoint()).hostname, 443)
    except OSError:
        return False
    return True


def use_token(token: str | None) -> None:
    """Asks the Hub with this token from now on; None goes back to what was there before. Raises InputError for what can
    be no token; the message doesn't repeat it."""
    if token is None:
        if _before:
            _restore(_before.pop())
        return
    if not TOKEN_FORM.fullmatch(token):
        raise InputError(
            "This is no token", f"{len(token)} characters", "Paste it whole, without spaces; it begins with hf_"
        )
    if not _before:
        _before.append(os.environ.get(TOKEN))
    os.environ[TOKEN] = token


def _restore(token: str | None) -> None:
    if token is None:
        os.environ.pop(TOKEN, None)
    else:
        os.environ[TOKEN] = token


def token_source() -> str:
    """Where the token comes from: "typed", "environment", "login" (huggingface_hub's own file), or "" for none."""
    from huggingface_hub import constants

    if _before:
        return "typed"
    if os.environ.get(TOKEN) or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return "environment"
    path = Path(constants.HF_TOKEN_PATH)
    return "login" if path.is_file() and path.stat().st_size else ""


def why_not_fetched(model: str, error: BaseException) -> NotFoundError:
    """What the Hub said, which the libraries have wrapped in errors of their own."""
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    words = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    # a gated model counts among the missing ones, so it is asked for first
    if any(isinstance(one, GatedRepoError) for one in causes):
        return NotFoundError(
            f"The model {model} is gated: its owner asks you to accept terms first", words,
            f"Accept them at huggingface.co/{model} with your account, and set HF_TOKEN to a token of it, or type one in tab 3",
        )  # fmt: skip
    if any(isinstance(one, RepositoryNotFoundError) for one in causes):
        return NotFoundError(
            f"There is no model {model} on the Hub", words,
            "Check the name; for a private one set HF_TOKEN to a token that may read it, or type one in tab 3",
        )  # fmt: skip
    if any(isinstance(one, LocalEntryNotFoundError) for one in causes) or not answers():
        return NotFoundError(
            f"The model {model} is not on this machine, and the Hub cannot be reached", words, "Check the network, or give a local folder"
        )  # fmt: skip
    return NotFoundError(
        f"The model {model} could not be fetched from the Hub", words, "Check the name and the network, or give a local folder"
    )  # fmt: skip
