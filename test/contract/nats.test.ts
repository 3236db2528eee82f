import { testBroker } from '@commitcast/broker/contract'
import { natsBroker } from '@commitcast/broker/nats'
import { startNats } from '@commitcast/servers'
import { connect } from 'nats'
import { afterAll, describe, inject } from 'vitest'
import { natsDamage } from '../fixtures/nats-damage.ts'
import { skips } from './skips.ts'

const canBegin = inject('natsCanBegin')

describe.skipIf(!inject('natsUrl')).each([false, true])('with nats-server, strictChain %s', (strictChain) => {
  const opened: { stop(): Promise<void> }[] = []
  afterAll(async () => {
    for (const each of opened.reverse()) await each.stop()
  })

  const subject = async () => {
    const server = await startNats()
    const nc = await connect({ servers: server.url, maxReconnectAttempts: -1 })
    opened.push(server, { stop: () => nc.close() })
    return {
      open: () => natsBroker({ servers: server.url, strictChain }),
      canBegin,
      damage: await natsDamage(nc),
      async restart() {
        await server.kill()
        await server.restart()
      },
    }
  }

  testBroker('nats', subject, canBegin ? {} : skips.oldNats)
})
