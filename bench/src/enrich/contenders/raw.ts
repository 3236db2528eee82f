import { AckPolicy, createInbox, type Msg, type NatsConnection } from 'nats'
import { openStreams } from '../../relay/open-streams.ts'
import { partitions, type } from '../../sample-event.ts'
import { type Contender, eventsStream, liveStreams, type Place } from '../contender.ts'

/**
 * The limit: consumes by the client's plain subscription, pushed by the server without acknowledgements, and publishes
 * each message as it is by the plain `publish`, chained by its expected sequence, one acknowledgement per chunk of `size`.
 * No look-up, no database, nothing decoded but the headers.
 */
export function raw(size: number): Contender {
  return {
    async prepare(place) {
      const { nc, subject } = await openStreams(place.natsUrl, liveStreams(place))
      const copies = await Promise.all(
        Array.from({ length: partitions }, (_, partition) =>
          prepareCopy(nc, place, { partition, subject: subject(partition, type), size }),
        ),
      )
      return {
        async carry() {
          await Promise.all(copies.map((copy) => copy()))
        },
        stop: () => nc.close(),
      }
    },
  }
}

interface Copy {
  readonly partition: number
  readonly subject: string
  readonly size: number
}

async function prepareCopy(nc: NatsConnection, place: Place, { partition, subject, size }: Copy) {
  const jsm = await nc.jetstreamManager()
  const source = eventsStream(place, partition)
  const end = (await jsm.streams.info(source)).state.last_seq
  const inbox = createInbox()
  const published = Promise.withResolvers<void>()
  const answers: Promise<Msg>[] = []
  let seen = 0
  nc.subscribe(inbox, {
    callback: (error, msg) => {
      if (error) return published.reject(error)
      // The header says where it belongs: the same place in the one stream as in the other.
      const options = { headers: msg.headers! }
      seen++
      if (seen % size !== 0 && seen < end) nc.publish(subject, msg.data, options)
      else answers.push(nc.request(subject, msg.data, { ...options, timeout: 30_000 }))
      if (seen === end) published.resolve()
    },
  })
  return async () => {
    if (end === 0) return
    await jsm.consumers.add(source, { deliver_subject: inbox, ack_policy: AckPolicy.None, mem_storage: true })
    await published.promise
    for (const answer of answers) check(await answer)
  }
}

function check(answer: Msg): void {
  const { error } = answer.json<{ error?: unknown }>()
  if (error) throw new Error(`JetStream refused a chunk: ${JSON.stringify(error)}`)
}
