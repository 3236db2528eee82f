import { type Everything, startEverything } from '@commitcast/demo-app/start-everything'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { lastLines } from '../fixtures/last-lines.ts'
import { openEventSourceClient, openWebSocketClient } from './trpc-docs-client.ts'

/** The bookshop in its real processes. */
let shop: Everything

const lines = lastLines()

beforeAll(async () => {
  shop = await startEverything({ onLine: lines.add })
})
beforeEach(lines.tellOnFailure)

afterAll(() => shop?.stop())

test.each([
  ['wsLink', openWebSocketClient],
  ['httpSubscriptionLink', openEventSourceClient],
])('a client written from the documentation of tRPC follows, drops and resumes (%s)', async (_link, openClient) => {
  const { trpc, close } = openClient(`${shop.apiUrl}/trpc`)
  const heard: { id: string; key: string; placedAt: Date }[] = []
  const kinds = new Set<string>()
  let cursor: string | undefined

  // https://trpc.io/docs/server/subscriptions#tracked: "You can send an initial `lastEventId` when initializing the
  // subscription and it will be automatically updated as the browser receives data."
  const subscribe = (lastEventId?: string) =>
    trpc.orders.follow.subscribe(lastEventId === undefined ? undefined : { lastEventId }, {
      onData({ id, data }) {
        cursor = id
        kinds.add(data.kind)
        if (data.kind !== 'event' || data.event.type !== 'order.placed') return
        heard.push({ id: data.event.id, key: data.event.key, placedAt: data.event.data.placedAt })
      },
    })
  const placed: string[] = []
  const place = async () => {
    for (let n = 0; n < 5; n++) {
      placed.push((await trpc.orders.place.mutate({ customerId: 'ada', bookId: 1, quantity: 1 })).id)
    }
  }
  const hasHeardAll = () => expect(heard.map(({ key }) => key).toSorted()).toEqual(placed.toSorted())

  // It follows.
  const first = subscribe()
  await eventually(() => expect(kinds).toContain('live'))
  await place()
  await eventually(hasHeardAll)

  // The server is killed. "If you yield an event using our tracked()-helper and include an id, the client will
  // automatically reconnect when it gets disconnected and send the last known ID."
  await shop.restart('api')
  await place()
  await eventually(hasHeardAll)

  // It leaves, misses something, and comes back with the last id that it knows.
  first.unsubscribe()
  await place()
  const second = subscribe(cursor)
  await eventually(hasHeardAll)
  await place()
  await eventually(hasHeardAll)

  expect(new Set(heard.map(({ id }) => id)).size).toBe(placed.length)
  expect(heard.every(({ placedAt }) => placedAt instanceof Date)).toBe(true)
  expect(kinds).not.toContain('resync')
  second.unsubscribe()
  await close()
})
