import type { Options } from '../options.ts'
import { pickNames } from '../pick-names.ts'
import type { ContenderName } from './contenders.ts'
import type { Size } from './sample-live.ts'
import type { Flow } from './server-process.ts'

/** One line of the table: who tells which events. */
export interface FanoutRow {
  readonly name: string
  readonly contender: ContenderName
  readonly size: Size
  readonly flow: Flow
  readonly rounds: number
}

/** What is run. */
export interface FanoutPlan {
  readonly rows: readonly FanoutRow[]
  readonly clients: number
}

/** What was asked for. Throws `BadOption` for a row that there is not. */
export function planFanout({ quick, rounds = quick ? 1 : 5, events = quick ? 20 : 100, only }: Options): FanoutPlan {
  const row = (contender: ContenderName, size: Size, perSecond: number, share = 1): FanoutRow => ({
    name: `${contender}-${size}`,
    contender,
    size,
    flow: { events: Math.ceil(events * share), perSecond, together: 1 },
    rounds: share < 1 ? Math.min(rounds, 3) : rounds,
  })
  const inBursts = (one: FanoutRow): FanoutRow => ({
    ...one,
    name: `${one.name}-bursts`,
    flow: { ...one.flow, together: 20 },
  })
  const slow = (one: FanoutRow): FanoutRow => ({ ...one, name: `${one.name}-slow` })
  // Those who can't keep up with 20 events a second for 1,000 clients get fewer: all are measured while they keep up. A
  // row of ours with the same few stands beside.
  const rows = [
    row('commitcast', 300, 20),
    row('raw', 300, 20),
    row('vanilla', 300, 5, 0.3),
    slow(row('commitcast', 300, 5, 0.3)),
    row('socketio', 300, 20),
    row('commitcastSse', 300, 2, 0.1),
    row('vanillaSse', 300, 2, 0.1),
    row('commitcast', '4k', 20),
    row('raw', '4k', 20),
    row('vanilla', '4k', 2, 0.1),
    slow(row('commitcast', '4k', 2, 0.1)),
    row('socketio', '4k', 20),
    row('commitcastSse', '4k', 2, 0.1),
    row('vanillaSse', '4k', 2, 0.1),
    inBursts(row('commitcast', 300, 20)),
    inBursts(row('raw', 300, 20)),
  ]
  const wanted = pickNames(
    rows.map(({ name }) => name),
    only,
  )
  return {
    rows: rows.filter(({ name }) => wanted.has(name)),
    clients: quick ? 100 : 1_000,
  }
}
