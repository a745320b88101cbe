"""A rule that is broken on purpose is noticed by a test: the list of docs/faults.md, kept true."""

from collections.abc import Iterator

import pytest

from tests.faults.seeded import NOTICED, ROOT, Copy, Fault, copied_to, seeded_faults

FAULTS = seeded_faults()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    with copied_to(tmp_path_factory.mktemp("faults")) as copy:
        yield copy


def test_nothing_is_noticed_without_a_fault(copied: Copy) -> None:
    code, output = copied.tested(sorted({node for fault in FAULTS for node in fault.tests}))
    assert code == 0, output[-3000:]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_the_fault_is_noticed(fault: Fault, copied: Copy) -> None:
    assert (ROOT / fault.file).read_text().count(fault.before) == 1, "the list no longer fits the code"
    code, output = copied.tested_with(fault)
    assert code == NOTICED, output[-3000:]


def test_the_page_lists_every_fault() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    for fault in FAULTS:
        nodes = "<br>".join(f"`{node.partition('::')[2]}`" for node in fault.tests)
        assert f"| {fault.name} | `{fault.file}` | {nodes} |" in page, fault.name
