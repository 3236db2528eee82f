import type { Message, Topic } from '../broker.ts'

export function makeMessages(first: number, count: number): Message[] {
  return range(first, first + count - 1).map(makeMessage)
}

export function makeMessage(offset: number): Message {
  return {
    offset,
    id: crypto.randomUUID(),
    type: 'thing.happened',
    key: `key-${offset % 3}`,
    time: new Date(1_700_000_000_000 + offset).toISOString(),
    tx: String(1_000 + offset),
    headers: {},
    body: JSON.stringify({ n: offset }),
  }
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

export function offsetsOf(messages: readonly Message[]): number[] {
  return messages.map((message) => message.offset)
}

interface Reading {
  readonly after?: number
  readonly until: number
  readonly ms?: number
}

/** Reads partition 0, or another, until it has come to an offset. */
export async function readUntil(topic: Topic, { after = 0, until, ms = 20_000 }: Reading, partition = 0) {
  const messages: Message[] = []
  for await (const batch of topic.read(partition, after, { signal: AbortSignal.timeout(ms) })) {
    messages.push(...batch)
    if ((messages.at(-1)?.offset ?? 0) >= until) break
  }
  return messages
}

/** Reads until the reading ends: with all that came, and the error that ended it. */
export async function readToTheEnd(batches: AsyncIterable<readonly Message[]>) {
  const messages: Message[] = []
  try {
    for await (const batch of batches) messages.push(...batch)
    return { messages, error: undefined }
  } catch (error) {
    return { messages, error }
  }
}
