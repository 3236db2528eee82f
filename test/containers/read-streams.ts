import { connect, type JsMsg } from 'nats'
import type { Sighting } from './count-faults.ts'

/** An event as it lies on NATS. */
export interface StoredEvent extends Sighting {
  readonly id: string
  readonly body: unknown
}

/** All that a topic's first epoch holds, a list for each partition, read with nothing but the `nats` package. */
export async function readStreams(natsUrl: string, { topic, partitions }: { topic: string; partitions: number }) {
  const nc = await connect({ servers: natsUrl })
  try {
    const jsm = await nc.jetstreamManager()
    const readStream = async (stream: string): Promise<StoredEvent[]> => {
      const { messages } = (await jsm.streams.info(stream)).state
      const stored: StoredEvent[] = []
      if (messages === 0) return stored
      const consumer = await nc.jetstream().consumers.get(stream)
      for await (const message of await consumer.consume()) {
        stored.push(readEvent(message))
        if (message.info.pending === 0) break
      }
      return stored
    }
    return await Promise.all(Array.from({ length: partitions }, (_, p) => readStream(`${topic}-1_${p}`)))
  } finally {
    await nc.close()
  }
}

/** `<topic>.<epoch>.<partition>.<type>`; a type has a dot of its own. */
function readEvent(message: JsMsg): StoredEvent {
  const header = (name: string) => message.headers?.get(name) ?? ''
  const type = message.subject.split('.').slice(3).join('.')
  return { id: header('id'), key: header('key'), type, body: message.json() }
}
