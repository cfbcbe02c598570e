"""`python -m fanout.cost.write_page`: make the figures of `docs/cost.md` and its chart anew."""

from pathlib import Path

from fanout.cost.chart import draw
from fanout.cost.page import with_figures

DOCS = Path(__file__).resolve().parents[3] / "docs"


def main() -> None:
    """Write both files."""
    page = DOCS / "cost.md"
    page.write_text(with_figures(page.read_text(encoding="utf-8")), encoding="utf-8")
    (DOCS / "images" / "cost.svg").write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
