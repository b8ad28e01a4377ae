"""How figures say percentages: as the rest of the house does, with a space before the sign."""

from __future__ import annotations

import altair as alt

# Formats of Vega; the sign that it writes behind the number is that of the theme below.
WHOLE_PERCENTS, TENTHS_OF_A_PERCENT, HUNDREDTHS_OF_A_PERCENT = ".0%", ".1%", ".2%"


@alt.theme.register("tamis", enable=True)
def _theme() -> alt.theme.ThemeConfig:
    """No more than the locale: Streamlit brings colours and fonts, and leaves a theme that is not Altair's own alone."""
    number = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["$", ""], "percent": "\u00a0%"}
    return {"config": {"locale": {"number": number}}}  # type: ignore[typeddict-item]  # taken as it is
