import { memoryBroker } from '@commitcast/broker/memory'
import { decodeCursor, encodeLiveMessage } from '@commitcast/events'
import { createOutageLog, silentLogger } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { Follower } from '../hub/follower.ts'
import { startHub } from '../hub/hub.ts'
import type { Output } from '../hub/output.ts'
import { tail } from './tail.ts'

type Sent = { readonly kind: string; readonly cursor: string; readonly offset?: number }

/** A hub that keeps little, and a client that follows one channel of it. */
async function openTail({ channel = 'quiet' } = {}) {
  const topic = await memoryBroker().topic({ name: 't', epoch: 1, partitions: 1 })
  const stopping = new AbortController()
  const { signal } = stopping
  let end = 0
  const append = async (channels: readonly string[]) => {
    const messages = channels.map((channel, index) => {
      const place = { offset: end + 1 + index, id: `id-${end + 1 + index}` }
      const plain = { ...place, type: 'a', key: 'k', time: '', tx: '1', headers: {}, body: '1' }
      return encodeLiveMessage(plain, { metadata: {}, channels: [channel] })
    })
    await topic.append(0, end, messages)
    end += messages.length
  }
  const hub = await startHub({ topic, signal, maxRingBytes: 10_000, maxCatchUp: 5_000 })
  const sent: Sent[] = []
  let room = true
  let onRoom = () => {}
  const output: Output = {
    hasRoom: () => room,
    whenRoom(listener) {
      onRoom = listener
      return () => {}
    },
    send: (cursor, { kind }) => void sent.push({ kind, cursor }),
    sendEvent: (cursor, { offset }) => void sent.push({ kind: 'event', cursor, offset }),
    together: (act) => act(),
  }
  const follower = new Follower({ hub, channels: [channel], signal })
  const outages = createOutageLog({ logger: silentLogger, began: 'waits', ended: 'continues' })
  const ended = tail({ hub, follower, channels: [channel], output, signal, outages })
  return {
    append,
    sent,
    ended,
    get end() {
      return end
    },
    setRoom(is: boolean) {
      room = is
      if (is) onRoom()
    },
    arrived: () => expect.poll(() => hub.heads[0]).toBe(end),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await hub.done
    },
  }
}

const foreign = (count: number) => Array<string>(count).fill('busy')

test('a client of a quiet channel misses nothing and need not resync, however much passes on others', async () => {
  await using client = await openTail()
  await expect.poll(() => client.sent.at(-1)?.kind).toBe('live')
  for (let round = 0; round < 20; round++) {
    await client.append(foreign(2_500))
    if (round % 5 === 4) await client.append(['quiet', ...foreign(2_500)])
    await client.arrived()
  }
  const quiet = [12_501, 27_502, 42_503, 57_504]
  await expect.poll(() => client.sent.flatMap(({ offset }) => offset ?? [])).toEqual(quiet)
})

test('a client of a quiet channel has a cursor that can be continued at any time', async () => {
  await using client = await openTail()
  await expect.poll(() => client.sent.at(-1)?.kind).toBe('live')
  for (let round = 0; round < 50; round++) {
    await client.append(foreign(500))
    await client.arrived()
    const cursorIsFresh = () => client.end - decodeCursor(client.sent.at(-1)?.cursor)!.offsets[0]!
    await expect.poll(cursorIsFresh).toBeLessThan(5_000)
  }
  expect(new Set(client.sent.map(({ kind }) => kind))).toEqual(new Set(['live', 'checkpoint']))
})

test('a client without room is not moved past an event that it has not taken', async () => {
  await using client = await openTail()
  await expect.poll(() => client.sent.at(-1)?.kind).toBe('live')
  client.setRoom(false)
  await client.append(['quiet', ...foreign(600)])
  await client.arrived()
  await client.append(['quiet', ...foreign(200)])
  await client.arrived()
  client.setRoom(true)
  await expect.poll(() => client.sent.flatMap(({ offset }) => offset ?? [])).toEqual([1, 602])
})
