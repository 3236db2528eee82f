import type { Broker } from '@commitcast/broker'
import { newEpoch, sqlOf } from '@commitcast/outbox'
import { startRebuild } from '@commitcast/stream'
import { type Logger, silentLogger } from '@commitcast/worker'
import { createCommitcast, defineEvents } from 'commitcast'
import type { Kysely, Transaction } from 'kysely'
import { expect } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'

const events = defineEvents({
  'count.grown': { data: z.object({ by: z.number(), at: z.date(), note: z.string() }) },
  'count.told': { data: z.object({ sum: z.number() }) },
})

export interface Surroundings {
  /** The application's Kysely instance, as the application made it. */
  readonly db: Kysely<Record<string, never>>
  readonly broker: Broker
  /** Where the relay listens; without one it looks. */
  readonly listenTo?: string
  /** A rebuild makes a schema. Default true. */
  readonly mayCreateSchemas?: boolean
  /** The projection's first transaction takes until its lease has been renewed. Default false. */
  readonly outlivesRenewal?: boolean
  /** What the settings make workers warn of. Default: nothing. */
  readonly expected?: RegExp
}

/** A text that many layers take for something else: JSON, with characters of all kinds. */
const note = '{"looksLike": ["json", 1]} ñ 漢 🎉 \\ \' " \t'

/**
 * Takes events all the way: append, relay, stream worker, projection, handler, live query, command, rebuild, new epoch.
 * Sees that each arrives once and in order, and that no worker warned of anything.
 */
export async function runPipeline({
  db,
  broker,
  listenTo,
  mayCreateSchemas = true,
  outlivesRenewal = false,
  expected,
}: Surroundings): Promise<void> {
  const { logger, warnings } = warningsOf()
  const unexpected = () => warnings.filter((warning) => !expected?.test(warning))
  const listen = listenTo === undefined ? {} : { listenTo }
  const cast = createCommitcast({ app: 'count', events, db, broker, logger, ...listen })
  const sql = sqlOf(db)
  await cast.migrate({ partitions: 2 })
  await cast.migrate()
  await sql.query('create table if not exists sum_of (key text primary key, sum int not null)')

  const live = cast.live({ channels: ({ key }) => [`count:${key}`] }).enrich('name', {
    id: ({ key }) => key,
    load: async (keys) => new Map(keys.map((key) => [key, { upper: key.toUpperCase() }])),
  })
  let isFirst = true
  const sums = cast.projection(
    'sums',
    async (batch, trx) => {
      const query = sqlOf(trx)
      if (isFirst && outlivesRenewal) await leaseIsRenewed(sql)
      isFirst = false
      for (const event of batch) {
        if (event.type !== 'count.grown') continue
        const [row] = await query.query<{ sum: number }>(
          `insert into sum_of (key, sum) values ($1, $2::int)
           on conflict (key) do update set sum = sum_of.sum + excluded.sum returning sum`,
          [event.key, event.data.by],
        )
        await cast.append(trx, { type: 'count.told', key: event.key, data: { sum: row!.sum } })
      }
    },
    { tables: ['sum_of'] },
  )
  const handled: string[] = []
  const seen = cast.handler('seen', {
    'count.grown': async ({ key, data }) => void handled.push(`${key} ${data.at.getTime()} ${data.note}`),
  })
  const stopping = new AbortController()
  const { signal } = stopping
  const running = cast.run({ roles: ['relay', 'stream', 'consume'], use: [live, sums, seen], signal })
  let made = 0
  const grow = async (key: string) =>
    inTransaction(db, async (trx) => {
      const at = new Date(++made)
      await cast.append(trx, { type: 'count.grown', key, data: { by: 1, at, note } })
      return at
    })

  for (let n = 0; n < 5; n++) for (const key of ['a', 'b']) await grow(key)
  const command = { caller: 'ada', key: 'one', fingerprint: 'print' }
  const tries = [1, 2].map(() =>
    inTransaction(db, (trx) =>
      cast.once(trx, command, async () => {
        await cast.append(trx, { type: 'count.grown', key: 'a', data: { by: 1, at: new Date(++made), note } })
        return { at: new Date(5), note }
      }),
    ),
  )
  for (const answer of await Promise.all(tries)) expect(answer).toEqual({ at: new Date(5), note })

  const watched = { state: undefined as unknown, sums: [] as number[], kinds: [] as string[] }
  const query = live.subscription({
    channels: () => ['count:a'],
    authorize: 'everyone',
    state: ({ trx }) => sumOf(sqlOf(trx), 'a'),
  })
  const watching = (async () => {
    for await (const [, envelope] of query({ ctx: {}, input: {}, signal })) {
      watched.kinds.push(envelope.kind === 'resync' ? `resync ${envelope.reason}` : envelope.kind)
      if (envelope.kind === 'state') watched.state = envelope.state
      if (envelope.kind === 'event' && envelope.event.type === 'count.told') watched.sums.push(envelope.event.data.sum)
    }
  })()
  await eventually(async () => {
    expect([await sumOf(sql, 'a'), await sumOf(sql, 'b')]).toEqual([6, 5])
    expect(handled).toHaveLength(11)
    expect([watched.state, ...watched.sums].at(-1)).toBe(6)
  })
  for (let n = 0; n < 5; n++) await grow('a')
  await eventually(() => expect([watched.state, ...watched.sums].at(-1)).toBe(11))
  expect(new Set(handled).size).toBe(handled.length)

  expect(unexpected()).toEqual([])

  if (mayCreateSchemas) await startRebuild(sql, { schema: 'commitcast', group: 'sums' })
  await eventually(async () => {
    const rows = await sql.query(`select from commitcast.rebuild`)
    expect(rows).toEqual([])
  })
  expect(await sumOf(sql, 'a')).toBe(11)
  await newEpoch(sql, { schema: 'commitcast', from: 1 })
  for (let n = 0; n < 3; n++) await grow('a')
  await eventually(async () => expect(await sumOf(sql, 'a')).toBe(14))
  await eventually(() => expect(handled).toHaveLength(19))

  stopping.abort()
  await Promise.all([running, watching])
  await cast.close()
  expect(unexpected()).toEqual([])
}

/** Waits until the leases of the projection have been renewed once more. */
async function leaseIsRenewed(sql: ReturnType<typeof sqlOf>): Promise<void> {
  const read = () => sql.query(`select max(seen_at)::text from commitcast.member where group_name = 'sums'`)
  const before = await read()
  await eventually(async () => expect(await read()).not.toEqual(before))
}

async function sumOf(sql: ReturnType<typeof sqlOf>, key: string): Promise<number> {
  const [row] = await sql.query<{ sum: number }>('select sum from sum_of where key = $1', [key])
  return row?.sum ?? 0
}

function warningsOf() {
  const warnings: string[] = []
  const write = ({ err }: { err?: Error }, message: string) =>
    warnings.push(err ? `${message}: ${err.message}` : message)
  const logger = Object.create(silentLogger, { warn: { value: write }, error: { value: write } }) as Logger
  return { logger, warnings }
}

/** As an application does under such defaults: it tries again what could not be serialised. */
async function inTransaction<T>(
  db: Kysely<Record<string, never>>,
  act: (trx: Transaction<Record<string, never>>) => Promise<T>,
) {
  for (;;) {
    try {
      return await db.transaction().execute(act)
    } catch (error) {
      if ((error as { code?: string }).code !== '40001') throw error
    }
  }
}
