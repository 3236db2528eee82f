import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '@commitcast/worker'
import type { Verdict } from './checker/check-everything.ts'
import type { Effects } from './checker/check-read-side.ts'
import type { CheckerConfig, Progress } from './checker.ts'
import { type Child, startChild } from './child.ts'
import type { ClientsFound } from './clients.ts'
import { drained, flowing, settled } from './drained.ts'
import { startEdge } from './edge.ts'
import { copyData } from './faults/lose-tail.ts'
import { bringForward, refillEndedEpochs } from './faults/operator.ts'
import { type FaultCounts, planFaults } from './faults/plan-faults.ts'
import { publishStray } from './faults/publish-stray.ts'
import { runFaults } from './faults/run-faults.ts'
import type { Options } from './options.ts'
import { patiently } from './patiently.ts'
import { createRelayNews, type RelayNews } from './relay-news.ts'
import { rolesOf, startCrews } from './start-crews.ts'
import { partitions, type Servers, startServers } from './start-servers.ts'
import { startWriters } from './start-writers.ts'
import { startWebhook } from './webhook.ts'

export interface Outcome {
  readonly verdict: Verdict
  readonly news: RelayNews
  /** Which processes ended without having been asked, how, and the ends of their logs. */
  readonly crashes: readonly string[]
  readonly faults: FaultCounts
  /** With live: what the clients found. */
  readonly clients?: ClientsFound
}

export interface Listener {
  /** An empty folder for logs of the processes. */
  readonly folder: string
  /** A line for people. */
  say(words: string): void
}

const app = 'torture'
const leaseTtlMs = 2_500
/** Outlives a crash of the database, so that workers keep what they have in memory. */
const longLeaseTtlMs = 30_000
const checkMs = 150_000
const progressMs = 3_000

/** One run, from empty servers to the verdict. Everything that it starts is gone at its end. */
export async function runTorture(options: Options, listener: Listener): Promise<Outcome> {
  const { seed, seconds, broker, sabotage, strays } = options
  // A tail that is put back would take the stray away.
  const losesTails = broker === 'nats' && !strays
  // A purchase waits for up to 8 s for an answer.
  const patienceMs = options.withProcesses || (sabotage === undefined && !strays) ? 20_000 : 8_000
  const { folder } = listener
  const effects = { path: join(folder, 'effects'), calledPath: join(folder, 'webhook-calls') }
  const say = noting(join(folder, 'torture.log'), listener)
  const crashes: string[] = []
  const onCrash = (words: string) => {
    say(words)
    crashes.push(words)
  }
  await using stack = new AsyncDisposableStack()
  const servers = stack.use(await startServers(options))
  say(`Postgres: ${servers.postgres.origin}; broker: ${servers.brokerServer.origin}`)
  const { news, hear: hearRelay } = createRelayNews()
  const edge = options.withLive ? stack.use(await startEdge()) : undefined
  const webhook = options.withStream ? stack.use(await startWebhook(effects.calledPath)) : undefined
  const given = { effectsPath: effects.path, webhookUrl: webhook?.url ?? '' }
  const crewsOptions = {
    app,
    leaseTtlMs: sabotage === 'offset-not-compared' ? longLeaseTtlMs : leaseTtlMs,
    folder,
    ...given,
    hearRelay,
    hearApi: edge?.hear ?? (() => {}),
    onCrash,
  }
  const { all: crews } = stack.use(await startCrews(servers, options, crewsOptions))
  const checker = startChild('checker', {
    name: 'checker',
    config: checkerConfig(servers, options, effects),
    ...{ folder, onCrash },
  })
  stack.defer(() => checker.stop())
  const { databaseUrl } = servers
  await edge?.open({ databaseUrl, seed, folder, onCrash })
  const { withLive, withProcesses } = options
  const isLight = withLive || withProcesses
  const writing = startWriters({ databaseUrl, seed, isLight, withCustomers: withProcesses, folder, onCrash })
  stack.defer(() => writing.stop())

  let known: Partial<Progress> = {}
  const told = followProgress(checker, (progress) => {
    say(toldOf(progress))
    known = { ...known, ...whatIsKnown(progress) }
    writing.keepPace(waitingIn(known))
  })
  stack.defer(told.stop)
  const scene = {
    ...{ app, servers, crews, leaseTtlMs, folder, writing },
    stored: () => storedBy(checker),
    settled: () => settled(checker),
    stoodStill: () => news.stoodStill,
    ...(webhook && { webhook }),
    ...(edge && { edge }),
  }
  const plan = planFaults({
    seed,
    seconds,
    losesTails,
    movesClock: servers.clock !== undefined,
    roles: rolesOf(options),
    only: options.only,
  })
  await flowing(checker)
  const run = runFaults(plan, { scene, seed, onFault: (kind) => say(`  ${kind}`) })
  if (strays) {
    await sleep(seconds * 500)
    say('  somebody else writes')
    await patiently(() => publishStray(servers, app), { ms: 30_000 })
  }
  await run.done
  const arrived = async () => {
    await refillEndedEpochs(servers, app).catch((error: unknown) => say(`not refilled: ${String(error)}`))
    if (withProcesses) await bringForward(servers)
    await drained(checker, { patienceMs })
  }
  const copy = losesTails && sabotage === undefined ? await copyData(servers.brokerServer, folder) : undefined
  await writing.stop()
  say('faults and writers are done; waiting for the rest to arrive')
  await arrived()
  if (copy) {
    say('  brokerTailLost, with nobody writing')
    await copy.putBack()
    await arrived()
  }
  const clients = await edge?.check(patienceMs)
  const verdict = await checker.ask<Verdict>('check', checkMs)
  return { verdict, news, crashes, faults: run.counts, ...(clients && { clients }) }
}

/** What is said goes into the folder as well, with the time, to be held against the logs of the processes. */
function noting(path: string, { say }: Listener): Listener['say'] {
  return (words) => {
    appendFileSync(path, `${new Date().toISOString()} ${words}\n`)
    say(words)
  }
}

function checkerConfig(
  { databaseUrl, brokerUrl }: Servers,
  { broker, withStream, withProcesses }: Options,
  effects: Effects,
): CheckerConfig {
  const withPurchases = withProcesses
  return { databaseUrl, broker, brokerUrl, app, partitions, withPurchases, ...(withStream && { effects }) }
}

async function storedBy(checker: Child): Promise<number | undefined> {
  const progress = await checker.ask<Progress>('progress', 5_000).catch(() => undefined)
  return progress?.stored ?? undefined
}

function followProgress(checker: Child, onProgress: (progress: Progress) => void): { stop(): void } {
  const stopping = new AbortController()
  void (async () => {
    while (!stopping.signal.aborted) {
      await sleep(progressMs, stopping.signal)
      const progress = await checker.ask<Progress>('progress', 5_000).catch(() => undefined)
      if (progress) onProgress(progress)
    }
  })()
  return { stop: () => stopping.abort() }
}

/** In an outage a count is null: what was counted before it is still true. */
function whatIsKnown(progress: Progress): Partial<Progress> {
  return Object.fromEntries(Object.entries(progress).filter(([, count]) => count !== null))
}

/** How many events have not come to the end of the way, as far as it is known. */
function waitingIn({ committed, stored, followed = {} }: Partial<Progress>): number {
  const all = [stored ?? 0, ...Object.values(followed)].filter((count) => count !== null)
  return (committed ?? 0) - Math.min(...all)
}

function toldOf({ followed, ...rest }: Progress): string {
  const all = Object.entries({ ...rest, ...followed })
  return all.map(([name, count]) => `${name} ${count ?? '?'}`).join(', ')
}
