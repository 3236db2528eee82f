import { follow } from '@commitcast/client'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import type { router } from './day-one.ts'

const socket = createWSClient({ url: 'ws://localhost:3000/trpc' })
const trpc = createTRPCClient<typeof router>({ links: [wsLink({ client: socket })] })

// #region watch
follow(
  trpc.orders,
  { customerId: 'ada' },
  {
    onStatus: (status) => console.log('status', status),
    onState: (state) => console.log('state', state),
    onEvent: (event) => console.log('event', event),
    onResync: (reason) => console.log('resync', reason),
    onError: (error) => console.log('refused', error),
  },
)
// #endregion watch
