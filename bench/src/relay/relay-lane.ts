import { createDatabase, type Server } from '@commitcast/servers'
import { type Child, startChild } from '../child/start-child.ts'
import { openPool } from '../open-pool.ts'
import type { Sample } from '../timed.ts'
import type { Place } from './contender.ts'
import type { RelayRow } from './relay-rows.ts'
import type { StoredStreams } from './stored-streams.ts'

/** One row on its way through the rounds: its process, and its database where that stays. */
export interface RelayLane extends AsyncDisposable {
  readonly row: RelayRow
  /** Before the rounds, untimed: the warm-up, or the history that is retained. */
  warmUp(): Promise<void>
  carry(): Promise<Sample>
  /** How long the ten events take that come after all others; for rows that retain. */
  carryTail(): Promise<Sample>
}

export interface Servers {
  readonly postgres: Server
  readonly nats: Server
  readonly streams: StoredStreams
}

const tailEvents = 10

export async function openLane(row: RelayRow, servers: Servers): Promise<RelayLane> {
  const child = startChild('relay/contender-process.ts', row.contender)
  const kept = row.retained === undefined ? undefined : await createDatabase(servers.postgres, 'bench')
  let runs = 0
  const carry = async (events: number, perTransaction = 1): Promise<Sample> => {
    if (kept) return carryIn(kept.url, `${row.name}-kept`, events, perTransaction)
    const name = `${row.name}-${++runs}`
    await using database = await createDatabase(servers.postgres, 'bench')
    try {
      return await carryIn(database.url, name, events, perTransaction)
    } finally {
      await servers.streams.remove(name)
    }
  }
  const carryIn = (databaseUrl: string, name: string, events: number, perTransaction: number) =>
    carriedAndChecked(child, servers, {
      databaseUrl,
      natsUrl: servers.nats.url,
      name,
      events,
      perTransaction,
      broker: row.broker ?? 'nats',
      hasIdleTransaction: row.hasIdleTransaction ?? false,
    })
  return {
    row,
    async warmUp() {
      await carry(row.retained ?? row.warmUp, row.retained === undefined ? 1 : 1_000)
      // They were stored; what is measured is how long the database's history is, not the disk of the broker.
      if (kept) await servers.streams.trim(`${row.name}-kept`)
    },
    carry: () => carry(row.events),
    carryTail: () => carry(tailEvents),
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]()
      await kept?.drop()
      await servers.streams.remove(`${row.name}-kept`)
    },
  }
}

/** Nobody's word is taken for it: afterwards the broker is asked what it has. */
async function carriedAndChecked(child: Child, { streams }: Servers, place: Place): Promise<Sample> {
  const count = () => (place.broker === 'nats' ? streams.count(place.name) : countRows(place.databaseUrl))
  const before = await count()
  const sample = await child.ask<Sample>('carry', place)
  const stored = (await count()) - before
  if (stored >= place.events) return sample
  throw new Error(`${place.name} says that it carried ${place.events} events; the broker has ${stored}.`)
}

async function countRows(databaseUrl: string): Promise<number> {
  const pool = openPool(databaseUrl, { max: 1 })
  try {
    const { rows: found } = await pool.query<{ is: boolean }>(
      `select to_regclass('commitcast_broker.message') is not null as is`,
    )
    if (!found[0]?.is) return 0
    const { rows } = await pool.query<{ count: string }>('select count(*) from commitcast_broker.message')
    return Number(rows[0]?.count)
  } finally {
    await pool.end()
  }
}
