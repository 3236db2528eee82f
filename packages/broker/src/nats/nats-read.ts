import { createBackoff } from '@commitcast/worker'
import { type Message, type ReadOptions, readDefaults } from '../broker.ts'
import { BrokerUnavailable } from '../errors.ts'
import { checkPlace } from './nats-place.ts'
import { createPull } from './nats-pull.ts'
import type { Source, Start } from './nats-source.ts'

/**
 * Reads one stream by pulls on a consumer without acknowledgements, which lives in the server's memory for as long as
 * it is pulled from. At most `maxBatch` messages and `maxBytes` are asked for ahead. Whatever breaks (connection, server, leader, a message
 * that did not arrive) ends that consumer; the next one starts after the last message that was handed out, once it is
 * known that the stream is still the same and has what comes next.
 */
export async function* readStream(
  source: Source,
  { partition, after }: Start,
  options: ReadOptions,
): AsyncGenerator<readonly Message[]> {
  const { nc } = source.connection
  const { signal, onOutage } = options
  let lastId: string | undefined
  const backoff = createBackoff({ firstMs: 20, maxMs: 1_000 })
  let isOut = false
  for (let next = after; !signal.aborted; ) {
    const pull = createPull(source, { partition, after: next }, { ...readDefaults, ...options })
    try {
      await pull.open(await checkPlace(source.streams, { partition, after: next }, lastId))
      if (isOut) onOutage?.()
      isOut = false
      for (let batch = await pull.take(); batch; batch = await pull.take()) {
        backoff.reset()
        next += batch.length
        lastId = batch.at(-1)?.id
        yield batch
      }
    } catch (error) {
      if (nc.isClosed()) return
      if (!(error instanceof BrokerUnavailable)) throw error
      isOut = true
      onOutage?.(error)
    } finally {
      pull.close()
    }
    await backoff.wait(signal)
  }
}
