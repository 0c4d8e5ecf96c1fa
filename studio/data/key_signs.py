"""Keys, tokens and passwords in a text: those that their maker marks, and those that the text says are one."""

import re
from collections.abc import Iterator

from studio.data import plain_signs

OF_MAKERS = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|(?<![A-Za-z0-9_])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[\w-]{20,64}"
    r"|sk-(?:proj-|ant-|or-|svcacct-)?[A-Za-z0-9_-]{20,200}|[srp]k_(?:live|test)_[A-Za-z0-9]{16,128}|xox[abeoprs]-[A-Za-z0-9-]{10,250}"
    r"|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,64}|npm_[A-Za-z0-9]{36}|SG\.[\w-]{16,32}\.[\w-]{16,64}|pypi-AgE[\w-]{30,1000}|eyJ[\w-]{8,4000}\.eyJ[\w-]{8,4000}\.[\w-]{10,4000})(?![A-Za-z0-9_])",
    re.DOTALL,
)
# a password in German, French, Spanish, Italian, Portuguese, Dutch, Russian, Chinese, Japanese and Korean
IN_OTHER_LANGUAGES = "passwort|kennwort|mot de passe|contrase[ñÑn]a|parola d['’]ordine|senha|palavra-passe|wachtwoord|[Пп]ароль|ПАРОЛЬ|密[码碼]|口令|パスワード|비밀번호"
NAMED = re.compile(
    rf"(?:(?P<password>passw(?:or)?d|passphrase|pwd|{IN_OTHER_LANGUAGES})"
    r"|api[_ -]?key|(?:access|account|private|secret|storage|shared)[_ -]?(?:access[_ -]?)?key|secret|token)"
    r"[\"']?\s{0,3}(?::=|=>|[:：=])\s{0,3}"
    r"(?:\"(?P<quoted>[^\"\s]{6,400})\"|'(?P<apart>[^'\s]{6,400})'|(?P<bare>[\w!@#%^&*+/=~.$-]{6,400})(?![\w(\[]))",
    re.IGNORECASE | re.ASCII,
)
SENT = re.compile(r"\bbearer\s{1,3}([\w.~+/-]{16,4000}={0,2})|\bbasic\s{1,3}([A-Za-z0-9+/]{12,400}={0,2})", re.I | re.A)
IN_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:([^\s/@]{1,128})@", re.IGNORECASE | re.ASCII)
IN_CODE = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+|[a-z]+(?:_[a-z0-9]+)+")  # the name of a variable, not a value
OPENS_NO_VALUE = ("/", "$", "%", "{", "<", "your", "http")
PLACEHOLDERS = ("password", "passwd", "pass", "pwd", "secret", "token")
SHORTEST_KEY = 16  # of a named one; a password may be shorter
_SPACE = rf"(?:\s|{plain_signs.SPACE})"
SIGN = (  # what must stand in a text for one to be found in it (RE2 and Python alike)
    r"AKIA|ASIA|gh[pousr]_|github_pat_|sk-|xox[a-z]-|-----BEGIN|eyJ|AIza|hf_|glpat-|npm_|_live_|_test_|SG\.|pypi-"
    r"|(?:(?i:passw(?:or)?[dt]|passphrase|pwd|key|secret|token|kennwort|passe|contrase.{1,2}a|ordine|senha|wachtwoord)"
    rf"|ароль|АРОЛЬ|密码|密碼|口令|パスワード|비밀번호)[\"']?{_SPACE}{{0,3}}(?::|=|：)|(?i:bearer|basic){_SPACE}|://[^\s:/@]+:[^\s/@]+@"
)
_SIGN = re.compile(SIGN)


def find(text: str) -> Iterator[tuple[int, int]]:
    """Where each stands (start, end), in no order; what a text says is a key counts where letters and digits are mixed
    in it, as they are in no word."""
    if not _SIGN.search(text):
        return
    for match in OF_MAKERS.finditer(text):
        if not match[0].startswith(("sk-", "SG.")) or _is_mixed(match[0][3:]):
            yield match.span()
    for match in NAMED.finditer(text):
        group = next(name for name in ("quoted", "apart", "bare") if match[name])
        value = match[group]
        is_long = match["password"] or len(value) >= SHORTEST_KEY
        is_value = not value.lower().startswith(OPENS_NO_VALUE) and not (group == "bare" and IN_CODE.fullmatch(value))
        if is_long and is_value and _is_mixed(value):
            yield match.span(group)
    for match in SENT.finditer(text):
        if _is_mixed(match[1] or match[2]):
            yield match.span(1 if match[1] else 2)
    for match in IN_ADDRESS.finditer(text):
        if match[1].lower() not in PLACEHOLDERS and not match[1].startswith(OPENS_NO_VALUE):
            yield match.span(1)


def _is_mixed(value: str) -> bool:
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))
