"""Reads what the cluster has, for the planner, and does what can be done in place."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from runtime.errors import Refused, Unreachable
from sinks.attribute_rules import NO_RULES, AttributeRules
from sinks.attribute_types import AttributeType
from sinks.cluster_errors import to_operator_error, to_unreachable
from sinks.fields import to_alias
from sinks.mappings import FIELDS_MAX, META, to_mappings
from sinks.plan import Change, FoundIndex, LocalePlan, Step, plan_index, to_meta_in_place

LIVE: Final[dict[str, Any]] = {"term": {"deleted": False}}
"""The filter of every alias: tombstones are hidden."""
_IN_PLACE: Final = ("dynamic", "date_detection", "numeric_detection", "dynamic_templates")


async def read_plans(
    client: AsyncElasticsearch,
    *,
    prefix: str,
    locales: Sequence[str],
    rules: AttributeRules = NO_RULES,
    types: Mapping[str, AttributeType] | None = None,
) -> list[LocalePlan]:
    """
    Return the plan of each locale, and of those that are no longer in QUINDEX_LOCALES.

    Raises:
        Unreachable: Elasticsearch does not answer.
        Refused: something is there that is not ours.
        OperatorError: Elasticsearch refuses us.
    """
    try:
        indices = (await client.indices.get(index=f"{prefix}-*", ignore_unavailable=True)).body
    except ApiError as error:
        raise to_operator_error(error) from error
    except TransportError as error:
        raise to_unreachable(error) from error
    wanted = {to_alias(prefix, locale): locale for locale in locales}
    plans = []
    for alias, locale in wanted.items():
        names = sorted(name for name, each in indices.items() if alias in each["aliases"])
        _check_alone(alias, names)
        if not names:
            change = Change(Step.CREATE, "there is no index", loses=True)
            plans.append(LocalePlan(locale, alias, None, (change,)))
            continue
        found = to_found(names[0], alias, indices[names[0]])
        changes = plan_index(locale, found, rules=rules, types=types)
        meta = to_meta_in_place(found, rules)
        plans.append(LocalePlan(locale, alias, names[0], changes, meta))
    return plans + _to_left_over(prefix, wanted, indices)


async def apply_in_place(
    client: AsyncElasticsearch,
    plan: LocalePlan,
    rules: AttributeRules = NO_RULES,
    *,
    dry_run: bool = False,
) -> list[str]:
    """Do what needs no rebuild; return what was changed, one line each. Twice does no harm."""
    done = [change for change in plan.changes if change.step is Step.IN_PLACE]
    if not done or plan.index is None:
        return []
    lines = [f"{plan.index}: changed in place, since {change.what}" for change in done]
    if dry_run:
        return lines
    wanted = to_mappings(plan.locale, rules)
    await client.indices.put_mapping(
        index=plan.index,
        meta=plan.meta,
        properties={"attributes": wanted["properties"]["attributes"]},
        **{name: wanted[name] for name in _IN_PLACE},
    )
    settings: dict[str, Any] = {"mapping.total_fields.ignore_dynamic_beyond_limit": True}
    if any(change.raises_limit for change in done):  # an operator may have set a higher one
        settings["mapping.total_fields.limit"] = FIELDS_MAX
    await client.indices.put_settings(index=plan.index, settings=settings)
    await client.indices.put_alias(index=plan.index, name=plan.alias, filter=LIVE)
    return lines


def check_writable(plans: Sequence[LocalePlan]) -> None:
    """
    Refuse indices to which nothing should be written as they are.

    Raises:
        Unreachable: there is none for a locale.
        Refused: says why, and which command helps.
    """
    if missing := [plan.alias for plan in plans if plan.step is Step.CREATE]:
        raise Unreachable(f"There is no alias {', '.join(missing)}. Run quindex setup first.")
    losing = [plan for plan in plans if plan.loses]
    if not losing:
        return
    is_rebuild = any(plan.step is Step.REBUILD for plan in losing)
    helps = (
        "quindex rebuild, which needs no request to the PIM"
        if is_rebuild
        else "quindex index apply"
    )
    lines = [
        f"  {plan.index or plan.alias}: {change.what}"
        for plan in losing
        for change in plan.changes
        if change.loses
    ]
    raise Refused(
        "What would be written now could be lost to search:\n"
        + "\n".join(lines)
        + f"\nRun {helps}; quindex index plan says more."
    )


def to_found(name: str, alias: str, index: Mapping[str, Any]) -> FoundIndex:
    """
    Return an index as the planner takes it.

    Raises:
        Refused: it was not made by quindex.
    """
    if META not in index["mappings"].get("_meta", {}):
        raise Refused(
            f"The index {name} was not made by quindex. "
            "Rename or delete it, or choose another QUINDEX_INDEX_PREFIX."
        )
    filter_ = index["aliases"].get(alias, {}).get("filter")
    return FoundIndex(name, index["settings"]["index"], index["mappings"], is_live(filter_))


def is_live(filter_: Any) -> bool:
    """Elasticsearch may give a filter back in its long form."""
    return filter_ in (LIVE, {"term": {"deleted": {"value": False}}})


def _check_alone(alias: str, names: Sequence[str]) -> None:
    if len(names) > 1:
        raise Refused(
            f"The alias {alias} stands for several indices: {', '.join(names)}. "
            "Remove it from all but the live one; nothing can be written through it until then."
        )


def _to_left_over(
    prefix: str, wanted: Mapping[str, str], indices: Mapping[str, Any]
) -> list[LocalePlan]:
    plans = []
    for name, index in sorted(indices.items()):
        locale = index["mappings"].get("_meta", {}).get(META, {}).get("locale")
        alias = None if locale is None else to_alias(prefix, locale)
        if alias in index["aliases"] and alias not in wanted:
            change = Change(
                Step.LEFT_OVER, f"{locale} is not in QUINDEX_LOCALES: nobody writes here"
            )
            plans.append(LocalePlan(locale, str(alias), name, (change,)))
    return plans
