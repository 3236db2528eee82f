import type { FollowStatus } from './follow.ts'
import { createLag } from './lag.ts'
import { notifyAll } from './notify-all.ts'

/** What a page knows of its connection, by everything that it follows. */
export interface Connection {
  /** The worst of all that the page follows; `idle` where it follows nothing. */
  readonly status: FollowStatus | 'idle'
  /**
   * How much later than the fastest event of this page the newest one came, in ms. `undefined` before the first.
   * Clocks need not agree, and what always passes between a commit and the screen is not in it.
   */
  readonly lagMs: number | undefined
  /** How often something on the page had to start over, because its past could not be continued. */
  readonly resyncs: number
}

/** One of those whose statuses make up a connection's. */
export interface ConnectionPart {
  status(status: FollowStatus): void
  event(event: { readonly headers: { readonly time: string } }): void
  resync(): void
  leave(): void
}

/** Gathers the statuses of everything that a page follows. */
export function createConnection() {
  const statuses = new Map<ConnectionPart, FollowStatus>()
  const listeners = new Set<() => void>()
  const lag = createLag()
  let current: Connection = { status: 'idle', lagMs: undefined, resyncs: 0 }
  const change = (next: Connection) => {
    if (next.status === current.status && next.lagMs === current.lagMs && next.resyncs === current.resyncs) return
    current = next
    notifyAll(listeners)
  }
  const publish = () => change({ ...current, status: worst(statuses.values()), lagMs: lag.ms })
  return {
    current: () => current,
    /** Calls `listener` after each change, until the returned function is called. */
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    join(): ConnectionPart {
      const part: ConnectionPart = {
        status(status) {
          statuses.set(part, status)
          publish()
        },
        event: ({ headers }) => lag.note(headers),
        resync: () => change({ ...current, resyncs: current.resyncs + 1 }),
        leave() {
          statuses.delete(part)
          publish()
        },
      }
      return part
    },
    /** Makes the newest lag known; not done for each event. */
    publish,
  }
}

/** Of everything that this page follows through stores. */
export const pageConnection = createConnection()

const fromWorst: readonly FollowStatus[] = ['offline', 'connecting', 'catching up', 'refused', 'live']

function worst(statuses: Iterable<FollowStatus>): FollowStatus | 'idle' {
  const all = new Set(statuses)
  return fromWorst.find((status) => all.has(status)) ?? 'idle'
}
