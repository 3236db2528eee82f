import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, untilItWorks } from '@commitcast/worker'
import type { Verdict } from './checker/check-everything.ts'
import type { CheckerConfig, Progress } from './checker.ts'
import { type Child, startChild } from './child.ts'
import { copyData } from './faults/lose-tail.ts'
import { planFaults } from './faults/plan-faults.ts'
import { publishStray } from './faults/publish-stray.ts'
import { type FaultCounts, runFaults } from './faults/run-faults.ts'
import type { Options } from './options.ts'
import type { RelayConfig } from './relay.ts'
import { type RelayNews, startRelayCrew } from './relay-crew.ts'
import { partitions, type Servers, startServers } from './start-servers.ts'
import { drained } from './wait-until-drained.ts'
import type { WriterConfig } from './writer.ts'

export interface Outcome {
  readonly verdict: Verdict
  readonly news: RelayNews
  readonly faults: FaultCounts
  /** Logs of the processes. */
  readonly folder: string
}

export interface Listener {
  /** A line for people. */
  say(words: string): void
}

const app = 'torture'
const leaseTtlMs = 1_500
const relays = 3
const writers = 3
const connections = 8
const checkMs = 60_000
const progressMs = 3_000

/** One run, from empty servers to the verdict. Everything that it starts is gone at its end. */
export async function runTorture(options: Options, { say }: Listener): Promise<Outcome> {
  const { seed, seconds, broker, sabotage, strays } = options
  // A tail that is put back would take the stray away.
  const losesTails = broker === 'nats' && !strays
  const patienceMs = sabotage === undefined && !strays ? 20_000 : 8_000
  const folder = await mkdtemp(join(tmpdir(), 'commitcast-torture-'))
  await using stack = new AsyncDisposableStack()
  const servers = stack.use(await startServers(options))
  say(`Postgres: ${servers.postgres.origin}; broker: ${servers.brokerServer.origin}; logs: ${folder}`)
  const crew = startRelayCrew(relays, { config: relayConfig(servers, options), folder })
  stack.defer(() => crew.stop())
  const checker = startChild('checker', { name: 'checker', config: checkerConfig(servers, options), folder })
  stack.defer(() => checker.stop())
  const writing = Array.from({ length: writers }, (_, number) => {
    const config: WriterConfig = { databaseUrl: servers.databaseUrl, seed, number, connections }
    return startChild('writer', { name: `writer-${number}`, config, folder })
  })
  const stopWriting = () => Promise.all(writing.map((writer) => writer.stop()))
  stack.defer(async () => void (await stopWriting()))

  const told = tellProgress(checker, say)
  stack.defer(told.stop)
  const scene = { servers, crew, leaseTtlMs, folder, stored: () => storedBy(checker) }
  const run = runFaults(planFaults({ seed, seconds, losesTails }), { scene, seed, onFault: (kind) => say(`  ${kind}`) })
  if (strays) {
    await sleep(seconds * 500)
    say('  somebody else writes')
    await untilItWorks(() => publishStray(servers, app), {
      signal: AbortSignal.timeout(30_000),
      onError: (error) => say(`  ${String(error)}`),
    })
  }
  await run.done
  const copy = losesTails && sabotage === undefined ? await copyData(servers.brokerServer, folder) : undefined
  await stopWriting()
  say('faults and writers are done; waiting for the rest to arrive')
  await drained(checker, { patienceMs })
  if (copy) {
    say('  brokerTailLost, with nobody writing')
    await copy.putBack()
    await drained(checker, { patienceMs })
  }
  const verdict = await checker.ask<Verdict>('check', checkMs)
  return { verdict, news: crew.news, faults: run.counts, folder }
}

/** Removes the logs of a run that nobody has to look into. */
export async function forget({ folder }: Outcome): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

function relayConfig({ databaseProxy, brokerProxy }: Servers, { broker, sabotage }: Options): RelayConfig {
  const [databaseUrl, brokerUrl] = [databaseProxy.url, brokerProxy.url]
  return { databaseUrl, broker, brokerUrl, app, leaseTtlMs, maxPage: 1_000, ...(sabotage && { sabotage }) }
}

function checkerConfig({ databaseUrl, brokerUrl }: Servers, { broker }: Options): CheckerConfig {
  return { databaseUrl, broker, brokerUrl, app, partitions }
}

async function storedBy(checker: Child): Promise<number | undefined> {
  const progress = await checker.ask<Progress>('progress', 5_000).catch(() => undefined)
  return progress?.stored
}

function tellProgress(checker: Child, say: Listener['say']): { stop(): void } {
  const stopping = new AbortController()
  void (async () => {
    while (!stopping.signal.aborted) {
      await sleep(progressMs, stopping.signal)
      const progress = await checker.ask<Progress>('progress', 5_000).catch(() => undefined)
      if (progress) say(`committed ${progress.committed ?? '?'}, stored ${progress.stored ?? '?'}`)
    }
  })()
  return { stop: () => stopping.abort() }
}
