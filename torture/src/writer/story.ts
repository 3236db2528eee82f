import { randomUUID } from 'node:crypto'
import { sleep } from '@commitcast/worker'
import type pg from 'pg'
import type { Random } from '../random.ts'
import { appendNoted } from './append-noted.ts'

/** One transaction, from begin to commit or rollback. */
export type Story = (client: pg.Client) => Promise<void>

export interface StoryOptions {
  readonly name: string
  readonly isIdler: boolean
  readonly isLight: boolean
  readonly random: Random
  readonly signal: AbortSignal
}

/** How many keys all writers share. */
export const hotKeys = 5
const ownKeys = 40

/**
 * Tells transactions of all kinds. Each event also stands in the ledger, in the same transaction, with its number within
 * its key: of a hot key the next one of a row that is locked first, of an own key one that only this writer counts.
 */
export function createStory({ name, isIdler, isLight, random, signal }: StoryOptions): Story {
  let count = 0
  // So that what a client does not take fills the buffers of its connection.
  const more = isLight ? { text: 'x'.repeat(1_000) } : {}

  const appendOwn = async (client: pg.Client, size: number) => {
    const events = Array.from({ length: size }, () => ({ key: `${name}-${random.int(1, ownKeys)}`, n: ++count }))
    await append(client, events, more)
  }
  const appendHot = async (client: pg.Client, size: number) => {
    const key = `hot-${random.int(1, hotKeys)}`
    const { rows } = await client.query<{ n: string }>(
      'update torture.counter set n = n + $2 where key = $1 returning n',
      [key, size],
    )
    const first = Number(rows[0]?.n) - size + 1
    if (size === 1 && random.chance(0.5)) await appendBySql(client, key, first)
    else
      await append(
        client,
        Array.from({ length: size }, (_, place) => ({ key, n: first + place })),
        more,
      )
  }
  /** Enough of one key for a page of several chunks. */
  const appendBurst = async (client: pg.Client) => {
    const key = `${name}-${random.int(1, ownKeys)}`
    const size = random.int(1_000, 2_500)
    await append(
      client,
      Array.from({ length: size }, () => ({ key, n: ++count })),
      more,
    )
  }
  const appendSome = async (client: pg.Client) => {
    if (random.chance(isLight ? 0 : 0.01)) return appendBurst(client)
    const size = random.chance(0.04)
      ? random.int(200, isLight ? 300 : 1_200)
      : random.chance(0.3)
        ? random.int(2, 30)
        : 1
    if (random.chance(0.5)) await appendOwn(client, size)
    else await appendHot(client, Math.min(size, 300))
    if (random.chance(0.1)) await appendOwn(client, random.int(1, 5))
  }
  const insideSavepoint = async (client: pg.Client) => {
    await client.query('savepoint inner')
    await appendSome(client)
    await client.query(random.chance(0.5) ? 'rollback to inner' : 'release inner')
  }

  return async (client) => {
    const isolation = random.chance(0.06) ? 'repeatable read' : 'read committed'
    await client.query(`begin isolation level ${isolation}`)
    if (random.chance(0.35)) await client.query(`set local synchronous_commit = 'off'`)
    if (isIdler) await appendOwn(client, random.int(1, 20))
    else await appendSome(client)
    if (random.chance(0.15)) await insideSavepoint(client)
    if (isIdler) await sleep(random.int(800, 4_000), signal)
    else if (random.chance(0.1)) await sleep(random.int(0, 300), signal)
    await client.query(random.chance(0.08) ? 'rollback' : 'commit')
  }
}

interface NewEvent {
  readonly key: string
  readonly n: number
}

async function append(client: pg.Client, events: readonly NewEvent[], more: object): Promise<void> {
  const rows = events.map(({ key, n }) => ({ id: randomUUID(), type: 'thing.happened', key, data: { n, ...more } }))
  await appendNoted(client, rows)
}

async function appendBySql(client: pg.Client, key: string, n: number): Promise<void> {
  await client.query(
    `insert into torture.ledger (id, key, n) select commitcast.append('thing.happened', $1, $3), $1, $2`,
    [key, n, { n }],
  )
}
