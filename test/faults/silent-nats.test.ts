import { makeMessages, offsetsOf } from '@commitcast/broker/contract'
import { natsBroker } from '@commitcast/broker/nats'
import { startNats } from '@commitcast/servers'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openNetwork } from '../fixtures/network.ts'

const recoveredMs = 30_000

describe.skipIf(!inject('natsUrl'))('after the network forgot its connection, a NATS broker', () => {
  test('reads, appends and hears hints again within 30 s', async () => {
    await using server = await startNats()
    await using network = await openNetwork(() => Number(new URL(server.url).port))
    const direct = natsBroker({ servers: server.url })
    const behind = natsBroker({ servers: `nats://127.0.0.1:${network.port}` })
    const shape = { name: 'shop', epoch: 1, partitions: 1 }
    const [there, here] = [await direct.topic(shape), await behind.topic(shape)]
    const ending = new AbortController()
    const { signal } = ending
    const read: number[] = []
    const heard: string[] = []
    const reading = (async () => {
      for await (const batch of here.read(0, 0, { signal })) read.push(...offsetsOf(batch))
    })()
    const listening = behind.hints!.listen('shop-hints', { signal, onHint: (text) => heard.push(text) })
    await there.append(0, 0, makeMessages(1, 1))
    await eventually(async () => {
      await direct.hints!.send('shop-hints', 'before')
      expect(heard).toContain('before')
      expect(read).toEqual([1])
    })
    network.forget()
    await there.append(0, 1, makeMessages(2, 1))
    await eventually(async () => {
      await direct.hints!.send('shop-hints', 'after')
      expect(heard).toContain('after')
      expect(read).toEqual([1, 2])
    }, recoveredMs)
    await here.append(0, 2, makeMessages(3, 1))
    ending.abort()
    await Promise.all([reading, listening])
    await Promise.all([direct.close(), behind.close()])
  })
})
