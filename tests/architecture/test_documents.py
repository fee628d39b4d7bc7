"""Documents point to what exists, and no file tells of the machine it was written on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tree import ROOT, parsed, python_files, shown, text_files

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
RULE = re.compile(r"^\*\*(\d+)\.", re.MULTILINE)
CITED = re.compile(r"\brules?\s+((?:\d+[a-z]?(?:\s*(?:,|and|or|to|–|-)\s*)?)+)", re.IGNORECASE)
# Written in two parts, so that this file does not hold what it looks for.
HOSTS = [
    a + b
    for a, b in (("pypi", ".org"), ("python", "hosted.org"), ("npm", "js.org"), ("index", "-url"), ("artifact", "ory"))
]
MACHINE = re.compile(
    "|".join(["/work" + "/", "/ro" + r"ot/\w", "/ho" + r"me/\w+/", "/Us" + r"ers/\w+/", r"C:\\Us" + "ers"])
)


def rules() -> set[int]:
    return {int(number) for number in RULE.findall((ROOT / "docs" / "execution.md").read_text(encoding="utf-8"))}


def cited(text: str) -> set[int]:
    """Return the rule numbers in phrases such as `rule 7`, `Rules 3, 12` and `rules 9-12`."""
    return {int(number) for phrase in CITED.findall(text) for number in re.findall(r"\d+", phrase)}


def anchors(path: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings, as GitHub makes them."""
    headings = re.findall(r"^#+\s+(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=shown)
def test_links_of_document_lead_somewhere(document):
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{shown(document)} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{shown(document)} links to {link}"


def test_rules_are_numbered_without_a_gap():
    assert rules() == set(range(1, len(rules()) + 1))
    assert len(rules()) >= 22


def test_rules_cited_exist():
    for path in python_files("tests", "keel"):
        assert cited(path.read_text(encoding="utf-8")) <= rules(), shown(path)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "tables").glob("test_*.py")), ids=shown)
def test_every_table_cites_the_rule_it_proves(path):
    tables = [node for node in parsed(path).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tables
    for table in tables:
        assert cited(ast.get_docstring(table) or ""), table.name


def test_rules_on_fills_are_all_proven_by_a_table():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "tables").glob("test_*.py"))
    # importers, wall time, arithmetic, randomness, figures, closes at which nothing is decided
    not_part_of_a_table = {1, 18, 20, 21, 22, 28}
    assert rules() - cited(text) <= not_part_of_a_table


def test_citations_are_found_in_all_their_forms():
    assert cited("Rules 3, 12: and rule 7. (docs/execution.md, rules 9-12) rules 6a, 6b; 14 rows") == {3, 12, 7, 9, 6}


def test_no_file_names_a_package_registry():
    for path, text in text_files().items():
        for host in HOSTS:
            assert host not in text.lower(), f"{shown(path)}: {host}"


def test_no_file_holds_a_path_of_a_machine():
    for path, text in text_files().items():
        found = MACHINE.search(text)
        assert found is None, f"{shown(path)}: {found}"


def test_no_environment_is_part_of_the_repository():
    assert not [shown(path) for path in text_files() if path.name == "pyvenv.cfg"]
