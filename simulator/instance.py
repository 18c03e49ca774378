"""One Quable instance: its catalog, and how a change of it is dated, remembered and announced."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from pim.kinds import Kind
from runtime.clock import Clock
from simulator.answers import show_resource
from simulator.behaviour import Behaviour
from simulator.catalog import Catalog
from simulator.drawing import Drawer
from simulator.events import NAMES, Event, Locales
from simulator.garments import seeded
from simulator.hydra import Json
from simulator.model import Resource, ResourceKey
from simulator.notifications import Notification, Process, lone_edit, to_notification
from simulator.past import Past, Reading

Publish = Callable[[Sequence[Notification]], None]

_KIND_BY_NAME: Final = {name: kind for kind, name in NAMES.items()}


class NotThere(LookupError):
    """There is nothing of that code."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who edits: a person, or a process; a *silent* edit is announced to nobody."""

    user: str = "john_doe"
    process: Process | None = None
    silent: bool = False


PERSON: Final = Author()


@dataclass(frozen=True, slots=True)
class Change:
    """
    What an edit did, and when (unix seconds).

    *uuid* is that of the notification that names the resource itself; *notifications* counts
    those of the cascade too. A silent edit has neither.
    """

    at_s: float
    event: str
    code: str
    locale: str | None
    attributes: Mapping[str, object] = field(default_factory=dict)
    revision: int | None = None
    uuid: str | None = None
    notifications: int = 0


class Instance:
    """
    Holds the catalog and applies changes to it.

    A change is whole when it returns: an answer given after that shows it.
    """

    def __init__(
        self, catalog: Catalog, *, seed: int, clock: Clock, publish: Publish, behaviour: Behaviour
    ) -> None:
        self.catalog = catalog
        self.behaviour = behaviour
        self.past = Past()
        self.clock = clock
        self.draw = Drawer(catalog, seed, clock)
        self.deleted: dict[ResourceKey, Resource] = {}  # the last one deleted is last
        self._publish = publish
        self._random = seeded(seed, "edits")

    @property
    def locale(self) -> str:
        """The locale that is edited if none is named: the first."""
        return self.catalog.tree.locales[0]

    def resource(self, key: ResourceKey) -> Resource:
        """
        Return a resource.

        Raises:
            NotThere: it does not exist.
        """
        resource = self.catalog.find(*key)
        if resource is None:
            raise NotThere(f"no such {key[0]}: {key[1]!r}")
        return resource

    def any_code(self, kind: Kind) -> str:
        """
        Draw a resource of a kind.

        Raises:
            NotThere: there is none.
        """
        codes = self.catalog.codes(kind)
        if not codes:
            raise NotThere(f"there is no {kind}")
        return self._random.choice(codes)

    def locales(self, locale: str, *, shared: bool) -> Locales:
        """Return the locales of an edit; of one that is *shared*, every locale shows it."""
        tree = self.catalog.tree
        return Locales((locale,), tree.locales if shared else tree.heirs(locale))

    def show(self, resource: Resource, *, complete: bool = False) -> Json:
        """Return a resource as the API answers it; *complete* does not cut its lists."""
        return show_resource(
            self.catalog,
            resource,
            mode=self.behaviour.inheritance,
            subresources_max=None if complete else self.behaviour.subresources_max,
        )

    def apply(
        self,
        events: Sequence[Event],
        act: Callable[[], None],
        *,
        author: Author,
        attributes: Mapping[str, object] | None = None,
    ) -> Change:
        """
        Make a change and announce it: the first event is the change, the others its cascade.

        What *act* raises goes to the caller, and then nothing was changed or announced.
        """
        readings = self._readings(events)
        act()
        now_s = self.clock()
        for key, reading in readings.items():
            self.past.note(key, reading, until_s=now_s)
        for event in events:
            resource = self._find(event)
            if resource is not None and (self.behaviour.cascades_modify or not event.cascaded):
                resource.modified_s = now_s
        notifications = [] if author.silent else self._notifications(events, author, now_s)
        self._publish(notifications)
        return self._change(events[0], now_s, attributes or {}, notifications)

    def _notifications(
        self, events: Sequence[Event], author: Author, now_s: float
    ) -> list[Notification]:
        process = author.process or lone_edit()
        return [
            to_notification(
                event, at_s=now_s, user=author.user, process=process, behaviour=self.behaviour
            )
            for event in events
        ]

    def _change(
        self,
        event: Event,
        now_s: float,
        attributes: Mapping[str, object],
        notifications: Sequence[Notification],
    ) -> Change:
        resource = self._find(event)
        return Change(
            at_s=now_s,
            event=event.code,
            code=event.resource,
            locale=event.locales.updated[0] if event.locales else None,
            attributes=attributes,
            revision=resource.revision if resource else None,
            uuid=notifications[0].uuid if notifications else None,
            notifications=len(notifications),
        )

    def _readings(self, events: Sequence[Event]) -> dict[ResourceKey, Reading | None]:
        if self.past.kept_s <= 0:
            return {}
        readings: dict[ResourceKey, Reading | None] = {}
        for event in events:
            kind = _KIND_BY_NAME.get(event.type)
            if kind is not None and (kind, event.resource) not in readings:
                found = self.catalog.find(kind, event.resource)
                readings[kind, event.resource] = (
                    Reading(deepcopy(found), self.show(found)) if found else None
                )
        return readings

    def _find(self, event: Event) -> Resource | None:
        kind = _KIND_BY_NAME.get(event.type)
        return None if kind is None else self.catalog.find(kind, event.resource)
