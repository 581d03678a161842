"""Every check of every implementation holds, and the command prints them."""

from reference_impls.verify import verify


def test_every_check_holds(entry):
    made = list(verify(entry))
    assert len(made) > 15
    failed = [str(check) for check in made if not check.passed]
    assert not failed, "\n".join(failed)
