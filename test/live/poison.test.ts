import type { Broker } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { defineEvents } from '@commitcast/events'
import { listParked } from '@commitcast/outbox'
import { createCommitcast } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { sql as raw } from 'kysely'
import superjson from 'superjson'
import { describe, expect, inject, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { healthParts } from '../fixtures/health-parts.ts'
import { createRandom, type Random } from '../fixtures/random.ts'

const events = defineEvents({ 'thing.made': { data: z.unknown() } })
const count = 90

const brokers: Readonly<Record<string, (url: string) => Broker>> = {
  postgres: (connectionString) => postgresBroker({ connectionString }),
  ...(inject('natsUrl') && { nats: () => natsBroker({ servers: inject('natsUrl') }) }),
}

/** Texts of JSON that a column of Postgres takes, and `append` does not write. */
function poisonData(random: Random): string {
  const depth = random.pick([499, 501, 2_000])
  return random.pick([
    '{"constructor":"ACME"}',
    '{"a":[{"__proto__":{"x":1}}]}',
    '{"prototype":1}',
    `${'['.repeat(depth)}${']'.repeat(depth)}`,
    '"\\ud83d"',
    '{"a\\u0000":"\\u0000"}',
    '[1e999,12345678901234567890123,-0,1E-400]',
    '{"":null,"a.b":{"\\\\":1}}',
    'null',
    JSON.stringify(randomValue(random, 4)),
  ])
}

function poisonHeaders(random: Random): string {
  const notes = random.pick([
    'gift wrap',
    '[]',
    'null',
    '{"values":{"a":["Buffer"]},"v":1}',
    '{"values":{"__proto__":["Date"]},"v":1}',
    '{"values":{"constructor.x":[["custom","Money"]]},"v":1}',
    '{"values":["bigint"],"v":1}',
    '{"values":["URL"],"v":1}',
    '{"referentialEqualities":[["a","b"]],"v":1}',
    JSON.stringify(randomValue(random, 3)),
  ])
  return random.pick([
    '{}',
    '{"actor":"\\ud83d"}',
    '{"trace":"a\\u0000"}',
    '{"version":"v2"}',
    '{"version":0}',
    '{"version":[1]}',
    '{"version":"1.5"}',
    '[1]',
    '"headers"',
    'null',
    '{"Nats-Msg-Id":"1","channels":"[]","unreadable":"true","failed":"x"}',
    `{"actor":${JSON.stringify(random.pick(['x'.repeat(16_000), 'ü'.repeat(2_000), { a: 1 }, 7, '%zz\r\nx: y']))}}`,
    JSON.stringify({ notes }),
    JSON.stringify(randomValue(random, 2)),
  ])
}

/** Any JSON, with names and texts that mean something to somebody. */
function randomValue(random: Random, depth: number): unknown {
  const name = () =>
    random.pick(['a', 'b', 'notes', 'values', 'v', 'toString', 'constructor', '__proto__', 'data', 'ключ', ''])
  const kind = random.int(depth > 0 ? 0 : 2, 5)
  if (kind === 0) return Array.from({ length: random.int(0, 4) }, () => randomValue(random, depth - 1))
  if (kind === 1) {
    return Object.fromEntries(Array.from({ length: random.int(0, 4) }, () => [name(), randomValue(random, depth - 1)]))
  }
  if (kind === 2) return random.pick([true, false, null])
  if (kind === 3) return random.pick([0, -1, 2 ** 53, 1e300, random.next()])
  return String.fromCharCode(...Array.from({ length: random.int(0, 6) }, () => random.int(0, 0xffff)))
}

describe.each(Object.entries(brokers))('poison that was written by SQL (%s broker)', (name, open) => {
  test('halts nobody: each bad event is set aside once by every reader, and all others arrive', {
    timeout: 180_000,
  }, async () => {
    const random = createRandom()
    console.log(`poison on ${name}: SEED=${random.seed}`)
    await using database = await freshDatabase({ partitions: 2 })
    const { db, sql } = database
    await sql.query('create table projected (id uuid primary key)')
    const stopping = new AbortController()
    const { signal } = stopping
    const cast = createCommitcast({
      app: `poison-${process.pid}-${name}`,
      events,
      db,
      broker: open(database.url),
      listenTo: database.url,
    })
    const live = cast.live({ channels: () => ['all'] })
    const onFailure = { type: 'park', limit: 10_000 } as const
    const projection = cast.projection(
      'projected',
      async (batch, trx) => {
        for (const { id } of batch) await raw`insert into projected (id) values (${id})`.execute(trx)
      },
      { onFailure },
    )
    const handled: string[] = []
    const handler = cast.handler('handled', { 'thing.made': ({ id }) => void handled.push(id) }, { onFailure })
    const running = cast.run({ roles: ['relay', 'stream', 'consume'], use: [live, projection, handler], signal })
    const followed = { event: [] as string[], unreadable: [] as string[] }
    let isLive = false
    const follow = async () => {
      const call = { ctx: {}, input: undefined, signal }
      for await (const [, envelope] of live.subscription({ channels: () => ['all'], authorize: 'everyone' })(call)) {
        // What a router's transformer and a socket do to it.
        JSON.parse(JSON.stringify(superjson.serialize(envelope)))
        if (envelope.kind === 'live') isLive = true
        if (envelope.kind === 'event' || envelope.kind === 'unreadable') followed[envelope.kind].push(envelope.event.id)
      }
    }
    const following = follow()
    await eventually(() => expect(isLive).toBe(true))

    for (let n = 0; n < count; n++) {
      const isGood = n % 3 === 2
      const [data, headers] = isGood ? ['{"n":1}', '{}'] : [poisonData(random), poisonHeaders(random)]
      // As if it had been written before the outbox refused such things.
      await db.transaction().execute(async (trx) => {
        await raw`select set_config('commitcast.new_epoch', pg_current_xact_id()::text, true)`.execute(trx)
        await raw`select commitcast.append('thing.made', ${`key-${n}`}, ${data}::text::json, ${headers}::text::json)`.execute(
          trx,
        )
      })
    }
    const parkedBy = async (group: string) =>
      (await listParked(sql, { schema: 'commitcast', group, limit: 1_000 })).map(({ eventId }) => eventId).toSorted()
    const all = (await sql.query<{ id: string }>('select id from commitcast.outbox')).map(({ id }) => id).toSorted()
    await eventually(async () => {
      const refused = await parkedBy('relay')
      const health = JSON.stringify(cast.health())
      expect([...followed.event, ...followed.unreadable, ...refused].toSorted(), health).toEqual(all)
      const projected = (await sql.query<{ id: string }>('select id from projected')).map(({ id }) => id)
      for (const [done, group] of [
        [projected, 'projected'],
        [handled, 'handled'],
      ] as const) {
        expect(done.toSorted(), health).toEqual(followed.event.toSorted())
        expect(await parkedBy(group), health).toEqual(followed.unreadable.toSorted())
      }
    }, 90_000)
    expect(followed.event.length).toBeGreaterThanOrEqual(count / 3)
    expect(followed.unreadable.length).toBeGreaterThan(0)
    const health = cast.health()
    expect(health.ready).toBe(true)
    for (const part of Object.values(healthParts(health)))
      expect(part, JSON.stringify(health)).toMatchObject({ ready: true })
    const { length } = followed.unreadable
    expect(health).toMatchObject({ stream: { unreadable: length }, hub: { unreadable: length } })

    stopping.abort()
    await Promise.all([running, following])
    await cast.close()
  })
})
