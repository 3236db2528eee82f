import type { Topic } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { encodeLiveMessage } from '@commitcast/events'
import { expect, test } from 'vitest'
import { createLiveDecoder } from './live-decoder.ts'
import { createLogCache } from './log-cache.ts'

async function fill(topic: Topic, sizes: readonly number[]): Promise<void> {
  const messages = sizes.map((size, index) => {
    const place = { offset: index + 1, id: `id-${index}` }
    const plain = { ...place, type: 'a', key: 'k', time: '', tx: '1', headers: {}, body: `"${'x'.repeat(size)}"` }
    return encodeLiveMessage(plain, { metadata: {}, channels: ['all'] })
  })
  await topic.append(0, 0, messages)
}

test('chunks are shorter where messages are large, and long again behind them', async () => {
  const topic = await memoryBroker().topic({ name: 't', epoch: 1, partitions: 1 })
  const sizes = [...Array<number>(200).fill(50_000), ...Array<number>(10_000).fill(100)]
  await fill(topic, sizes)
  const { signal } = new AbortController()
  const decoder = createLiveDecoder({ epoch: 1 })
  const end = async () => sizes.length
  const logCache = createLogCache({
    keysOf: () => undefined,
    topic,
    headOf: () => sizes.length,
    lastOf: end,
    decoder,
    signal,
    maxBytes: 32_000_000,
  })
  const lengths: number[] = []
  for (let offset = 0; offset < sizes.length; ) {
    const chunk = await logCache.read(0, offset)
    const bytes = chunk.entries.slice(0, -1).reduce((sum, { message }) => sum + message.body.length, 0)
    expect(bytes).toBeLessThan(1_000_000)
    lengths.push(chunk.to - offset)
    logCache.release(chunk)
    offset = chunk.to
  }
  expect(Math.max(...lengths.slice(0, 5))).toBeLessThan(32)
  expect(lengths.at(-2)).toBe(1_024)
})
