"""Pictures. SVG for what moves with a slider (it redraws without a flash), plotly for what stands still."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from components.theme import BASE, PROMPTED, TUNED

GREY = "#7d8698"  # readable on light and on dark


def _figure(x_title: str, y_title: str, height: int = 260) -> Any:
    import plotly.graph_objects as graph

    axis = {"gridcolor": "rgba(125,134,152,.22)", "zerolinecolor": "rgba(125,134,152,.4)", "automargin": True}
    return graph.Figure(
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "height": height, "template": "none",
            "font": {"color": GREY, "size": 12}, "margin": {"l": 10, "r": 14, "t": 12, "b": 10}, "bargap": 0.06,
            "xaxis": {"title": {"text": x_title}, **axis}, "yaxis": {"title": {"text": y_title}, **axis}, "showlegend": False,
        }
    )  # fmt: skip


def token_histogram(tokens: pd.Series) -> Any:
    figure = _figure("tokens of an example", "examples")
    counts, edges = (
        np.histogram(tokens.to_numpy(dtype=float), bins=30) if len(tokens) else (np.array([]), np.array([0.0]))
    )
    middles = (edges[:-1] + edges[1:]) / 2
    ranges = [f"{low:,.0f} to {high:,.0f} tokens" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    figure.add_bar(
        x=middles,
        y=counts,
        marker_color=TUNED,
        customdata=ranges,
        hovertemplate="%{customdata}: %{y:,} examples<extra></extra>",
    )
    return figure


def score_histogram(quality: pd.Series) -> Any:
    figure = _figure("quality score, 0 to 1", "examples")
    counts, edges = np.histogram(quality.dropna().to_numpy(dtype=float), bins=np.linspace(0, 1, 41))
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        marker_color=TUNED,
        hovertemplate="score %{x:.2f}: %{y:,} examples<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1])
    return figure


def turn_histogram(turns: Any) -> Any:
    """Conversations by their number of turns (an array, a value an example), the longest ones together in the last bar."""
    figure = _figure("turns (messages of user and assistant)", "examples")
    most = 20
    counts = (
        np.bincount(np.minimum(np.asarray(turns, dtype=int), most), minlength=1) if len(turns) else np.zeros(1, int)
    )
    there = np.flatnonzero(counts)
    names = [f"{number} and more" if number == most else str(number) for number in there]
    figure.add_bar(
        x=names, y=counts[there], marker_color=TUNED, width=min(0.8, 0.2 * max(1, len(there))),
        hovertemplate="%{x} turns: %{y:,} examples<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(type="category")
    figure.update_yaxes(rangemode="tozero")
    return figure


def source_bars(sources: dict[str, int], shown: int = 15) -> Any:
    """The most frequent sources as horizontal bars, all others together in one, each with its count at its end."""
    ranked = sorted(sources.items(), key=lambda item: -item[1])
    rest = ranked[shown:]
    bars = ranked[:shown] + ([(f"{len(rest):,} others", sum(count for _, count in rest))] if rest else [])
    names = [name if len(name) <= 24 else f"{name[:11]}…{name[-12:]}" for name, _ in bars]
    places = list(range(len(bars)))
    figure = _figure("examples", "source", max(260, 60 + 24 * len(bars)))
    figure.add_bar(
        x=[count for _, count in bars], y=places, orientation="h", marker_color=[TUNED] * min(len(ranked), shown) + [BASE] * bool(rest),
        text=[f"{count:,}" for _, count in bars], textposition="auto", width=min(0.7, 0.2 * max(1, len(bars))), customdata=[name for name, _ in bars],
        hovertemplate="%{customdata}: %{x:,} examples<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=places, ticktext=[escape(name) for name in names], autorange="reversed", showgrid=False, zeroline=False
    )
    figure.update_xaxes(rangemode="tozero")
    return figure


def topic_scatter(points: pd.DataFrame, topics: pd.DataFrame) -> Any:
    """Each example a point; each topic in a colour and a shape, with its number and heaviest word where it lies."""
    figure = _figure("second direction of meaning (no unit)", "third direction", 380)
    shapes = ["circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon"]
    for topic, words, _ in topics.itertuples(index=False):
        inside = points[points["topic"] == topic]
        figure.add_scattergl(
            x=inside["x"], y=inside["y"], mode="markers", customdata=inside["id"], marker={"size": 5, "opacity": 0.6, "symbol": shapes[topic % 8]},
            hovertemplate="%{customdata}<extra>" + escape(str(words)) + "</extra>",
        )  # fmt: skip
        figure.add_annotation(
            x=inside["x"].median(), y=inside["y"].median(), text=f"{topic + 1} {escape(str(words).split(',')[0])}", showarrow=False,
            font={"size": 13, "color": GREY}, bgcolor="rgba(125,134,152,.16)",
        )  # fmt: skip
    return figure


def threshold_histogram(quality: pd.Series, threshold: float) -> str:
    """The score histogram with the threshold drawn over it; what falls below is pale."""
    counts, edges = np.histogram(quality.dropna().to_numpy(dtype=float), bins=np.linspace(0, 1, 41))
    width, height, left, bottom = 640, 214, 62, 48
    tallest = max(int(counts.max(initial=0)), 1)
    inner_width, inner_height = width - left - 12, height - bottom - 26

    def across(score: float) -> float:
        return left + score * inner_width

    bars = []
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        tall = count / tallest * inner_height
        shade = "var(--tuned)" if high > threshold else "var(--base)"
        bars.append(
            f'<rect x="{across(low):.1f}" y="{height - bottom - tall:.1f}" width="{inner_width / 40 - 1.5:.1f}" height="{tall:.1f}" '
            f'fill="{shade}" opacity="{1 if high > threshold else 0.45}"><title>score {low:.2f} to {high:.2f}: {count:,} examples</title></rect>'
        )
    ticks = "".join(
        f'<text x="{across(at):.1f}" y="{height - 28}" text-anchor="middle">{at:.1f}</text>'
        for at in (0, 0.2, 0.4, 0.6, 0.8, 1.0)
    )
    line = across(threshold)
    side = "end" if threshold > 0.5 else "start"
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="Histogram of quality scores with the threshold at {threshold:.2f}">'
        f'<line class="axis" x1="{left}" y1="{height - bottom}" x2="{width - 12}" y2="{height - bottom}"/>{"".join(bars)}{ticks}'
        f'<text x="{left - 6}" y="38" text-anchor="end">{tallest:,}</text><text x="{left - 6}" y="{height - bottom}" text-anchor="end">0</text>'
        f'<text x="{left + inner_width / 2}" y="{height - 5}" text-anchor="middle">quality score (height: examples)</text>'
        f'<line x1="{line:.1f}" y1="20" x2="{line:.1f}" y2="{height - bottom}" stroke="var(--look)" stroke-width="2"/>'
        f'<text class="strong" x="{line + (-6 if side == "end" else 6):.1f}" y="17" text-anchor="{side}">keep from {threshold:.2f}</text></svg>'
    )


def cost_lines(curves: dict[str, tuple[list[float], list[float]]], calls: int, even: float) -> Any:
    """Dollars a month against calls a month; each line carries its own name; the user's volume is a vertical line, and
    where both ways cost the same (`even`, in calls) is a point."""
    figure = _figure("calls a month", "US dollars a month", 320)
    colours = {"prompting": BASE, "fine-tuning": TUNED}
    dearest = max(curves, key=lambda name: curves[name][1][-1], default="")
    for name, (across, up) in curves.items():
        colour = colours.get(name, PROMPTED)
        figure.add_scatter(
            x=across, y=up, mode="lines", line={"color": colour, "width": 2.5}, name=name,
            hovertemplate="%{x:,.0f} calls: $%{y:,.2f}<extra>" + escape(name) + "</extra>",
        )  # fmt: skip
        figure.add_annotation(
            x=across[-1],
            y=up[-1],
            text=name,
            showarrow=False,
            xanchor="left",
            xshift=4,
            yanchor="bottom" if name == dearest else "top",
            yshift=-6 if name == dearest else 6,
            font={"color": colour, "size": 13},
        )
    across, up = curves["prompting"]
    figure.add_scatter(
        x=[even], y=[np.interp(even, across, up)], mode="markers", marker={"color": GREY, "size": 9}, hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip
    figure.add_annotation(
        x=even, y=np.interp(even, across, up), text=f"even at {even:,.0f}", showarrow=False, xanchor="left", xshift=30, yshift=4,
    )  # fmt: skip
    figure.add_vline(
        x=calls,
        line_dash="dot",
        line_color=GREY,
        annotation_text=f"your<br>{calls:,} calls",
        annotation_position="top left",
    )
    figure.update_xaxes(range=[0, across[-1]])
    figure.update_yaxes(rangemode="tozero", tickprefix="$")
    figure.update_layout(margin_r=84)
    return figure


def interval_bars(rows: list[tuple[str, float, float, float]]) -> str:
    """Horizontal bars of values 0 to 1 with their intervals: (name, value, low, high)."""
    colours = {"base": "var(--base)", "base, 3 examples in the prompt": "var(--few)", "tuned": "var(--tuned)"}
    parts = [
        f'<span>{escape(name)}</span><div><i style="width:{value:.1%};background:{colours.get(name, "var(--base)")}"></i>'
        f'<u style="left:{low:.1%};width:{high - low:.1%}"></u><b style="left:{max(value, high):.1%}">{value:.0%}</b></div>'
        for name, value, low, high in rows
    ]
    return f'<div class="intervals" role="img" aria-label="Bars with 95 % intervals">{"".join(parts)}</div>'


def trial_history(trials: pd.DataFrame) -> Any:
    """The best loss of each trial in their order, those that were cut short hollow, and the lowest so far as a line."""
    figure = _figure("trial", "lowest evaluation loss (nats a token)", 280)
    known = trials[trials["loss"].notna() & trials["state"].isin(["finished", "pruned"])]
    for state, symbol in (("finished", "circle"), ("pruned", "x-thin-open")):
        part = known[known["state"] == state]
        figure.add_scatter(
            x=part["trial"], y=part["loss"], mode="markers", marker={"color": TUNED if state == "finished" else BASE, "size": 9, "symbol": symbol},
            hovertemplate="trial %{x}, " + state + ": %{y:.4f}<extra></extra>",
        )  # fmt: skip
    done = known[known["state"] == "finished"]
    figure.add_scatter(
        x=done["trial"], y=done["loss"].astype(float).cummin(), mode="lines", line={"color": TUNED, "width": 1.5, "shape": "hv"}, hoverinfo="skip",
    )  # fmt: skip
    figure.update_xaxes(dtick=max(1, len(trials) // 10))
    return figure


def importance_bars(shares: dict[str, float]) -> Any:
    """How much each value moved the loss, the greatest on top, each with its share at its end."""
    figure = _figure("share of the differences in loss that it explains", "", max(200, 60 + 30 * len(shares)))
    names = [name.replace("_", " ") for name in shares]
    figure.add_bar(
        x=list(shares.values()), y=names, orientation="h", marker_color=TUNED, text=[f"{share:.0%}" for share in shares.values()],
        hovertemplate="%{y}: %{x:.0%}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    return figure


def parallel_trials(trials: pd.DataFrame, names: list[str], logarithmic: set[str]) -> Any:
    """Each finished or pruned trial a line over its values to its loss, each axis from its lowest to its highest value;
    the better half is blue. (Plotly's own parallel coordinates cannot be read on a dark page.)"""
    known = trials[trials["loss"].notna() & trials["state"].isin(["finished", "pruned"])]
    figure = _figure("", "lowest to highest of each axis", 300)
    columns = [*names, "loss"]
    heights = {}
    for name in columns:
        values = known[name].astype(float)
        scaled = np.log10(values) if name in logarithmic else values
        span = float(scaled.max() - scaled.min())
        heights[name] = (scaled - scaled.min()) / span if span else scaled * 0 + 0.5
    titles = [name.replace("_", " ") if name != "loss" else "loss (nats a token)" for name in columns]
    middle = known["loss"].astype(float).median()
    for place, loss in known["loss"].astype(float).items():
        words = "<br>".join(f"{title}: {known[name][place]:.4g}" for name, title in zip(columns, titles, strict=True))
        figure.add_scatter(
            x=titles, y=[heights[name][place] for name in columns], mode="lines+markers", hovertemplate=f"trial {known['trial'][place]}<br>{words}<extra></extra>",
            line={"color": TUNED if loss <= middle else BASE, "width": 2 if loss <= middle else 1},
        )  # fmt: skip
    for name, title in zip(columns, titles, strict=True):
        for end, shift, value in ((0, -14, known[name].min()), (1, 14, known[name].max())):
            figure.add_annotation(x=title, y=end, yshift=shift, text=f"{value:.3g}", showarrow=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False, range=[-0.14, 1.14])
    figure.update_xaxes(type="category", tickfont={"size": 11})
    return figure
