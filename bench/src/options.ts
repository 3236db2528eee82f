import { parseArgs } from 'node:util'

const benches = [
  'relay',
  'enrich',
  'append',
  'latency',
  'idle',
  'fanout',
  'paused',
  'storm',
  'click',
  'aggregate',
  'schedule',
  'process',
] as const
const withRows: readonly string[] = ['relay', 'enrich', 'fanout', 'schedule'] satisfies BenchName[]
export type BenchName = (typeof benches)[number]

/** What a run was asked for. Where a number is left out, the bench has its own. */
export interface Options {
  readonly bench: BenchName
  readonly json: boolean
  /** Small sizes and few rounds: shows that everything works, and measures nothing. */
  readonly quick: boolean
  readonly rounds: number | undefined
  /** The backlog of a row, or how many wait; of the benches relay, enrich, fanout, schedule. */
  readonly events: number | undefined
  /** The rows to run, of the same benches; all where it is undefined. */
  readonly only: readonly string[] | undefined
}

/** What was asked for makes no sense; the message says what would. */
export class BadOption extends Error {
  override readonly name = 'BadOption'
  readonly code = 'BAD_OPTION'
}

export const helpText = `npm run bench -- ${benches.join('|')} [options]

  relay     drains a backlog into the broker, beside the raw limit, the naive ways and peers
  enrich    adds metadata to a backlog, and counts one in a table, beside the limit and one event at a time
  append    transactions per second with append, beside the same row in a plain table
  latency   from the reply to COMMIT to stored on the broker
  idle      queries and WAL of a pipeline in which nothing happens, and the relay's WAL per event
  fanout    the server's CPU for an event at one of 1,000 clients, and its memory for a client, beside the limit and peers
  paused    how much a server's memory grows by a client that takes nothing while 200 MB of events pass
  storm     2,000 clients return after a restart: what is read, and how long it takes
  click     from the reply to COMMIT to the state of one of 100 clients, hop by hop
  aggregate appends to event-sourced aggregates, and loads them, beside Emmett
  process   transitions of a process manager beside the same in one transaction each
  schedule  how late scheduled events are appended while 1,000,000 wait, and how fast 100,000 overdue ones

  --json          one line of JSON on standard output; progress goes to standard error
  --rounds N      how often contenders take turns; medians are told
  --quick         small sizes, few rounds: does it work?
  --only A,B      relay, enrich, fanout: these rows alone, and the ratios between them
  --events N      relay, enrich: the backlog of the fast rows        (50000)
                  fanout: the events of a round of the fast rows     (100)
                  schedule: the events that wait             (1000000)
  --help          this

Exit code 0: measured; 1: it failed; 2: bad options.
`

/** Reads the command line; `undefined` where it asks for help. Throws `BadOption`. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parsed(args)
  if (values.help) return undefined
  const bench = benches.find((name) => name === positionals[0])
  if (bench === undefined || positionals.length > 1) {
    const given =
      positionals.length === 0 ? 'No bench was named' : `${JSON.stringify(positionals.join(' '))} is no bench`
    throw new BadOption(`${given}: give one of ${benches.join(', ')}. See --help.`)
  }
  for (const name of ['only', 'events'] as const) {
    if (values[name] !== undefined && !withRows.includes(bench))
      throw new BadOption(`--${name} is for the benches ${withRows.join(', ')} alone.`)
  }
  return {
    bench,
    json: values.json ?? false,
    quick: values.quick ?? false,
    rounds: whole('--rounds', values.rounds),
    events: whole('--events', values.events),
    only: values.only?.split(',').map((name) => name.trim()),
  }
}

function parsed(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const
    const flag = { type: 'boolean' } as const
    const options = { json: flag, quick: flag, help: flag, rounds: text, events: text, only: text }
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new BadOption(`${error instanceof Error ? error.message : String(error)}. See --help.`)
  }
}

function whole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value > 0 && Number.isSafeInteger(value)) return value
  throw new BadOption(`${name} ${text}: give a whole number from 1 on.`)
}
