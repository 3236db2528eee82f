import { follow } from '@commitcast/client'
import { openShopClient } from '@commitcast/demo-app/shop-client'
import { startProcess } from '@commitcast/demo-app/start-process'
import { createDatabase, freePort, startNats } from '@commitcast/servers'
import { expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { lastLines } from '../fixtures/last-lines.ts'
import { openDatabase } from '../fixtures/open-database.ts'

const orders = 1_000

test('a relay that was killed, and was away while 1,000 orders were placed, carries them all once, in order per key', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  await using nats = inject('natsUrl') ? await startNats() : undefined
  const [port, relayHealth, streamHealth] = await Promise.all([freePort(), freePort(), freePort()])
  const lines = lastLines()
  lines.tellOnFailure()
  const start = (name: 'api' | 'relay' | 'stream', env: Record<string, string>) =>
    startProcess(name, {
      env: { DATABASE_URL: database.url, NATS_URL: nats?.url ?? '', LOG_LEVEL: 'warn', ...env },
      onLine: (line) => lines.add(`${name}: ${line}`),
    })
  const startRelay = () => start('relay', { HEALTH_PORT: String(relayHealth) })
  const api = start('api', { PORT: String(port) })
  const stream = start('stream', { HEALTH_PORT: String(streamHealth) })
  let relay = startRelay()
  const { trpc, close } = openShopClient(`http://127.0.0.1:${port}`)
  try {
    await eventually(async () => {
      for (const at of [port, relayHealth, streamHealth])
        expect((await fetch(`http://127.0.0.1:${at}/health`)).ok).toBe(true)
    })
    const seen = new Map<string, string[]>()
    const isLive = new Promise<void>((resolve) => {
      follow(trpc.orders.follow, undefined, {
        onStatus: (status) => status === 'live' && resolve(),
        onEvent: (event) => void seen.set(event.key, [...(seen.get(event.key) ?? []), event.type]),
      })
    })
    await isLive

    await relay.kill()
    const ids = await inParallel(orders, 20, async (index) => {
      const { id } = await trpc.orders.place.mutate({ customerId: 'ada', bookId: (index % 100) + 1, quantity: 1 })
      if (index % 2 === 0) await trpc.orders.move.mutate({ id, from: 'placed' })
      return id
    })
    expect(seen.size).toBe(0)
    await using left = openDatabase(database.url)
    const leases = `select from commitcast.active_members('relay')`
    await eventually(async () => expect(await left.sql.query(leases)).toEqual([]))
    relay = startRelay()

    const expected = ids.map((_, index) => (index % 2 === 0 ? ['order.placed', 'order.accepted'] : ['order.placed']))
    await eventually(() => expect(ids.map((id) => seen.get(id))).toEqual(expected))
    expect(seen.size).toBe(orders)
    await close()
  } finally {
    await Promise.all([api, relay, stream].map((process) => process.stop()))
  }
})

async function inParallel<T>(count: number, workers: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const work = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await act(index)
  }
  await Promise.all(Array.from({ length: workers }, work))
  return results
}
