import { checkWholeNumber } from '@commitcast/worker'

/** How much one process keeps for its followers, and how far behind they may be. Each has a default. */
export interface HubLimits {
  /** How much recent past the ring keeps, with what was made of it for clients. Default 64 MiB. */
  readonly maxRingBytes: number
  /** How much of the log behind the ring clients that catch up hold at a time, what is kept to be shared included. Default 16 MiB. */
  readonly maxLogCacheBytes: number
  /** How many messages of each partition are read back at start, so that clients that return find them. Default 1,000. */
  readonly prime: number
  /** How many messages of one partition's log a client may be behind the ring before it has to resync. Default 10,000. */
  readonly maxCatchUp: number
  /** How much one client may read of the log before it has reached the ring, in bytes of message bodies. Default 32 MiB. */
  readonly maxCatchUpBytes: number
}

const defaults: HubLimits = {
  maxRingBytes: 64 * 1024 * 1024,
  maxLogCacheBytes: 16 * 1024 * 1024,
  prime: 1_000,
  maxCatchUp: 10_000,
  maxCatchUpBytes: 32 * 1024 * 1024,
}

/** The given limits, and the defaults for the others. Throws RangeError for one that is no whole number from 0 on. */
export function hubLimitsWithDefaults(given: Partial<HubLimits> = {}): HubLimits {
  const limits = Object.entries(defaults).map(
    ([name, value]) => [name, given[name as keyof HubLimits] ?? value] as const,
  )
  for (const [name, value] of limits) checkWholeNumber(`hub.${name}`, value, { least: 0 })
  return Object.fromEntries(limits) as Record<keyof HubLimits, number>
}
