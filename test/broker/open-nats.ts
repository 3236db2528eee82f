import { type NatsBrokerOptions, natsBroker } from '@commitcast/broker/nats'
import { type NatsOptions, startNats } from '@commitcast/servers'
import { connect } from 'nats'

/** A NATS server of this test's own, a broker on it, and a client that does what an operator does. */
export async function openNats(options: NatsOptions = {}, brokerOptions: Partial<NatsBrokerOptions> = {}) {
  const server = await startNats(options)
  const nc = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
  const { streams } = await nc.jetstreamManager()
  const broker = natsBroker({ servers: server.url, ...brokerOptions })
  return {
    server,
    nc,
    streams,
    broker,
    async [Symbol.asyncDispose]() {
      await broker.close()
      await nc.close()
      await server.stop()
    },
  }
}
