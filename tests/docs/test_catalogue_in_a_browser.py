"""The catalogue page in a real browser: it fits a phone and a desk, asks for nothing, says all."""

import html
import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
# Appended to a copy of the page: measures the layout, and tells the page around it.
PROBE = """
<script>
const wide = [...document.querySelectorAll("body *")].filter(
  (one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest("pre, thead"));
const text = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92
  : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const back = (one) => { for (; one; one = one.parentElement) {
  const found = getComputedStyle(one).backgroundColor;
  if (/^rgb\\(/.test(found)) return text(found); } return [255, 255, 255]; };
const contrast = (one) => { const [a, b] = [light(text(getComputedStyle(one).color)),
  light(back(one))].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
const leaves = [...document.querySelectorAll("body *")].filter(
  (one) => one.tagName !== "SCRIPT" && [...one.childNodes].some(
    (node) => node.nodeType === 3 && node.data.trim()));
parent.postMessage(JSON.stringify({
  width: innerWidth, scroll: document.documentElement.scrollWidth,
  overflowing: wide.map((one) => one.outerHTML.slice(0, 80)),
  requests: performance.getEntriesByType("resource").map((one) => one.name),
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  contrast: Math.min(...leaves.map(contrast)),
}), "*");
</script>
"""
# No window is narrower than 500 pixels, but a frame is; what it tells stands where --dump-dom sees.
FRAME = """
<!doctype html><meta name="color-scheme" content="light dark"><body><output></output>
<script>onmessage = ({data}) => { document.querySelector("output").textContent = data; };</script>
<iframe src="catalogue.html" width="{width}" height="900" style="border: 0"></iframe>
"""

pytestmark = pytest.mark.slow


def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser on the PATH: looked for {', '.join(BROWSERS)}")
    return found


def run(tmp_path, page, width, *arguments):
    command = [browser(), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *arguments]
    command += [f"--window-size={width},900", page.as_uri()]
    answer = subprocess.run(
        command,
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return answer.stdout


def measured(tmp_path, width, *arguments, spoilt=""):
    """What the browser says of the page, with `spoilt` added, in a window of that width."""
    page = tmp_path / "catalogue.html"
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", f"{spoilt}{PROBE}</body>"), encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.replace("{width}", str(width)), encoding="utf-8")
    dom = run(tmp_path, frame, 1400, "--dump-dom", "--virtual-time-budget=5000", *arguments)
    [answer] = re.findall(r"<output>(.*?)</output>", dom, re.DOTALL)
    return json.loads(html.unescape(answer))


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_asks_for_nothing_and_can_be_read(tmp_path, width, scheme):
    found = measured(tmp_path, width, *(["--force-dark-mode"] if scheme == "dark" else []))
    assert (found["width"], found["dark"]) == (width, scheme == "dark")
    assert found["scroll"] == width, "nothing makes the page scroll sideways"
    assert found["overflowing"] == []
    assert found["requests"] == []
    assert found["contrast"] >= 4.5, "WCAG 2.2, 1.4.3: text stands out from its background"


def test_the_probe_notices_a_page_that_is_too_wide_and_a_text_that_is_too_pale(tmp_path):
    spoilt = '<p style="width: 2000px; color: #ddd; background: #fff">x</p>'
    result = measured(tmp_path, 1280, spoilt=spoilt)
    assert result["overflowing"]
    assert result["scroll"] > 1280
    assert result["contrast"] < 1.5


@pytest.mark.parametrize("width", [390, 1280])
def test_a_picture_of_the_page_can_be_taken(tmp_path, width):
    picture = tmp_path / "page.png"
    run(tmp_path, PAGE, width, f"--screenshot={picture}")
    assert size_of(picture)[0] == width
    assert picture.stat().st_size > 20_000, "a blank page is a fraction of that"


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height, from the header of a PNG file."""
    header = picture.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    return struct.unpack(">II", header[16:24])
