"""What the page says of the tokens of an example."""

from components.tokens_view import tokens_html
from studio.loss_mask import TokenViewer
from studio.models import STARTER

LONG = [
    {"role": "user", "content": "word " * 5_000},
    {"role": "assistant", "content": "It is on its way, Mira."},
]


def test_of_a_long_text_the_page_says_how_much_it_counts() -> None:
    viewer = TokenViewer(STARTER)
    part = viewer.view(LONG, max_length=3_000, characters=20_000)
    said = tokens_html(part, 3_000)
    assert f"The first {len(part.tokens):,} tokens: 0 are trained on" in said
    assert f"The {part.unread:,} characters that follow are not counted" in said
    assert f"{len(part.tokens) - 3_000:,} lie behind 3,000 and are cut" in said
    assert "All that follows is cut, too" in said
    uncut = tokens_html(viewer.view(LONG, max_length=90_000, characters=20_000), 90_000)
    assert "none of these lies behind 90,000" in uncut and "cut, too" not in uncut


def test_of_a_usual_text_it_counts_all() -> None:
    whole = TokenViewer(STARTER).view(LONG, max_length=90_000)
    said = tokens_html(whole, 90_000)
    trained = sum(token.trained for token in whole.tokens)
    assert f"{len(whole.tokens):,} tokens: {trained:,} are trained on" in said and trained
    assert "not counted" not in said and "none lies behind 90,000" in said
