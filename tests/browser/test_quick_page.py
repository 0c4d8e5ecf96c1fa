"""The browser is told what has changed and goes ways it knows: what Gradio's amended files do, and that they are served."""

import httpx
import pytest
from playwright.sync_api import Browser

from components import quick_page

REST = ".map(([id,state])=>this.update_state_cb(Number(id),{loading_status:state},!1)))}"
"""How Gradio's function goes on."""


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [("Blocks", quick_page.TELLS, quick_page.TELLS_CHANGES), ("core", quick_page.FINDS, quick_page.FINDS_AGAIN)],
)
def test_gradio_is_written_as_its_amendments_expect(address: str, file: str, before: str, after: str) -> None:
    (path,) = quick_page.FOLDER.glob(f"{file}-*.js")
    served = httpx.get(f"{address}/assets/{path.name}", trust_env=False)
    assert served.headers["content-type"].startswith("text/javascript")
    assert before not in served.text and served.text.replace(after, before) == path.read_text(encoding="utf-8")


def test_other_files_are_left_alone(address: str) -> None:
    for path in sorted(quick_page.FOLDER.glob("Index-*.js"))[:3]:
        assert httpx.get(f"{address}/assets/{path.name}", trust_env=False).text == path.read_text(encoding="utf-8")
    assert httpx.get(f"{address}/assets/Blocks-none.js", trust_env=False).status_code in (403, 404)


def test_a_part_is_told_again_only_what_has_changed(browser: Browser) -> None:
    page = browser.new_page()
    told = page.evaluate(f"""async () => {{
        class Page {{
            told = []; loading_stati = {{current: {{}}}};
            update_state_cb(id, given) {{ this.told.push(`${{id}} ${{given.loading_status.status}}`); }}
            {quick_page.TELLS_CHANGES}{REST}
        }}
        const page = new Page(), turns = [];
        for (const [one, other] of [["pending", "complete"], ["pending", "complete"], ["generating", "complete"], ["pending", "pending"]]) {{
            page.loading_stati.current = {{1: {{status: one, progress: undefined}}, 2: {{status: other, progress: undefined}}}};
            await page.update_loading_stati_state();
            turns.push(page.told.splice(0));
        }}
        return turns;
    }}""")
    page.close()
    assert told == [["1 pending", "2 complete"], [], ["1 generating"], ["1 pending", "2 pending"]]


def test_a_part_is_found_where_it_is_also_when_it_has_moved_or_gone(browser: Browser) -> None:
    page = browser.new_page()
    wrong = page.evaluate(f"""() => {{
        const before = (() => {{ {quick_page.FINDS}; return Z; }})(), after = (() => {{ {quick_page.FINDS_AGAIN}; return Z; }})();
        const node = (id, children) => ({{id, children}});
        const trees = [
            node(0, [node(1, [node(2, []), node(3)]), node(4, [node(5, [node(6, [])])])]),
            node(0, [node(4, [node(5, [node(6, [])])]), node(1, [node(3), node(2, [])])]),  // others first
            node(0, [node(4, [node(2, [])])]),  // fewer
            node(4, [node(5, [])]),  // below another root
        ];
        const wrong = [];
        for (const tree of [...trees, ...trees.reverse()])
            for (const id of [0, 1, 2, 3, 4, 5, 6, 7, 6, 2])
                if (after(tree, id) !== before(tree, id)) wrong.push([trees.indexOf(tree), id]);
        return wrong;
    }}""")
    page.close()
    assert wrong == []
