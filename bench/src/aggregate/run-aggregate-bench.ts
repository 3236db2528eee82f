import { createDatabase, startPostgres } from '@commitcast/servers'
import { median, pairedRatio, rounded } from '../figures.ts'
import type { BenchOptions } from '../main.ts'
import type { Contender } from './contender.ts'
import { openCommitcast } from './open-commitcast.ts'
import { openEmmett } from './open-emmett.ts'

const connections = 16
const shortRooms = 200
const shortEvents = 20
const longEvents = 10_000
/** A room of the appends has so many events before the next one is begun. */
const eventsInRoom = 50

const names = ['commitcast', 'emmett'] as const
const measures = ['append', 'load', 'loadLong'] as const
type Measure = (typeof measures)[number]

/**
 * One event appended with an expected version, each in a transaction of its own, and rooms of 20 and of 10,000 events loaded:
 * how many a second on 16 connections, beside Emmett on the same server, each in a database of its own. In short slices that
 * take turns.
 */
export async function runAggregateBench({ quick, rounds = quick ? 1 : 5, onLine }: BenchOptions) {
  const sliceMs = quick ? 300 : 1_500
  await using postgres = await startPostgres()
  await using ours = await createDatabase(postgres, 'bench')
  await using theirs = await createDatabase(postgres, 'bench')
  const contenders = {
    commitcast: await openCommitcast(ours.url, connections),
    emmett: await openEmmett(theirs.url, connections),
  }
  onLine(`${postgres.origin}; ${connections} connections, ${rounds} rounds of ${sliceMs} ms each`)
  try {
    const rates = { commitcast: emptyRates(), emmett: emptyRates() }
    for (const name of names) await fill(contenders[name])
    for (let round = 0; round <= rounds; round++) {
      for (const measure of measures) {
        for (const name of round % 2 === 0 ? names : names.toReversed()) {
          const perSecond = await rateOf(actOf[measure](contenders[name], `${round}`), sliceMs)
          // The first round warms up.
          if (round === 0) continue
          rates[name][measure].push(perSecond)
          onLine(`round ${round}, ${measure} by ${name}: ${Math.round(perSecond)}/s`)
        }
      }
    }
    const ratioOf = (measure: Measure) => rounded(pairedRatio(rates.commitcast[measure], rates.emmett[measure]))
    return {
      bench: 'aggregate' as const,
      rows: names.map((name) => ({ name, ...mediansOf(rates[name]) })),
      ratios: {
        appendVsEmmett: ratioOf('append'),
        loadVsEmmett: ratioOf('load'),
        loadLongVsEmmett: ratioOf('loadLong'),
      },
    }
  } finally {
    for (const contender of Object.values(contenders)) await contender.close()
  }
}

type Rates = Record<Measure, number[]>

function emptyRates(): Rates {
  return { append: [], load: [], loadLong: [] }
}

function mediansOf(rates: Rates) {
  return Object.fromEntries(measures.map((measure) => [`${measure}PerSecond`, Math.round(median(rates[measure]))]))
}

/** What each of the connections does over and over; the first argument is its number. */
type Act = (lane: number, turn: number) => Promise<unknown>

const actOf: Readonly<Record<Measure, (contender: Contender, round: string) => Act>> = {
  append:
    ({ append }, round) =>
    (lane, turn) =>
      append(`${round}-${lane}-${Math.floor(turn / eventsInRoom)}`, turn % eventsInRoom, 1),
  load: (contender) => (lane, turn) => loaded(contender, `short-${(lane * 31 + turn) % shortRooms}`, shortEvents),
  loadLong: (contender) => () => loaded(contender, 'long', longEvents),
}

async function loaded({ load }: Contender, room: string, events: number): Promise<void> {
  const count = await load(room)
  if (count !== events) throw new Error(`The state of "${room}" shows ${count} events of ${events}.`)
}

/** Rooms to be loaded; each is loaded once, as it was before in any application. */
async function fill(contender: Contender): Promise<void> {
  for (let room = 0; room < shortRooms; room++) await contender.append(`short-${room}`, 0, shortEvents)
  for (let version = 0; version < longEvents; version += 500) await contender.append('long', version, 500)
  await loaded(contender, 'long', longEvents)
}

async function rateOf(act: Act, ms: number): Promise<number> {
  let done = 0
  const startedAt = performance.now()
  const lane = async (_: unknown, number: number) => {
    for (let turn = 0; performance.now() - startedAt < ms; turn++) {
      await act(number, turn)
      done++
    }
  }
  await Promise.all(Array.from({ length: connections }, lane))
  return done / ((performance.now() - startedAt) / 1_000)
}
