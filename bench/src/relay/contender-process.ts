import { runProcess } from 'commitcast/process'
import { carryTimed } from '../carry-timed.ts'
import { answerParent } from '../child/answer-parent.ts'
import type { Contender, Place } from './contender.ts'
import { commitcast } from './contenders/commitcast.ts'
import { graphileWorker } from './contenders/graphile-worker.ts'
import { naive, naiveAll } from './contenders/naive.ts'
import { pgTransactionalOutbox } from './contenders/pg-transactional-outbox.ts'
import { pgTransactionalOutboxReplication } from './contenders/pg-transactional-outbox-replication.ts'
import { rawChain } from './contenders/raw-chain.ts'

const contenders = {
  commitcast,
  'raw-250': rawChain(250),
  'raw-500': rawChain(500),
  'raw-1000': rawChain(1_000),
  naive,
  'naive-all': naiveAll,
  'pg-transactional-outbox': pgTransactionalOutbox,
  'pg-transactional-outbox-replication': pgTransactionalOutboxReplication,
  'graphile-worker': graphileWorker,
} satisfies Record<string, Contender>

export type ContenderName = keyof typeof contenders

await runProcess('contender', async ({ signal }) => {
  const contender: Contender = contenders[JSON.parse(process.argv[2] ?? '""') as ContenderName]
  await answerParent(signal, {
    async carry(place: Place) {
      await contender.seed(place)
      return await carryTimed(await contender.prepare(place))
    },
  })
})
