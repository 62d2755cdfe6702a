"""The page in a real browser: it renders, searches, opens from the keyboard, in light and in dark."""

import re
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

import pytest

TEXT = ("text", "muted", "ok", "bad", "warn", "link", "label")
GROUNDS = ("bg", "panel")
SHOWN = "document.querySelectorAll('details.test:not([hidden])').length"
SAID = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


@pytest.fixture
def file(ordinary_page: str, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(ordinary_page, encoding="utf-8")
    return path


def test_it_renders_and_asks_the_network_for_nothing(browser: Any, file: Path) -> None:
    """All tests are listed, the first failure is open with its picture, and nothing is loaded, thrown or logged."""
    page = browser.open(file)

    assert page.value(SHOWN) == 337
    assert page.value("document.querySelector('details.test[open] svg').getBoundingClientRect().height") > 100
    assert "alert(1)" in page.value("document.querySelector('details.test summary code').textContent")
    assert [event["request"]["url"] for event in page.said("Network.requestWillBeSent")] == [file.as_uri()]
    assert page.said(*SAID) == []


def test_a_test_unpacks_when_it_is_opened(browser: Any, file: Path) -> None:
    """The details of a test that passed are there once it is opened, and a name in them is text."""
    page = browser.open(file)
    page.value("window.some = [...document.querySelectorAll('details.test')].filter((_, place) => place % 20 === 3)")
    before = page.value("some.filter((test) => test.querySelector('svg')).length")
    page.value("some.forEach((test) => { test.open = true; })")
    page.until("some.every((test) => test.querySelector('.body svg'))")

    assert before == 0
    assert page.value("document.querySelectorAll('.body script, .body img').length") == 0
    assert page.said(*SAID) == []


def test_search_narrows_the_list(browser: Any, file: Path) -> None:
    """By words, by a hook that a test had, by leaving out, by status; Escape shows all again."""
    page = browser.open(file)
    page.value("document.querySelector('#q').focus()")
    page.type("case-77")
    by_name = page.value(SHOWN)
    said = page.value("document.querySelector('#count').textContent")
    page.press("Escape")
    page.type("inode_mkdir -suite1.py")
    by_hook = page.value(SHOWN)
    page.press("Escape")
    page.value("document.querySelector('button[data-status=PASS]').click()")
    by_status = page.value(SHOWN)
    page.press("Escape")
    cleared = page.value(SHOWN)
    page.type("no such thing")

    assert (by_name, said) == (1, "1 of 337 tests")
    assert by_hook == 113
    assert (by_status, cleared) == (2, 337)
    assert page.value(SHOWN) == 0
    assert page.value("document.querySelector('#none').hidden") is False


def test_the_keyboard_reaches_a_failure_and_opens_it(browser: Any, file: Path) -> None:
    """Tab passes the skip link and the tools in order and gets to a closed failure; Enter opens it."""
    page = browser.open(file)
    seen = []
    for _ in range(40):
        page.press("Tab")
        seen.append(page.value("document.activeElement.className || document.activeElement.id || "
                               "document.activeElement.tagName"))  # fmt: skip
        if page.value("document.activeElement.parentElement?.id === 't1'"):
            break
    page.press("Enter")
    page.until("document.querySelector('#t1').open")

    assert seen[0] == "skip"
    assert seen.index("q") < len(seen) - 1
    assert page.value("document.activeElement.matches(':focus-visible')") is True
    assert page.value("document.querySelector('#t1 .failure p').textContent").startswith("allowed <b><script>")


def test_without_script_the_failures_are_there(browser: Any, file: Path) -> None:
    """Failures stand in the page itself; only search and the details of other tests need the script."""
    page = browser.open(file, script=False)
    page.ask("Emulation.setScriptExecutionDisabled", value=False)

    assert page.value("document.querySelectorAll('.test .failure').length") == 2
    assert page.value("document.querySelector('#tools').hidden") is True


def test_dark_and_light_differ(browser: Any, file: Path) -> None:
    """The page follows the scheme that the reader prefers."""
    light, dark = browser.open(file), browser.open(file, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"

    assert light.value(ground) == "rgb(255, 255, 255)"
    assert dark.value(ground) == "rgb(20, 23, 28)"
    assert light.picture() != dark.picture()


def test_it_is_no_wider_than_the_window(browser: Any, file: Path) -> None:
    """Wide things scroll by themselves, down to the width of a telephone."""
    page = browser.open(file)
    page.ask("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)

    assert page.value("document.documentElement.scrollWidth") <= 400


def test_text_has_contrast() -> None:
    """Each colour of text on each ground has at least 4.5 to 1 in both schemes (WCAG 2.2, 1.4.3)."""
    css = resources.files("harness").joinpath("templates/report.css").read_text()
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in css.split("@media", 2)[:2])
    pairs = [*product(TEXT, GROUNDS), ("text", "bad-bg"), ("muted", "bad-bg"), ("bad", "bad-bg"), ("ok", "bad-bg")]

    for scheme in (light, dark):
        poor = [pair for pair in pairs if contrast(*(scheme[name] for name in pair)) < 4.5]
        assert poor == []


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
