"""Every sentence is there in every language, and the page is the same each time it is put together."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from hashlib import sha256

import pytest

from bearwitness.disclose import webpage
from bearwitness_verify.account import CONDITIONS
from bearwitness_verify.leaves import ITEM_SLOTS

GAP = re.compile(r"\{([a-z0-9]+)\}")
QUOTED = re.compile(r"""["'`]([efcpn]\.[A-Za-z_0-9]+)["'`]""")


@pytest.fixture(scope="module")
def script() -> str:
    found = re.search(r"<script>(.*)</script>", webpage.page().decode(), re.DOTALL)
    assert found is not None
    return found[1]


def test_no_sentence_is_missing_in_any_language() -> None:
    for key, said in webpage.texts().items():
        assert tuple(said) == webpage.LANGUAGES, key
        assert all(text.strip() for text in said.values()), key


def test_a_sentence_has_the_same_gaps_in_every_language() -> None:
    for key, said in webpage.texts().items():
        gaps = {language: sorted(GAP.findall(text)) for language, text in said.items()}
        assert len(set(map(tuple, gaps.values()))) == 1, f"{key}: {gaps}"


def test_russian_is_written_in_cyrillic_and_no_translation_was_left_in_english() -> None:
    same_everywhere = {"field.sha256", "field.md5"}
    for key, said in webpage.texts().items():
        if key in same_everywhere:
            continue
        assert re.search("[а-яё]", said["ru"]), key
        assert said["fr"] != said["en"] or len(said["en"]) < 8, key


def test_what_a_browser_can_not_show_is_not_called_proven_for_it_may_be_an_altered_copy() -> None:
    said = webpage.texts()
    for key in ("noPlay", "cannotShow"):
        for language, proven in (("en", "prove"), ("ru", "доказан"), ("fr", "prouv")):
            assert proven not in said[key][language]


def test_every_sentence_the_scripts_ask_for_is_in_the_table_and_the_other_way_round(script: str) -> None:
    code = script.split("\n\n", 1)[1]  # without the table itself
    asked = set(QUOTED.findall(code)) | set(re.findall(r'data-t="([^"]+)"', webpage.page().decode()))
    asked |= {f"c.{name}" for name in CONDITIONS}
    asked |= {f"field.{name}" for name in ITEM_SLOTS if name not in ("content", "tracks")}
    table = set(webpage.texts())
    assert not asked - table
    said = {key for key in table if f'"{key}"' in code}
    composed = {"verifiedText", "consistentText", "failedText", "verified", "consistent", "failed"}
    assert not table - asked - said - composed


def test_the_page_is_the_same_bytes_each_time_and_in_each_process() -> None:
    code = "import sys; from bearwitness.disclose.webpage import page; sys.stdout.buffer.write(page())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        assert done.stdout == webpage.page()


def test_the_policy_allows_exactly_the_script_and_the_style_that_are_there(script: str) -> None:
    text = webpage.page().decode()
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    for name, content in (("script-src", script), ("style-src", style)):
        assert rules[name] == f"'sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}'"
    assert set(rules) == {
        "default-src", "script-src", "style-src", "img-src", "media-src", "worker-src", "base-uri",
        "form-action",
    }  # fmt: skip
    assert rules["img-src"] == rules["media-src"] == rules["worker-src"] == "blob:"


def test_the_page_refers_to_nothing_outside_itself() -> None:
    text = webpage.page().decode()
    outside = r"""https?:|//[a-z0-9-]+\.[a-z]|<link|<iframe|\bfetch\(|XMLHttp|@import|\burl\("""
    outside += r"""|\bimport\s*[({*]|\bimport\s+["']"""
    assert not re.search(outside, text)
    assert len(re.findall("<script", text)) == len(re.findall("<style", text)) == 1
