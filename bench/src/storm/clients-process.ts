import { runProcess } from 'commitcast/process'
import { answerParent } from '../child/answer-parent.ts'
import { openReturningClient } from './returning-client.ts'

export interface FollowRequest {
  readonly port: number
  readonly clients: number
}

/** How the clients stand, all together. */
export interface Standing {
  readonly live: number
  /** How many have had all events that they should have. */
  readonly complete: number
  readonly lost: number
  readonly duplicated: number
  readonly resyncs: number
}

const atOnce = 50

/** Many clients in one process that come back by themselves when their connection breaks. */
await runProcess('storm clients', async ({ signal }) => {
  const clients: ReturnType<typeof openReturningClient>[] = []
  await answerParent(signal, {
    async follow({ port, clients: wanted }: FollowRequest) {
      while (clients.length < wanted) {
        const more = Array.from({ length: Math.min(atOnce, wanted - clients.length) }, () => openReturningClient(port))
        await Promise.all(more.map(({ firstLive }) => firstLive))
        clients.push(...more)
      }
    },
    async standing(events: number): Promise<Standing> {
      const sum = (of: (client: (typeof clients)[number]) => number) =>
        clients.reduce((total, client) => total + of(client), 0)
      return {
        live: sum(({ isLive }) => Number(isLive)),
        complete: sum((client) => Number(client.distinct === events)),
        lost: sum((client) => events - client.distinct),
        duplicated: sum((client) => client.events - client.distinct),
        resyncs: sum((client) => client.resyncs),
      }
    },
  })
  process.exit(0)
})
