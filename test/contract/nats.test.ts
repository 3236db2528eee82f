import { testBroker } from '@commitcast/broker/contract'
import { natsBroker } from '@commitcast/broker/nats'
import { startNats } from '@commitcast/servers'
import { afterAll, describe, inject } from 'vitest'

describe.skipIf(!inject('natsUrl'))('with nats-server', () => {
  let server: Awaited<ReturnType<typeof startNats>> | undefined
  afterAll(() => server?.stop())

  testBroker('nats', async () => {
    const started = await startNats()
    server = started
    return {
      open: () => natsBroker({ servers: started.url }),
      async restart() {
        await started.kill()
        await started.restart()
      },
    }
  })
})
