"""The status and capability tables."""

import itertools

import pytest

from certloom.domain.certificate import (
    CAPABILITIES,
    GROUPS,
    TRANSITIONS,
    Action,
    CertificateStatus,
    IllegalTransition,
    Origin,
    Phase,
    advance,
    allowed,
)

ALL = list(itertools.product(CertificateStatus, Origin, Phase))


class TestTables:
    def test_every_status_has_its_moves_and_its_group(self) -> None:
        """A new status cannot be forgotten in the tables of moves and groups."""
        assert set(CertificateStatus) == set(TRANSITIONS) == set(GROUPS)

    def test_capabilities_are_total(self) -> None:
        """Each of status x origin x phase has an answer, even where it is: nothing."""
        assert all(phase in CAPABILITIES[origin][status] for status, origin, phase in ALL)

    @pytest.mark.parametrize(("status", "origin", "phase"), ALL)
    def test_issued_is_never_withdrawn(self, status: CertificateStatus, origin: Origin, phase: Phase) -> None:
        """Withdrawing is possible only while verification is pending and nothing can be signed yet."""
        may = Action.WITHDRAW in allowed(status, origin, phase)

        assert not may or (status is CertificateStatus.PENDING_VERIFICATION and phase is not Phase.ISSUING)

    @pytest.mark.parametrize(("status", "phase"), list(itertools.product(CertificateStatus, Phase)))
    def test_uploaded_ones_are_not_ours_to_revoke_or_renew(self, status: CertificateStatus, phase: Phase) -> None:
        """What was brought from elsewhere is deployed, downloaded and deleted, nothing more."""
        ours = {Action.REVOKE, Action.RENEW, Action.REPLACE, Action.APPLY, Action.CANCEL_ORDER, Action.WITHDRAW}

        assert not ours & allowed(status, Origin.UPLOADED, phase)

    @pytest.mark.parametrize("phase", Phase)
    def test_deleted_is_final(self, phase: Phase) -> None:
        """Nothing can be done to a deleted certificate."""
        assert not allowed(CertificateStatus.DELETED, Origin.PURCHASED, phase)
        assert not TRANSITIONS[CertificateStatus.DELETED]


class TestAdvance:
    @pytest.mark.parametrize(("current", "target"), list(itertools.product(CertificateStatus, CertificateStatus)))
    def test_only_the_table_leads_on(self, current: CertificateStatus, target: CertificateStatus) -> None:
        """A move is made when the table has it, and refused with both ends when not."""
        if target in TRANSITIONS[current]:
            assert advance(current, target) is target
            return
        with pytest.raises(IllegalTransition) as refusal:
            advance(current, target)

        assert (refusal.value.current, refusal.value.target) == (current, target)
