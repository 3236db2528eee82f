import { natsBroker } from '@commitcast/broker/nats'
import { defineEvents } from '@commitcast/events'
import { createAppend, runRelay } from '@commitcast/outbox'
import { startNats } from '@commitcast/servers'
import { type Logger, silentLogger } from '@commitcast/worker'
import { describe, expect, inject, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({ 'thing.done': { data: z.object({ text: z.string() }) } })
const append = createAppend(events)

describe.skipIf(!inject('natsUrl'))('a relay logs once per outage, with a code,', () => {
  test('that NATS has no room, and that it needs a restart when there is some', async () => {
    await using server = await startNats({ config: 'jetstream { max_file_store: 20000 }' })
    await using relayed = await startRelay(server.url)
    for (let n = 0; n < 10; n++) await relayed.place('x'.repeat(4_000))
    await eventually(() => expect(relayed.coded('BROKER_FULL')).toHaveLength(1))
    const tries = () => relayed.lines.filter(({ msg }) => msg === 'partition waits').length
    const before = tries()
    await eventually(() => expect(tries()).toBeGreaterThan(before + 3))
    expect(relayed.coded('BROKER_FULL')).toHaveLength(1)
    expect(relayed.coded('BROKER_FULL')[0]!.err.message).toMatch(/Make room on the server.*then restart it/)
  })

  test('that NATS answers and JetStream does not', async () => {
    await using server = await startNats({ jetstream: false })
    await using relayed = await startRelay(server.url)
    await eventually(() => expect(relayed.coded('BROKER_UNRESPONSIVE')).toHaveLength(1))
    expect(relayed.coded('BROKER_UNRESPONSIVE')[0]!.msg).toMatch(/needs room, and then a restart/)
  })
})

interface Line {
  readonly code?: string
  readonly msg: string
  readonly err: Error
}

async function startRelay(servers: string) {
  const database = await freshDatabase({ partitions: 1 })
  const broker = natsBroker({ servers })
  const lines: Line[] = []
  const say = { value: (fields: Omit<Line, 'msg'>, msg: string) => void lines.push({ ...fields, msg }) }
  const logger: Logger = Object.create(silentLogger, { debug: say, warn: say, error: say })
  const stopping = new AbortController()
  const { sql } = database
  const relay = runRelay({ sql, broker, app: 'shop', schema: 'commitcast', signal: stopping.signal, logger })
  return {
    lines,
    coded: (code: string) => lines.filter((line) => line.code === code),
    place: (text: string) =>
      database.db.transaction().execute((trx) => append(trx, { type: 'thing.done', key: 'a', data: { text } })),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await relay.done
      await broker.close()
      await database[Symbol.asyncDispose]()
    },
  }
}
