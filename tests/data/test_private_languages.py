"""Private details in the scripts and the spelling of many languages, and what only looks like one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.data import privacy
from tests.data.test_privacy import rows, texts_of

SENDGRID = "SG." + "aB3dE5gH" * 2 + "aB3dE5." + "xY7zW9vU" * 5 + "abc"
PYPI = "pypi-AgEIcHlwaS5vcmc" + "CJGE1b2c3" * 8


@pytest.mark.parametrize(("text", "masked"), [
    ("请拨打13800138000联系我们的客服人员。", "请拨打[PHONE]联系我们的客服人员。"), ("手机：13800138000", "手机：[PHONE]"), ("王先生13800138000，下午来", "王先生[PHONE]，下午来"),
    ("服务器192.168.10.5已经重启。", "服务器[IP]已经重启。"), ("银行卡号4111111111111111已冻结。", "银行卡号[CARD]已冻结。"), ("邮箱是kim@example.cn吗", "邮箱是[EMAIL]吗"),
    ("密码：abc12345，请保密", "密码：[KEY]，请保密"), ("电话 +86 138 0013 8000。", "电话 [PHONE]。"), ("电话（010）6552-9988转3", "电话[PHONE]转3"),
    ("電話番号は090-1234-5678です。", "電話番号は[PHONE]です。"), ("電話は０９０－１２３４－５６７８まで", "電話は[PHONE]まで"), ("パスワード: himitsu99", "パスワード: [KEY]"),
    ("문의는 kim@example.co.kr로 주세요.", "문의는 [EMAIL]로 주세요."), ("전화는 010-1234-5678로 주세요.", "전화는 [PHONE]로 주세요."), ("โทร0812345678ค่ะ", "โทร[PHONE]ค่ะ"),
    ("Rappelez-moi au 06\u00a012\u00a034\u00a056\u00a078.", "Rappelez-moi au [PHONE]."), ("Meine IBAN: DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "Meine IBAN: [IBAN]"),
    ("call +49\u00a0171\u00a02345678", "call [PHONE]"), ("Carte 4111\u202f1111\u202f1111\u202f1111.", "Carte [CARD]."), ("Ruf 030\u20111234\u20115678 an", "Ruf [PHONE] an"),
    ("тел. 8 (495) 123-45-67", "тел. [PHONE]"), ("Звоните 8-800-555-35-35!", "Звоните [PHONE]!"), ("It is 1-415-555-2671.", "It is [PHONE]."),
    ("Móvil: 612345678", "Móvil: [PHONE]"), ("Teléfono 612 345 678", "Teléfono [PHONE]"), ("Zadzwoń: 601 234 567", "Zadzwoń: [PHONE]"), ("هاتف: ٠٥٠١٢٣٤٥٦٧", "هاتف: [PHONE]"),
    ("Telemóvel: 912 345 678", "Telemóvel: [PHONE]"), ("tel:+4915112345678", "tel:[PHONE]"), ("Ligue para 11 91234-5678.", "Ligue para [PHONE]."), ("Cep telefonu: 532 123 45 67", "Cep telefonu: [PHONE]"),
    ("Mail o'brien@example.ie now", "Mail [EMAIL] now"), ("send('ana@example.org')", "send('[EMAIL]')"), ("f'ana@example.org'", "f'[EMAIL]'"), ("jörg@müller.de schreibt", "[EMAIL] schreibt"),
    ("Passwort: Geheim123!", "Passwort: [KEY]"), ("Kennwort = geheim77", "Kennwort = [KEY]"), ("Mot de passe\u00a0: chaton2024", "Mot de passe\u00a0: [KEY]"), ("Contraseña: gatito88", "Contraseña: [KEY]"),
    ("Senha: gatinho88", "Senha: [KEY]"), ("Parola d'ordine: gattino88", "Parola d'ordine: [KEY]"), ("Wachtwoord: poesje88", "Wachtwoord: [KEY]"), ("Пароль: koshka88", "Пароль: [KEY]"),
    (f"key {SENDGRID} here", "key [KEY] here"), (f"twine -p {PYPI}", "twine -p [KEY]"),
])  # fmt: skip
def test_found_as_it_is_written_there(text: str, masked: str) -> None:
    assert texts_of(privacy.redact(rows([text]))[0]) == [masked]
    assert privacy.find_batch([text]) == [privacy.find(text)]


@pytest.mark.parametrize("text", [
    "0.123 0.456 0.789", "score 21-19 21-17 15-13", "The call took 1234567 ms", "The call returned 1234567.", "foo@bar.py", "logo@2x.png", "chapter 1.2.3.4", "package@1.0.0-rc",
    "git clone git@github.com:owner/repo.git", "ssh://git@github.com/owner/repo", "1:2:3:4:5:6:7:8", "IMEI 490154203237518", "Kapitel 1.2.3.4", "第3章 版本1.2.3.4", "订单号13800138000",
    "订单20240318153000已发货", "共计1 250 000元", "2024年3月18日10时30分15秒", "注文番号は123456789です", "密码：请设置8位以上", "Passwort: mindestens 8 Zeichen", "contraseña: obligatoria",
    "pi 3.14159\u00a02.71828", "12\u00a0345\u00a0678 euros", "SG. Weber 04", "10-20 30-40 50-60", "ISBN\u00a0978-3-16-148410-0", "заказ 89001234567", "pedido 612345678",
])  # fmt: skip
def test_only_looks_like_one(text: str) -> None:
    assert [text[one.start : one.end] for one in privacy.find(text)] == []


PARTS = st.sampled_from([
    *"0123456789", " ", "-", "+", ".", "(", ")", "\u00a0", "\u202f", "\u2011", "（", "）", "．", "：", "＠", "＋", "０", "７", "٣", "客", "の", "로", "é", "@a.de", "13800138000", "密码：", "手机",
    "4111111111111111", "0171", "2345678", "192.168.", "10.5", "DE89370400440532013000", "SG.", ":", "fe80::1", "a1",
])  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(PARTS, max_size=14).map("".join))
def test_a_quick_look_never_hides_a_detail_in_any_script(text: str) -> None:
    found = privacy.find(text)
    assert privacy.find_batch([text]) == [found]
    assert all(0 <= one.start < one.end <= len(text) and text[one.start : one.end].strip() for one in found)
