"""What commands about scans say of their ends."""

import json

import pytest
from click.testing import CliRunner

from ops.__main__ import command
from ops.scanning import refuse_failed, tell_started, to_left
from pim.kinds import Kind
from runtime.errors import OperatorError
from topics.scans import ScanPhase, ScanPurpose, ScanRecord


def to_scan(phase: ScanPhase, **fields: object) -> ScanRecord:
    given = {
        "id": "0f3a91c2b7de",
        "purpose": ScanPurpose.BACKFILL,
        "kind": Kind.ASSET,
        "page": 3,
        "phase": phase,
        "began_s": 0.0,
    }
    return ScanRecord.model_validate(given | fields)


def test_a_failed_scan_is_named_with_its_reason_and_no_control_character() -> None:
    failed = to_scan(ScanPhase.FAILED, error="page 3: \x1b[31mno list")

    with pytest.raises(OperatorError) as caught:
        refuse_failed([to_scan(ScanPhase.DONE), failed])
    said = str(caught.value)
    assert "0f3a91c2b7de of asset" in said
    assert "no list" in said
    assert "\x1b" not in said


def test_a_cancelled_scan_is_not_taken_for_one_that_found_nothing() -> None:
    with pytest.raises(OperatorError, match="cancelled 0f3a91c2b7de of asset"):
        refuse_failed([to_scan(ScanPhase.DONE), to_scan(ScanPhase.CANCELLED)])


def test_a_scan_that_is_done_is_no_failure() -> None:
    refuse_failed([to_scan(ScanPhase.DONE)])


@pytest.mark.parametrize("as_json", [True, False])
def test_what_goes_on_by_itself_is_told(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    tell_started([to_scan(ScanPhase.READING)], as_json=as_json)

    said = capsys.readouterr()
    assert said.err == "started scan 0f3a91c2b7de of asset\n"
    started = {"started": [{"id": "0f3a91c2b7de", "kind": "asset"}]}
    assert (json.loads(said.out) if said.out else None) == (started if as_json else None)


def test_what_is_left_is_what_scans_that_go_on_have_not_read() -> None:
    going = to_scan(ScanPhase.READING, total=300, resources=100)

    assert to_left([going, to_scan(ScanPhase.FAILED, total=300, resources=100)]) == 200


def test_a_dry_run_of_trigger_says_in_json_what_would_be_triggered() -> None:
    done = CliRunner().invoke(
        command,
        ["trigger", "--kind", "asset", "--dry-run", "--json", "a", "b"],
        env={"QUINDEX_KAFKA": "127.0.0.1:1"},
    )

    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"triggered": ["asset:a", "asset:b"], "dry_run": True}
