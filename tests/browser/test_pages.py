"""Every page in a real browser: light and dark, phone and desktop, with scripts and without."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import ALL
from tests.browser.driver import SHOTS, SIZES, opened
from tests.browser.stage import CHANGES, HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.driver import Seen
    from tests.browser.stage import PageStage

EVERYWHERE = [(size, scheme, scripts) for size in SIZES for scheme in ("light", "dark") for scripts in (True, False)]
WAYS = EVERYWHERE if ALL else [("phone", "dark", True)]


def pages(stage: PageStage) -> dict[str, str]:
    """Addresses by the name of their picture."""
    goods = stage.goods
    return {
        "overview": "/",
        "differences": "/differences",
        "findings": "/findings",
        "finding": f"/finding/{stage.findings_of('oversell')[0]}",
        "runs": "/runs?busy=1",
        "search": "/search?q=no",
        "search-nothing": "/search?q=nothing-like-this",
        "item": f"/item/{stage.item(goods.busy)}",
        "item-oversold": f"/item/{stage.item(goods.sold_out)}",
        "item-in-doubt": f"/item/{stage.item(goods.doubted)}",
        "item-hostile": f"/item/{stage.item(goods.hostile)}",
        "item-long": f"/item/{stage.item(goods.long)}",
    }


def go(page: Page, stage: PageStage, path: str, status: int = 200) -> None:
    reply = page.goto(f"{stage.url}{path}")
    assert reply is not None
    assert reply.status == status


def clean(seen: Seen) -> None:
    """Nothing went wrong in the browser: no error, nothing that the policy held back, nothing asked of others."""
    assert (seen.console, seen.strange, seen.failed) == ([], [], [])


def wider_than_the_window(page: Page) -> list[str]:
    """Elements that reach beyond the window, except what lies in a box that scrolls by itself."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('body *')]
             .filter(each => !each.closest('.scroll, .unseen, .skip, svg') || each.matches('.scroll'))
             .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
             .map(each => each.outerHTML.slice(0, 80))"""
    )
    return found


@pytest.mark.parametrize(("size", "scheme", "scripts"), WAYS)
def test_every_page_is_whole(stage: PageStage, chromium: Browser, size: str, scheme: str, scripts: bool) -> None:
    folder = SHOTS / f"{size}-{scheme}-{'scripts' if scripts else 'no-scripts'}"
    with opened(chromium, stage.url, size=size, scheme=scheme, scripts=scripts) as (page, seen):
        for name, path in pages(stage).items():
            go(page, stage, path)
            page.screenshot(path=folder / f"{name}.png", full_page=True)
            assert page.locator("h1").count() == 1, name
            if scripts:
                assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0], name
                assert wider_than_the_window(page) == [], name
        clean(seen)


def test_on_a_phone_no_card_ends_with_a_dot(stage: PageStage, chromium: Browser) -> None:
    """Numbers that are nothing are left out there, and what would stand between them and the next ones, too."""
    with opened(chromium, stage.url, size="phone", scheme="light", scripts=True) as (page, seen):
        go(page, stage, "/runs?busy=1")
        between: list[list[str]] = page.evaluate(
            """() => [...document.querySelectorAll('.flow tbody tr')].map(row => {
                 const style = getComputedStyle;
                 const shown = [...row.querySelectorAll('td')].filter(cell => style(cell).display !== 'none');
                 return [style(shown[0], '::before').content, style(shown.at(-1), '::after').content];
               })"""
        )
        assert between
        assert not any("·" in text for ends in between for text in ends)
        clean(seen)


@pytest.mark.parametrize(("size", "scheme", "scripts"), [way for way in WAYS if way[2]])
def test_axe_finds_nothing(stage: PageStage, chromium: Browser, size: str, scheme: str, scripts: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - not everybody has it

    axe = Axe()
    with opened(chromium, stage.url, size=size, scheme=scheme, scripts=scripts) as (page, _):
        for name, path in pages(stage).items():
            go(page, stage, path)
            found = axe.run(page)
            assert found.response["passes"], "it looked"
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def test_axe_would_find_something(stage: PageStage, chromium: Browser) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    with opened(chromium, stage.url, size="desktop", scheme="light", scripts=True) as (page, _):
        go(page, stage, "/")
        page.evaluate("document.querySelector('label').remove(); document.documentElement.lang = ''")
        found = {each["id"] for each in Axe().run(page).response["violations"]}
    assert "html-has-lang" in found


def test_the_chart_has_a_step_for_every_change(stage: PageStage, chromium: Browser) -> None:
    with opened(chromium, stage.url, size="desktop", scheme="light", scripts=True) as (page, seen):
        go(page, stage, f"/item/{stage.item(stage.goods.busy)}")
        paths = page.locator("svg.chart.wide path[data-side]")
        steps = {
            path.get_attribute("data-side"): len(re.findall("V", path.get_attribute("d") or "")) for path in paths.all()
        }
        # The shop was first set to the till's quantity.
        assert steps == {"inventorum": CHANGES, "main": CHANGES + 1}
        assert paths.first.is_visible()
        assert not page.locator("svg.chart.narrow").is_visible()
        dashes = {path.evaluate("each => getComputedStyle(each).strokeDasharray") for path in paths.all()}
        assert len(dashes) == 2, "lines differ without colour, too"
        named = page.get_by_role("img", name="Quantity on each side over time")
        assert named.count() == 1
        page.get_by_text("The same as a table").click()
        rows = page.locator("details tbody tr")
        assert rows.count() == 2 * (CHANGES + 1) + 1
        now = int(stage.till_stock()[stage.goods.busy])
        assert rows.first.locator("td").all_inner_texts() == [str(now), str(now)]
        clean(seen)


def test_a_phone_gets_a_chart_of_its_own_with_letters_that_can_be_read(stage: PageStage, chromium: Browser) -> None:
    with opened(chromium, stage.url, size="phone", scheme="dark", scripts=True) as (page, _):
        go(page, stage, f"/item/{stage.item(stage.goods.busy)}")
        assert page.locator("svg.chart.narrow").is_visible()
        assert not page.locator("svg.chart.wide").is_visible()
        heights = page.locator("svg.chart.narrow text").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().height)"
        )
        assert min(heights) >= 10
        assert page.locator("svg.chart.narrow path[data-side]").count() == 2


def test_search_needs_nothing_but_a_keyboard(stage: PageStage, chromium: Browser) -> None:
    with opened(chromium, stage.url, size="desktop", scheme="light", scripts=False) as (page, seen):
        go(page, stage, "/")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        assert (skip.bounding_box() or {"y": -1})["y"] >= 0, "it shows when it has the focus"
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.locator("#q:focus").count():
                break
        page.keyboard.type(stage.goods.busy.lower())
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=*")
        page.locator("main a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/item/*")
        assert page.get_by_text("What happened").first.is_visible()
        clean(seen)


def test_a_hostile_name_is_a_name(stage: PageStage, chromium: Browser) -> None:
    with opened(chromium, stage.url, size="phone", scheme="light", scripts=True) as (page, seen):
        go(page, stage, f"/item/{stage.item(stage.goods.hostile)}")
        shown = page.locator("h1").inner_text()
        assert shown.startswith('<script>alert("x")</script><img src=x onerror=alert(1)>')
        assert HOSTILE[-10:] in shown
        assert page.locator("main script, main img").count() == 0
        clean(seen)


def test_what_would_break_the_policy_is_held_back_and_seen_here(stage: PageStage, chromium: Browser) -> None:
    """The other tests would notice: a script and an image of elsewhere, put into the page, do nothing but complain."""
    with opened(chromium, stage.url, size="desktop", scheme="light", scripts=True) as (page, seen):
        go(page, stage, "/")
        page.evaluate(
            """() => { const made = document.createElement('script'); made.textContent = 'window.ran = 1';
                       document.body.append(made); document.body.style.color = '';
                       document.body.setAttribute('style', 'color: red');
                       const image = new Image(); image.src = 'https://shop.example/x.png';
                       document.body.append(image); }"""
        )
        page.wait_for_timeout(200)
        assert page.evaluate("window.ran") is None
        assert len([line for line in seen.console if "Content Security Policy" in line]) >= 3


def test_pages_that_are_not_there_and_a_daemon_that_went_say_so(stage: PageStage, chromium: Browser) -> None:
    with opened(chromium, stage.url, size="phone", scheme="light", scripts=True) as (page, _):
        go(page, stage, "/nowhere", 404)
        page.screenshot(path=SHOTS / "not-found.png", full_page=True)
        assert page.locator("h1").inner_text() == "Not Found"
        page.get_by_role("link", name="Overview").first.click()
        assert page.locator("#verdict").is_visible()


def test_the_real_daemon_tells_the_same_as_a_monitor(stage: PageStage, chromium: Browser) -> None:
    with opened(chromium, stage.url, size="desktop", scheme="light", scripts=False) as (page, _):
        go(page, stage, "/")
        assert stage.health()["healthy"] is True
        said = page.locator(".sentence").inner_text()
        assert said.startswith("Up to date, as every side was read within the last ")
        assert "1 error is open and 1 quantity is not at rest yet" in said
        source = page.content()
        for secret in ("sim-secret", "sim-refresh", "cs_sim", "ck_sim"):
            assert secret not in source
