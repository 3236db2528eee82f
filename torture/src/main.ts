import { BadOption, helpText, type Options, readOptions } from './options.ts'
import { isAsExpected, reportOf, tableOf } from './report.ts'
import { forget, runTorture } from './run-torture.ts'

const lateMs = 300_000

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const options = optionsOrExit(args)
  if (options.help) {
    process.stdout.write(helpText)
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const watchdog = setTimeout(
    () => fail('The torture did not come to its end in time.'),
    options.seconds * 1_000 + lateMs,
  )
  try {
    process.exitCode = (await tortured(options)) ? 0 : 1
  } catch (error) {
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  clearTimeout(watchdog)
  process.exit()
}

async function tortured(options: Options): Promise<boolean> {
  const { json, seed, seconds, broker, sabotage, withStream, withLive } = options
  const say = json ? () => {} : (words: string) => void process.stdout.write(`${words}\n`)
  say(
    `seed ${seed}, ${seconds} s on ${broker}${withLive ? ', with live' : withStream ? ', with stream' : ''}${sabotage ? `, ${sabotage}` : ''}`,
  )
  const outcome = await runTorture(options, { say })
  const report = reportOf(options, outcome)
  const ok = isAsExpected(report)
  const examples = [...outcome.verdict.examples, ...(outcome.clients?.examples ?? [])]
  if (!ok || !json) for (const example of examples) process.stderr.write(`${example}\n`)
  for (const words of outcome.crashes) process.stderr.write(`${words}\n`)
  if (outcome.news.stoodStill > 0) process.stderr.write(`Partitions stood still ${outcome.news.stoodStill} times.\n`)
  if (ok && outcome.crashes.length === 0) await forget(outcome)
  else process.stderr.write(`Logs of the processes: ${outcome.folder}\n`)
  process.stdout.write(`${json ? JSON.stringify(report) : tableOf(report)}\n`)
  return ok
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

function fail(words: string): never {
  process.stderr.write(`${words}\n`)
  process.exit(1)
}
