"""One theme, light and dark: a calm page with one accent for the thing to press, green for done, amber for look."""

from typing import Any

import gradio as gr

BASE, TUNED, PROMPTED = "#8b93a5", "#3f66d4", "#b7791f"  # the same in every tab
FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

CSS = """
:root { --done:#23824a; --look:#a35f00; --loss:#c0343f; --base:#8b93a5; --tuned:#3f66d4; --few:#b7791f;
  --card:#ffffff; --page:#f5f6f8; --line:#dfe3ea; --ink:#1d2330; --soft:#5b6475; --wash:#f0f3f9; }
.dark { --done:#5fc48a; --look:#e2a64a; --loss:#f07a83; --base:#99a2b5; --tuned:#86a5ff; --few:#e0b45c;
  --card:#1a1f29; --page:#11151c; --line:#2c3442; --ink:#e6e9f0; --soft:#a3acbd; --wash:#222937; }
body, gradio-app, .gradio-container { background: var(--page) !important; }
.gradio-container { max-width: 1240px !important; margin: 0 auto !important; padding: 0 16px 64px !important; }
.gradio-container.gradio-container-6-31-0 { color: var(--ink); }
#header { position: sticky; top: 0; z-index: 30; background: var(--page); border-bottom: 1px solid var(--line);
  padding: 10px 0; align-items: center; gap: 14px; }
#header .title { font-weight: 650; font-size: 17px; white-space: nowrap; }
#header .form, #header .block { background: transparent !important; border: 0 !important; padding: 0; }
#header > .form, #header > .block { align-self: center; }
#header > .block:first-child { flex: 0 0 180px !important; }
#header > .form { flex: 1 1 160px !important; min-width: 140px !important; max-width: 300px; }
#machine { flex: 0 1 auto !important; min-width: 266px !important; max-width: 340px; }
#card { flex: 1 1 150px !important; min-width: 130px !important; }
#header .facts { color: var(--soft); font-size: 13px; line-height: 1.5; }
#header .facts b { color: var(--ink); font-weight: 600; white-space: nowrap; }
#header .problem { color: var(--look); overflow-wrap: anywhere; }
.cell { background: var(--card) !important; border: 1px solid var(--line) !important; border-radius: 10px !important;
  padding: 0 !important; margin-bottom: 4px; box-shadow: none !important; }
.cell > button, .cell > .label-wrap { padding: 14px 18px; }
.cell > button.label-wrap > span:first-child, .cell > .label-wrap > span:first-child { font-weight: 600; font-size: 15px; }
.cell > div:not(.label-wrap) { padding: 0 18px 14px; }
.cell .html-container, #header .html-container { padding: 0; }
.cell .form { background: transparent; border: 0; gap: 14px; }
.cell .more, .cell .code { background: transparent !important; border: 0 !important; box-shadow: none !important;
  border-top: 1px solid var(--line) !important; border-radius: 0 !important; padding: 4px 0 0 !important; }
.cell .more, .cell .code { margin-top: 4px; }
.cell .more > button, .cell .code > button { color: var(--soft); font-size: 13px; padding: 6px 0; }
.why { color: var(--soft); font-size: 14px; margin: 0; max-width: 92ch; }
.prose { max-width: none !important; }
.message { border-left: 3px solid var(--loss); background: var(--wash); padding: 10px 14px; border-radius: 0 6px 6px 0; }
.note { border-left: 3px solid var(--look); background: var(--wash); padding: 10px 14px; border-radius: 0 6px 6px 0; font-size: 14px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: 13px; }
.legend i { display: inline-block; width: 16px; height: 3px; margin-right: 6px; vertical-align: middle; }
.finding { border-left: 3px solid var(--done); background: var(--wash); color: var(--ink); padding: 8px 14px; margin: 6px 0; border-radius: 0 6px 6px 0; font-size: 14px; }
.finding.look { border-color: var(--look); } .finding.bad { border-color: var(--loss); } .samples td:first-child { width: 90px; white-space: nowrap; }
.samples td { overflow-wrap: anywhere; } .samples .expected td { color: var(--soft); font-style: italic; }
.empty { color: var(--soft); border: 1px dashed var(--line); border-radius: 8px; padding: 18px; text-align: center; font-size: 14px; }
.tiles { display: flex; flex-wrap: wrap; gap: 10px 26px; padding: 6px 0; }
.tile b { display: block; font-size: 22px; font-weight: 620; font-variant-numeric: tabular-nums; line-height: 1.25; }
.tile span { color: var(--soft); font-size: 13px; }
.bar { height: 8px; border-radius: 4px; background: var(--wash); overflow: hidden; margin: 8px 0 4px; border: 1px solid var(--line); }
.bar i { display: block; height: 100%; background: var(--tuned); transition: width .4s; }
.good { color: var(--done); } .look { color: var(--look); } .bad { color: var(--loss); }
.verdict { font-size: 22px; font-weight: 640; margin: 2px 0 6px; }
.plain { width: 100%; border-collapse: collapse; font-size: 14px; }
.plain th { text-align: left; color: var(--soft); font-weight: 550; border-bottom: 1px solid var(--line); padding: 6px 10px 6px 0; }
.plain td { border-bottom: 1px solid var(--line); padding: 7px 10px 7px 0; vertical-align: top; font-variant-numeric: tabular-nums; }
.plain small { color: var(--soft); white-space: nowrap; }
.plain, .plain tr, .plain th, .plain td { border-left: 0 !important; border-right: 0 !important; border-top: 0 !important; }
.scroll { overflow-x: auto; }
.boxes input[type="number"]:disabled { color: transparent !important; -webkit-text-fill-color: transparent !important; }
.reasons .plain td:last-child { min-width: 200px; }
.cell .icon-button-wrapper + .wrap:has(.cm-editor) { padding-right: 76px; }
input[role="combobox"] { text-overflow: ellipsis; } .secondary-wrap:has(> .icon-wrap) > input[role="combobox"] { padding-right: 34px; }
@media (hover: none), (max-width: 640px) { .js-plotly-plot .modebar { display: none !important; } }
.cell button.primary { max-width: 340px; }
.cell button.label-wrap { text-align: left; justify-content: space-between; gap: 10px; }
.cell button.label-wrap > span:first-child { text-align: left; }
.cell .row:has(> .form):has(> button) { align-items: flex-end !important; }
.cell .row > button { max-width: 280px; min-height: 42px; line-height: 1.25; overflow-wrap: anywhere; } .cell .row:has(> .form) > button { margin-bottom: 6px; }
.cell .block:has(> .html-container > .prose:empty), .cell .row:not(:has(> *)) { display: none; }
#tab-compare .form { background: transparent; border: 0; } #compare-run { background: transparent !important; }
#data-look-problems-file { align-self: flex-start; width: auto; padding: 6px 14px; }
#data-load-file { border: 1px dashed var(--line) !important; border-radius: 8px; }
.dark .tab-container button.selected { color: #a5b8ff; }
.answer { border-bottom: 1px solid var(--line); border-left: 1px solid var(--line); border-right: 1px solid var(--line);
  border-top: 3px solid var(--base); border-radius: 8px; padding: 10px 14px; min-height: 130px; background: var(--card); }
.answer.tuned { border-top-color: var(--tuned); }
.answer h4 { margin: 0 0 6px; font-size: 13px; color: var(--soft); font-weight: 600; }
.answer pre, .turn pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13.5px; margin: 0; background: transparent; font-family: inherit; }
.answer mark { background: color-mix(in srgb, var(--tuned) 22%, transparent); color: inherit; border-radius: 3px; }
.turn { border-left: 3px solid var(--line); padding: 2px 0 2px 12px; margin: 8px 0; } .turn b { color: var(--soft); font-size: 12px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 0 24px; border-top: 1px solid var(--line); padding: 4px 0; }
.tokens { white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.9 var(--font-mono); background: transparent; }
.tokens span span { border: 1px solid var(--line); border-radius: 3px; margin-right: -1px; }
.tokens .trained span { background: color-mix(in srgb, var(--tuned) 22%, transparent); text-decoration: underline; }
.tokens .cut span { text-decoration: line-through; opacity: .55; }
.chart { width: 100%; max-width: 760px; height: auto; display: block; } .chart text { fill: var(--soft); font-size: 12px; }
.chart .axis { stroke: var(--line); } .chart .strong { fill: var(--ink); font-weight: 600; }
.intervals { display: grid; grid-template-columns: max-content 1fr; gap: 8px 14px; align-items: center; padding: 6px 0; max-width: 900px; }
.intervals span { color: var(--soft); font-size: 14px; } .intervals div { position: relative; height: 20px; margin-right: 60px; }
.intervals i { position: absolute; left: 0; top: 0; bottom: 0; min-width: 2px; border-radius: 3px; }
.intervals u { position: absolute; top: 9px; height: 2px; background: var(--ink); }
.intervals b { position: absolute; margin-left: 10px; line-height: 20px; font-size: 14px; font-variant-numeric: tabular-nums; }
.group { border-top: 1px solid var(--line); padding: 6px 0 10px; } .group h4 { margin: 4px 0 8px; font-size: 14px; font-weight: 600; }
.boxes > .form { gap: 12px 14px !important; } .boxes > .form > .block { flex: 1 1 150px !important; max-width: 270px; margin: 0 !important; }
.boxes .block > .container { height: 100%; display: flex; flex-direction: column; } .boxes .container > input, .boxes .container > .wrap { margin-top: auto; }
.cell h4 { font-size: 14px; font-weight: 600; margin: 6px 0 0; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 12px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 8px 12px; min-width: 0; } .card.kept { border: 2px solid var(--done); }
.card h5 { margin: 0; font-size: 13px; font-weight: 600; overflow-wrap: anywhere; } .card .why { font-size: 13px; margin-bottom: 6px; }
.card pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13.5px; margin: 0; background: transparent; font-family: inherit; }
.card ins { background: color-mix(in srgb, var(--tuned) 22%, transparent); text-decoration: underline; border-radius: 3px; }
.card del { color: var(--soft); text-decoration: line-through; }
.preview { width: 100%; height: 560px; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
footer { display: none !important; }
@media (max-width: 640px) {
  .cell > button, .cell > .label-wrap { padding: 12px; } .cell > div:not(.label-wrap) { padding: 0 12px 12px; }
  .cell button.primary { max-width: none; }
  #header { position: static; gap: 8px; } #header > .form { max-width: none; } .tile b { font-size: 18px; }
  .row > .form > .block { flex: 1 1 130px !important; min-width: 130px !important; }
  .row > .form > .block:has(input[role="combobox"]) { flex-basis: 100% !important; }
  .row > .form > .block:has(input[type="range"]) { flex-basis: 100% !important; }
  .row > .column { flex-basis: 100% !important; }
  .plain { font-size: 13px; } .plain td:last-child { min-width: 38%; } .plain small { display: block; white-space: normal; }
  .chart text { font-size: 20px; }
  .intervals { grid-template-columns: 1fr; gap: 2px; } .intervals div { margin-bottom: 8px; }
  .cell .row > button { max-width: none; height: auto; min-height: 42px; }
  .row { flex-wrap: wrap !important; } .row > * { min-width: min(100%, 240px) !important; flex: 1 1 240px !important; }
  .row > button { min-width: 120px !important; flex: 1 1 120px !important; }
}
"""

# Gradio narrows `css` to the inside of the page; what is around it needs a style of its own.
HEAD = """<style>
.gradio-container { width: 100% !important; } .gradio-container > .main { padding: 12px 16px !important; }
@media (max-width: 640px) {
  .gradio-container { padding: 0 6px 48px !important; max-width: 100vw !important; }
  .gradio-container > .main { padding: 8px 6px !important; max-width: 100vw !important; min-width: 0 !important; }
  .gradio-container .tab-container { flex-wrap: nowrap !important; overflow-x: auto !important; justify-content: space-between; }
  .gradio-container .tab-container button { padding: 8px 4px !important; font-size: 13px !important; flex: none !important; }
}</style>
<script>
// the browser counts the clicks of a double one; the second is no press of a button that begins something
document.addEventListener('click', event => {
  if (event.detail > 1 && event.target.closest('button.primary')) { event.stopImmediatePropagation(); event.preventDefault(); }
}, true);
</script>"""


def theme() -> gr.themes.Base:
    """System fonts only: the page works without a network."""
    accent, neutral = gr.themes.colors.indigo, gr.themes.colors.slate
    made = gr.themes.Base(primary_hue=accent, secondary_hue=accent, neutral_hue=neutral, font=FONT, font_mono=MONO)
    return made.set(
        body_background_fill="#f5f6f8", body_background_fill_dark="#11151c",
        body_text_color="#1d2330", body_text_color_dark="#e6e9f0",
        body_text_color_subdued="#5b6475", body_text_color_subdued_dark="#a3acbd",
        background_fill_primary="#ffffff", background_fill_primary_dark="#1a1f29",
        background_fill_secondary="#f7f8fb", background_fill_secondary_dark="#161b24",
        block_background_fill="#ffffff", block_background_fill_dark="#1a1f29",
        block_border_width="0px", block_shadow="none", block_padding="6px 0px",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        block_label_border_width="0px", block_label_text_color="#5b6475", block_label_text_color_dark="#a3acbd",
        table_even_background_fill="#ffffff", table_even_background_fill_dark="#1a1f29",
        table_odd_background_fill="#f7f8fb", table_odd_background_fill_dark="#202633",
        table_border_color="#dfe3ea", table_border_color_dark="#2c3442",
        block_title_text_color="#5b6475", block_title_text_color_dark="#a3acbd", block_title_text_weight="500",
        border_color_primary="#dfe3ea", border_color_primary_dark="#2c3442",
        input_background_fill="#ffffff", input_background_fill_dark="#141922",
        input_border_width="1px", input_border_color="#cfd5df", input_border_color_dark="#38414f",
        button_primary_background_fill="#3f5fc9", button_primary_background_fill_dark="#4d6fe0",
        button_primary_background_fill_hover="#3350b0", button_primary_background_fill_hover_dark="#6283ea",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#eef1f6", button_secondary_background_fill_dark="#29303d",
        layout_gap="12px",
    )  # fmt: skip


def launch_options(shared: bool) -> dict[str, Any]:
    """What belongs to `launch()`. A shared studio shows no tracebacks and takes smaller files."""
    return {
        "theme": theme(),
        "css": CSS,
        "head": HEAD,
        "footer_links": [],
        "run_history": False,
        "strict_cors": True,
        "ssr_mode": False,
        "show_error": False,
        "enable_monitoring": False,
        "max_file_size": "200mb" if shared else "2gb",
    }
