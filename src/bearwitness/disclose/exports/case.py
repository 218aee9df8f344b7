"""A release's chain of custody in CASE/UCO 1.5 (JSON-LD, https://caseontology.org), for forensic tools.

Two actions: the sealing, whose results are the sealed items, and the release, informed by it, whose results
are the files of the release. A clip is ``Extracted_From`` its item, a whole file ``Copied_From``. No time is
told, unless the release shows when its entry was written. Identifiers come from the release's hash alone, so
that two exports of one release are the same.
"""

from __future__ import annotations

import json
import uuid
from typing import Any, Final

from bearwitness_verify.clip_words import stated
from bearwitness_verify.release import ListedFile
from bearwitness_verify.report import printable

from .shown import ALTERED, WHOLE, Exhibit, Shown

_CONTEXT: Final = {
    "kb": "http://example.org/kb/",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_RELATIONS: Final = {WHOLE: "Copied_From", ALTERED: "Derived_From"}
Node = dict[str, Any]


class _Maker:
    """Makes nodes with identifiers of one release."""

    def __init__(self, shown: Shown) -> None:
        self._space = uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{shown.digest}")

    def node(self, kind: str, key: str, members: Node) -> Node:
        """Return a node; `key` tells it from others of its kind; empty members are left out."""
        name = kind.partition(":")[2]
        made = {"@id": f"kb:{name}-{uuid.uuid5(self._space, f'{kind} {key}')}", "@type": kind}
        return {**made, **{name: value for name, value in members.items() if value not in ("", [])}}

    def hashed(self, key: str, digest: str, size: str, name: str) -> list[Node]:
        """Return the facets of a file: name, length, SHA-256; what is empty is left out."""
        facets = []
        if name:
            facets.append(
                self.node("uco-observable:FileFacet", key, {"uco-observable:fileName": printable(name, 4096)})
            )
        if digest:
            value = {"@type": "xsd:hexBinary", "@value": digest}
            hashes = self.node(
                "uco-types:Hash", key, {"uco-types:hashMethod": "SHA256", "uco-types:hashValue": value}
            )
            length = {"@type": "xsd:integer", "@value": size}
            content = {"uco-observable:hash": [hashes], "uco-observable:sizeInBytes": length if size else ""}
            facets.append(self.node("uco-observable:ContentDataFacet", key, content))
        return facets


def as_json(shown: Shown) -> str:
    """Return the chain of custody of a verified release as JSON-LD."""
    maker = _Maker(shown)
    files = {file.name: _file(maker, file) for file in shown.files}
    items = {one.item: _item(maker, one, shown) for one in shown.exhibits}
    records = [_record(maker, one, files[one.file.name]) for one in shown.exhibits if one.file]
    made = [
        _made_from(maker, one, files[one.file.name], items[one.item]) for one in shown.exhibits if one.file
    ]
    sealed = _sealing(maker, shown, list(items.values()))
    results = [_ref(node) for node in [*files.values(), *records]]
    verdict = f"Verdict of the verifier: {shown.verdict_text} SHA-256 of release.json: {shown.digest}."
    released = maker.node(
        "case-investigation:InvestigativeAction",
        "release",
        {
            "uco-core:name": "Release",
            "uco-core:description": verdict,
            "case-investigation:wasInformedBy": [_ref(sealed)],
            "uco-action:object": [_ref(node) for node in items.values()],
            "uco-action:result": results,
        },
    )
    nodes = [sealed, released, *items.values(), *files.values(), *records, *made]
    text = f"Chain of custody of release {shown.prefix} of the vault {printable(shown.statement.vault.name)}"
    bundle = maker.node("uco-core:Bundle", "", {"uco-core:description": text, "uco-core:object": nodes})
    return json.dumps({"@context": _CONTEXT, "@graph": [bundle]}, indent=2, ensure_ascii=False) + "\n"


def _ref(node: Node) -> Node:
    return {"@id": node["@id"]}


def _file(maker: _Maker, file: ListedFile) -> Node:
    facets = maker.hashed(file.name, file.sha256, str(file.size), file.name)
    return maker.node("uco-observable:File", file.name, {"uco-core:hasFacet": facets})


def _item(maker: _Maker, one: Exhibit, shown: Shown) -> Node:
    """Return the sealed item of an exhibit, with what is shown of it and stated about it."""
    key = f"item {one.item}"
    said = [stated(said) for said in shown.statement.statements if said.item == one.item]
    words = [f"sealed item {one.item} of delivery {one.delivery}"]
    words += [f"modified {one.modified}"] if one.modified else []
    words += [f"{name}: {value}" for name, value in one.others.items()]
    facets = maker.hashed(key, one.sealed_sha256, one.sealed_bytes, one.path)
    told = {"uco-core:description": ["; ".join(words), *said], "uco-core:hasFacet": facets}
    return maker.node("uco-observable:ObservableObject", key, told)


def _record(maker: _Maker, one: Exhibit, file: Node) -> Node:
    told = {
        "uco-core:description": one.kind,
        "case-investigation:exhibitNumber": one.number,
        "uco-core:object": [_ref(file)],
    }
    return maker.node("case-investigation:ProvenanceRecord", one.number, told)


def _made_from(maker: _Maker, one: Exhibit, file: Node, item: Node) -> Node:
    told = {
        "uco-core:source": _ref(file),
        "uco-core:target": _ref(item),
        "uco-core:kindOfRelationship": _RELATIONS.get(one.kind, "Extracted_From"),
        "uco-core:isDirectional": {"@type": "xsd:boolean", "@value": "true"},
    }
    return maker.node("uco-observable:ObservableRelationship", one.number, told)


def _sealing(maker: _Maker, shown: Shown, items: list[Node]) -> Node:
    words = []
    for one in shown.deliveries:
        held = "a number of items that is not shown" if one.held is None else f"{one.held} items"
        kit = ", sealed with a field kit and imported" if one.imported else ""
        words.append("; ".join([f"delivery {one.number} of {held}{kit}", *one.told]))
    told = {
        "uco-core:name": "Sealing",
        "uco-core:description": words,
        "uco-action:result": [_ref(node) for node in items],
    }
    return maker.node("case-investigation:InvestigativeAction", "sealing", told)
