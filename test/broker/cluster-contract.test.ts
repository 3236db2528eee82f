import { AppendConflict, type Broker, type Topic } from '@commitcast/broker'
import { makeMessages, testBroker } from '@commitcast/broker/contract'
import { natsBroker } from '@commitcast/broker/nats'
import { type NatsCluster, startNatsCluster, unlessLeftOut } from '@commitcast/servers'
import { connect } from 'nats'
import { afterAll, describe, expect } from 'vitest'
import { skips } from '../contract/skips.ts'
import { eventually } from '../fixtures/eventually.ts'
import { natsCanBegin } from '../fixtures/nats-can-begin.ts'
import { natsDamage } from '../fixtures/nats-damage.ts'

const started = await unlessLeftOut('THE TESTS ON A NATS CLUSTER', startNatsCluster())
const canBegin = started !== undefined && (await natsCanBegin(started.urls))

describe.skipIf(!started)('on a cluster of three, whose leaders are killed', () => {
  const cluster = started as NatsCluster
  const opened: { close(): Promise<void> }[] = []
  afterAll(async () => {
    await Promise.all(opened.map((nc) => nc.close()))
    await cluster.stop()
  })

  const hosts = () => cluster.urls.map((url) => new URL(url).host)
  const open = async () => {
    const nc = await connect({ servers: hosts(), maxReconnectAttempts: -1 })
    opened.push(nc)
    return nc
  }
  const subject = async () => {
    const nc = await open()
    let newest = ''
    return {
      open: () =>
        waitingForLeaders(natsBroker({ servers: cluster.urls, replicas: 3 }), ({ name, epoch }) => {
          newest = `${name}-${epoch}_0`
        }),
      async restart() {
        const leader = await cluster.leaderOf(newest)
        await leader.kill()
        await leader.restart()
        await cluster.isWhole(newest)
      },
      damage: await natsDamage(nc),
      canBegin,
    }
  }

  testBroker('nats', subject, canBegin ? {} : skips.oldNats)
})

/**
 * The same broker, whose topics are not used before each partition answers: a new stream of a cluster may have no leader
 * yet, which a relay takes as the outage that it is, and the suite does not.
 */
function waitingForLeaders(broker: Broker, onTopic: (topic: Topic) => void): Broker {
  const farAway = 1_000_000_000
  return {
    ...broker,
    async topic(options) {
      const topic = await broker.topic(options)
      for (let partition = 0; partition < options.partitions; partition++) {
        const refused = () => topic.append(partition, farAway, makeMessages(farAway + 1, 1))
        await eventually(() => expect(refused()).rejects.toBeInstanceOf(AppendConflict))
      }
      onTopic(topic)
      return topic
    },
  }
}
