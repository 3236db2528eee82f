import { memoryBroker } from '@commitcast/broker/memory'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { startNats } from '@commitcast/servers'
import { SubjectErased, stateType } from 'commitcast'
import { givenProcess } from 'commitcast/testing'
import { expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { erased, followAll, openRunningShop, openShop, type ShopOptions } from './open-shop.ts'

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

test('what a process appends, holds and parks is encrypted, and erased for it with its subject', async () => {
  await using shop = await openRunningShop()
  const letters = lettersOf(shop)
  const stopping = new AbortController()
  const running = shop.cast.run({ roles: ['consume'], use: [letters], signal: stopping.signal })
  const rowsOf = (table: string) =>
    shop.sql.query(`select from commitcast.${table} r where to_jsonb(r)::text like '%c1%'`)
  try {
    await shop.append([ada, ada])
    // What it appended is held, since no instance takes it yet; the second event is parked.
    await eventually(async () => {
      expect([await rowsOf('process_instance'), await rowsOf('process_held')]).toMatchObject([[{}], [{}]])
      expect(await parkedReasons(shop, 'letters')).toEqual([expect.stringMatching(/^TypeError\. /)])
    })
    const welcome = { from: 'c1', to: 'c1', text: `Welcome, ${ada.data.name}`, note: { to: secret } }
    await eventually(() => expect(shop.read.projection).toContainEqual(welcome))
    expect(await everythingWith(shop, secret)).toEqual([])
    await shop.cast.erase('c1')
    expect(await everythingWith(shop, secret)).toEqual([])
  } finally {
    stopping.abort()
    await running
  }
})

test('givenProcess needs no keys for personal fields', async () => {
  await using shop = await openShop()
  const text = `Welcome, ${ada.data.name}`
  const sent = { type: 'message.sent', key: 'c1', data: { from: 'c1', to: 'c1', text, note: { to: secret } } } as const
  await givenProcess(lettersOf(shop)).when(ada).thenBecomes({ status: 'welcomed' }, sent)
  await givenProcess(lettersOf(shop), ada)
    .when(ada)
    .thenThrows(/no second letter to Ada/)
})

test('a scheduled event waits encrypted, fires so, and is read as erased where its subject was erased since', async () => {
  await using shop = await openRunningShop()
  const fire = async (name: string) => {
    const text = `update commitcast.scheduled_event set at = now() where name = $1 returning 1 as found`
    expect(await shop.sql.query(text, [name])).toHaveLength(1)
  }
  await shop.db.transaction().execute(async (trx) => {
    const at = new Date(Date.now() + 3_600_000)
    for (const name of ['before', 'after']) await shop.cast.schedule(trx, { name, at, event: ada })
  })
  expect(await everythingWith(shop, secret)).toEqual([])
  await fire('before')
  await eventually(() => expect(shop.read.projection).toEqual([ada.data]))
  await shop.cast.erase('c1')
  await fire('after')
  await eventually(async () => {
    await using screen = followAll(shop.live)
    const gone = { customerId: 'c1', name: erased }
    await eventually(() => expect(screen.data).toEqual([gone, gone]), 1_000)
  })
  expect(await everythingWith(shop, secret)).toEqual([])
  await shop.db.transaction().execute(async (trx) => {
    const scheduling = shop.cast.schedule(trx, { name: 'late', at: new Date(), event: ada })
    await expect(scheduling).rejects.toThrow(SubjectErased)
  })
})

/** A process that welcomes a customer once, and keeps only a status. */
function lettersOf({ cast }: Pick<Shop, 'cast'>) {
  return cast
    .process('letters', {
      state: stateType<{ readonly status: 'welcomed' }>(),
      instance: { 'customer.registered': ({ data }) => data.customerId, 'message.sent': ({ data }) => `to ${data.to}` },
      ends: [],
      onFailure: { type: 'park', afterMs: 0 },
    })
    .transitions({
      none: {
        'customer.registered': ({ key, data: { customerId: id, name } }) => ({
          state: { status: 'welcomed' },
          append: {
            type: 'message.sent',
            key,
            data: { from: id, to: id, text: `Welcome, ${String(name)}`, note: { to: secret } },
          },
        }),
        'message.sent': 'hold',
      },
      welcomed: {
        'customer.registered': (_, { data }) => {
          throw new TypeError(`no second letter to ${String(data.name)}`)
        },
        'message.sent': 'ignore',
      },
    })
}

/** A command's answer; done once, given again later. */
function answer(shop: Shop) {
  const command = { key: 'k1', caller: 'c1' }
  return shop.db
    .transaction()
    .execute((trx) => shop.cast.once(trx, command, async () => ({ name: ada.data.name }), { personal: 'c1' }))
}

async function parkedReasons(shop: Shop, group = 'broken'): Promise<string[]> {
  const rows = await shop.sql.query<{ reason: string }>(
    'select reason from commitcast.parked where attempts > 0 and group_name = $1',
    [group],
  )
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
