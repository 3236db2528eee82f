import { aborted } from '@commitcast/worker'
import { runProcess } from 'commitcast/process'
import { answerQuestions } from './answer-questions.ts'
import { checkStream } from './clients/check-stream.ts'
import { openLiveClient } from './clients/live-client.ts'
import { planClients } from './clients/plan-clients.ts'
import { readExpected } from './clients/read-expected.ts'
import { patiently } from './patiently.ts'
import { createRandom } from './random.ts'

/** What a process of clients is given. */
export interface ClientsConfig {
  /** The server's own address. */
  readonly databaseUrl: string
  readonly url: string
  /** Where clients connect that are slow. */
  readonly slowUrl: string
  readonly seed: number
  /** Which of these processes this is. */
  readonly number: number
}

/** How a process's clients are. */
export interface ClientsStanding {
  readonly clients: number
  /** How many were ever told `live`. */
  readonly live: number
  readonly events: number
}

/** What is wrong with their streams, added up. */
export interface ClientsFound extends ClientsStanding {
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly resyncs: number
  /** How often clients were told to resync because of a new epoch. */
  readonly newEpochs: number
  readonly failovers: number
  readonly reconnects: number
  /** Clients that got no event at all. */
  readonly silent: number
  readonly examples: readonly string[]
}

const maxExamples = 3
const outageMs = 20_000

await runProcess('clients', async (context) => {
  const { signal, logger } = context
  const { databaseUrl, url, slowUrl, seed, number } = JSON.parse(process.argv[2] ?? '{}') as ClientsConfig
  const calming = new AbortController()
  const random = createRandom(seed, 5_000 + number)
  const clients = planClients(random).map((plan, index) =>
    openLiveClient(plan, {
      url: plan.temper === 'slow' ? slowUrl : url,
      random: createRandom(seed, 6_000 + 100 * number + index),
      calm: calming.signal,
      logger,
    }),
  )
  let expected: Awaited<ReturnType<typeof readExpected>> | undefined
  const sum = (of: (client: (typeof clients)[number]) => number) =>
    clients.reduce((total, client) => total + of(client), 0)
  const standing = (): ClientsStanding => ({
    clients: clients.length,
    live: sum(({ record }) => Number(record.isLive)),
    events: sum(({ record }) => record.events),
  })
  answerQuestions(context, {
    standing: async () => standing(),
    calm: async () => calming.abort(),
    async check(): Promise<ClientsFound> {
      const plans = clients.map(({ plan }) => plan)
      expected ??= await patiently(() => readExpected(databaseUrl, plans), { ms: outageMs, signal, logger })
      const due = expected
      const found = clients.map(({ plan, record }) => ({ plan, ...checkStream(record, due.get(plan)!) }))
      const count = (kind: 'lost' | 'duplicated' | 'outOfOrder') =>
        found.reduce((total, { [kind]: words }) => total + words.length, 0)
      return {
        ...standing(),
        lost: count('lost'),
        duplicated: count('duplicated'),
        outOfOrder: count('outOfOrder'),
        resyncs: sum(({ record }) => record.resyncs),
        newEpochs: sum(({ record }) => record.newEpochs),
        failovers: sum(({ record }) => record.failovers),
        reconnects: sum(({ reconnects }) => reconnects()),
        silent: sum(({ record }) => Number(record.events === 0)),
        examples: found.flatMap(({ plan, lost, duplicated, outOfOrder }) =>
          Object.entries({ lost, duplicated, outOfOrder }).flatMap(([kind, all]) =>
            all.slice(0, maxExamples).map((words) => `clients ${kind}: ${number}, ${plan.name}: ${words}`),
          ),
        ),
      }
    },
  })
  await aborted(signal)
  calming.abort()
  await Promise.all(clients.map((client) => client.close()))
})
