import { natsBroker } from '@commitcast/broker/nats'
import { startNats } from '@commitcast/servers'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, inject, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { healthParts } from '../fixtures/health-parts.ts'
import { noteLog } from '../fixtures/note-log.ts'
import { ownPostgres } from '../fixtures/own-postgres.ts'

const events = defineEvents({ 'count.grown': { data: z.object({ n: z.number() }) } })

/** An application with all parts in this process, each of them at work. */
async function openParts() {
  const database = await ownPostgres({ partitions: 2 })
  const nats = await startNats()
  const { lines, repeats, logger } = noteLog()
  const broker = natsBroker({ servers: nats.url, timeoutMs: 2_000 })
  const cast = createCommitcast({ app: 'count', events, db: database.db, broker, listenTo: database.url, logger })
  const live = cast.live({ channels: () => ['counts'] })
  const seen: number[] = []
  const sales = cast.projection('sales', async (batch) => void seen.push(...batch.map(({ data }) => data.n)))
  const stopping = new AbortController()
  const { signal } = stopping
  const running = cast.run({ roles: ['relay', 'stream', 'consume'], use: [live, sales], signal })
  const following = new AbortController()
  const follow = live.subscription({ channels: () => ['counts'], authorize: () => true })
  const stream = follow({ ctx: {}, input: undefined, signal: following.signal })
  const told: number[] = []
  const follower = (async () => {
    for await (const [, envelope] of stream) if (envelope.kind === 'event') told.push(envelope.event.data.n)
  })().catch(() => {})
  const notReady = () =>
    Object.entries(healthParts(cast.health())).flatMap(([part, { ready }]) => (ready ? [] : [part]))
  return {
    ...{ database, nats, lines, repeats, seen, told, notReady },
    health: cast.health,
    async append(n: number) {
      await database.db
        .transaction()
        .execute((trx) => cast.append(trx, [{ type: 'count.grown', key: `key ${n}`, data: { n } }]))
    },
    async haveAll(n: number) {
      await eventually(() => expect({ seen: [...new Set(seen)], told }).toEqual({ seen: counted(n), told: counted(n) }))
    },
    isReady: () =>
      eventually(() => {
        expect(Object.keys(healthParts(cast.health())).sort()).toEqual(['group sales', 'hub', 'relay', 'stream'])
        expect(notReady(), JSON.stringify(cast.health())).toEqual([])
      }),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      following.abort()
      await Promise.all([running, follower])
      await cast.close()
      await nats.stop()
      await database[Symbol.asyncDispose]()
    },
  }
}

const counted = (n: number) => Array.from({ length: n }, (_, index) => index + 1)

test.skipIf(!inject('natsUrl'))(
  'a hub that can not be opened is not ready, and is opened when its broker is there, also after its clients have gone',
  async () => {
    await using database = await ownPostgres({ partitions: 2 })
    await using nats = await startNats()
    await nats.kill()
    const { lines, logger } = noteLog()
    const broker = natsBroker({ servers: nats.url, timeoutMs: 2_000 })
    const cast = createCommitcast({ app: 'count', events, db: database.db, broker, logger })
    await using _closing = { [Symbol.asyncDispose]: () => cast.close() }
    const live = cast.live({ channels: () => ['counts'] })
    const leaving = new AbortController()
    const follow = live.subscription({ channels: () => ['counts'], authorize: () => true })
    const stream = follow({ ctx: {}, input: undefined, signal: leaving.signal })[Symbol.asyncIterator]()
    const first = stream.next()
    await eventually(() =>
      expect(cast.health()).toMatchObject({
        hub: { ready: false, code: 'BROKER_UNAVAILABLE', since: expect.any(String) },
      }),
    )
    await eventually(() => expect(lines).toEqual(['warn a subscription waits and tries again']))
    leaving.abort()
    await first
    await nats.restart()
    await eventually(() => expect(cast.health()).toMatchObject({ hub: { ready: true } }))
  },
)

test.skipIf(!inject('natsUrl')).each(['nats', 'database'] as const)(
  'while the %s is away every part says why it is not ready, and logs one line; afterwards each logs one more',
  async (name) => {
    await using parts = await openParts()
    await parts.isReady()
    await parts.append(1)
    await parts.haveAll(1)
    parts.lines.length = 0
    const server = name === 'nats' ? parts.nats : parts.database.server
    await server.kill()
    if (name === 'nats') await parts.append(2)
    await eventually(() => expect(parts.notReady().sort()).toEqual(['group sales', 'hub', 'relay', 'stream']))
    for (const part of Object.values(healthParts(parts.health()))) {
      expect(part.since).toEqual(expect.any(String))
      expect(JSON.stringify([part.trouble, part.troubles])).toMatch(/NATS|ECONNREFUSED|terminat|shutting|starting/)
    }
    await eventually(() => expect(parts.repeats.length).toBeGreaterThan(20))
    const began = parts.lines.toSorted()
    expect(began).toEqual([...new Set(began)])
    expect(began.every((line) => line.startsWith('warn '))).toBe(true)
    await server.restart()
    await parts.isReady()
    if (name === 'database') await parts.append(2)
    await parts.haveAll(2)
    await eventually(() => expect(parts.lines.length, parts.lines.join('; ')).toBe(2 * began.length), 10_000)
    process.stdout.write(`${name} away: ${parts.lines.join('; ')}\n`)
  },
)
