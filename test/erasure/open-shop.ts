import { memoryBroker } from '@commitcast/broker/memory'
import { type Broker, createCommitcast, defineEvents, type Envelope, type KeyProvider } from 'commitcast'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'

const events = defineEvents({
  'customer.registered': {
    data: z.object({ customerId: z.string(), name: z.string(), born: z.date().optional() }),
    personal: { name: 'customerId', born: 'customerId' },
  },
  'message.sent': {
    data: z.object({ from: z.string(), to: z.string(), text: z.string(), note: z.object({ to: z.string() }) }),
    personal: { text: 'from', 'note.to': 'to' },
  },
  'order.placed': { data: z.object({ orderId: z.string() }) },
})

export const erased = { '~erased': true }
export const partitions = 2

export interface ShopOptions {
  readonly keys?: KeyProvider
  /** Makes the broker, where the database has this address. Default: in memory. */
  readonly broker?: ((databaseUrl: string) => Broker) | undefined
}

/** An app whose customers can be erased, on a database of its own. */
export async function openShop({ keys, broker: openBroker = () => memoryBroker(new Map()) }: ShopOptions = {}) {
  const database = await freshDatabase({ partitions })
  const { db } = database
  const broker = openBroker(database.url)
  const openCast = () =>
    createCommitcast({ app: 'shop', events, db, broker, listenTo: database.url, ...(keys && { keys }) })
  const cast = openCast()
  type NewEvent = Parameters<typeof cast.append>[1]
  return {
    ...database,
    broker,
    cast,
    openCast,
    append: (list: NewEvent) => db.transaction().execute((trx) => cast.append(trx, list)),
    /** All messages of a topic. */
    async messages(name: 'shop-events' | 'shop-live') {
      const topic = await broker.topic({ name, epoch: 1, partitions })
      const logs = await Promise.all(Array.from({ length: partitions }, (_, partition) => readLog(topic, partition)))
      return logs.flat()
    },
    async [Symbol.asyncDispose]() {
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** A shop whose workers run. */
export async function openRunningShop(options: ShopOptions = {}) {
  const shop = await openShop(options)
  const { cast } = shop
  /** What each reader has got, by type and data. */
  const read: Record<'channels' | 'projection' | 'handler', unknown[]> = { channels: [], projection: [], handler: [] }
  const live = cast
    .live({
      channels(event) {
        read.channels.push(event.data)
        return ['all']
      },
    })
    .enrich('customer', {
      id: (event) => (event.type === 'order.placed' ? event.data.orderId : undefined),
      load: async (ids) => new Map(ids.map((id) => [id, { name: `Customer of ${id}`, since: new Date(0) }])),
      personal: (event) => event.key,
    })
  const names = cast.projection('names', async (batch) => {
    read.projection.push(...batch.map(({ data }) => data))
  })
  const broken = cast.handler(
    'broken',
    {
      'customer.registered': async ({ data }) => {
        throw new TypeError(`no letter for ${String(data.name)}`)
      },
    },
    { onFailure: { type: 'park', afterMs: 0 } },
  )
  const mail = cast.handler('mail', {
    'customer.registered': async ({ data }) => {
      read.handler.push(data)
    },
  })
  const stopping = new AbortController()
  const running = cast.run({ use: [live, names, mail, broken], signal: stopping.signal })
  return {
    ...shop,
    live,
    read,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await shop[Symbol.asyncDispose]()
    },
  }
}

interface Heard {
  readonly data: unknown
  readonly metadata: unknown
}

type Live = Awaited<ReturnType<typeof openRunningShop>>['live']

/** The cursor of the beginning. */
const start = `1.1.${Array.from({ length: partitions }, () => 0).join('-')}`

/** The data and metadata of the events that a client gets which begins at the first one, until the block ends. */
export function followAll(live: Live, personal: 'clear' | 'erased' = 'clear') {
  const ending = new AbortController()
  const resolver = live.subscription({ channels: () => ['all'], authorize: 'everyone', personal: () => personal })
  const call = { ctx: {}, input: { lastEventId: start }, signal: ending.signal }
  const data: unknown[] = []
  const metadata: unknown[] = []
  const reading = async () => {
    const stream = resolver(call as never) as unknown as AsyncIterable<[string, Envelope<Heard>]>
    for await (const [, envelope] of stream) {
      if (envelope.kind !== 'event') continue
      data.push(envelope.event.data)
      metadata.push(envelope.event.metadata)
    }
  }
  const done = reading()
  return {
    data,
    metadata,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await done
    },
  }
}
