import { connect, StorageType } from 'nats'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { NatsCluster } from './nats-cluster.ts'
import { startNatsCluster } from './start-nats-cluster.ts'
import { unlessLeftOut } from './unless-left-out.ts'

const started = await unlessLeftOut('THE TESTS ON A NATS CLUSTER', startNatsCluster())

describe.skipIf(!started)('a NATS cluster', () => {
  const cluster = started as NatsCluster
  afterAll(() => cluster.stop())

  test('keeps three copies of a stream, and its messages when the leader is killed and when it steps down', async () => {
    const nc = await connect({ servers: cluster.urls.map((url) => new URL(url).host), maxReconnectAttempts: -1 })
    const jsm = await nc.jetstreamManager()
    await jsm.streams.add({ name: 'kept', subjects: ['kept'], num_replicas: 3, storage: StorageType.File })
    const publish = () =>
      vi.waitUntil(
        () =>
          nc
            .jetstream({ timeout: 1_000 })
            .publish('kept')
            .catch(() => undefined),
        { timeout: 60_000 },
      )
    const first = (await publish())!.seq

    const killed = await cluster.leaderOf('kept')
    await killed.kill()
    expect((await publish())!.seq).toBeGreaterThan(first)
    expect(await cluster.leaderOf('kept')).not.toBe(killed)
    await killed.restart()
    await cluster.isWhole('kept')

    await cluster.stepDown('kept')
    await publish()
    await cluster.isWhole('kept')
    expect((await jsm.streams.getMessage('kept', { seq: first })).subject).toBe('kept')
    await nc.close()
  })
})
