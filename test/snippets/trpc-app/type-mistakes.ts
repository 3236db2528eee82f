import { follow } from '@commitcast/client'
import { cast, channels, live } from './cast.ts'
import { db } from './database.ts'
import { trpc } from './trpc.ts'

/** Types come all the way from the catalogue to the client, and what is wrong does not compile. Never run. */
export function followWrongly() {
  follow(
    trpc.live,
    { customerId: 'ada' },
    {
      onState: ([order]) => order?.placedAt satisfies Date | undefined,
      onEvent(event) {
        if (event.type === 'order.placed') event.data.placedAt satisfies Date
        // @ts-expect-error: order.delivered has no such date.
        else event.data.placedAt satisfies Date
        // @ts-expect-error: nothing is called so.
        if (event.type === 'order.shipped') return
      },
    },
  )
  // @ts-expect-error: the procedure takes a customer.
  follow(trpc.live, {}, {})
}

/** The channels of events and those of subscriptions have the same names. */
export function followAWrongChannel() {
  // @ts-expect-error: it is called "customer".
  cast.live({ channels: ({ data }) => [channels.customers(data.customerId)] })
  // @ts-expect-error: here, too.
  live.subscription({ channels: () => [channels.costumer('ada')], authorize: 'everyone' })
  // @ts-expect-error: it takes a customer's id.
  live.subscription({ channels: () => [channels.customer()], authorize: 'everyone' })
}

/** On the side of the server, too. */
export function appendWrongly() {
  const data = { customerId: 'ada', book: 'Emma' }
  return db.transaction().execute(async (trx) => {
    await cast.append(trx, { type: 'order.delivered', key: '1', data })
    // @ts-expect-error: nothing is called so.
    await cast.append(trx, { type: 'order.shipped', key: '1', data })
    // @ts-expect-error: a book is a text.
    await cast.append(trx, { type: 'order.delivered', key: '1', data: { ...data, book: 1 } })
  })
}
