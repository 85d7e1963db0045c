import json
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from synthetic_results import asha_result, failed_result, hostile_result, infeasible_result, loss_result, pareto_result

from tao_automl.report import render_html
from tao_automl.report.chart_data import MOST
from tao_automl.report.markup import Markup, script_json, table, tag
from tao_automl.report.reading import read_report
from tao_automl.report.timeline import bars, epochs_until

VOID = {"meta", "wbr", "input", "link"}
RESULTS: dict[str, dict[str, Any]] = {
    "empty": {},
    "one": asha_result(1, crash_rate=0.0),
    "asha": asha_result(60, seed=1),
    "failed": failed_result(),
    "running": loss_result(),
    "hostile": hostile_result(),
    "several": pareto_result(),
    "infeasible": infeasible_result(),
    "pareto": asha_result(20) | {"best": None, "pareto_front": [{"rec_id": 1, "objective_values": {"a": 1, "b": 2}}]},
}


class Outline(HTMLParser):
    """What a browser would see: elements, attributes, and whether all that is opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(text)

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    loaded: dict[str, Any] = json.loads(found.group(1))
    return loaded


@pytest.mark.parametrize("name", RESULTS)
def test_page_is_well_formed_and_self_contained(name: str) -> None:
    page = render_html(RESULTS[name])
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.named("script")) == 2
    assert not outline.named("img") + outline.named("iframe") + outline.named("base")
    assert outline.texts["title"][0].strip()
    for element, attributes in outline.elements:
        assert not [key for key in attributes if key.startswith("on")], element
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))
        assert "src" not in attributes
    addresses = set(re.findall(r"https?://[^\s\"']+", page)) - {"http://www.w3.org/2000/svg"}
    assert not addresses
    assert "url(" not in page
    assert "@import" not in page
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {(attributes["href"] or "")[1:] for attributes in outline.named("a")}
    assert links <= set(ids)


def test_policy_allows_the_own_script_only() -> None:
    page = render_html(RESULTS["asha"])
    policy = next(a["content"] or "" for a in Outline(page).named("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}=';", policy)


def test_hostile_text_stays_text() -> None:
    page = render_html(hostile_result())
    assert "<script>alert" not in page
    assert "<img" not in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2028]", page)
    outline = Outline(page)
    assert any("</script><script>alert(1)" in text for text in outline.texts["h1"])
    raw = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert raw
    assert not re.search(r"[<>&]", raw.group(1))


def test_script_json_round_trips() -> None:
    value = {"</script>": "<!--&\u2028\u2029", "n": [1, 2.5, None, True]}
    assert json.loads(script_json(value)) == value
    with pytest.raises(ValueError):
        script_json([float("nan")])


def test_markup_escapes_all_but_itself() -> None:
    assert tag("p", "<b>", Markup("<i></i>"), None, [1, "&"], title='"x"') == (
        '<p title="&quot;x&quot;">&lt;b&gt;<i></i>1&amp;</p>'
    )
    assert tag("td", data_v=0, hidden=True, id=None, open=False) == '<td data-v="0" hidden></td>'
    assert "<td>&lt;" in table(("a",), [("<",)])


def test_a_thousand_trials_are_fast_and_small() -> None:
    result = asha_result(1000, slots=16)
    render_html(RESULTS["asha"])
    started = time.process_time()
    page = render_html(result)
    assert time.process_time() - started < 1.0
    assert len(page.encode()) < 1_000_000


def test_very_many_trials_are_thinned() -> None:
    result = asha_result(400)
    history = result["history"]
    result["history"] = [entry | {"rec_id": k} for k, entry in enumerate(history * 8)]
    result["best"]["rec_id"] += 400
    data = data_of(render_html(result))
    assert len(data["trials"]) <= MOST
    assert data["total"] == 3200
    assert data["trials"][data["best"]]["r"] == str(result["best"]["rec_id"])


def test_long_curves_are_thinned_but_keep_rungs_and_ends() -> None:
    result = asha_result(300)
    for entry in result["history"]:
        entry["curve"] = [[epoch, 0.5] for epoch in range(1, 1001)]
    curve = data_of(render_html(result))["trials"][5]["c"]
    epochs = curve[::2]
    assert len(epochs) < 200
    assert {1, 3, 9, 27, 1000} <= set(epochs)


def test_cards_tell_values_and_the_gain() -> None:
    texts = Outline(render_html(RESULTS["asha"])).texts
    assert "completed" in texts["span"]
    assert any("better than the baseline" in text for text in texts["p"])
    assert {"Baseline", "Best trial", "Final evaluation"} <= set(texts["h3"])


def test_failures_have_evidence_and_advice() -> None:
    texts = Outline(render_html(failed_result())).texts
    assert any("CUDA out of memory" in text for text in texts["code"])
    assert any(text.startswith("Lower train.batch_size") for text in texts["dd"])


def test_parts_without_content_are_left_out() -> None:
    ids = {attributes.get("id") for attributes in Outline(render_html({})).named("section")}
    assert ids == {None, "space"}
    ids = {attributes.get("id") for attributes in Outline(render_html(failed_result())).named("section")}
    assert ids == {None, "timeline", "failures", "trials", "space"}


def test_without_scripts_there_is_a_picture() -> None:
    page = render_html(RESULTS["asha"])
    assert re.search(r"<noscript><section.*?<svg .*?</svg></section></noscript>", page, re.DOTALL)


def test_slots_are_as_many_as_trained_at_once() -> None:
    report = read_report(asha_result(40, slots=3))
    found = bars(report)
    assert {bar.slot for bar in found} == {0, 1, 2}
    for one in found:
        for other in found:
            if one is not other and one.slot == other.slot:
                assert one.end <= other.start + 0.5 or other.end <= one.start + 0.5


def test_running_trials_reach_to_now() -> None:
    result = loss_result()
    elapsed = result["progress"]["elapsed_s"]
    still = [bar for bar in bars(read_report(result)) if bar.open]
    assert len(still) == 3
    assert all(bar.end >= elapsed - 1 for bar in still)


def test_epochs_add_up_in_order_of_the_ends() -> None:
    result = asha_result(40)
    until = epochs_until(read_report(result))
    assert max(until.values()) == result["progress"]["trained_units"]
    ends = {k: entry["ended_at"] for k, entry in enumerate(result["history"])}
    assert sorted(until, key=lambda k: until[k]) == sorted(ends, key=lambda k: (until[k], ends[k]))


def test_the_pareto_front_is_a_picture_and_a_table() -> None:
    result = RESULTS["several"]
    page = Outline(render_html(result))
    dots = [attributes.get("class") for attributes in page.named("circle")]
    assert dots.count("front") == len(result["pareto_front"])
    assert dots.count("broken") == sum(not entry["feasible"] for entry in result["history"])
    assert "val_acc (higher is better), latency (lower is better)" in page.texts["p"]
    assert f"{len(result['pareto_front'])} trials" in page.texts["p"]
    assert result["pareto_front"][0]["spec_path"] in page.texts["code"]
    assert {"latency", "memory", "Keeps constraints"} <= set(page.texts["th"])
    assert data_of(render_html(result))["unit"] == "iteration"
