import { memoryBroker } from '@commitcast/broker/memory'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { startNats } from '@commitcast/servers'
import { SubjectErased } from 'commitcast'
import { expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { erased, followAll, openRunningShop, type ShopOptions } from './open-shop.ts'

type Shop = Awaited<ReturnType<typeof openRunningShop>>

const secret = 'Lovelace'
const ada = { type: 'customer.registered', key: 'c1', data: { customerId: 'c1', name: `Ada ${secret}` } } as const

const brokers: Readonly<Record<string, (stops: AsyncDisposableStack) => Promise<ShopOptions['broker']>>> = {
  memory: async () => () => memoryBroker(new Map()),
  Postgres: async () => (url) => postgresBroker({ connectionString: url }),
  NATS: async (stops) => {
    const server = await startNats()
    stops.defer(() => server.stop())
    return () => natsBroker({ servers: server.url })
  },
}
const names = Object.keys(brokers).filter((name) => name !== 'NATS' || inject('natsUrl') !== '')

test.for(names)(
  'with the broker on %s no table and no topic holds a personal field, before its erasure and after',
  async (name) => {
    await using stops = new AsyncDisposableStack()
    const broker = await brokers[name]!(stops)
    await using shop = await openRunningShop({ broker })
    await shop.append([ada, { type: 'order.placed', key: 'c1', data: { orderId: 'o1' } }])
    expect(await answer(shop)).toEqual({ name: ada.data.name })
    {
      await using screen = followAll(shop.live)
      await eventually(() => expect(screen.data).toContainEqual(ada.data))
    }
    await eventually(async () => expect(await parkedReasons(shop)).toEqual([expect.stringMatching(/^TypeError\. /)]))
    expect(await everythingWith(shop, 'customer.registered')).not.toEqual([])
    expect(await everythingWith(shop, secret)).toEqual([])

    await shop.cast.erase('c1')
    await eventually(async () => {
      await using screen = followAll(shop.live)
      await eventually(() => expect(screen.data).toContainEqual({ customerId: 'c1', name: erased }), 1_000)
    })
    await expect(answer(shop)).rejects.toThrow(SubjectErased)
    expect(await everythingWith(shop, secret)).toEqual([])
  },
)

/** A command's answer; done once, given again later. */
function answer(shop: Shop) {
  const command = { key: 'k1', caller: 'c1' }
  return shop.db
    .transaction()
    .execute((trx) => shop.cast.once(trx, command, async () => ({ name: ada.data.name }), { personal: 'c1' }))
}

async function parkedReasons(shop: Shop): Promise<string[]> {
  const rows = await shop.sql.query<{ reason: string }>('select reason from commitcast.parked where attempts > 0')
  return rows.map(({ reason }) => reason)
}

/** All rows of all tables, and all messages of all topics, that hold a text. */
async function everythingWith(shop: Shop, text: string): Promise<string[]> {
  const tables = await shop.sql.query<{ name: string }>(
    `select format('%I.%I', nspname, relname) as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace
     where relkind in ('r', 'm') and nspname not in ('pg_catalog', 'information_schema') and nspname not like 'pg_toast%'`,
  )
  expect(tables.length).toBeGreaterThan(15)
  const found: string[] = []
  for (const { name } of tables) {
    const rows = await shop.sql.query<{ row: string }>(
      `select to_jsonb(r)::text as row from ${name} as r where strpos(to_jsonb(r)::text, $1) > 0`,
      [text],
    )
    found.push(...rows.map(({ row }) => `${name}: ${row}`))
  }
  for (const topic of ['shop-events', 'shop-live'] as const) {
    const messages = (await shop.messages(topic)).map((message) => JSON.stringify(message))
    found.push(...messages.filter((message) => message.includes(text)))
  }
  return found
}
