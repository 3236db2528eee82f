import { testBroker } from '@commitcast/broker/contract'
import { natsBroker } from '@commitcast/broker/nats'
import { startNats } from '@commitcast/servers'
import { afterAll } from 'vitest'

const server = await startNats()
afterAll(() => server.stop())

testBroker('nats', () => ({
  open: () => natsBroker({ servers: server.url }),
  async restart() {
    await server.kill()
    await server.restart()
  },
}))
