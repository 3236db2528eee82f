import { parseArgs } from 'node:util'
import { runRelayBench } from './relay-bench.ts'

const usage = 'npm run bench -- relay [--json] [--rounds 5] [--events 50000]'

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      events: { type: 'string', default: '50000' },
    },
  })
  if (positionals.join() !== 'relay')
    throw new TypeError(`There is the bench "relay", not ${JSON.stringify(positionals.join(' '))}.`)
  const onLine = (line: string) => process.stderr.write(`${line}\n`)
  const result = await runRelayBench({
    rounds: whole('--rounds', values.rounds),
    events: whole('--events', values.events),
    onLine,
  })
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    console.table(result.rows)
    console.table(result.ratios)
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nUsage: ${usage}\n`)
  process.exitCode = error instanceof TypeError || error instanceof RangeError ? 2 : 1
}

function whole(option: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new RangeError(`${option} is ${JSON.stringify(text)}: take a whole number from 1 on.`)
}
