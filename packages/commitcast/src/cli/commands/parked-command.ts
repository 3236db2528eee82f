import { defaultSchema, dropParked, listParked, retryParked, sqlOf } from '@commitcast/outbox'
import { InvalidConfig, type Sql } from '@commitcast/worker'
import { type Command, InvalidArgumentError } from 'commander'
import { CommandFailed } from '../explain-failure.ts'
import { openDatabase } from '../open-database.ts'
import { handledText, parkedText } from '../parked-text.ts'
import { addSettings, readSettings } from '../settings.ts'

interface Handling {
  readonly about: string
  readonly word: 'retried' | 'dropped'
  readonly handle: typeof retryParked
}

const verbs: Readonly<Record<string, Handling>> = {
  retry: {
    about: 'append them anew: same id and content, new offset',
    word: 'retried',
    handle: retryParked,
  },
  drop: {
    about: 'remove them for good; their placeholders stay',
    word: 'dropped',
    handle: dropParked,
  },
}

/** `commitcast parked`: what was taken out of the way, to be looked at, retried or dropped. */
export function addParkedCommand(program: Command): void {
  const parked = program
    .command('parked')
    .description('list, retry or drop events that the broker refused')
    .helpCommand(false)
  addList(parked)
  for (const [name, handling] of Object.entries(verbs)) addHandling(parked, name, handling)
}

function addList(parked: Command): void {
  const command = parked
    .command('list')
    .description('show the parked events, the first parked first')
    .option('--json', 'print one JSON object')
    .option('--limit <n>', 'how many at most', wholeNumber, 100)
    .option('--after <id>', 'only what comes after this id', parkedId)
  addSettings(command, ['database', 'schema']).action(
    async ({ json = false, limit, after = '0' }: { json?: boolean; limit: number; after?: string }) => {
      const found = await withTables(command, (sql, schema) => listParked(sql, { schema, after, limit: limit + 1 }))
      const list = { parked: found.slice(0, limit), hasMore: found.length > limit }
      process.stdout.write(json ? `${JSON.stringify(list)}\n` : parkedText(list))
    },
  )
}

function addHandling(parked: Command, name: string, { about, word, handle }: Handling): void {
  const command = parked
    .command(name)
    .description(about)
    .argument('[ids...]', 'their ids, as "commitcast parked list" shows them', collectIds)
    .option('--all', 'all that are parked, in place of ids')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(
    async (ids: readonly string[], { all = false, json = false }: { all?: boolean; json?: boolean }) => {
      if (all === ids.length > 0) {
        throw new InvalidConfig(
          'Give either the ids of parked events or --all. "commitcast parked list" shows what is parked.',
        )
      }
      const handled = await withTables(command, (sql, schema) => handle(sql, { schema, ids: all ? 'all' : ids }))
      const done = handled.map((event) => event.id)
      const unknown = ids.filter((id) => !done.includes(id))
      if (json) process.stdout.write(`${JSON.stringify({ [word]: done, unknown })}\n`)
      else if (all || done.length > 0) process.stdout.write(handledText(word, done))
      if (unknown.length > 0) throw new CommandFailed(unknownText(unknown, word))
    },
  )
}

function unknownText(ids: readonly string[], word: string): string {
  return (
    `Not ${word}, because nothing is parked under ${ids.join(', ')}, or somebody else is at it just now. ` +
    'See "commitcast parked list".'
  )
}

async function withTables<T>(command: Command, act: (sql: Sql, schema: string) => Promise<T>): Promise<T> {
  const { database, schema = defaultSchema } = readSettings(command, { needed: ['database'], optional: ['schema'] })
  const db = openDatabase(database)
  try {
    const sql = sqlOf(db)
    const [row] = await sql.query<{ made: boolean }>('select to_regclass($1) is not null as made', [`${schema}.parked`])
    if (row?.made) return await act(sql, schema)
    throw new CommandFailed(
      `There is no table "parked" in schema "${schema}" of this database: run "commitcast migrate", or name another schema with --schema.`,
    )
  } finally {
    await db.destroy()
  }
}

function collectIds(text: string, before: readonly string[] = []): readonly string[] {
  return [...new Set([...before, parkedId(text)])]
}

function parkedId(text: string): string {
  if (/^[1-9]\d{0,17}$/.test(text)) return text
  throw new InvalidArgumentError('It has to be an id as "commitcast parked list" shows them, a whole number.')
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 10_000) return value
  throw new InvalidArgumentError('It has to be a whole number from 1 to 10,000.')
}
