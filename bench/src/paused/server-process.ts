import { logName, type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { runProcess } from 'commitcast/process'
import { answerParent } from '../child/answer-parent.ts'
import { heldBytes } from '../fanout/held-bytes.ts'
import { liveMessageOf, placeOf } from '../fanout/sample-live.ts'
import { serveTopic } from '../fanout/serve-topic.ts'
import { partitions } from '../sample-event.ts'

/** What the topic in memory keeps of each partition: a broker would keep it elsewhere. */
const keptMessages = 100

/** What a server process is given. */
export interface ServerConfig {
  /** How fast events pass: slow enough for a client at work to stay in the ring. */
  readonly perSecond: number
}

/** A hub and its clients' server; events of 10 kB pass when it is asked. */
await runProcess('paused server', async ({ signal }) => {
  const { perSecond } = JSON.parse(process.argv[2] ?? '{}') as ServerConfig
  const options = { name: 'bench-live', epoch: 1, partitions }
  const storage: MemoryStorage = new Map()
  const topic = await memoryBroker(storage).topic(options)
  const { port, followers } = await serveTopic(topic)
  let made = 0
  const forgetOld = (partition: number) => {
    const log = storage.get(logName(options, partition))!
    if (log.messages.length < 2 * keptMessages) return
    log.forgotten += log.messages.splice(0, log.messages.length - keptMessages).length
  }
  await answerParent(signal, {
    port: async () => port,
    followers: async () => followers(),
    held: heldBytes,
    async pass(events: number) {
      const first = made
      const startedAt = performance.now()
      for (const last = made + events; made < last; ) {
        const { partition, offset } = placeOf(++made)
        await topic.append(partition, offset - 1, [
          liveMessageOf(made, { at: new Date(made), note: 'x'.repeat(10_000) }),
        ])
        forgetOld(partition)
        const waitMs = startedAt + ((made - first) * 1_000) / perSecond - performance.now()
        if (waitMs > 2) await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
    },
  })
  process.exit(0)
})
