"""What a start of a run notes of itself in environment.json, beside what the starts before it did."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from al_bench.files.writing import replace_text
from al_bench.records.layout import ENVIRONMENT
from al_bench.records.starts.told import changed_modules, raw_starts, starts_of

log = logging.getLogger(__name__)


def now() -> str:
    """The time as files say it: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Starts:
    """What environment.json says of each start of a run, the last of which is this one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ENVIRONMENT

    def add(self, environment: Mapping[str, Any], title: str) -> None:
        """This start; warns of what is not as it was at the last one."""
        starts = self._read()
        for key in ("device_name", "versions", "commit") if starts else ():
            before, now = _of_both(starts[-1].get(key), environment.get(key))
            if before != now:
                log.warning(
                    "%s: %s was %s at the last start and is %s now: the numbers may differ from an undisturbed run's",
                    *(title, key, before, now),
                )
        for module in changed_modules(starts_of(self._path.parent), environment.get("own_code", {})):
            log.warning(
                "%s: %s has changed since the last start, and rounds from here on are by what it says now; another "
                "name=... starts again",
                *(title, module),
            )
        self._write([*starts, dict(environment)])

    def note(self, facts: Mapping[str, object]) -> None:
        """Add facts to this start."""
        *earlier, start = self._read()
        self._write([*earlier, start | dict(facts)])

    def known(self, key: str) -> str | None:
        """A text that the last of the earlier starts that has it says."""
        *earlier, _ = self._read()
        return next((each[key] for each in reversed(earlier) if isinstance(each.get(key), str)), None)

    def _read(self) -> list[dict[str, Any]]:
        try:
            return raw_starts(self._path.parent)
        except ValueError:
            log.warning("%s cannot be read; it is kept as environment.json.damaged", self._path)
            self._path.replace(self._path.with_name("environment.json.damaged"))
            return []

    def _write(self, starts: list[dict[str, Any]]) -> None:
        replace_text(self._path, json.dumps(starts, indent=1) + "\n")


def _of_both(before: Any, now: Any) -> tuple[Any, Any]:
    """Of versions those of packages that both starts tell of: one that is told of only now has not changed."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return before, now
    first, second = ({name: each[name] for name in sorted(before.keys() & now.keys())} for each in (before, now))
    return first, second
