import { follow } from '@commitcast/client'
import { trpc } from './trpc.ts'

const [customerId = ''] = process.argv.slice(2)

follow(
  trpc.live,
  { customerId },
  {
    onState: (orders) => console.log(`${orders.length} orders so far`),
    onEvent: (event) =>
      event.type === 'order.placed'
        ? console.log(`${event.data.book} was ordered at ${event.data.placedAt.toLocaleTimeString()}`)
        : console.log(`${event.data.book} was delivered`),
    onStatus: (status) => console.log(`(${status})`),
  },
)
