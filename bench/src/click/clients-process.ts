import { runProcess } from 'commitcast/process'
import { answerParent } from '../child/answer-parent.ts'
import { createWallClock } from '../latency/wall-clock.ts'
import { type Arrival, openFollower } from './open-follower.ts'

export interface FollowRequest {
  readonly port: number
  /** One client for each. */
  readonly channels: readonly string[]
}

/** All clients, in one process. They note when each event came and was reduced. */
await runProcess('click clients', async ({ signal }) => {
  const now = createWallClock()
  let arrivals: Arrival[] = []
  let stops: (() => void)[] = []
  const onReduced = (arrival: Arrival) => void arrivals.push(arrival)
  await answerParent(signal, {
    /** Those that there were leave. Resolves when all are live. */
    async follow({ port, channels }: FollowRequest) {
      for (const stop of stops) stop()
      const open = channels.map((channel, client) => openFollower({ client, port, channel, now, onReduced }))
      stops = await Promise.all(open)
    },
    reduced: async () => arrivals.length,
    /** Hands over what was noted, and forgets it. */
    async arrivals(): Promise<readonly Arrival[]> {
      const noted = arrivals
      arrivals = []
      return noted
    },
  })
  process.exit(0)
})
