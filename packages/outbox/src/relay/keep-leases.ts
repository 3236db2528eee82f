import { type Bell, type Lease, type Leases, lasting, toUnserved } from '@commitcast/worker'
import type { RelayState } from './relay-state.ts'

export interface KeepLeasesOptions {
  /** Rung where other leases are held than before. */
  readonly bell: Bell
  /** Rings when another relay releases some. */
  readonly leaseBell: Bell
  /** Says which partitions no relay holds. */
  readonly unserved: () => Promise<readonly number[]>
  readonly signal: AbortSignal
}

/** Renews the leases in time, and at once when another relay releases some. */
export async function keepLeases(
  leases: Leases,
  state: RelayState,
  { bell, leaseBell, unserved, signal }: KeepLeasesOptions,
): Promise<void> {
  while (!signal.aborted) {
    state.askedAt = Date.now()
    const held = await leases.renew()
    const free = held.length === 0 ? await unserved() : []
    state.askedAt = undefined
    state.unserved = free.length === 0 ? undefined : lasting(toUnserved(free), state.unserved ?? state.trouble)
    state.isStandby = held.length === 0 && free.length === 0
    const changed = termsOf(held) !== termsOf(state.held)
    state.held = held
    if (changed) bell.ring()
    await leaseBell.wait(leases.renewMs, signal)
  }
}

function termsOf(leases: readonly Lease[]): string {
  return leases.map((lease) => `${lease.partition}:${lease.term}`).join()
}
