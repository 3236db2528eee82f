import { headers, type NatsConnection } from 'nats'
import { keys, partitions, payload, type } from '../../sample-event.ts'
import type { Contender } from '../contender.ts'
import { openStreams } from '../open-streams.ts'

const body = Buffer.from(payload)
const chunksInFlight = 4

/**
 * The limit: messages from memory by the client's plain `publish`, with Commitcast's headers and expected sequences, one
 * acknowledgement per chunk of `size`. No database.
 */
export function rawChain(size: number): Contender {
  return {
    async seed() {},
    async prepare({ natsUrl, name, events }) {
      const { nc, subject } = await openStreams(natsUrl, name)
      const each = Math.ceil(events / partitions)
      return {
        async carry() {
          const chains = Array.from({ length: partitions }, (_, partition) =>
            publishChain(nc, subject(partition, type), { each, size }),
          )
          await Promise.all(chains)
        },
        stop: () => nc.close(),
      }
    },
  }
}

async function publishChain(nc: NatsConnection, subject: string, { each, size }: { each: number; size: number }) {
  const answers: ReturnType<NatsConnection['request']>[] = []
  for (let after = 0; after < each; after += size) {
    const count = Math.min(size, each - after)
    for (let index = 0; index < count; index++) {
      const fields = headersOf(after + index)
      if (index < count - 1) nc.publish(subject, body, { headers: fields })
      else answers.push(nc.request(subject, body, { headers: fields, timeout: 30_000 }))
    }
    if (answers.length >= chunksInFlight) await checked(answers.shift()!)
  }
  await Promise.all(answers.map(checked))
}

function headersOf(after: number) {
  const fields = headers()
  fields.set('Nats-Expected-Last-Sequence', String(after))
  fields.set('id', '0190b7a5-0000-7000-8000-000000000001')
  fields.set('key', `key-${after % keys}`)
  fields.set('time', '2026-01-01T00:00:00.000Z')
  fields.set('tx', '123456')
  return fields
}

async function checked(answer: ReturnType<NatsConnection['request']>): Promise<void> {
  const { error } = (await answer).json<{ error?: unknown }>()
  if (error) throw new Error(`JetStream refused a chunk: ${JSON.stringify(error)}`)
}
