import type { Options } from '../options.ts'
import { pickNames } from '../pick-names.ts'
import type { Place } from './contender.ts'
import type { ContenderName } from './contender-process.ts'

/** One line of the table: who carries what, under which circumstances. */
export interface RelayRow extends Partial<Pick<Place, 'broker' | 'hasIdleTransaction'>> {
  readonly name: string
  readonly contender: ContenderName
  readonly events: number
  readonly rounds: number
  /** How many events are carried before its rounds, untimed, in a process that then stays: compiled code, warm caches. */
  readonly warmUp: number
  /** Events that were carried once and stay in the database while the rounds add theirs; else each round has a new one. */
  readonly retained?: number
}

/** The rows that were asked for. Throws `BadOption` for one that there is not. */
export function relayRows({ quick, rounds, events, only }: Options): readonly RelayRow[] {
  const fast = {
    events: events ?? (quick ? 2_000 : 50_000),
    rounds: rounds ?? (quick ? 1 : 5),
    warmUp: quick ? 500 : 50_000,
  }
  // What takes long takes turns less often.
  const seldom = Math.min(fast.rounds, 3)
  const slow = { events: quick ? 200 : 3_000, rounds: seldom, warmUp: quick ? 50 : 300 }
  const rows: readonly RelayRow[] = [
    { name: 'commitcast', contender: 'commitcast', ...fast },
    { name: 'raw-250', contender: 'raw-250', ...fast },
    { name: 'raw-500', contender: 'raw-500', ...fast },
    { name: 'raw-1000', contender: 'raw-1000', ...fast },
    { name: 'idle-transaction', contender: 'commitcast', ...fast, hasIdleTransaction: true },
    { name: 'retained', contender: 'commitcast', ...fast, retained: quick ? 20_000 : 5_000_000 },
    { name: 'backlog', contender: 'commitcast', ...fast, events: quick ? 20_000 : 1_000_000, rounds: seldom },
    { name: 'postgres-broker', contender: 'commitcast', ...fast, broker: 'postgres' },
    { name: 'naive', contender: 'naive', ...fast, warmUp: slow.warmUp },
    { name: 'naive-all', contender: 'naive-all', ...fast, warmUp: slow.events },
    { name: 'graphile-worker', contender: 'graphile-worker', ...slow, warmUp: slow.events },
    { name: 'pg-transactional-outbox', contender: 'pg-transactional-outbox', ...slow },
    { name: 'pg-transactional-outbox-replication', contender: 'pg-transactional-outbox-replication', ...slow },
  ]
  const wanted = pickNames(
    rows.map(({ name }) => name),
    only,
  )
  return rows.filter(({ name }) => wanted.has(name))
}
