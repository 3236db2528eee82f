import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BadOption, commandOf, helpText, type Options, readOptions } from './options.ts'
import { isAsExpected, reportOf, tableOf } from './report.ts'
import { runTorture } from './run-torture.ts'

const lateMs = 240_000
/** On a machine that is busy, faults take that much longer than was planned. */
const slowness = 3
const lastLines = 12

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const options = optionsOrExit(args)
  if (options.help) {
    process.stdout.write(helpText)
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'commitcast-torture-'))
  const about = `Seed ${options.seed}. Command: ${commandOf(options)}. Logs of the processes: ${folder}`
  const fail = (words: string): never => {
    process.stderr.write(`${words}\n${endOf(join(folder, 'torture.log'))}\n${about}\n`)
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => fail(`Ended by ${signal}.`))
  setTimeout(() => fail('The torture did not come to its end in time.'), options.seconds * slowness * 1_000 + lateMs)
  process.stderr.write(`${about}\n`)
  try {
    if (!(await tortured(options, folder))) fail('The torture did not end as it should.')
    await rm(folder, { recursive: true, force: true })
  } catch (error) {
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  process.exit()
}

/** Says whether the run showed what it was to show. */
async function tortured(options: Options, folder: string): Promise<boolean> {
  const { json } = options
  const say = json ? () => {} : (words: string) => void process.stdout.write(`${words}\n`)
  const outcome = await runTorture(options, { say, folder })
  const report = reportOf(options, outcome)
  const ok = isAsExpected(report)
  const examples = [...outcome.verdict.examples, ...(outcome.clients?.examples ?? [])]
  if (!ok || !json) for (const example of examples) process.stderr.write(`${example}\n`)
  for (const words of outcome.crashes) process.stderr.write(`${words}\n`)
  if (outcome.news.stoodStill > 0) process.stderr.write(`Partitions stood still ${outcome.news.stoodStill} times.\n`)
  process.stdout.write(`${json ? JSON.stringify(report) : tableOf(report)}\n`)
  return ok
}

/** The last lines of the run's own log. */
function endOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lastLines).join('\n')
  } catch {
    return 'It had not begun.'
  }
}

function optionsOrExit(args: readonly string[]): Options {
  try {
    return readOptions(args)
  } catch (error) {
    if (!(error instanceof BadOption)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}
