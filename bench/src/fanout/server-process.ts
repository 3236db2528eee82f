import { runProcess } from 'commitcast/process'
import { answerParent } from '../child/answer-parent.ts'
import { type ContenderName, contenders } from './contenders.ts'
import { heldBytes } from './held-bytes.ts'
import type { Size } from './sample-live.ts'

/** What a server process is given. */
export interface ServerConfig {
  readonly contender: ContenderName
  readonly size: Size
}

/** How events come: `perSecond` of them, `together` at a time. */
export interface Flow {
  readonly events: number
  readonly perSecond: number
  readonly together: number
}

await runProcess('fanout server', async ({ signal }) => {
  const { contender, size } = JSON.parse(process.argv[2] ?? '{}') as ServerConfig
  const serving = await contenders[contender].serve(size)
  let published = 0
  let cpu = process.cpuUsage()
  await answerParent(signal, {
    port: async () => serving.port,
    followers: async () => serving.followers,
    held: heldBytes,
    async publish({ events, perSecond, together }: Flow) {
      cpu = process.cpuUsage()
      const startedAt = performance.now()
      for (let sent = 0; sent < events; sent += together) {
        const waitMs = startedAt + (sent * 1_000) / perSecond - performance.now()
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
        await Promise.all(Array.from({ length: together }, () => serving.publish(++published)))
      }
    },
    /** CPU seconds since `publish` was asked. */
    async cpuSeconds() {
      const { user, system } = process.cpuUsage(cpu)
      return (user + system) / 1e6
    },
  })
  // Sockets that are open keep a process alive.
  process.exit(0)
})
