"""An HTML page becomes the text that its reader sees: no sentence, word, code or table of it is broken."""

from pathlib import Path

import pytest

from studio import Project

CODE = "def f(x):\n    if x:\n\n\n        return 1"


@pytest.mark.parametrize(("page", "text"), [
    ('<p>You can <a href="/r">return</a> any item within <b>30</b> days, see <code>RMA-1</code>, H<sub>2</sub>O.</p>',
     "You can return any item within 30 days, see RMA-1, H2O."),
    ("<p><b>Ware</b>n und <i>Hand\u00adbücher</i><wbr>regal</p>", "Waren und Handbücherregal"),
    ("<p>one <b> two </b> three\n   four&nbsp;five</p> ", "one two three four five"),
    ("<h1>Top</h1><p>One<br>two.</p>\n<p>Three.</p>four<div>five</div><div>six</div>", "Top\n\nOne\ntwo.\n\nThree.\n\nfour\nfive\nsix"),
    ("<p>a<br><br><br><br>b</p><p></p><p> <br></p><p>c</p>", "a\n\nb\n\nc"),
    (f"<p>Code:</p><pre><code>{CODE}</code></pre><p>End.</p>", f"Code:\n\n{CODE}\n\nEnd."),
    ("<pre>\n  <b>a</b>  b<br>c\n</pre>x", "  a  b\nc\n\nx"),
    ("<pre>\r\n  a\r\n  b</pre>", "  a\n  b"),
    ("<ul><li>one <b>thing</b><li>two<ul><li>deep</li></ul></li></ul><ol start=3><li><p>three</p><p>more</p></li><li></li><li>four</ol>",
     "- one thing\n- two\n  - deep\n\n3. three\n   more\n5. four"),
    ("<ul><li>Run:<pre>if x:\n  y</pre></li></ul>", "- Run:\n  if x:\n    y"),
    ("<p>Prices</p><table><caption>In euros</caption><tr><th>Item</th><th>Price</th></tr><tr><td><p>A <b>big</b> cot</p><p>new</p></td><td>1<br>2</td></tr>"
     "<tr><td></td><td>3</td></tr><tr><td> </td></tr></table>So.", "Prices\n\nIn euros\nItem\tPrice\nA big cot new\t1 2\n\t3\n\nSo."),
    ("<table><tr><td><ul><li>a</li><li>b</li></ul></td><td>c</td></tr></table>", "- a - b\tc"),
    ("<table><tr><td><h1>Laid out</h1><p>One.</p></td><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>", "Laid out\n\nOne.\n\na\tb"),
    ("<html><head><title>t</title><style>p{}</style></head><body><nav><a>Home</a></nav><div role=navigation>Up</div><p hidden>h</p><p style='color:red; display: none'>d</p>"
     "<template>t</template><script>s()</script><noscript>n</noscript><select><option>o</select><!-- c --><p>Seen.</p></body>", "Seen."),
    ("<dl><dt>Term</dt><dd>What it is</dd></dl><blockquote>Said.</blockquote><hr><p>漢字<ruby>東<rt>とう</rt></ruby></p>", "Term\nWhat it is\n\nSaid.\n\n漢字東"),
    ("plain words, no page", "plain words, no page"),
])  # fmt: skip
def test_what_a_reader_sees(tmp_path: Path, page: str, text: str) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(page.encode())
    loaded = Project.open("pages", home=tmp_path / "home").load(path)
    assert [one[0]["content"] for one in loaded.examples["messages"]] == [text]


def test_the_encoding_that_a_page_names_is_read(tmp_path: Path) -> None:
    path = tmp_path / "page.htm"
    path.write_bytes('<meta charset="windows-1251"><p>Возврат <b>това</b>ра</p>'.encode("cp1251"))
    loaded = Project.open("pages", home=tmp_path / "home").load(path)
    assert loaded.examples["messages"][0][0]["content"] == "Возврат товара"


@pytest.mark.parametrize("tag", ["div", "ul", "table", "b", "pre"])
def test_a_page_that_nests_without_end_is_read_or_listed(tmp_path: Path, tag: str) -> None:
    path = tmp_path / "deep.html"
    cell = "<tr><td>" if tag == "table" else "<li>" if tag == "ul" else ""
    path.write_text("<p>begin</p>" + f"<{tag}>{cell}" * 20_000 + "end")
    (tmp_path / "other.txt").write_text("A good text.")
    loaded = Project.open("pages", home=tmp_path / "home").load([path, tmp_path / "other.txt"])
    assert len(loaded) + len(loaded.problems) == 2


def test_lists_in_lists_set_a_line_in_only_so_far(tmp_path: Path) -> None:
    path = tmp_path / "lists.html"
    path.write_text("<ul><li>x" * 2_000)
    loaded = Project.open("pages", home=tmp_path / "home").load(path)
    assert all(len(line) < 100 for one in loaded.examples["messages"] for line in one[0]["content"].splitlines())
