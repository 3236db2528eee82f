import { openShopClient } from '@commitcast/demo-app/shop-client'
import { getContainerRuntimeClient, type StartedTestContainer } from 'testcontainers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { builtImage } from './built-image.ts'
import { composeBookshop } from './compose-bookshop.ts'
import { countFaults, noFaults } from './count-faults.ts'
import { readStreams } from './read-streams.ts'
import { scaleUnderLoad } from './scale-under-load.ts'
import { type Bookshop, startBookshop } from './start-bookshop.ts'
import { watchOrders } from './watch-orders.ts'

const isForced = process.env.TEST_SERVERS === 'container'
if (!isForced) process.stdout.write('test/containers left out: needs a Docker engine; run npm run test:containers\n')

describe.skipIf(!isForced)('the built image', () => {
  let shop: Bookshop
  let engine: Awaited<ReturnType<typeof getContainerRuntimeClient>>
  beforeAll(async () => {
    engine = await getContainerRuntimeClient()
    shop = await startBookshop(await builtImage())
  }, 900_000)
  afterAll(() => shop?.[Symbol.asyncDispose]())

  const handleOf = (container: StartedTestContainer) => engine.container.getById(container.getId())

  test('serves the pages', async () => {
    const page = await fetch(shop.url, { headers: { accept: 'text/html' } })
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('<script type="module"')
  })

  test('shows each order once and with its customer, also those placed while the relay was killed', async () => {
    const buyer = openShopClient(shop.url)
    const seen = new Map<string, (string | undefined)[]>()
    const stop = await watchOrders(shop.url, ({ key, metadata }) =>
      seen.set(key, [...(seen.get(key) ?? []), metadata.customer?.name]),
    )
    try {
      const [book] = await eventually(() => buyer.trpc.books.query({ search: 'Frankenstein' }))
      const [ada] = (await buyer.trpc.customers.query()).filter(({ id }) => id === 'ada')
      const place = async (count: number) => {
        const order = { customerId: 'ada', bookId: book!.id, quantity: 1 }
        const placed = await Promise.all(Array.from({ length: count }, () => buyer.trpc.orders.place.mutate(order)))
        return placed.map(({ id }) => id)
      }
      const expectSeen = (ids: string[]) =>
        eventually(() => expect(ids.map((id) => seen.get(id))).toEqual(ids.map(() => [ada!.name])))

      const first = await place(20)
      await expectSeen(first)

      await handleOf(shop.processes.relay).kill({ signal: 'SIGKILL' })
      const whileAway = await place(50)
      expect(seen.size).toBe(first.length)
      await handleOf(shop.processes.relay).start()
      await expectSeen(whileAway)
      expect(seen.size).toBe(first.length + whileAway.length)
    } finally {
      stop()
      await buyer.close()
    }
  })

  test.each(['api', 'relay', 'stream', 'web'] as const)(
    'runs %s without root and ends it in good order',
    async (name) => {
      const container = shop.processes[name]
      const { output } = await container.exec(['id', '-un'])
      expect(output.trim()).toBe('node')
      await handleOf(container).stop({ t: 10 })
      const { State } = await handleOf(container).inspect()
      expect(State).toMatchObject({ Running: false, ExitCode: 0 })
    },
  )
})

describe.skipIf(!isForced)('docker-compose.yml', () => {
  test('loses, repeats and reorders nothing while relays and stream workers are scaled and killed under load', async () => {
    await using shop = await composeBookshop(await builtImage())
    const { orders, seen, steps } = await scaleUnderLoad(shop)
    const events = await readStreams(shop.natsUrl, { topic: 'bookshop-events', partitions: 8 })
    const live = await readStreams(shop.natsUrl, { topic: 'bookshop-live', partitions: 8 })
    const faults = [events.flat(), live.flat(), seen].map((each) => countFaults(each, orders))
    expect(faults).toEqual([noFaults, noFaults, noFaults])
    const ids = (partitions: typeof events) => partitions.map((stored) => stored.map(({ id }) => id))
    expect(ids(live)).toEqual(ids(events))
    const enriched = { customer: { name: expect.any(String) }, book: { title: expect.any(String) } }
    for (const { body } of live.flat()) expect(body).toMatchObject({ metadata: enriched })
    process.stdout.write(`${orders.length} orders, ${seen.length} events, ${steps} steps: ${JSON.stringify(faults)}\n`)
  }, 900_000)
})
