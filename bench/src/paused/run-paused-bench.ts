import { startChild } from '../child/start-child.ts'
import type { ConnectRequest } from '../fanout/clients-process.ts'
import type { Held } from '../fanout/held-bytes.ts'
import { median } from '../figures.ts'
import type { BenchOptions } from '../main.ts'
import type { ServerConfig } from './server-process.ts'

/** What the server held more after a stretch of events than before it. */
interface Growth {
  readonly bytes: number
  readonly rssBytes: number
}

const config: ServerConfig = { perSecond: 4_000 }

interface Round {
  readonly running: Growth
  readonly paused: Growth
  /** What the server let go of when the paused client went away, with no event between. */
  readonly heldForPaused: number
  /** What of the process's memory was in no use: so much can be taken without RSS growing. */
  readonly slackBytes: number
}

/** How often as many events pass before anything is measured: for the ring, and for what the process takes from the machine. */
const fills = 3

/**
 * How much the memory of a server grows by a client that was frozen (SIGSTOP) while 20,000 events of 10 kB pass; beside it
 * the same stretch with that client at work. Another client is at work all the time. The ring is filled before. Each round
 * has new processes.
 */
export async function runPausedBench({ quick, rounds = quick ? 1 : 3, onLine }: BenchOptions) {
  const events = quick ? 8_000 : 20_000
  const measured: Round[] = []
  for (let round = 0; round < rounds; round++) {
    measured.push(await measureRound(events))
    onLine(`round ${round + 1}: ${JSON.stringify(measured.at(-1))}`)
  }
  const rowOf = (name: string, growths: readonly Growth[]) => ({
    name,
    extraRssBytes: median(growths.map(({ rssBytes }) => rssBytes)),
    extraHeldBytes: median(growths.map(({ bytes }) => bytes)),
  })
  const rows = [
    rowOf(
      'both at work',
      measured.map(({ running }) => running),
    ),
    rowOf(
      'one paused',
      measured.map(({ paused }) => paused),
    ),
  ]
  return {
    bench: 'paused' as const,
    rows,
    extraBytes: rows[1]!.extraRssBytes,
    heldForPaused: median(measured.map(({ heldForPaused }) => heldForPaused)),
    slackBytes: median(measured.map(({ slackBytes }) => slackBytes)),
  }
}

async function measureRound(events: number): Promise<Round> {
  await using server = startChild('paused/server-process.ts', config)
  // One goes on, so that the ring holds what is made for clients before and after.
  await using working = startChild('fanout/clients-process.ts', null)
  await using frozen = startChild('fanout/clients-process.ts', null)
  const port = await server.ask<number>('port')
  const request: ConnectRequest = { wire: 'trpc', port, clients: 1, areLookedInto: false }
  await Promise.all([working.ask('connect', request), frozen.ask('connect', request)])
  while ((await server.ask<number>('followers')) < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  let passed = 0
  const pass = async (): Promise<Growth> => {
    const before = await server.ask<Held>('held')
    await server.ask('pass', events)
    passed += events
    await working.ask('received', passed)
    const after = await server.ask<Held>('held')
    return { bytes: after.bytes - before.bytes, rssBytes: after.rssBytes - before.rssBytes }
  }
  for (let fill = 0; fill < fills; fill++) await pass()
  const running = await pass()
  await frozen.ask('received', passed)
  frozen.pause()
  const paused = await pass()
  if ((await server.ask<number>('followers')) !== 2) throw new Error('The paused client was cut off.')
  const withBoth = await server.ask<Held>('held')
  await frozen[Symbol.asyncDispose]()
  while ((await server.ask<number>('followers')) > 1) await new Promise((resolve) => setTimeout(resolve, 20))
  const withOne = await server.ask<Held>('held')
  return {
    running,
    paused,
    heldForPaused: withBoth.bytes - withOne.bytes,
    slackBytes: withBoth.rssBytes - withBoth.bytes,
  }
}
