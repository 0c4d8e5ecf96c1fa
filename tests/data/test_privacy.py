"""What counts as private, what does not, and what is written in its place."""

import ipaddress
import json
from pathlib import Path

import pandas as pd
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban

from studio import InputError, Project
from studio.data import privacy, row_texts

TOKEN = "ghp_" + "a1B2" * 9
WEB_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabc=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(("kind", "value"), [
    ("e-mail address", "ana.lee+x@mail.example.co.uk"), ("e-mail address", "ANA@EXAMPLE.ORG"), ("phone number", "+49 30 901820"),
    ("phone number", "(212) 555-0187"), ("phone number", "+1-202-555-0143"), ("phone number", "07911 123456"), ("phone number", "0049 30 9018 200"),
    ("card number", "4111 1111 1111 1111"), ("card number", "5500-0000-0000-0004"), ("card number", "378282246310005"),
    ("IBAN", "DE89 3704 0044 0532 0130 00"), ("IBAN", "GB82WEST12345698765432"), ("IBAN", "MT84MALT011000012345MTLCAST001S"),
    ("IP address", "192.168.0.17"), ("IP address", "2001:db8::8a2e:370:7334"), ("key or token", "AKIAIOSFODNN7EXAMPLE"), ("key or token", TOKEN),
    ("IBAN", "de89370400440532013000"), ("key or token", "sk-proj-a1b2c3d4e5f6g7h8i9j0k1l2"), ("key or token", "xoxb-123456789012-abcdefABCDEF"), ("key or token", BLOCK), ("key or token", WEB_TOKEN),
])  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "It is {}.", "({}), as said", "one\n{}\ntwo", "“{}”"])
def test_found_with_its_place(kind: str, value: str, around: str) -> None:
    text = around.format(value)
    assert [(detail.kind, text[detail.start : detail.end]) for detail in privacy.find(text)] == [(kind, value)]
    assert privacy.find_batch([text, "nothing"]) == [privacy.find(text), []]


@pytest.mark.parametrize("text", [
    "On 2024-03-18 and 18.03.2024 at 10:30:45.", "ISBN 978-3-16-148410-0", "It took 12 345 678 steps.", "1,250,000 euros", "Version 2.10.3.1 is out.",
    "4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "999.1.2.300", "std::vector<int>", "Follow @hotel there", "task-based", "sk-learn is a nice library to use",
    "the years 1990-2000-2010", "password: required, at least 8 characters", "PWD=/home/ana1 ls", "token = tokens_of1.first2", "a key: C4, then E5",
    "password = get_password1(user)", "the secret: 3 eggs and 200 g of flour", "api_key = os.environ1[KEY]", "postgres://user:password@host/db", "basic training2 is needed",
    "api_key=your_api_key_123456789", "pi is 3.14159265358979", "order 1234567890", "0000 0000 0000 0000", "a@b", "Section 1.2.3.4 says so",
])  # fmt: skip
def test_not_private(text: str) -> None:
    assert privacy.find(text) == []


@pytest.mark.parametrize(("text", "value"), [
    ("Authorization: Bearer 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("api_key = 'a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6'", "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"), ("password=hunter2", "hunter2"), ("My Password: Tr0ub4dor&3.", "Tr0ub4dor&3."),
    ('{"client_secret": "Zm9vYmFyMTIzNDU2"}', "Zm9vYmFyMTIzNDU2"), ("AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==;", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq=="),
    ("postgres://admin:S3cr3tPassw0rd@db.acme.com:5432/x", "S3cr3tPassw0rd"), ("Authorization: Basic dXNlcjpwYXNzd29yZDE=", "dXNlcjpwYXNzd29yZDE="),
])  # fmt: skip
def test_what_a_text_says_is_a_key_is_one(text: str, value: str) -> None:
    assert [(one.kind, text[one.start : one.end]) for one in privacy.find(text)] == [("key or token", value)]
    assert privacy.find_batch([text]) == [privacy.find(text)]


def rows(*conversations: list[str]) -> pd.DataFrame:
    messages = [[{"role": "user", "content": text} for text in texts] for texts in conversations]
    return pd.DataFrame(
        {"id": [f"r{at}" for at in range(len(messages))], "messages": messages, "flags": [[] for _ in messages]}
    )


def texts_of(examples: pd.DataFrame) -> list[str]:
    return [message["content"] for messages in examples["messages"] for message in messages]


def test_a_mask_names_the_kind() -> None:
    examples = rows(["Mail ana@example.org or call +49 30 901820.", "From 10.0.0.1"], ["clean"])
    assert privacy.count(examples)["phone number"] == 1
    masked, dropped = privacy.redact(examples)
    assert texts_of(masked) == ["Mail [EMAIL] or call [PHONE].", "From [IP]", "clean"]
    assert len(dropped) == 0 and set(privacy.count(masked).values()) == {0}
    assert texts_of(examples)[0].startswith("Mail ana")
    assert texts_of(privacy.redact(examples, ["phone number"])[0])[0] == "Mail ana@example.org or call [PHONE]."


def test_the_same_value_gets_the_same_made_up_one() -> None:
    examples = rows(
        ["ana@example.org, +49 30 901820", "ANA@example.org and ben@example.org"], ["+49 (30) 90-1820", "4111 1111 1111 1111 DE89 3704 0044 0532 0130 00 10.0.0.1 2001:db8::1 " + TOKEN],
    )  # fmt: skip
    made, _ = privacy.redact(examples, how="replace", seed=3)
    first, second, third, fourth = texts_of(made)
    mail, phone = first.split(", ")
    assert second.startswith(mail) and second.split(" and ")[1] != mail and third == phone
    assert phonenumbers.is_possible_number(phonenumbers.parse(phone))
    assert not {"ana", "901820", "4111", "3704"} & set(" ".join(texts_of(made)).replace("@", " ").split())
    assert privacy.count(made) == privacy.count(examples)
    again, _ = privacy.redact(examples, how="replace", seed=3)
    assert texts_of(again) == texts_of(made) != texts_of(privacy.redact(examples, how="replace", seed=4)[0])
    card, rest = fourth[:16], fourth[17:].split()
    assert (
        privacy.is_card(card)
        and iban.is_valid(rest[0])
        and [ipaddress.ip_address(one).version for one in rest[1:3]] == [4, 6]
    )


def test_rows_are_dropped_with_their_reason() -> None:
    kept, dropped = privacy.redact(rows(["ana@example.org 10.0.0.1"], ["fine"], ["fine", "x@example.com"]), how="drop")
    assert kept["id"].tolist() == ["r1"]
    assert dropped["reason"].tolist() == ["has IP address, e-mail address", "has e-mail address"]


def test_all_mistakes_at_once() -> None:
    with pytest.raises(InputError) as caught:
        privacy.redact(rows(["a"]), kinds=["shoe size"], how="burn")
    assert "shoe size" in caught.value.found and "burn" in caught.value.found


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789 +-().:/@aA_DE\n—é", max_size=60))
def test_a_quick_look_never_hides_a_detail(text: str) -> None:
    found = privacy.find(text)
    assert privacy.find_batch([text]) == [found]
    assert all(0 <= detail.start < detail.end <= len(text) for detail in found)
    assert all(first.end <= second.start for first, second in zip(found, found[1:], strict=False))


CALLED = {
    "email": "ann.lee@corp.com", "card": "4111 1111 1111 1111", "note": "Grüße\nbob@corp.com", "phoneNumber": "5550123", "order_id": "0301234567",
    "plain": [4111111111111111, 12, True, None, 1.5], "version": "1.2.3.4",
}  # fmt: skip
DEEP = {"to": "eve@corp.com", "cy@corp.com": 1}


def everywhere() -> pd.DataFrame:
    """One row with details in a rejected answer, in calls (arguments as text and as an object), in their id, in a speaker's
    name and in the tools on offer."""
    calls = [
        {"id": "0301234567", "type": "function", "function": {"name": "send", "arguments": json.dumps(CALLED, ensure_ascii=True)}},
        {"type": "function", "function": {"name": "look", "arguments": DEEP}},
    ]  # fmt: skip
    messages = [
        {"role": "user", "content": "Send it.", "name": "dan@corp.com"},
        {"role": "assistant", "content": "", "tool_calls": json.dumps(calls, ensure_ascii=False)},
        {"role": "tool", "content": "done", "tool_call_id": "0301234567"}, {"role": "assistant", "content": "Sent."},
    ]  # fmt: skip
    tools = json.dumps([{"type": "function", "function": {"name": "send", "description": "As help@corp.com says."}}])
    examples = rows(["nothing here"], ["x"])
    examples["messages"] = pd.Series([examples["messages"][0], messages], dtype=object)
    examples["rejected"] = pd.Series(["mail bob.smith@corp.com or call +49 30 1234567", None], dtype=object)
    examples["tools"] = pd.Series([None, tools], dtype=object)
    return examples


def test_details_are_found_and_masked_wherever_a_row_has_text() -> None:
    examples = everywhere()
    counted = {"e-mail address": 7, "phone number": 2, "card number": 2, "IBAN": 0, "IP address": 0, "key or token": 0}
    assert privacy.count(examples) == counted
    masked, _ = privacy.redact(examples)
    assert masked["rejected"][0] == "mail [EMAIL] or call [PHONE]" and masked["rejected"][1] is None
    asked, called, answered, _ = masked["messages"][1]
    assert asked["name"] == "[EMAIL]" and answered["tool_call_id"] == "0301234567"
    first, second = json.loads(called["tool_calls"])
    assert (first["id"], first["function"]["name"]) == ("0301234567", "send")
    assert json.loads(first["function"]["arguments"]) == {
        **CALLED, "email": "[EMAIL]", "card": "[CARD]", "note": "Grüße\n[EMAIL]", "phoneNumber": "[PHONE]", "plain": ["[CARD]", 12, True, None, 1.5],
    }  # fmt: skip
    assert second["function"]["arguments"] == {"to": "[EMAIL]", "[EMAIL]": 1}
    assert "As [EMAIL] says." in masked["tools"][1] and masked["tools"][0] is None
    assert set(privacy.count(masked).values()) == {0}
    assert examples.equals(everywhere())


def test_they_are_replaced_alike_and_rows_that_have_them_are_dropped() -> None:
    examples = everywhere()
    examples.loc[0, "rejected"] = "call 4111111111111111 or ann.lee@corp.com"
    made, _ = privacy.redact(examples, how="replace")
    card, mail = made["rejected"][0].removeprefix("call ").split(" or ")
    arguments = json.loads(json.loads(made["messages"][1][1]["tool_calls"])[0]["function"]["arguments"])
    assert arguments["card"] == card and arguments["plain"][0] == int(card) and arguments["email"] == mail
    assert privacy.count(made) == privacy.count(examples)
    kept, dropped = privacy.redact(examples, how="drop")
    assert len(kept) == 0 and dropped["reason"].tolist() == [
        "has card number, e-mail address", "has card number, e-mail address, phone number"
    ]  # fmt: skip


def test_what_is_no_json_is_looked_through_as_text() -> None:
    examples = everywhere()
    examples["messages"][1][1]["tool_calls"] = "send(ann@corp.com"
    assert privacy.redact(examples)[0]["messages"][1][1]["tool_calls"] == "send([EMAIL]"


def test_a_project_redacts_all_of_a_row_and_flags_it(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "send", "arguments": json.dumps({"to": "ann@corp.com"})}}
    given = [
        {"prompt": "Who is it?", "chosen": "Nobody that I know.", "rejected": "Write to bob@corp.com."},
        {"messages": [{"role": "user", "content": "Send it."}, {"role": "assistant", "content": None, "tool_calls": [call]}]},
        {"prompt": "And this?", "completion": "That is nothing private at all."},
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    project = Project.open("private", home=tmp_path / "home")
    raw = project.load(path)
    assert project.private_details(raw)["e-mail address"] == 2
    assert ["e-mail address" in flags for flags in raw.examples["flags"]] == [True, True, False]
    masked = project.redact(raw)
    assert "corp.com" not in masked.examples.to_json() and sum(project.private_details(masked).values()) == 0
    assert not any("e-mail address" in flags for flags in masked.examples["flags"])
    assert len(project.redact(raw, how="drop")) == 1


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from(["{", "[1]", '{"a": "b@c.de"}', "12345"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("a@b.co"), inner, max_size=3), max_leaves=9,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(any_json, min_size=1, max_size=3))
def test_what_holds_nothing_private_stays_as_it_is(values: list[object]) -> None:
    examples = rows(*[["said"]] * len(values))
    for messages, value in zip(examples["messages"], values, strict=True):
        messages.append({"role": "assistant", "content": "", "tool_calls": json.dumps(value)})
    examples["tools"] = pd.Series([json.dumps(value) for value in values], dtype=object)
    texts = row_texts.RowTexts(examples)
    assert texts.written(texts.texts).equals(examples)
    changed = texts.written([text + "!" for text in texts.texts])
    assert [message["content"] for messages in changed["messages"] for message in messages[:1]] == ["said!"] * len(
        values
    )


def test_json_without_end_is_looked_through_as_it_is_written() -> None:
    deep = '{"a": ' * 200 + '"ann@corp.com"' + "}" * 200
    assert "[EMAIL]" in row_texts.changed("tools", deep, lambda words, text: text.replace("ann@corp.com", "[EMAIL]"))
    assert row_texts.changed("tools", "[" * 100_000, lambda words, text: text) == "[" * 100_000
