"""The PIM denies what it has: few deletes go through, the rest is parked until a person decides."""

import json

import pytest

from ops.installation import Installation
from tests.faults.burst import TIME_SCALE, put
from tests.faults.commands import quindex
from tests.faults.lab import Lab
from tests.faults.plan import SHUFFLE_S
from tests.faults.runs import until_true
from tests.faults.test_deletes import visible
from tests.faults.zombies import to_wrapper

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 30
LIMIT = 5
WITHIN_S = 90


async def test_a_storm_of_404_deletes_few_and_a_person_decides_about_the_rest(lab: Lab) -> None:
    async with lab.open_run(
        "brake",
        documents=DOCUMENTS,
        workers=1,
        wrapper=to_wrapper("look-again-soon"),
        more={
            "QUINDEX_UNANNOUNCED_DELETES_MAX": str(LIMIT),
            "QUINDEX_KINDS": "document",
            "QUINDEX_PIM_BATCH_MAX": "1",
        },
    ) as run:
        installation = run.installation
        numbers = run.burst.plain
        codes = [run.burst.codes[number] for number in numbers]
        # A call that comes again would park its resource again: a letter more than resources.
        await put(installation, "webhook/options", time_scale=TIME_SCALE, shuffle_s=SHUFFLE_S)
        await put(installation, "faults/status", status=404, path="documents/")  # lists are well
        for number in numbers:
            await run.burst.edit(number)
        await until_true(
            lambda: _is_parked(installation, len(codes) - LIMIT),
            within_s=WITHIN_S,
            otherwise="not all were parked",
        )
        await until_true(
            lambda: _are_visible(installation, codes, len(codes) - LIMIT),
            within_s=WITHIN_S,
            otherwise="not as many as the limit were deleted",
        )

        parked = await read_parked(installation)
        gone = parked[0].removeprefix("document:")
        await installation.http.delete("/control/faults")
        await installation.control("delete", kind="document", code=gone, silent=True)
        assert "let go 1" in await quindex(installation, "deletes", "confirm", parked[0])
        await until_true(
            lambda: _is_gone(installation, gone), within_s=WITHIN_S, otherwise="not deleted"
        )
        assert f"kept {len(parked) - 1}" in await quindex(installation, "deletes", "discard")
        verdict = await run.judge()
        lab.say(f"404 storm: {verdict}")

        verdict.assert_kept(dead_letters={"delete_braked": len(codes) - LIMIT})
        assert await read_parked(installation) == []
        assert len(await visible(installation, codes)) == len(codes) - 1


async def read_parked(installation: Installation) -> list[str]:
    """Return the keys of the deletes that a person has to decide about."""
    lines = (await quindex(installation, "deletes", "show", "--json")).splitlines()
    return [json.loads(line)["key"] for line in lines]


async def _is_parked(installation: Installation, count: int) -> bool:
    return len(await read_parked(installation)) == count


async def _are_visible(installation: Installation, codes: list[str], count: int) -> bool:
    return len(await visible(installation, codes)) == count


async def _is_gone(installation: Installation, code: str) -> bool:
    return await visible(installation, [code]) == set()
