"""Draws results as SVG: panels of horizontal bars."""

from xml.sax.saxutils import escape

ROW, HEAD, LABEL, BAR, VALUE, GAP = 20, 30, 190, 260, 130, 24  # pixels
COLUMNS = 2
COLORS = {"ours": "#1f6f5c", "transformers": "#8a93a0", "openvino": "#c98a3c"}  # by first word


def text(x, y, content, size=12, anchor="start", weight="normal"):
    return (f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(content)}</text>')


def draw_panel(x, y, title, rows):
    """Draws rows (name, value, times): a bar proportional to the value, then the first row's
    speed-up `times` over this row."""
    parts = [text(x, y + 16, title, 14, weight="bold")]
    longest = max(value for _, value, _ in rows)
    for number, (name, value, times) in enumerate(rows):
        top = y + HEAD + number * ROW
        width = max(1.0, BAR * value / longest)
        parts += [text(x + LABEL - 8, top + 13, name, anchor="end"),
                  f'<rect x="{x + LABEL}" y="{top + 2}" width="{width:.1f}" height="{ROW - 5}" '
                  f'fill="{COLORS.get(name.split()[0], "#8a93a0")}"/>',
                  text(x + LABEL + width + 6, top + 13,
                       f"{value:,.0f}" + (f"  ({times:.1f}x)" if number else ""))]
    return parts


def bar_chart(title, subtitle, panels):
    """panels: [(title, rows as of draw_panel)]"""
    column = LABEL + BAR + VALUE
    parts, y = [], 66
    for start in range(0, len(panels), COLUMNS):
        line = panels[start : start + COLUMNS]
        for number, (name, rows) in enumerate(line):
            parts += draw_panel(GAP + number * (column + GAP), y, name, rows)
        y += HEAD + ROW * max(len(rows) for _, rows in line) + GAP
    width = GAP + min(COLUMNS, len(panels)) * (column + GAP)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
        f'viewBox="0 0 {width} {y}" font-family="sans-serif" fill="#20242a">',
        f'<rect width="{width}" height="{y}" fill="#ffffff"/>', text(GAP, 30, title, 16,
                                                                  weight="bold"),
        text(GAP, 50, subtitle), *parts, "</svg>", ""])
