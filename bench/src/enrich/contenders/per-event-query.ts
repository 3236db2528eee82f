import type { JsMsg } from 'nats'
import type pg from 'pg'
import { openPool } from '../../open-pool.ts'
import { openStreams } from '../../relay/open-streams.ts'
import { partitions, type } from '../../sample-event.ts'
import { type ConsumedPartition, consumePartition } from '../consume-partition.ts'
import { type Contender, liveStreams } from '../contender.ts'
import type { Order } from '../sample-orders.ts'

/** The usual consumer: for each event two queries, then a publish, each waited for. The partitions go side by side. */
export const perEventQuery: Contender = lookUpAndPublish(async (partition, { find, publish }) => {
  await partition.eachInTurn(async (message) => publish(message, await find(message.json<Order>())))
})

/** The same look-ups and publishes, a hundred events at once. */
export const perEventQueryAtOnce: Contender = lookUpAndPublish(async (partition, { find, publish }) => {
  await partition.hundredsInTurn(async (messages) => {
    const metadata = await Promise.all(messages.map((message) => find(message.json<Order>())))
    await Promise.all(messages.map((message, index) => publish(message, metadata[index]!)))
  })
})

interface Steps {
  find(order: Order): Promise<object>
  publish(message: JsMsg, metadata: object): Promise<unknown>
}

function lookUpAndPublish(carry: (partition: ConsumedPartition, steps: Steps) => Promise<void>): Contender {
  return {
    async prepare(place) {
      const { nc, js, subject } = await openStreams(place.natsUrl, liveStreams(place))
      const pool = openPool(place.databaseUrl)
      const consumed = await Promise.all(
        Array.from({ length: partitions }, (_, partition) => consumePartition(nc, place, partition)),
      )
      const carryPartition = (partition: ConsumedPartition) =>
        carry(partition, {
          find: (order) => find(pool, order),
          publish(message, metadata) {
            const body = JSON.stringify({ data: message.json<Order>(), metadata })
            return js.publish(subject(partition.partition, type), body, { msgID: message.headers!.get('id') })
          },
        })
      return {
        async carry() {
          await Promise.all(consumed.map(carryPartition))
        },
        async stop() {
          await Promise.all([pool.end(), nc.close()])
        },
      }
    },
  }
}

async function find(pool: pg.Pool, { customerId, bookId }: Order) {
  const customers = await pool.query('select id, name, city from customer where id = $1', [customerId])
  const books = await pool.query('select id, title, author from book where id = $1', [bookId])
  return { customer: customers.rows[0], book: books.rows[0] }
}
