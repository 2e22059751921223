"""The page in a real browser: what it asks for, what it shows first, and that hands, keys and small screens can use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from everyturn.outputs.html import render_html
from sample_report import HOSTILE, STATES, sample_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright's python client is not installed")

pytestmark = pytest.mark.e2e

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed, so the page was not looked at in a browser")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a report in a fresh browser context; gives the page, with what it asked for and complained of."""
    contexts = []

    def open_report(report=None, *, width=1440, height=900, fragment="", **options):
        file = tmp_path / "report.html"
        file.write_text(render_html(sample_report() if report is None else report), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(file.as_uri() + fragment)
        return page

    yield open_report
    for context in contexts:
        context.close()


def test_the_page_asks_for_nothing_but_itself(opened) -> None:
    page = opened()
    page.wait_for_load_state("networkidle")
    requested = [url for url in page.asked if not url.startswith("data:")]
    assert [url.rsplit("/", 1)[-1] for url in requested] == ["report.html"]
    assert page.complaints == []


def test_hostile_text_is_shown_and_does_nothing(opened) -> None:
    report = sample_report()
    report["title"] = HOSTILE
    report["intents"][0]["intent"] = HOSTILE
    report["findings"][0].update(sentence=HOSTILE, intent=HOSTILE)
    page = opened(report)
    page.wait_for_load_state("networkidle")
    assert page.locator("img").count() == 0
    assert page.title() != "1"
    assert "<img src=x onerror=" in page.locator(".finding .said").first.inner_text()
    assert page.complaints == []


def test_the_policy_stops_what_is_not_our_own(opened) -> None:
    page = opened()
    page.evaluate("""() => {
        const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s);
        const i = new Image(); i.src = 'https://example.invalid/x.png'; document.body.append(i);
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran") is None
    assert sum("Content Security Policy" in complaint for complaint in page.complaints) == 2


def test_the_first_screen_holds_the_pair_the_coverage_and_the_first_findings(opened) -> None:
    page = opened()
    seen = {
        "evals": page.locator(".evals-side .number"),
        "users": page.locator(".users-side .number"),
        "coverage": page.locator(".coverage-side .number"),
        "distance": page.locator(".apart"),
        "first finding": page.locator(".finding h3").nth(0),
        "second finding": page.locator(".finding h3").nth(1),
    }
    for name, locator in seen.items():
        box = locator.bounding_box()
        assert box, name
        assert box["y"] + box["height"] <= 900, name
    assert seen["distance"].text_content() == "32 points apart"


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_no_state_scrolls_sideways_at_any_width(opened, state) -> None:
    page = opened(state())
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    for width in (1440, 1280, 820, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_on_its_ground(opened, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    ratios = page.evaluate("""() => {
        const luminance = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
                .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = luminance(getComputedStyle(document.body).backgroundColor);
        const words = [...document.querySelectorAll('h1,h2,h3,p,td,th,dt,dd,a:not(.skip),summary,small,figcaption,button,.span,.absent,.chip')];
        return words.map(e => {
            const text = luminance(getComputedStyle(e).color);
            return [(Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05), e.className];
        });
    }""")
    assert len(ratios) > 200
    assert min(ratios)[0] >= 4.5, min(ratios)


def test_dark_and_light_differ_and_the_toggle_overrides_the_system(opened) -> None:
    page = opened(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    toggle = page.get_by_role("button", name="Theme")
    toggle.click()
    light = page.evaluate(ground)
    assert light != dark
    assert toggle.inner_text() == "Theme: light"
    page.reload()
    assert page.evaluate(ground) == light
    toggle.click()
    assert page.evaluate(ground) == dark


def test_without_scripts_everything_can_still_be_read(opened) -> None:
    page = opened(java_script_enabled=False)
    assert page.get_by_role("heading", level=1).is_visible()
    assert not page.get_by_role("button").count()
    page.locator(".finding summary").first.click()
    page.locator(".finding .links a").first.click()
    assert page.locator(".message.user .content").first.is_visible()
    intent = page.locator("#intent-table tbody").nth(1)
    assert not intent.locator(".more").is_visible()
    intent.locator("summary").first.click()
    assert intent.locator(".phrases").is_visible()


def test_a_link_with_a_conversation_opens_it(opened) -> None:
    page = opened(fragment="#conversation:c-8")
    inside = page.locator('[id="conversation:c-8"]')
    assert inside.is_visible()
    assert inside.bounding_box()["y"] < 400
    assert page.locator(".conversation[open]").count() == 1


def test_the_table_sorts_by_any_number_and_keeps_the_unknown_below(opened) -> None:
    page = opened()
    first_names = "[...document.querySelectorAll('#intent-table tbody .name')].map(e => e.textContent)"
    given = page.evaluate(first_names)
    assert given == [intent["intent"] for intent in sample_report()["intents"]]
    head = page.get_by_role("button", name="Gap, points")
    head.click()
    descending = page.evaluate(first_names)
    assert descending[:2] == ["Export for the accountant", "Change a booked delivery"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    head.click()
    ascending = page.evaluate(first_names)
    assert ascending[0] == "Reset a password"
    untested = {"Dispute a charge", "Bulk price update", "Connect a warehouse scanner", "Tax form for a marketplace"}
    assert set(ascending[-4:]) == set(descending[-4:]) == untested
    page.get_by_role("button", name="Intent").click()
    assert page.evaluate(first_names) == sorted(given)


def test_search_finds_conversations_by_all_their_words(opened) -> None:
    page = opened()
    page.get_by_label("Search conversations").fill("vat  INVOICES")
    assert page.locator("#search-result").inner_text() == "3 of 20"
    assert page.locator(".conversation:visible").count() == 3
    page.get_by_label("Search conversations").fill("")
    assert page.locator(".conversation:visible").count() == 20


def test_the_numbers_can_be_saved(opened) -> None:
    page = opened()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the numbers").click()
    assert Path(download.value.path()).read_text().startswith('{"schema":"everyturn/1"')


def test_keys_reach_everything_and_show_where_they_are(opened) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    assert page.locator(".skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    # the browser sets the focus of a fragment once more when it has scrolled there
    page.wait_for_function("location.hash === '#findings'")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.activeElement.id") == "findings"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')").startswith("#intent:")
    page.keyboard.press("Tab")
    focused = "({tag: document.activeElement.tagName, ring: getComputedStyle(document.activeElement).outlineStyle})"
    assert page.evaluate(focused) == {"tag": "SUMMARY", "ring": "solid"}
    page.keyboard.press("Enter")
    assert page.locator(".finding details[open]").count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator('[id="conversation:c-1"]').is_visible()


def test_a_finding_leads_to_its_intent_and_cohort_and_they_lead_back(opened) -> None:
    page = opened()
    page.locator(".finding .kind a", has_text="Change a booked delivery").first.click()
    row = page.locator("#intent-table tbody", has=page.locator(".opens-row[open]"))
    assert row.locator(".name").inner_text() == "Change a booked delivery"
    row.locator("a.chip").first.click()
    page.wait_for_function("location.hash.startsWith('#finding:')")
    assert page.evaluate("document.activeElement.className") == "finding"
    page.locator(".finding .kind a", has_text="Enterprise").click()
    card = page.locator(".cohort:target")
    assert card.locator("h3").inner_text() == "Enterprise"
    assert card.locator("a", has_text="Finding").inner_text() == "Finding 2: Enterprise users check more"


def test_the_table_keeps_its_columns_on_a_small_laptop_and_becomes_cards_on_a_phone(opened) -> None:
    page = opened(width=1024)
    assert page.locator("#intent-table thead").is_visible()
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.locator("#intent-table thead").is_hidden()


def test_the_map_fits_the_screen_it_is_looked_at_on_and_leads_to_its_rows(opened) -> None:
    page = opened()
    for width, shown, hidden in ((1280, "wide", "narrow"), (640, "narrow", "wide"), (390, "narrow", "wide")):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.locator(f".map.{shown}").is_visible()
        assert not page.locator(f".map.{hidden}").is_visible()
        box = page.locator(f".map.{shown}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert (
            page.evaluate(
                "[...document.querySelectorAll('*')].filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)"
                " && e.scrollWidth > e.clientWidth).length"
            )
            == 0
        )
    spot = page.locator(".map.narrow a.spot").first
    row = spot.get_attribute("href")
    spot.click()
    assert page.evaluate("decodeURIComponent(location.hash)") == page.evaluate(f"decodeURIComponent('{row}')")
    assert page.locator("details.opens-row[open]").count() == 1


def test_a_cohort_tells_what_it_asks_for_with_the_way_to_each_intent(opened) -> None:
    page = opened()
    card = page.locator(".cohort", has=page.locator(".asked")).first
    assert not card.locator(".asked dl").is_visible()
    card.locator(".asked summary").focus()
    page.keyboard.press("Enter")
    assert card.locator(".asked dl").is_visible()
    card.locator(".asked dl a").first.click()
    assert page.locator("details.opens-row[open]").count() == 1


def test_print_is_light_whole_and_without_controls(opened) -> None:
    page = opened(color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert page.locator("#theme").is_hidden()
    assert page.locator("#intent-table thead").is_visible()
    heads = "[...document.querySelectorAll('#intent-table thead button')].map(b => getComputedStyle(b).display)"
    assert set(page.evaluate(heads)) == {
        "contents"
    }  # a button is not drawn where the head is repeated on the next sheet
