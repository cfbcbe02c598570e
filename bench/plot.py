"""The ratios to the baseline, as a picture for the docs."""

from collections.abc import Sequence

from bench.figures import Figure
from jinja2 import Environment

_LEFT, _WIDTH, _ROW = 480, 330, 26
_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 {{ height }}" role="img"\
 aria-label="{{ title }}" style="font-family:system-ui,-apple-system,'Segoe UI',sans-serif">
<rect width="880" height="{{ height }}" fill="#ffffff"/>
<text x="20" y="30" font-size="18" font-weight="600" fill="#222">{{ title }}</text>
<text x="20" y="50" font-size="13" fill="#555">Shorter is cheaper. The line is the goal.</text>
{% for row in rows %}
<text x="20" y="{{ row.y + 14 }}" font-size="12" fill="#222">{{ row.name }}</text>
<rect x="{{ left }}" y="{{ row.y }}" width="{{ row.width }}" height="18" fill="{{ row.fill }}"/>
<line x1="{{ row.goal }}" y1="{{ row.y - 3 }}" x2="{{ row.goal }}" y2="{{ row.y + 21 }}"\
 stroke="#222" stroke-width="2"/>
<text x="{{ row.label }}" y="{{ row.y + 14 }}" font-size="12" fill="#222">{{ row.ratio }}</text>
{% endfor %}
</svg>
"""


def picture(found: Sequence[Figure]) -> str:
    """A bar for each cost that is to be below the baseline's, and its goal as a line.

    On a scale of square roots, since most are small.
    """
    rows = []
    for figure in found:
        if figure.ratio is None or figure.goal is None or figure.goal > 1 or figure.unit == "calls":
            continue
        width, goal = (min(one, 1.2) ** 0.5 / 1.2 * _WIDTH for one in (figure.ratio, figure.goal))
        rows.append(
            {
                "name": figure.name,
                "y": 70 + _ROW * len(rows),
                "width": round(width, 1),
                "goal": round(_LEFT + goal, 1),
                "label": round(_LEFT + max(width, goal) + 8, 1),
                "ratio": f"{figure.ratio:.3f}",
                "fill": "#0b6e4f" if figure.is_reached else "#b5651d",
            }
        )
    template = Environment(autoescape=True, trim_blocks=True).from_string(_TEMPLATE)
    title = "What it costs, beside what one would write first"
    return template.render(title=title, rows=rows, left=_LEFT, height=80 + _ROW * len(rows)) + "\n"
