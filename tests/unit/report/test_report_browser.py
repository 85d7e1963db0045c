"""Whether a browser really draws the page; skipped where there is none."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from synthetic_results import asha_result, failed_result, hostile_result, loss_result

from tao_automl.report import render_html

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
    "--virtual-time-budget=4000", "--window-size=1300,2000",
)  # fmt: skip
pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")


def drawn(tmp_path: Path, result: dict[str, Any]) -> str:
    """The document after its script has run. Fails if anything was written to the console."""
    page = tmp_path / "report.html"
    page.write_text(render_html(result), encoding="utf-8")
    command = [str(BROWSER), *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if not done.stdout.strip():
        pytest.skip(f"{BROWSER} does not run here: {done.stderr.strip()[-200:]}")
    assert "CONSOLE" not in done.stderr
    assert 'data-ready="yes"' in done.stdout
    assert "data-error" not in done.stdout
    return done.stdout


def part(page: str, name: str) -> str:
    """The inside of a chart."""
    found = re.search(rf'<div class="chart" id="{name}-chart".*?(?=<section|</main>)', page, re.DOTALL)
    assert found, name
    assert 'data-drawn="yes"' in found.group(0)
    return found.group(0)


def test_all_charts_are_drawn(tmp_path: Path) -> None:
    result = asha_result(60, seed=1)
    page = drawn(tmp_path, result)
    scored = sum(entry["status"] == "success" for entry in result["history"])
    failed = len(result["history"]) - scored
    progress = part(page, "progress")
    assert progress.count('class="dot') == scored
    assert progress.count('class="cross') == failed
    assert len(re.findall(r'class="line" d="M[^"]*H[^"]*V', progress)) == 1
    assert part(page, "parallel").count('class="trace') == len(result["history"])
    assert part(page, "parallel").count('class="grip"') == 9
    assert part(page, "slices").count("<svg") == 8
    assert part(page, "curves").count('class="trace') == sum(bool(entry["curve"]) for entry in result["history"])
    assert part(page, "curves").count("promoted") > 5
    assert part(page, "timeline").count('class="bar') == sum(len(entry["jobs"]) for entry in result["history"])
    assert page.count('aria-expanded="false"') == 60
    assert "NaN" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("make", [dict, failed_result, loss_result, hostile_result, lambda: asha_result(1)])
def test_strange_results_are_drawn_without_errors(tmp_path: Path, make: Any) -> None:
    page = drawn(tmp_path, make())
    assert "could not be drawn" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "NaN" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
