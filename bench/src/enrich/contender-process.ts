import { runProcess } from 'commitcast/process'
import { carryTimed } from '../carry-timed.ts'
import { answerParent } from '../child/answer-parent.ts'
import type { Contender, Place } from './contender.ts'
import { commitcast } from './contenders/commitcast.ts'
import { onePerTransaction } from './contenders/one-per-transaction.ts'
import { perEventQuery, perEventQueryAtOnce } from './contenders/per-event-query.ts'
import { projection } from './contenders/projection.ts'
import { raw } from './contenders/raw.ts'

const contenders = {
  raw: raw(500),
  commitcast,
  perEventQuery,
  perEventQueryAtOnce,
  projection,
  onePerTransaction,
} satisfies Record<string, Contender>

export type ContenderName = keyof typeof contenders

await runProcess('contender', async ({ signal }) => {
  const contender: Contender = contenders[JSON.parse(process.argv[2] ?? '""') as ContenderName]
  await answerParent(signal, { carry: async (place: Place) => carryTimed(await contender.prepare(place)) })
})
