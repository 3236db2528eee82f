import { parseArgs } from 'node:util'
import { type FaultKind, faultKinds } from './faults/plan-faults.ts'

const brokers = ['nats', 'postgres'] as const
/** The mechanisms that can be switched off to see that the torture would notice. */
const sabotages = [
  'no-fencing',
  'position-cursor',
  'publish-before-page',
  'async-page-commit',
  'trust-last-offset',
  'offset-outside-transaction',
  'offset-not-compared',
  'no-term-check',
  'drop-tracked',
  'cursor-without-snapshot',
  'state-after-attach-swapped',
  'fire-outside-transaction',
  'no-incarnation',
  'cancel-after-commit',
] as const
/** Those of consumer groups. */
const streamSabotages: readonly Sabotage[] = ['offset-outside-transaction', 'offset-not-compared', 'no-term-check']
/** Those of live serving. */
const liveSabotages: readonly Sabotage[] = ['drop-tracked', 'cursor-without-snapshot', 'state-after-attach-swapped']
/** Those of processes and their time-outs. */
const processSabotages: readonly Sabotage[] = ['fire-outside-transaction', 'no-incarnation', 'cancel-after-commit']
const companies = ['stream', 'live', 'processes'] as const

export type BrokerName = (typeof brokers)[number]
export type Sabotage = (typeof sabotages)[number]

/** What a run was asked for. */
export interface Options {
  readonly seconds: number
  readonly seed: number
  readonly broker: BrokerName
  readonly json: boolean
  readonly help: boolean
  readonly strays: boolean
  /** Whether stream workers, a projection and a handler follow. */
  readonly withStream: boolean
  /** Whether API processes serve real clients, too; only with stream. */
  readonly withLive: boolean
  /** Whether customers buy things, by process managers and two services. */
  readonly withProcesses: boolean
  readonly sabotage: Sabotage | undefined
  /** Nothing but these faults, and often. */
  readonly only: readonly FaultKind[] | undefined
}

/** What was asked for makes no sense; the message says what would. */
export class BadOption extends Error {
  override readonly name = 'BadOption'
  readonly code = 'BAD_OPTION'
}

export const helpText = `npm run torture -- [options]

Writes events while relays, broker and database are killed, frozen and cut off, and checks at the end that each
committed event is stored exactly once and in order. With stream workers, a projection and a handler, which suffer the
same, also that each event was told with its metadata, projected exactly once in order, and handled. With API processes
and real clients, also that each client got each event of its channels exactly once, in order per key. With processes,
also that each purchase came to one end, and that stock and money are conserved.

  --seconds N     how long faults go on, 10 to 3600            (60)
  --seed N        which faults, when, and what is written      (a new one)
  --broker NAME   ${brokers.join(' or ')}                              (nats)
  --with NAMES    stream: enrichment workers, a projection and a handler follow the events;
                  live: API processes serve WebSocket and SSE clients, too (stream comes with it);
                  processes: process managers with time-outs carry out purchases
  --json          nothing but one line of JSON at the end
  --sabotage NAME switch one mechanism off; the run succeeds when it finds damage:
${listed(sabotages)}
                  ${streamSabotages.join(', ')} come with --with stream,
                  ${liveSabotages.join(', ')} with --with live,
                  ${processSabotages.join(', ')} with --with processes.
  --only FAULTS   nothing but these kinds of faults, and often:
${listed(faultKinds)}
  --strays        let somebody else write to the topic half-way; the run succeeds when it is reported as diverged
  --help          this

Exit code 0: as it should be; 1: damage, or none in spite of sabotage; 2: bad options.
`

/** Reads the command line. Throws `BadOption`. */
export function readOptions(args: readonly string[]): Options {
  const values = parsed(args)
  const sabotage = values.sabotage === undefined ? undefined : oneOf('--sabotage', values.sabotage, sabotages)
  const company = (values.with?.split(',') ?? []).map((name) => oneOf('--with', name, companies))
  const withLive = company.includes('live') || (sabotage !== undefined && liveSabotages.includes(sabotage))
  return {
    seconds: whole('--seconds', values.seconds ?? '60', { low: 10, high: 3_600 }),
    seed: whole('--seed', values.seed ?? String(Math.floor(Math.random() * 1e6)), { low: 0, high: 2 ** 31 }),
    broker: oneOf('--broker', values.broker ?? 'nats', brokers),
    json: values.json ?? false,
    strays: values.strays ?? false,
    help: values.help ?? false,
    withStream:
      withLive || company.includes('stream') || (sabotage !== undefined && streamSabotages.includes(sabotage)),
    withLive,
    withProcesses: company.includes('processes') || (sabotage !== undefined && processSabotages.includes(sabotage)),
    sabotage,
    only: values.only?.split(',').map((name) => oneOf('--only', name, faultKinds)),
  }
}

/** The command that makes the same run again. */
export function commandOf(options: Options): string {
  const { seconds, seed, broker, withStream, withLive, withProcesses, sabotage, only, strays } = options
  const company = Object.entries({ stream: withStream, live: withLive, processes: withProcesses })
    .flatMap(([name, isIn]) => (isIn ? [name] : []))
    .join(',')
  const texts = { seconds, seed, broker, with: company || undefined, sabotage, only: only?.join(',') }
  const given = Object.entries(texts).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]))
  return ['npm run torture --', ...given, ...(strays ? ['--strays'] : [])].join(' ')
}

function listed(names: readonly string[]): string {
  return names.map((name) => `${' '.repeat(20)}${name}`).join('\n')
}

function parsed(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const
    const flag = { type: 'boolean' } as const
    const options = {
      seconds: text,
      seed: text,
      broker: text,
      with: text,
      sabotage: text,
      only: text,
      json: flag,
      help: flag,
      strays: flag,
    }
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new BadOption(`${error instanceof Error ? error.message : String(error)}. See --help.`)
  }
}

function whole(name: string, text: string, { low, high }: { low: number; high: number }): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= low && value <= high) return value
  throw new BadOption(`${name} ${text}: give a whole number from ${low} to ${high}.`)
}

function oneOf<T extends string>(name: string, text: string, names: readonly T[]): T {
  const found = names.find((each) => each === text)
  if (found !== undefined) return found
  throw new BadOption(`${name} ${text}: give one of ${names.join(', ')}.`)
}
