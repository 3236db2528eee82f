import { trpc } from './trpc.ts'

const [verb, customerId = '', book = ''] = process.argv.slice(2)
if (verb === 'place') await trpc.place.mutate({ customerId, book })
if (verb === 'deliver') await trpc.deliver.mutate({ customerId, book })

for (const order of await trpc.orders.query({ customerId })) {
  console.log(`${order.book}: ${order.status}, ordered ${order.placedAt.toLocaleString()}`)
}
