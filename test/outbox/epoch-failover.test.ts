import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { newEpoch, runRelay } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { copyServer } from '../fixtures/older-copy.ts'
import { ownPostgres } from '../fixtures/own-postgres.ts'
import { readLog } from '../fixtures/read-log.ts'

const partitions = 2

test('a fail-over to an older copy under a living relay: it stands still and says so; a new epoch gives what comes after, once', async (context) => {
  await using database = await ownPostgres({ partitions })
  const { server, sql, url } = database
  if (!server.dataFolder) return context.skip('the data of a server in a container is not at hand')
  const storage: MemoryStorage = new Map()
  const broker = memoryBroker(storage)
  const stopping = new AbortController()
  const relay = runRelay({ sql, broker, app: 'shop', schema: 'commitcast', signal: stopping.signal, listenTo: url })
  const write = async (count: number) => {
    for (let n = 0; n < count; n++) await sql.query(`select commitcast.append('thing.done', $1, '1')`, [`k${n % 5}`])
  }
  const idsNow = async () =>
    (await sql.query<{ id: string }>('select id from commitcast.outbox')).map((row) => row.id).sort()
  const stored = async (epoch: number) => {
    const topic = await broker.topic({ name: 'shop-events', epoch, partitions })
    const logs = await Promise.all(Array.from({ length: partitions }, (_, partition) => readLog(topic, partition)))
    return logs
      .flat()
      .map((message) => message.id)
      .sort()
  }

  await write(20)
  await eventually(async () => expect(await stored(1)).toEqual(await idsNow()))
  const kept = await idsNow()
  const older = await copyServer(server)
  await eventually(() => write(20))
  await eventually(async () => expect(await stored(1)).toHaveLength((await idsNow()).length))

  await older.failOver()
  await eventually(async () => expect(await idsNow()).toEqual(kept))
  await write(10)
  await eventually(() => {
    const { troubles = {} } = relay.health() as { troubles?: Record<number, string> }
    expect(Object.values(troubles)).toEqual([
      expect.stringMatching(/older copy .*"commitcast topic new-epoch --from 1"/),
      expect.stringMatching(/older copy .*"commitcast topic new-epoch --from 1"/),
    ])
  })

  // Nothing was given at offsets that the broker has for what is forgotten.
  const given = await sql.query<{ count: string }>('select sum(count) as count from commitcast.page')
  expect(Number(given[0]!.count)).toBe(kept.length)
  expect(await newEpoch(sql, { from: 1 })).toEqual({ epoch: 2, isNew: true, moved: 0 })
  await write(5)
  const after = (await idsNow()).filter((id) => !kept.includes(id))
  await eventually(async () => expect(await stored(2)).toEqual(after))
  await eventually(() => expect(relay.health()).toMatchObject({ ready: true }))
  stopping.abort()
  await relay.done
  await broker.close()
})
