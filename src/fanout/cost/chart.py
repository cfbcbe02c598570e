"""The chart of `docs/cost.md`, as an SVG picture. Pure."""

from fanout.cost.estimate import publishing, total
from fanout.cost.page import BUSY, short
from publisher.transports import ALL

_COLOURS = {"sns": "#0b6e4f", "sns-fifo": "#b5651d", "eventbridge": "#6a3fa0", "pipes": "#c2185b"}
_WIDTH, _HEIGHT = 860, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 400, 660, 70, 360
_COUNTS = 20
_DOLLARS_MAX = 30
_ABOUT = (
    'role="img" aria-label="Dollars for a million status changes on each transport" '
    "style=\"font-family:system-ui,-apple-system,'Segoe UI',sans-serif\""
)


def draw() -> str:
    """Two panels: what a transport itself costs, and the whole for one to twenty subscribers."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_ABOUT}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(20, 30, "Dollars for a million status changes", size=18, weight=600),
        _text(20, 52, "onto the bus alone", size=13, colour="#555"),
        _text(_LEFT, 52, "with so many subscribers", size=13, colour="#555"),
        *_bars(),
        *_axes(),
        *_lines(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


# Private functions


def _bars() -> list[str]:
    parts = []
    for place, transport in enumerate(ALL):
        dollars = sum(line.dollars for line in publishing(transport, BUSY))
        y = 84 + place * 70
        width = max(2.0, dollars * 120)
        colour = _COLOURS[transport.name]
        parts += [
            _text(20, y + 12, short(transport), size=13),
            f'<rect x="20" y="{y + 20}" width="{width:.1f}" height="20" fill="{colour}"/>',
            _text(28 + width, y + 35, f"{dollars:.2f}", size=13, weight=600),
        ]
    return parts


def _axes() -> list[str]:
    parts = []
    for dollars in range(0, _DOLLARS_MAX + 1, 10):
        y = _y(dollars)
        parts += [
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>',
            _text(_LEFT - 8, y + 4, str(dollars), size=12, colour="#555", anchor="end"),
        ]
    for count in (1, 5, 10, 15, 20):
        parts.append(
            _text(_x(count), _BOTTOM + 20, str(count), size=12, colour="#555", anchor="middle")
        )
    return parts


def _lines() -> list[str]:
    ends = sorted(((total(one, BUSY, _COUNTS), one) for one in ALL), key=lambda end: -end[0])
    label_y = 0.0
    parts = []
    for dollars, transport in ends:
        points = " ".join(
            f"{_x(count):.1f},{_y(total(transport, BUSY, count)):.1f}"
            for count in range(1, _COUNTS + 1)
        )
        colour = _COLOURS[transport.name]
        label_y = max(_y(dollars) + 4, label_y + 16)  # labels of close lines stand apart
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            _text(_RIGHT + 8, label_y, f"{dollars:.2f} {short(transport)}", size=12, colour=colour),
        ]
    return parts


def _x(count: int) -> float:
    return _LEFT + (count - 1) * (_RIGHT - _LEFT) / (_COUNTS - 1)


def _y(dollars: float) -> float:
    return _BOTTOM - dollars * (_BOTTOM - _TOP) / _DOLLARS_MAX


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int,
    weight: int = 400,
    colour: str = "#222",
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}" text-anchor="{anchor}">{words}</text>'
    )
