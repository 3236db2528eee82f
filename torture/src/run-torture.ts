import { appendFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, untilItWorks } from '@commitcast/worker'
import type { Verdict } from './checker/check-everything.ts'
import type { CheckerConfig, Progress } from './checker.ts'
import { type Child, startChild } from './child.ts'
import type { ClientsFound } from './clients.ts'
import { startEdge } from './edge.ts'
import { copyData } from './faults/lose-tail.ts'
import { type FaultCounts, planFaults } from './faults/plan-faults.ts'
import { publishStray } from './faults/publish-stray.ts'
import { runFaults } from './faults/run-faults.ts'
import type { Options } from './options.ts'
import { createRelayNews, type RelayNews } from './relay-news.ts'
import { rolesOf, startCrews } from './start-crews.ts'
import { partitions, type Servers, startServers } from './start-servers.ts'
import { startWriters } from './start-writers.ts'
import { drained } from './wait-until-drained.ts'

export interface Outcome {
  readonly verdict: Verdict
  readonly news: RelayNews
  /** Which processes ended without having been asked, and how. */
  readonly crashes: readonly string[]
  readonly faults: FaultCounts
  /** With live: what the clients found. */
  readonly clients?: ClientsFound
  /** Logs of the processes. */
  readonly folder: string
}

export interface Listener {
  /** A line for people. */
  say(words: string): void
}

const app = 'torture'
const leaseTtlMs = 1_500
const checkMs = 60_000
const progressMs = 3_000

/** One run, from empty servers to the verdict. Everything that it starts is gone at its end. */
export async function runTorture(options: Options, listener: Listener): Promise<Outcome> {
  const { seed, seconds, broker, sabotage, strays } = options
  // A tail that is put back would take the stray away.
  const losesTails = broker === 'nats' && !strays
  const patienceMs = sabotage === undefined && !strays ? 20_000 : 8_000
  const folder = await mkdtemp(join(tmpdir(), 'commitcast-torture-'))
  const effectsPath = join(folder, 'effects')
  const say = noting(join(folder, 'torture.log'), listener)
  await using stack = new AsyncDisposableStack()
  const servers = stack.use(await startServers(options))
  say(`Postgres: ${servers.postgres.origin}; broker: ${servers.brokerServer.origin}; logs: ${folder}`)
  const { news, hear: hearRelay } = createRelayNews()
  const edge = options.withLive ? stack.use(await startEdge()) : undefined
  const crewsOptions = { app, leaseTtlMs, folder, effectsPath, hearRelay, hearApi: edge?.hear ?? (() => {}) }
  const { all: crews } = stack.use(await startCrews(servers, options, crewsOptions))
  const checker = startChild('checker', {
    name: 'checker',
    config: checkerConfig(servers, options, effectsPath),
    folder,
  })
  stack.defer(() => checker.stop())
  await edge?.open({ databaseUrl: servers.databaseUrl, seed, folder })
  const writing = startWriters({ databaseUrl: servers.databaseUrl, seed, isLight: options.withLive, folder })
  stack.defer(() => writing.stop())

  const told = tellProgress(checker, say)
  stack.defer(told.stop)
  const scene = { servers, crews, leaseTtlMs, folder, stored: () => storedBy(checker), ...(edge && { edge }) }
  const plan = planFaults({ seed, seconds, losesTails, roles: rolesOf(options) })
  const run = runFaults(plan, { scene, seed, onFault: (kind) => say(`  ${kind}`) })
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
  await writing.stop()
  say('faults and writers are done; waiting for the rest to arrive')
  await drained(checker, { patienceMs })
  if (copy) {
    say('  brokerTailLost, with nobody writing')
    await copy.putBack()
    await drained(checker, { patienceMs })
  }
  const clients = await edge?.check(patienceMs)
  const verdict = await checker.ask<Verdict>('check', checkMs)
  const crashes = crews.flatMap((crew) => crew.crashes)
  return { verdict, news, crashes, faults: run.counts, ...(clients && { clients }), folder }
}

/** What is said goes into the folder as well, with the time, to be held against the logs of the processes. */
function noting(path: string, { say }: Listener): Listener['say'] {
  return (words) => {
    appendFileSync(path, `${new Date().toISOString()} ${words}\n`)
    say(words)
  }
}

/** Removes the logs of a run that nobody has to look into. */
export async function forget({ folder }: Outcome): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

function checkerConfig(
  { databaseUrl, brokerUrl }: Servers,
  { broker, withStream }: Options,
  effectsPath: string,
): CheckerConfig {
  return { databaseUrl, broker, brokerUrl, app, partitions, ...(withStream && { effectsPath }) }
}

async function storedBy(checker: Child): Promise<number | undefined> {
  const progress = await checker.ask<Progress>('progress', 5_000).catch(() => undefined)
  return progress?.stored ?? undefined
}

function tellProgress(checker: Child, say: Listener['say']): { stop(): void } {
  const stopping = new AbortController()
  void (async () => {
    while (!stopping.signal.aborted) {
      await sleep(progressMs, stopping.signal)
      const progress = await checker.ask<Progress>('progress', 5_000).catch(() => undefined)
      if (progress) say(toldOf(progress))
    }
  })()
  return { stop: () => stopping.abort() }
}

function toldOf({ committed, stored, followed }: Progress): string {
  const all = Object.entries({ committed, stored, ...followed })
  return all.map(([name, count]) => `${name} ${count ?? '?'}`).join(', ')
}
