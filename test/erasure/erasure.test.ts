import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { erased, followAll, openRunningShop } from './open-shop.ts'

const ada = { type: 'customer.registered', key: 'c1', data: { customerId: 'c1', name: 'Ada Lovelace' } } as const
const born = new Date('1815-12-10')

test('every reader gets personal fields decrypted, and the topics hold none of them', async () => {
  await using shop = await openRunningShop()
  await shop.append({ ...ada, data: { ...ada.data, born } })
  const clear = { customerId: 'c1', name: 'Ada Lovelace', born }
  await using screen = followAll(shop.live)
  await using stranger = followAll(shop.live, 'erased')
  await eventually(() => {
    expect(shop.read).toEqual({ channels: [clear], projection: [clear], handler: [clear] })
    expect(screen.data).toEqual([clear])
    expect(stranger.data).toEqual([{ customerId: 'c1', name: erased, born: erased }])
  })
  const stored = JSON.stringify([await shop.messages('shop-events'), await shop.messages('shop-live')])
  expect(stored).toContain('customer.registered')
  expect(stored).not.toMatch(/Ada|Lovelace|1815/)
})

test('once a subject is erased readers get its fields as erased, and those of others as they were', async () => {
  await using shop = await openRunningShop()
  const sent = { from: 'c1', to: 'c2', text: 'hello', note: { to: 'a note' } }
  await shop.append([ada, { type: 'message.sent', key: 'c2', data: sent }])
  {
    await using before = followAll(shop.live)
    await eventually(() => expect(before.data).toHaveLength(2))
    expect(before.data).toContainEqual(sent)
  }
  expect(await shop.cast.erase('c1')).toBe(true)
  expect(await shop.cast.erase('c1')).toBe(false)
  const after = [
    { customerId: 'c1', name: erased },
    { ...sent, text: erased },
  ]
  await eventually(async () => {
    await using screen = followAll(shop.live)
    await eventually(() => expect(screen.data).toHaveLength(2))
    expect(new Set(screen.data)).toEqual(new Set(after))
  }, 10_000)
})

test('personal metadata is encrypted in the live topic, and erased with its subject', async () => {
  await using shop = await openRunningShop()
  await shop.append({ type: 'order.placed', key: 'c1', data: { orderId: 'o1' } })
  const found = { customer: { name: 'Customer of o1', since: new Date(0) } }
  {
    await using screen = followAll(shop.live)
    await eventually(() => expect(screen.metadata).toEqual([found]))
  }
  const topics = JSON.stringify(await shop.messages('shop-live'))
  expect(topics).toContain('customer')
  expect(topics).not.toContain('Customer of')
  await shop.cast.erase('c1')
  await eventually(async () => {
    await using screen = followAll(shop.live)
    await eventually(() => expect(screen.metadata).toEqual([{ customer: erased }]), 1_000)
  })
  await shop.append({ type: 'order.placed', key: 'c1', data: { orderId: 'o2' } })
  await using screen = followAll(shop.live)
  await eventually(() => expect(screen.metadata).toEqual([{ customer: erased }, {}]))
})
