import { sleep } from '@commitcast/worker'
import { runProcess } from 'commitcast/process'
import pg from 'pg'
import { answerQuestions } from './answer-questions.ts'
import { buy } from './purchases/buy.ts'
import { createRandom } from './random.ts'
import type { WriterConfig } from './writer.ts'

const stream = 9_000
const restMs = 20
const betweenMs = 25

await runProcess('customers', async (context) => {
  const { signal } = context
  const { databaseUrl, seed, number, connections } = JSON.parse(process.argv[2] ?? '{}') as WriterConfig
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections, application_name: 'torture-customers' })
  pool.on('error', () => {})
  let isResting = false
  answerQuestions(context, {
    async rest() {
      isResting = true
    },
    async write() {
      isResting = false
    },
  })
  const mayWrite = async () => {
    while (isResting && !signal.aborted) await sleep(restMs, signal)
  }
  await buy({ name: `c${number}`, pool, random: createRandom(seed, stream + number), signal, mayWrite }, { betweenMs })
  await pool.end()
})
