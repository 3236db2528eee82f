import { TopicMismatch } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { startNats } from '@commitcast/servers'
import { connect, DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from 'nats'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

describe.skipIf(!inject('natsUrl'))('a stream that exists already', () => {
  let server: Awaited<ReturnType<typeof startNats>>
  let nc: Awaited<ReturnType<typeof connect>>
  let broker: ReturnType<typeof natsBroker>
  let count = 0
  beforeAll(async () => {
    server = await startNats()
    nc = await connect({ servers: server.url })
    broker = natsBroker({ servers: server.url })
  })
  afterAll(async () => {
    await broker.close()
    await nc.close()
    await server.stop()
  })

  const prepare = async (config: Partial<StreamConfig>) => {
    const shape = { name: `settings-${++count}`, epoch: 1, partitions: 1 }
    const { streams } = await nc.jetstreamManager()
    const made = { name: `${shape.name}-1_0`, subjects: [`${shape.name}.1.0.>`], storage: StorageType.File }
    await streams.add({ ...made, ...config })
    return { shape, streams, stream: made.name }
  }

  test.each<[words: RegExp, config: Partial<StreamConfig>]>([
    [/retention is "workqueue", not "limits"/, { retention: RetentionPolicy.Workqueue }],
    [/retention is "interest", not "limits"/, { retention: RetentionPolicy.Interest }],
    [/storage is "memory", not "file"/, { storage: StorageType.Memory }],
    [/its subjects are \["elsewhere"\], not only "settings-\d+\.1\.0\.>"/, { subjects: ['elsewhere'] }],
    [/max_msgs_per_subject is set/, { max_msgs_per_subject: 1 }],
    [/no_ack is set/, { no_ack: true }],
    [/it is a mirror/, { mirror: { name: 'other' }, subjects: [] }],
    [/it has sources/, { sources: [{ name: 'other' }] }],
  ])('is refused where that would break a promise: %s', async (words, config) => {
    const { shape } = await prepare(config)
    const refusal = await broker.topic(shape).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(TopicMismatch)
    expect(String(refusal)).toMatch(words)
    expect(String(refusal)).toMatch(/Fix them on the broker; .* new topic epoch/)
    await expect(broker.find(shape)).rejects.toThrow(words)
  })

  test('is refused where it is sealed', async () => {
    const { shape, streams, stream } = await prepare({})
    await streams.update(stream, { sealed: true } as Partial<StreamConfig>)
    await expect(broker.topic(shape)).rejects.toThrow(/it is sealed/)
  })

  test('is taken once it was mended', async () => {
    const { shape, streams, stream } = await prepare({ max_msgs_per_subject: 3, no_ack: true })
    await expect(broker.topic(shape)).rejects.toThrow(/max_msgs_per_subject is set.*; no_ack is set/)
    await streams.update(stream, { max_msgs_per_subject: -1, no_ack: false })
    expect(await (await broker.topic(shape)).last(0)).toBeUndefined()
  })

  test('keeps what an operator may choose: another age and size, what to discard, protection from deletion', async () => {
    const chosen = {
      max_age: 3_600_000_000_000,
      max_bytes: 10_000_000,
      max_msgs: 5_000,
      discard: DiscardPolicy.New,
      deny_delete: true,
      deny_purge: true,
    }
    const { shape, streams, stream } = await prepare(chosen)
    await broker.topic(shape)
    expect((await streams.info(stream)).config).toMatchObject(chosen)
  })

  test('that takes a part of the subjects for itself is named as the trouble', async () => {
    const { streams } = await prepare({ subjects: ['greedy.1.0.order.>'] })
    const failure = broker.topic({ name: 'greedy', epoch: 1, partitions: 1 })
    await expect(failure).rejects.toThrow(/Another stream than greedy-1_0 already takes "greedy.1.0.>"/)
    await expect(failure).rejects.toBeInstanceOf(TopicMismatch)
    await streams.delete(`settings-${count}-1_0`)
    await broker.topic({ name: 'greedy', epoch: 1, partitions: 1 })
  })
})
