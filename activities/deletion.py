"""Destroys what must not outlive a certificate, and proves it."""

from temporalio import activity

from activities.work import Done, Work, act_within, started_at
from certloom.domain.fact import Deleted, Fact
from certloom.storage.interface import Storage, Transaction


class DeletionActivities:
    """Leaves a tombstone: the row, its timeline and the signed leaves, which are public; no key and no form."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    @activity.defn(name="destroy")
    async def destroy(self, work: Work) -> Done:
        """Delete every sealed key of the certificate and check that none is left, in one transaction."""
        now = started_at()
        certificate_id = work.state.certificate_id

        async def effect(tx: Transaction) -> Fact:
            destroyed = await tx.secrets.destroy_owned(certificate_id)
            await tx.drafts.destroy(certificate_id)
            await tx.looks.clear(certificate_id)
            await tx.published.release(certificate_id, now)
            for order in work.state.discard:  # nobody waits for a limit any more
                await tx.budget.forget(work.state.order_key(order.attempt))
            if await tx.secrets.count_owned(certificate_id):
                raise ValueError("a sealed key is left")
            return Deleted(at=now, keys_destroyed=destroyed)

        return await act_within(self._storage, work, key=work.state.claim("deletion"), now=now, effect=effect)
