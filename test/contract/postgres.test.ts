import { testBroker } from '@commitcast/broker/contract'
import { postgresBroker } from '@commitcast/broker/postgres'
import { startPostgres } from '@commitcast/servers'
import { afterAll } from 'vitest'

const server = await startPostgres()
afterAll(() => server.stop())

testBroker('postgres', () => ({
  open: () => postgresBroker({ connectionString: server.url }),
  async restart() {
    await server.kill()
    await server.restart()
  },
}))

testBroker('postgres behind a pooler', () => ({
  open: () => postgresBroker({ connectionString: server.url, schema: 'pooled', listen: false }),
}))
