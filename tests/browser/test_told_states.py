"""The state of an event is told to a part where it has changed; else the browser searches the page for nothing."""

import httpx
from playwright.sync_api import Browser

from components import told_states

REST = ".map(([id,state])=>this.update_state_cb(Number(id),{loading_status:state},!1)))}"
"""How Gradio's function goes on."""


def test_gradio_is_written_as_what_is_added_to_it_expects() -> None:
    (name,) = (path.name for path in told_states.FOLDER.glob("Blocks-*.js"))
    before, after = (told_states.FOLDER / name).read_text(encoding="utf-8"), told_states.mended(name)
    assert after is not None and after.replace(told_states.TELLS_WHAT_CHANGED, told_states.TELLS) == before
    assert told_states.mended("Blocks-none.js") is None


def test_the_studio_serves_it_and_leaves_other_files_alone(address: str) -> None:
    for path in told_states.FOLDER.glob("Block*.js"):
        served = httpx.get(f"{address}/assets/{path.name}", trust_env=False)
        assert served.headers["content-type"].startswith("text/javascript")
        assert served.text == (told_states.mended(path.name) or path.read_text(encoding="utf-8")), path.name


def test_a_part_is_told_again_only_what_has_changed(browser: Browser) -> None:
    page = browser.new_page()
    told = page.evaluate(f"""async () => {{
        class Page {{
            told = []; loading_stati = {{current: {{}}}};
            update_state_cb(id, given) {{ this.told.push(`${{id}} ${{given.loading_status.status}}`); }}
            {told_states.TELLS_WHAT_CHANGED}{REST}
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
