"""One change that many resources show, and how many requests to the PIM it costs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from ops.catalog import read_catalog
from ops.installation import Installation
from pim.kinds import Kind

CLASSIFICATION = "classification_shirts"
VALUE = "attribute=variant_size;code=M"
ASSET = "care-guide.pdf"
SETTLED_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Cascade:
    """What a change has cost; *resources* show it."""

    what: str
    resources: int
    endpoints: Mapping[str, int]
    seconds: float

    @property
    def requests(self) -> int:
        """Requests to the PIM in all."""
        return sum(self.endpoints.values())

    @property
    def per_resource(self) -> float:
        """Requests to the PIM for each resource that had to be read again."""
        return self.requests / self.resources

    def __str__(self) -> str:
        return (
            f"{self.what}: {self.resources} resources, {self.requests} requests "
            f"({self.per_resource:.4f} each), all shown after {self.seconds:.1f} s; {dict(self.endpoints)}"
        )


async def rename_classification(site: Installation, *, resources_max: int) -> Cascade:
    """Rename a classification; Quable announces that and nothing else."""
    affected = [
        code
        for kind, code, raw in await read_catalog(site.http)
        if kind is Kind.DOCUMENT and {"id": CLASSIFICATION} in raw["classifications"]
    ]
    assert len(affected) <= resources_max

    async def change() -> None:
        await site.control("rename-classification", code=CLASSIFICATION, name="Tout nouveau")

    return await _measure(site, "a classification renamed", len(affected), change)


async def relabel_value(site: Installation) -> Cascade:
    """
    Change the label of a predefined value.

    Quable announces every variant that uses it, and with each the document that it is of.
    """
    affected = [
        raw
        for kind, code, raw in await read_catalog(site.http)
        if kind is Kind.VARIANT
        and any(each["id"] == VALUE for each in raw["attributes"].get("variant_size", ()))
    ]

    async def change() -> None:
        await site.control("relabel-value", id=VALUE, label="Taille moyenne")

    announced = len(affected) + len({raw["document"]["id"] for raw in affected})
    return await _measure(site, "a value relabelled", announced, change)


async def edit_asset(site: Installation, *, links: int) -> Cascade:
    """Edit an asset of *links* documents; Quable announces each of them."""
    catalog = await read_catalog(site.http)
    linked = {
        link["origin"]["id"]
        for kind, code, raw in catalog
        if (kind, code) == (Kind.ASSET, ASSET)
        for link in raw["documentLinks"]
    }
    others = [code for kind, code, _ in catalog if kind is Kind.DOCUMENT and code not in linked]
    for code in others[: links - len(linked)]:
        await site.control("link", origin=code, target=ASSET, target_kind="asset", silent=True)
    await site.control("edit", kind="document", code=others[0])  # shows one link at once
    for code in others[1 : links - len(linked)]:
        await site.control("announce", body=_to_update(code))
    if others and links > len(linked):
        await site.control("announce", body=_to_update(ASSET, "media"))
    await _settle(site)

    async def change() -> None:
        attributes = {"mannequin": "Somebody else"}
        await site.control("edit", kind="asset", code=ASSET, attributes=attributes)

    return await _measure(site, "an asset edited", max(links, len(linked)) + 1, change)


def _to_update(code: str, type_: str = "document") -> dict[str, object]:
    return {"code": f"{type_}.update", "resource": {"code": code, "type": type_}}


async def _measure(
    site: Installation, what: str, resources: int, change: Callable[[], Awaitable[None]]
) -> Cascade:
    await _settle(site)
    await site.http.delete("/control/requests")
    since_s = monotonic()
    await change()
    await _settle(site)
    endpoints = (await site.look("requests"))["endpoints"]
    return Cascade(what, resources, endpoints, monotonic() - since_s)


async def _settle(site: Installation) -> None:
    agreement = await site.settle(SETTLED_WITHIN_S)
    assert agreement.is_equal, agreement.examples()
